// The descriptor: constant tables laid out by the field lists of nlm/abi.h.
#include "codegen/module.h"
#include "support/diag.h"
#include <string.h>

typedef struct tables {
  emitter *e;
  arena *mem;
  const descriptor_source *from;
  VEC(LLVMValueRef) exprs;
  VEC(const dim *) expr_dims;
} tables;

typedef enum { SLOT_I64, SLOT_F64, SLOT_PTR } slot_kind;

static LLVMTypeRef slot_type(emitter *e, slot_kind kind) {
  return kind == SLOT_I64 ? e->i64 : kind == SLOT_F64 ? LLVMDoubleTypeInContext(e->context) : e->ptr;
}

#define SLOT_OF(kind, type, name) SLOT_##kind,
#define NAME_OF(kind, type, name) #name,
#define ABI_STRUCTS(S)                                                                                       \
  S(EXPR)                                                                                                    \
  S(DIM)                                                                                                     \
  S(EXTENT) S(TENSOR) S(PARAM) S(BUFFER) S(KERNEL) S(GRADIENT) S(ASSIGNMENT) S(STATE) S(PROGRAM) S(MODEL)
#define STRUCT_TABLES(S)                                                                                     \
  static const slot_kind S##_slots[] = {NLM_ABI_##S##_FIELDS(SLOT_OF)};                                      \
  static const char *const S##_names[] = {NLM_ABI_##S##_FIELDS(NAME_OF)};
ABI_STRUCTS(STRUCT_TABLES)

typedef struct abi_struct {
  const slot_kind *slots;
  const char *const *names;
  unsigned count;
} abi_struct;
#define STRUCT_OF(S)                                                                                         \
  { S##_slots, S##_names, sizeof S##_slots / sizeof *S##_slots }

// A row under construction: fields by name, in any order; fields not set are zero.
enum { MAX_FIELDS = 32 };
typedef struct row {
  abi_struct type;
  LLVMValueRef fields[MAX_FIELDS];
} row;

static row row_begin(emitter *e, abi_struct type) {
  row r = {.type = type};
  INVARIANT(type.count <= MAX_FIELDS);
  for (unsigned k = 0; k < type.count; k++)
    r.fields[k] = LLVMConstNull(slot_type(e, type.slots[k]));
  return r;
}

static void row_set(row *r, const char *name, LLVMValueRef v) {
  for (unsigned k = 0; k < r->type.count; k++)
    if (strcmp(r->type.names[k], name) == 0) {
      INVARIANT(LLVMTypeOf(r->fields[k]) == LLVMTypeOf(v));
      r->fields[k] = v;
      return;
    }
  ICE("the ABI has no field %s", name);
}

static LLVMValueRef row_end(emitter *e, row *r) {
  return LLVMConstStructInContext(e->context, r->fields, r->type.count, 0);
}

static LLVMValueRef global(emitter *e, LLVMValueRef v, unsigned align) {
  LLVMValueRef g = LLVMAddGlobal(e->module, LLVMTypeOf(v), "");
  LLVMSetInitializer(g, v);
  LLVMSetGlobalConstant(g, 1);
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  LLVMSetAlignment(g, align);
  return g;
}

static LLVMValueRef table(emitter *e, LLVMValueRef *rows, size_t count) {
  if (count == 0)
    return LLVMConstNull(e->ptr);
  return global(e, LLVMConstArray2(LLVMTypeOf(rows[0]), rows, count), 8);
}

static LLVMValueRef text(emitter *e, const char *string) {
  if (!string)
    return LLVMConstNull(e->ptr);
  return global(e, LLVMConstStringInContext2(e->context, string, strlen(string), 0), 1);
}

// ---- expressions

static const abi_struct expr_struct = STRUCT_OF(EXPR);

static int64_t expr_code(const dim *d) {
  static const int64_t codes[] = {
      [DIM_CONST] = NLM_EXPR_CONST, [DIM_SYMBOL] = NLM_EXPR_SYMBOL,     [DIM_ADD] = NLM_EXPR_ADD,
      [DIM_MUL] = NLM_EXPR_MUL,     [DIM_FLOORDIV] = NLM_EXPR_FLOORDIV, [DIM_MIN] = NLM_EXPR_MIN,
      [DIM_MAX] = NLM_EXPR_MAX};
  return codes[d->kind];
}

static int64_t expr_of(tables *t, const dim *d) {
  for (size_t k = 0; k < t->expr_dims.len; k++)
    if (t->expr_dims.data[k] == d)
      return (int64_t)k;
  int64_t a = d->kind == DIM_CONST ? d->value : d->kind == DIM_SYMBOL ? d->symbol : expr_of(t, d->a);
  int64_t b = d->kind == DIM_CONST || d->kind == DIM_SYMBOL ? 0 : expr_of(t, d->b);
  row r = row_begin(t->e, expr_struct);
  row_set(&r, "op", const_i64(t->e, expr_code(d)));
  row_set(&r, "a", const_i64(t->e, a));
  row_set(&r, "b", const_i64(t->e, b));
  vec_push(&t->exprs, row_end(t->e, &r));
  vec_push(&t->expr_dims, d);
  return (int64_t)t->expr_dims.len - 1;
}

static LLVMValueRef expr_value(tables *t, const dim *d) {
  return const_i64(t->e, d ? expr_of(t, d) : -1);
}

static LLVMValueRef shape_table(tables *t, const shape *s, bool extents) {
  LLVMValueRef rows[MAX_RANK];
  for (int k = 0; k < s->rank; k++)
    rows[k] = extents ? const_i64(t->e, s->d[k]->value) : expr_value(t, s->d[k]);
  return table(t->e, rows, (size_t)s->rank);
}

// ---- tables

static bool is_made_of(const dim *whole, const dim *d) {
  if (whole->kind == DIM_CONST || whole->kind == DIM_SYMBOL)
    return whole == d;
  return is_made_of(whole->a, d) || is_made_of(whole->b, d);
}

static bool has_dim(const shape *s, const dim *d) {
  for (int k = 0; k < s->rank; k++)
    if (is_made_of(s->d[k], d))
      return true;
  return false;
}

// Models of one file share a table of dimensions.
static bool is_of_model(const tables *t, const dim *d) {
  const model *m = t->from->model;
  const program_inputs *inputs = t->from->inputs;
  for (size_t i = 0; i < m->tensors.len; i++)
    if (has_dim(&m->tensors.data[i]->shape, d))
      return true;
  for (size_t i = 0; i < inputs->list.len; i++)
    if (has_dim(&inputs->list.data[i].shape, d))
      return true;
  for (size_t i = 0; i < m->weights.len; i++)
    if (has_dim(&m->weights.data[i]->shape, d))
      return true;
  return false;
}

// A dimension of another model's counts for nobody: it is none that callers give.
static const dim *bound_of(tables *t, const dim *d) {
  if (d->bound)
    return dim_upper_bound(t->from->dims, d);
  return is_of_model(t, d) ? NULL : dim_const(t->from->dims, 1);
}

static LLVMValueRef dim_table_rows(tables *t) {
  int count = dim_symbol_count(t->from->dims);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, count + 1);
  for (int k = 0; k < count; k++) {
    const dim *d = dim_symbol_at(t->from->dims, k);
    row r = row_begin(t->e, (abi_struct)STRUCT_OF(DIM));
    row_set(&r, "name", text(t->e, d->name));
    row_set(&r, "bound", expr_value(t, bound_of(t, d)));
    rows[k] = row_end(t->e, &r);
  }
  return table(t->e, rows, (size_t)count);
}

static LLVMValueRef tensor_row(tables *t, const char *name, int role, bool is_int, const shape *s,
                               bool masked, int output) {
  row r = row_begin(t->e, (abi_struct)STRUCT_OF(TENSOR));
  row_set(&r, "name", text(t->e, name));
  row_set(&r, "role", const_i64(t->e, role));
  row_set(&r, "elem", const_i64(t->e, is_int ? NLM_INT32 : NLM_REAL));
  row_set(&r, "rank", const_i64(t->e, s->rank));
  row_set(&r, "dims", shape_table(t, s, false));
  row_set(&r, "masked", const_i64(t->e, masked));
  row_set(&r, "output", const_i64(t->e, output));
  return row_end(t->e, &r);
}

static LLVMValueRef input_rows(tables *t) {
  static const int roles[] = {[INPUT_IDS] = NLM_ROLE_IDS,
                              [INPUT_REAL] = NLM_ROLE_REAL,
                              [INPUT_TARGET_INT] = NLM_ROLE_TARGET_INT,
                              [INPUT_TARGET_REAL] = NLM_ROLE_TARGET_REAL,
                              [INPUT_WEIGHT] = NLM_ROLE_WEIGHT,
                              [INPUT_STATE] = NLM_ROLE_STATE};
  const program_inputs *in = t->from->inputs;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, in->list.len + 1);
  for (size_t k = 0; k < in->list.len; k++) {
    const program_input *i = &in->list.data[k];
    bool is_int = i->role == INPUT_IDS || i->role == INPUT_TARGET_INT;
    rows[k] = tensor_row(t, i->name, roles[i->role], is_int, &i->shape, false, i->model_output);
  }
  return table(t->e, rows, in->list.len);
}

static bool gives_mask(const tables *t, int output) {
  for (int p = 0; p < t->from->n_programs; p++) {
    const program *prog = t->from->programs[p].s->program;
    for (size_t k = 0; k < prog->roots.len; k++)
      if (prog->roots.data[k].role == ROOT_OUTPUT_MASK && prog->roots.data[k].index == output)
        return true;
  }
  return false;
}

static LLVMValueRef output_rows(tables *t) {
  const model *m = t->from->model;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, m->outputs.len + 1);
  for (size_t k = 0; k < m->outputs.len; k++) {
    const named_output *o = &m->outputs.data[k];
    rows[k] = tensor_row(t, o->name, NLM_ROLE_OUTPUT, o->value->type == TENSOR_INT, &o->value->shape,
                         gives_mask(t, (int)k), -1);
  }
  return table(t->e, rows, m->outputs.len);
}

// "lstm" for a layer's result, "lstm:1" for its second one.
static LLVMValueRef probe_row(tables *t, const tensor *of, int output) {
  const char *name = of->source->layer->name;
  if (of->output)
    name = arena_printf(t->mem, "%s:%d", name, of->output);
  return tensor_row(t, name, NLM_ROLE_OUTPUT, of->type == TENSOR_INT, &of->shape, false, output);
}

static const program *probe_program(const tables *t) {
  for (int k = 0; k < t->from->n_programs; k++)
    if (t->from->programs[k].s->program->kind == PROGRAM_PROBE)
      return t->from->programs[k].s->program;
  return NULL;
}

// The probe program's results, then the layers that make outputs and show nothing else.
static LLVMValueRef probe_rows(tables *t, size_t *count) {
  const model *m = t->from->model;
  const program *p = probe_program(t);
  *count = 0;
  if (!p)
    return table(t->e, NULL, 0);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + m->outputs.len + 1);
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == ROOT_PROBE)
      rows[(*count)++] = probe_row(t, m->tensors.data[p->roots.data[k].index], -1);
  for (size_t k = 0; k < m->outputs.len; k++)
    if (m->outputs.data[k].value->source && !m->outputs.data[k].value->source->scores)
      rows[(*count)++] = probe_row(t, m->outputs.data[k].value, (int)k);
  return table(t->e, rows, *count);
}

// The text pipeline whose words number the rows of an embedding.
static const char *vocabulary_of(const weight *w) {
  if (!w->owner || w->owner->applications.len == 0 || w->shape.rank != 2)
    return NULL;
  const application *app = w->owner->applications.data[0];
  const application *made_by = app->n_inputs == 1 ? app->inputs[0]->source : NULL;
  return made_by && application_is_pipeline(made_by) ? made_by->layer->name : NULL;
}

static LLVMValueRef param_row(tables *t, const weight *w) {
  emitter *e = t->e;
  LLVMTypeRef number = LLVMDoubleTypeInContext(e->context);
  row r = row_begin(e, (abi_struct)STRUCT_OF(PARAM));
  row_set(&r, "name", text(e, w->name));
  row_set(&r, "rank", const_i64(e, w->shape.rank));
  row_set(&r, "dims", shape_table(t, &w->shape, true));
  row_set(&r, "elements", const_i64(e, shape_elements(t->from->dims, &w->shape)->value));
  row_set(&r, "trainable", const_i64(e, w->trainable));
  row_set(&r, "init", const_i64(e, (int64_t)w->init.kind)); // both lists have one order
  row_set(&r, "init_a", LLVMConstReal(number, w->init.a));
  row_set(&r, "init_b", LLVMConstReal(number, w->init.b));
  row_set(&r, "init_mode", const_i64(e, w->init.mode));
  row_set(&r, "init_distribution", const_i64(e, w->init.distribution));
  row_set(&r, "init_seeded", const_i64(e, w->init.seeded));
  row_set(&r, "init_seed", const_i64(e, w->init.seed));
  row_set(&r, "pretrained", text(e, w->pretrained));
  row_set(&r, "vocabulary", text(e, vocabulary_of(w)));
  return row_end(e, &r);
}

_Static_assert((int)INIT_LSTM_BIAS == (int)NLM_INIT_LSTM_BIAS &&
                   (int)INIT_ORTHOGONAL == (int)NLM_INIT_ORTHOGONAL &&
                   (int)INIT_UNIFORM == (int)NLM_INIT_UNIFORM,
               "initializers have one order in the compiler and in the ABI");

static LLVMValueRef param_rows(tables *t) {
  const model *m = t->from->model;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, m->weights.len + 1);
  for (size_t k = 0; k < m->weights.len; k++)
    rows[k] = param_row(t, m->weights.data[k]);
  return table(t->e, rows, m->weights.len);
}

// ---- extents that may come out below 1

// Extents grow with the dimensions that callers give, each of which is 1 at least.
static bool may_vanish(tables *t, const dim *d) {
  int n = dim_symbol_count(t->from->dims);
  int64_t *least = ARENA_ARRAY(t->mem, int64_t, n + 1);
  for (int k = 0; k < n; k++)
    least[k] = 1;
  return d->kind != DIM_CONST && d->kind != DIM_SYMBOL && dim_eval(d, least) < 1;
}

static bool is_among(const dim *d, const dim *const *list, size_t n) {
  for (size_t k = 0; k < n; k++)
    if (list[k] == d)
      return true;
  return false;
}

static LLVMValueRef extent_rows(tables *t, size_t *count) {
  const model *m = t->from->model;
  size_t most = m->tensors.len * MAX_RANK;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, most + 1);
  const dim **seen = ARENA_ARRAY(t->mem, const dim *, most + 1);
  *count = 0;
  for (size_t i = 0; i < m->tensors.len; i++) {
    const tensor *made = m->tensors.data[i];
    for (int k = 0; k < made->shape.rank; k++) {
      const dim *d = made->shape.d[k];
      if (is_among(d, seen, *count) || !may_vanish(t, d))
        continue;
      row r = row_begin(t->e, (abi_struct)STRUCT_OF(EXTENT));
      row_set(&r, "layer", text(t->e, made->name));
      row_set(&r, "extent", expr_value(t, d));
      seen[*count] = d;
      rows[(*count)++] = row_end(t->e, &r);
    }
  }
  return table(t->e, rows, *count);
}

// ---- programs

typedef struct slot_lifetime {
  const dim *bytes;
  int64_t first, last;
} slot_lifetime;

static int64_t run_position(const entry_code *p, int k) {
  return k >= 0 && k < (int)p->s->kernels.len ? p->runs_at[k] : k;
}

static slot_lifetime *slot_lifetimes(tables *t, const entry_code *p, size_t *count) {
  dim_table *dims = t->from->dims;
  const schedule *s = p->s;
  *count = (size_t)s->n_offsets + p->n_scratch;
  slot_lifetime *slots = ARENA_ARRAY(t->mem, slot_lifetime, *count + 1);
  for (size_t k = 0; k < *count; k++)
    slots[k].bytes = dim_const(dims, 0);
  for (size_t k = 0; k < s->buffers.len; k++) {
    const buffer *b = &s->buffers.data[k];
    if (b->place != PLACE_WORKSPACE)
      continue;
    const dim *bytes = dim_mul(dims, b->elements, dim_const(dims, element_bytes_of(t->e, b->type)));
    slots[b->slot] = (slot_lifetime){dim_upper_bound(dims, bytes), run_position(p, b->first), b->last};
  }
  for (size_t k = 0; k < p->n_scratch; k++) {
    int64_t at = run_position(p, p->scratch[k].kernel);
    slots[(size_t)s->n_offsets + k] = (slot_lifetime){p->scratch[k].bytes, at, at};
  }
  return slots;
}

static LLVMValueRef buffer_rows(tables *t, const entry_code *p, size_t *count) {
  slot_lifetime *slots = slot_lifetimes(t, p, count);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, *count + 1);
  for (size_t k = 0; k < *count; k++) {
    row r = row_begin(t->e, (abi_struct)STRUCT_OF(BUFFER));
    row_set(&r, "bytes", expr_value(t, slots[k].bytes));
    row_set(&r, "first", const_i64(t->e, slots[k].first));
    row_set(&r, "last", const_i64(t->e, slots[k].last));
    rows[k] = row_end(t->e, &r);
  }
  return table(t->e, rows, *count);
}

// "(valid, 128) of 256 terms" for a product; the shape of what other kernels make.
static const char *work_text(tables *t, const kernel *k) {
  strbuf out = {0};
  const stage *last = k->kind == KERNEL_BAND ? &k->body[k->n_body - 1] : &k->stage;
  const node *made = k->subject;
  if (!made)
    made = last->roots[0];
  else if (k->kind != KERNEL_TOUCH)
    made = made->n_in ? made->in[0] : NULL;
  if (k->kind == KERNEL_SCAN) {
    const scan_body *body = scan_body_of(k->subject);
    made = body->n_seq ? body->seq[0] : body->init[0];
  }
  if (made)
    shape_print(&made->shape, &out);
  if (k->kind == KERNEL_STAGE && k->stage.kind == STAGE_MATMUL) {
    const node *a = k->stage.matmul->in[0];
    strbuf_puts(&out, " of ");
    dim_print(a->shape.d[a->shape.rank - (k->stage.matmul->i[0] ? 2 : 1)], &out);
    strbuf_puts(&out, " terms");
  }
  const char *text = arena_printf(t->mem, "%s", strbuf_text(&out));
  strbuf_free(&out);
  return text;
}

static LLVMValueRef kernel_rows(tables *t, const schedule *s) {
  const dim *none = dim_const(t->from->dims, 0);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, s->kernels.len + 1);
  for (size_t k = 0; k < s->kernels.len; k++) {
    const kernel *kn = &s->kernels.data[k];
    row r = row_begin(t->e, (abi_struct)STRUCT_OF(KERNEL));
    row_set(&r, "name", text(t->e, kn->name));
    row_set(&r, "work", text(t->e, work_text(t, kn)));
    row_set(&r, "flops", expr_value(t, kn->flops ? kn->flops : none));
    row_set(&r, "bytes", expr_value(t, kn->bytes ? kn->bytes : none));
    rows[k] = row_end(t->e, &r);
  }
  return table(t->e, rows, s->kernels.len);
}

static int64_t slot_of(const schedule *s, const node *n) {
  const buffer *b = schedule_buffer(s, n);
  INVARIANT(b && b->place == PLACE_WORKSPACE);
  return b->slot;
}

static const program_root *find_root(const program *p, root_role role, int index) {
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == role && p->roots.data[k].index == index)
      return &p->roots.data[k];
  ICE("weight %d has ids of gradient rows without rows", index);
}

static LLVMValueRef gradient_row(tables *t, const schedule *s, const program_root *root) {
  bool dense = root->role == ROOT_GRAD;
  const node *v = dense ? root->value : find_root(s->program, ROOT_GRAD_ROWS, root->index)->value;
  row r = row_begin(t->e, (abi_struct)STRUCT_OF(GRADIENT));
  row_set(&r, "param", const_i64(t->e, root->index));
  row_set(&r, "buffer", const_i64(t->e, slot_of(s, v)));
  row_set(&r, "ids_buffer", const_i64(t->e, dense ? -1 : slot_of(s, root->value)));
  row_set(&r, "count", expr_value(t, dense ? NULL : root->value->shape.d[0]));
  return row_end(t->e, &r);
}

static LLVMValueRef gradient_rows(tables *t, const schedule *s, size_t *count) {
  const program *p = s->program;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + 1);
  *count = 0;
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == ROOT_GRAD || p->roots.data[k].role == ROOT_GRAD_IDS)
      rows[(*count)++] = gradient_row(t, s, &p->roots.data[k]);
  return table(t->e, rows, *count);
}

static LLVMValueRef assignment_rows(tables *t, const schedule *s, size_t *count) {
  const program *p = s->program;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + 1);
  *count = 0;
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role != ROOT_ASSIGN)
      continue;
    row r = row_begin(t->e, (abi_struct)STRUCT_OF(ASSIGNMENT));
    row_set(&r, "param", const_i64(t->e, root->index));
    row_set(&r, "buffer", const_i64(t->e, slot_of(s, root->value)));
    rows[(*count)++] = row_end(t->e, &r);
  }
  return table(t->e, rows, *count);
}

static LLVMValueRef state_rows(tables *t, const schedule *s, size_t *count) {
  const program *p = s->program;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + 1);
  *count = 0;
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role != ROOT_STATE)
      continue;
    row r = row_begin(t->e, (abi_struct)STRUCT_OF(STATE));
    row_set(&r, "input", const_i64(t->e, root->index));
    row_set(&r, "buffer", const_i64(t->e, slot_of(s, root->value)));
    rows[(*count)++] = row_end(t->e, &r);
  }
  return table(t->e, rows, *count);
}

static LLVMValueRef program_row(tables *t, const entry_code *p) {
  static const int kinds[] = {[PROGRAM_INFER] = NLM_INFER,
                              [PROGRAM_EVALUATE] = NLM_EVALUATE,
                              [PROGRAM_GRAD] = NLM_GRAD,
                              [PROGRAM_PROBE] = NLM_PROBE};
  emitter *e = t->e;
  size_t n_buffers, n_gradients, n_assignments, n_states;
  row r = row_begin(e, (abi_struct)STRUCT_OF(PROGRAM));
  row_set(&r, "kind", const_i64(e, kinds[p->s->program->kind]));
  row_set(&r, "entry", p->entry);
  row_set(&r, "buffers", buffer_rows(t, p, &n_buffers));
  row_set(&r, "n_buffers", const_i64(e, (int64_t)n_buffers));
  row_set(&r, "n_kernels", const_i64(e, (int64_t)p->s->kernels.len));
  row_set(&r, "kernels", kernel_rows(t, p->s));
  row_set(&r, "gradients", gradient_rows(t, p->s, &n_gradients));
  row_set(&r, "n_gradients", const_i64(e, (int64_t)n_gradients));
  row_set(&r, "assignments", assignment_rows(t, p->s, &n_assignments));
  row_set(&r, "n_assignments", const_i64(e, (int64_t)n_assignments));
  row_set(&r, "states", state_rows(t, p->s, &n_states));
  row_set(&r, "n_states", const_i64(e, (int64_t)n_states));
  return row_end(e, &r);
}

// ---- the model

static const char *required_features(tables *t) {
  strbuf wanted = {0};
  for (const char *f = t->e->target->features; *f;) {
    size_t length = strcspn(f, ",");
    if (*f == '+') {
      strbuf_puts(&wanted, wanted.len ? "," : "");
      strbuf_add(&wanted, f, length);
    }
    f += length + (f[length] == ',');
  }
  char *text_of_list = arena_strdup(t->mem, strbuf_text(&wanted));
  strbuf_free(&wanted);
  return text_of_list;
}

static void set_facts(tables *t, row *r) {
  emitter *e = t->e;
  const codegen_options *o = t->from->options;
  row_set(r, "magic", const_i64(e, NLM_ABI_MAGIC));
  row_set(r, "version", const_i64(e, NLM_ABI_VERSION));
  row_set(r, "name", text(e, o->name));
  row_set(r, "compiler", text(e, o->compiler_version));
  row_set(r, "cpu", text(e, e->target->cpu));
  row_set(r, "features", text(e, required_features(t)));
  row_set(r, "source_hash", text(e, o->source_hash));
  row_set(r, "real_bytes", const_i64(e, e->real_bytes));
  row_set(r, "config", text(e, o->config_json));
  if (o->weights_bytes) {
    LLVMValueRef image = LLVMConstStringInContext2(e->context, o->weights, o->weights_bytes, 1);
    row_set(r, "weights", global(e, image, 64));
    row_set(r, "weights_bytes", const_i64(e, (int64_t)o->weights_bytes));
  }
}

void emit_descriptor(emitter *e, arena *mem, const descriptor_source *from) {
  tables t = {.e = e, .mem = mem, .from = from};
  row r = row_begin(e, (abi_struct)STRUCT_OF(MODEL));
  set_facts(&t, &r);
  LLVMValueRef programs[PROGRAM_KINDS];
  for (int k = 0; k < from->n_programs; k++)
    programs[k] = program_row(&t, &from->programs[k]);
  row_set(&r, "n_programs", const_i64(e, from->n_programs));
  row_set(&r, "programs", table(e, programs, (size_t)from->n_programs));
  row_set(&r, "n_inputs", const_i64(e, (int64_t)from->inputs->list.len));
  row_set(&r, "inputs", input_rows(&t));
  row_set(&r, "n_outputs", const_i64(e, (int64_t)from->model->outputs.len));
  row_set(&r, "outputs", output_rows(&t));
  size_t n_probes;
  row_set(&r, "probes", probe_rows(&t, &n_probes));
  row_set(&r, "n_probes", const_i64(e, (int64_t)n_probes));
  row_set(&r, "n_params", const_i64(e, (int64_t)from->model->weights.len));
  row_set(&r, "params", param_rows(&t));
  row_set(&r, "n_dims", const_i64(e, dim_symbol_count(from->dims)));
  row_set(&r, "dims", dim_table_rows(&t));
  size_t n_extents;
  row_set(&r, "extents", extent_rows(&t, &n_extents));
  row_set(&r, "n_extents", const_i64(e, (int64_t)n_extents));
  row_set(&r, "n_exprs", const_i64(e, (int64_t)t.exprs.len)); // last: all tables name expressions
  row_set(&r, "exprs", table(e, t.exprs.data, t.exprs.len));
  LLVMValueRef v = row_end(e, &r);
  LLVMValueRef exported = LLVMAddGlobal(e->module, LLVMTypeOf(v), from->symbol);
  LLVMSetInitializer(exported, v);
  LLVMSetGlobalConstant(exported, 1);
  LLVMSetAlignment(exported, 8);
  vec_free(&t.exprs);
  vec_free(&t.expr_dims);
}
