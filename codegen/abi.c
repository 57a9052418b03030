// The descriptor: what an object says of its model, laid out by the field lists of nlm/abi.h.
#include "codegen/abi_table.h"
#include "support/diag.h"
#include <string.h>

static LLVMValueRef shape_table(abi_builder *t, const shape *s, bool extents) {
  LLVMValueRef rows[MAX_RANK];
  for (int k = 0; k < s->rank; k++)
    rows[k] = extents ? const_i64(t->e, s->d[k]->value) : abi_expr(t, s->d[k]);
  return abi_table(t->e, rows, (size_t)s->rank);
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
static bool is_of_model(const abi_builder *t, const dim *d) {
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
static const dim *bound_of(abi_builder *t, const dim *d) {
  if (d->bound)
    return dim_upper_bound(t->from->dims, d);
  return is_of_model(t, d) ? NULL : dim_const(t->from->dims, 1);
}

static LLVMValueRef dim_table_rows(abi_builder *t) {
  int count = dim_symbol_count(t->from->dims);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, count + 1);
  for (int k = 0; k < count; k++) {
    const dim *d = dim_symbol_at(t->from->dims, k);
    abi_row r = abi_row_begin(t->e, ABI_DIM);
    abi_row_set(&r, "name", abi_text(t->e, d->name));
    abi_row_set(&r, "bound", abi_expr(t, bound_of(t, d)));
    rows[k] = abi_row_end(t->e, &r);
  }
  return abi_table(t->e, rows, (size_t)count);
}

static LLVMValueRef tensor_row(abi_builder *t, const char *name, int role, bool is_int, const shape *s,
                               bool masked, int output) {
  abi_row r = abi_row_begin(t->e, ABI_TENSOR);
  abi_row_set(&r, "name", abi_text(t->e, name));
  abi_row_set(&r, "role", const_i64(t->e, role));
  abi_row_set(&r, "elem", const_i64(t->e, is_int ? NLM_INT32 : NLM_REAL));
  abi_row_set(&r, "rank", const_i64(t->e, s->rank));
  abi_row_set(&r, "dims", shape_table(t, s, false));
  abi_row_set(&r, "masked", const_i64(t->e, masked));
  abi_row_set(&r, "output", const_i64(t->e, output));
  return abi_row_end(t->e, &r);
}

static LLVMValueRef input_rows(abi_builder *t) {
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
  return abi_table(t->e, rows, in->list.len);
}

static bool gives_mask(const abi_builder *t, int output) {
  for (int p = 0; p < t->from->n_programs; p++) {
    const program *prog = t->from->programs[p].s->program;
    for (size_t k = 0; k < prog->roots.len; k++)
      if (prog->roots.data[k].role == ROOT_OUTPUT_MASK && prog->roots.data[k].index == output)
        return true;
  }
  return false;
}

static LLVMValueRef output_rows(abi_builder *t) {
  const model *m = t->from->model;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, m->outputs.len + 1);
  for (size_t k = 0; k < m->outputs.len; k++) {
    const named_output *o = &m->outputs.data[k];
    rows[k] = tensor_row(t, o->name, NLM_ROLE_OUTPUT, o->value->type == TENSOR_INT, &o->value->shape,
                         gives_mask(t, (int)k), -1);
  }
  return abi_table(t->e, rows, m->outputs.len);
}

// "lstm" for a layer's result, "lstm:1" for its second one.
static LLVMValueRef probe_row(abi_builder *t, const tensor *of, int output) {
  const char *name = of->source->layer->name;
  if (of->output)
    name = arena_printf(t->mem, "%s:%d", name, of->output);
  return tensor_row(t, name, NLM_ROLE_OUTPUT, of->type == TENSOR_INT, &of->shape, false, output);
}

static const program *probe_program(const abi_builder *t) {
  for (int k = 0; k < t->from->n_programs; k++)
    if (t->from->programs[k].s->program->kind == PROGRAM_PROBE)
      return t->from->programs[k].s->program;
  return NULL;
}

// The probe program's results, then the layers that make outputs and show nothing else.
static LLVMValueRef probe_rows(abi_builder *t, size_t *count) {
  const model *m = t->from->model;
  const program *p = probe_program(t);
  *count = 0;
  if (!p)
    return abi_table(t->e, NULL, 0);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + m->outputs.len + 1);
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == ROOT_PROBE)
      rows[(*count)++] = probe_row(t, m->tensors.data[p->roots.data[k].index], -1);
  for (size_t k = 0; k < m->outputs.len; k++)
    if (m->outputs.data[k].value->source && !m->outputs.data[k].value->source->scores)
      rows[(*count)++] = probe_row(t, m->outputs.data[k].value, (int)k);
  return abi_table(t->e, rows, *count);
}

// The text pipeline whose words number the rows of an embedding.
static const char *vocabulary_of(const weight *w) {
  if (!w->owner || w->owner->applications.len == 0 || w->shape.rank != 2)
    return NULL;
  const application *app = w->owner->applications.data[0];
  const application *made_by = app->n_inputs == 1 ? app->inputs[0]->source : NULL;
  return made_by && application_is_pipeline(made_by) ? made_by->layer->name : NULL;
}

static LLVMValueRef param_row(abi_builder *t, const weight *w) {
  emitter *e = t->e;
  LLVMTypeRef number = LLVMDoubleTypeInContext(e->context);
  abi_row r = abi_row_begin(e, ABI_PARAM);
  abi_row_set(&r, "name", abi_text(e, w->name));
  abi_row_set(&r, "rank", const_i64(e, w->shape.rank));
  abi_row_set(&r, "dims", shape_table(t, &w->shape, true));
  abi_row_set(&r, "elements", const_i64(e, shape_elements(t->from->dims, &w->shape)->value));
  abi_row_set(&r, "trainable", const_i64(e, w->trainable));
  abi_row_set(&r, "init", const_i64(e, (int64_t)w->init.kind)); // both lists have one order
  abi_row_set(&r, "init_a", LLVMConstReal(number, w->init.a));
  abi_row_set(&r, "init_b", LLVMConstReal(number, w->init.b));
  abi_row_set(&r, "init_mode", const_i64(e, w->init.mode));
  abi_row_set(&r, "init_distribution", const_i64(e, w->init.distribution));
  abi_row_set(&r, "init_seeded", const_i64(e, w->init.seeded));
  abi_row_set(&r, "init_seed", const_i64(e, w->init.seed));
  abi_row_set(&r, "pretrained", abi_text(e, w->pretrained));
  abi_row_set(&r, "vocabulary", abi_text(e, vocabulary_of(w)));
  return abi_row_end(e, &r);
}

_Static_assert((int)INIT_LSTM_BIAS == (int)NLM_INIT_LSTM_BIAS &&
                   (int)INIT_ORTHOGONAL == (int)NLM_INIT_ORTHOGONAL &&
                   (int)INIT_UNIFORM == (int)NLM_INIT_UNIFORM,
               "initializers have one order in the compiler and in the ABI");

static LLVMValueRef param_rows(abi_builder *t) {
  const model *m = t->from->model;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, m->weights.len + 1);
  for (size_t k = 0; k < m->weights.len; k++)
    rows[k] = param_row(t, m->weights.data[k]);
  return abi_table(t->e, rows, m->weights.len);
}

// ---- extents that may come out below 1

// Extents grow with the dimensions that callers give, each of which is 1 at least.
static bool may_vanish(abi_builder *t, const dim *d) {
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

static LLVMValueRef extent_rows(abi_builder *t, size_t *count) {
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
      abi_row r = abi_row_begin(t->e, ABI_EXTENT);
      abi_row_set(&r, "layer", abi_text(t->e, made->name));
      abi_row_set(&r, "extent", abi_expr(t, d));
      seen[*count] = d;
      rows[(*count)++] = abi_row_end(t->e, &r);
    }
  }
  return abi_table(t->e, rows, *count);
}

// ---- the model

static const char *required_features(abi_builder *t) {
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

static void set_facts(abi_builder *t, abi_row *r) {
  emitter *e = t->e;
  const codegen_options *o = t->from->options;
  abi_row_set(r, "magic", const_i64(e, NLM_ABI_MAGIC));
  abi_row_set(r, "version", const_i64(e, NLM_ABI_VERSION));
  abi_row_set(r, "name", abi_text(e, o->name));
  abi_row_set(r, "compiler", abi_text(e, o->compiler_version));
  abi_row_set(r, "cpu", abi_text(e, e->target->cpu));
  abi_row_set(r, "features", abi_text(e, required_features(t)));
  abi_row_set(r, "source_hash", abi_text(e, o->source_hash));
  abi_row_set(r, "real_bytes", const_i64(e, e->real_bytes));
  abi_row_set(r, "config", abi_text(e, o->config_json));
  if (o->weights_bytes) {
    LLVMValueRef image = LLVMConstStringInContext2(e->context, o->weights, o->weights_bytes, 1);
    abi_row_set(r, "weights", abi_global(e, image, 64));
    abi_row_set(r, "weights_bytes", const_i64(e, (int64_t)o->weights_bytes));
  }
}

void emit_descriptor(emitter *e, arena *mem, const descriptor_source *from) {
  abi_builder t = {.e = e, .mem = mem, .from = from};
  abi_row r = abi_row_begin(e, ABI_MODEL);
  set_facts(&t, &r);
  LLVMValueRef programs[PROGRAM_KINDS];
  for (int k = 0; k < from->n_programs; k++)
    programs[k] = abi_program_row(&t, &from->programs[k]);
  abi_row_set(&r, "n_programs", const_i64(e, from->n_programs));
  abi_row_set(&r, "programs", abi_table(e, programs, (size_t)from->n_programs));
  abi_row_set(&r, "n_inputs", const_i64(e, (int64_t)from->inputs->list.len));
  abi_row_set(&r, "inputs", input_rows(&t));
  abi_row_set(&r, "n_outputs", const_i64(e, (int64_t)from->model->outputs.len));
  abi_row_set(&r, "outputs", output_rows(&t));
  size_t n_probes;
  abi_row_set(&r, "probes", probe_rows(&t, &n_probes));
  abi_row_set(&r, "n_probes", const_i64(e, (int64_t)n_probes));
  abi_row_set(&r, "n_params", const_i64(e, (int64_t)from->model->weights.len));
  abi_row_set(&r, "params", param_rows(&t));
  abi_row_set(&r, "n_dims", const_i64(e, dim_symbol_count(from->dims)));
  abi_row_set(&r, "dims", dim_table_rows(&t));
  size_t n_extents;
  abi_row_set(&r, "extents", extent_rows(&t, &n_extents));
  abi_row_set(&r, "n_extents", const_i64(e, (int64_t)n_extents));
  abi_row_set(&r, "n_exprs", const_i64(e, (int64_t)t.exprs.len)); // last: all tables name expressions
  abi_row_set(&r, "exprs", abi_table(e, t.exprs.data, t.exprs.len));
  LLVMValueRef v = abi_row_end(e, &r);
  LLVMValueRef exported = LLVMAddGlobal(e->module, LLVMTypeOf(v), from->symbol);
  LLVMSetInitializer(exported, v);
  LLVMSetGlobalConstant(exported, 1);
  LLVMSetAlignment(exported, 8);
  vec_free(&t.exprs);
  vec_free(&t.expr_dims);
}
