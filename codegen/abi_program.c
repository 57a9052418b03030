// The part of a descriptor that tells of programs: buffers with their lifetimes, kernels, results.
#include "codegen/abi_table.h"
#include "support/diag.h"

typedef struct slot_lifetime {
  const dim *bytes;
  int64_t first, last;
} slot_lifetime;

static int64_t run_position(const entry_code *p, int k) {
  return k >= 0 && k < (int)p->s->kernels.len ? p->runs_at[k] : k;
}

static slot_lifetime *slot_lifetimes(abi_builder *t, const entry_code *p, size_t *count) {
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
    bool kept = p->scratch[k].kept;
    slots[(size_t)s->n_offsets + k] =
        (slot_lifetime){p->scratch[k].bytes, kept ? 0 : at, kept ? (int64_t)s->kernels.len : at};
  }
  return slots;
}

static LLVMValueRef buffer_rows(abi_builder *t, const entry_code *p, size_t *count) {
  slot_lifetime *slots = slot_lifetimes(t, p, count);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, *count + 1);
  for (size_t k = 0; k < *count; k++) {
    abi_row r = abi_row_begin(t->e, ABI_BUFFER);
    abi_row_set(&r, "bytes", abi_expr(t, slots[k].bytes));
    abi_row_set(&r, "first", const_i64(t->e, slots[k].first));
    abi_row_set(&r, "last", const_i64(t->e, slots[k].last));
    rows[k] = abi_row_end(t->e, &r);
  }
  return abi_table(t->e, rows, *count);
}

// "(valid, 128) of 256 terms" for a product; the shape of what other kernels make.
static const char *work_text(abi_builder *t, const kernel *k) {
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

static LLVMValueRef kernel_rows(abi_builder *t, const schedule *s) {
  const dim *none = dim_const(t->from->dims, 0);
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, s->kernels.len + 1);
  for (size_t k = 0; k < s->kernels.len; k++) {
    const kernel *kn = &s->kernels.data[k];
    abi_row r = abi_row_begin(t->e, ABI_KERNEL);
    abi_row_set(&r, "name", abi_text(t->e, kn->name));
    abi_row_set(&r, "work", abi_text(t->e, work_text(t, kn)));
    abi_row_set(&r, "flops", abi_expr(t, kn->flops ? kn->flops : none));
    abi_row_set(&r, "bytes", abi_expr(t, kn->bytes ? kn->bytes : none));
    rows[k] = abi_row_end(t->e, &r);
  }
  return abi_table(t->e, rows, s->kernels.len);
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

static LLVMValueRef gradient_row(abi_builder *t, const schedule *s, const program_root *root) {
  bool dense = root->role == ROOT_GRAD;
  const node *v = dense ? root->value : find_root(s->program, ROOT_GRAD_ROWS, root->index)->value;
  abi_row r = abi_row_begin(t->e, ABI_GRADIENT);
  abi_row_set(&r, "param", const_i64(t->e, root->index));
  abi_row_set(&r, "buffer", const_i64(t->e, slot_of(s, v)));
  abi_row_set(&r, "ids_buffer", const_i64(t->e, dense ? -1 : slot_of(s, root->value)));
  abi_row_set(&r, "count", abi_expr(t, dense ? NULL : root->value->shape.d[0]));
  return abi_row_end(t->e, &r);
}

static LLVMValueRef gradient_rows(abi_builder *t, const schedule *s, size_t *count) {
  const program *p = s->program;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + 1);
  *count = 0;
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == ROOT_GRAD || p->roots.data[k].role == ROOT_GRAD_IDS)
      rows[(*count)++] = gradient_row(t, s, &p->roots.data[k]);
  return abi_table(t->e, rows, *count);
}

static LLVMValueRef assignment_rows(abi_builder *t, const schedule *s, size_t *count) {
  const program *p = s->program;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + 1);
  *count = 0;
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role != ROOT_ASSIGN)
      continue;
    abi_row r = abi_row_begin(t->e, ABI_ASSIGNMENT);
    abi_row_set(&r, "param", const_i64(t->e, root->index));
    abi_row_set(&r, "buffer", const_i64(t->e, slot_of(s, root->value)));
    rows[(*count)++] = abi_row_end(t->e, &r);
  }
  return abi_table(t->e, rows, *count);
}

static LLVMValueRef state_rows(abi_builder *t, const schedule *s, size_t *count) {
  const program *p = s->program;
  LLVMValueRef *rows = ARENA_ARRAY(t->mem, LLVMValueRef, p->roots.len + 1);
  *count = 0;
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role != ROOT_STATE)
      continue;
    abi_row r = abi_row_begin(t->e, ABI_STATE);
    abi_row_set(&r, "input", const_i64(t->e, root->index));
    abi_row_set(&r, "buffer", const_i64(t->e, slot_of(s, root->value)));
    rows[(*count)++] = abi_row_end(t->e, &r);
  }
  return abi_table(t->e, rows, *count);
}

LLVMValueRef abi_program_row(abi_builder *t, const entry_code *p) {
  static const int kinds[] = {[PROGRAM_INFER] = NLM_INFER,
                              [PROGRAM_EVALUATE] = NLM_EVALUATE,
                              [PROGRAM_GRAD] = NLM_GRAD,
                              [PROGRAM_PROBE] = NLM_PROBE};
  emitter *e = t->e;
  size_t n_buffers, n_gradients, n_assignments, n_states;
  abi_row r = abi_row_begin(e, ABI_PROGRAM);
  abi_row_set(&r, "kind", const_i64(e, kinds[p->s->program->kind]));
  abi_row_set(&r, "entry", p->entry);
  abi_row_set(&r, "buffers", buffer_rows(t, p, &n_buffers));
  abi_row_set(&r, "n_buffers", const_i64(e, (int64_t)n_buffers));
  abi_row_set(&r, "n_kernels", const_i64(e, (int64_t)p->s->kernels.len));
  abi_row_set(&r, "kernels", kernel_rows(t, p->s));
  abi_row_set(&r, "gradients", gradient_rows(t, p->s, &n_gradients));
  abi_row_set(&r, "n_gradients", const_i64(e, (int64_t)n_gradients));
  abi_row_set(&r, "assignments", assignment_rows(t, p->s, &n_assignments));
  abi_row_set(&r, "n_assignments", const_i64(e, (int64_t)n_assignments));
  abi_row_set(&r, "states", state_rows(t, p->s, &n_states));
  abi_row_set(&r, "n_states", const_i64(e, (int64_t)n_states));
  return abi_row_end(e, &r);
}
