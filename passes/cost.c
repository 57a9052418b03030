// Estimates for profiles: floating-point operations and bytes moved by each kernel. Multiply-adds count two,
// other element operations one; bytes are those of the buffers a kernel reads and writes, once each.
#include "passes/fusion.h"

typedef struct estimate {
  const fusion *f;
  const schedule *s;
  dim_table *t;
  const dim *flops, *bytes;
  int *counted; // by buffer: the last kernel that counted it + 1
  int kernel;
} estimate;

static const dim *elements(const estimate *e, const node *n) {
  return shape_elements(e->t, &n->shape);
}

static void add_flops(estimate *e, const dim *count, int64_t each) {
  if (each)
    e->flops = dim_add(e->t, e->flops, dim_mul(e->t, count, dim_const(e->t, each)));
}

static void add_buffer(estimate *e, const node *n) {
  const buffer *b = schedule_buffer(e->s, n);
  if (!b || e->counted[b->index] == e->kernel + 1 || b->place == PLACE_ROWS)
    return;
  e->counted[b->index] = e->kernel + 1;
  e->bytes = dim_add(e->t, e->bytes, dim_mul(e->t, b->elements, dim_const(e->t, 4)));
}

// A table read by rows moves as many bytes as the rows, not as the table.
static void add_read(const fusion *f, node *read, bool same_index, void *context) {
  (void)f;
  (void)same_index;
  estimate *e = context;
  if (read->op != OP_PARAM || read->shape.rank < 2)
    add_buffer(e, read);
}

// Element operations of evaluating n inline, per element; bounded, since views may share subexpressions.
static int64_t inline_operations(const estimate *e, node *n, int depth) {
  int64_t count = op_is_elementwise(n->op) ? (op_is_costly(n->op) ? 10 : 1) : 0;
  for (int k = 0; k < n->n_in && depth < 8; k++)
    if (!fusion_has_memory(e->f, n->in[k]) && count < 1000)
      count += inline_operations(e, n->in[k], depth + 1);
  return count;
}

static const dim *work_elements(const estimate *e, const node *root) {
  bool reduces = op_family_of(root->op) == FAMILY_REDUCE || root->op == OP_SCATTER;
  return elements(e, reduces ? root->in[0] : root);
}

static void add_stage(estimate *e, const stage *s) {
  if (s->kind == STAGE_MATMUL) {
    const node *m = s->matmul, *a = m->in[0];
    const dim *inner = a->shape.d[a->shape.rank - (m->i[0] ? 2 : 1)];
    add_flops(e, dim_mul(e->t, elements(e, m), inner), 2);
    if (m->in[1]->op == OP_PARAM)
      add_buffer(e, m->in[1]);
    if (s->a_table)
      e->bytes = dim_add(e->t, e->bytes, dim_mul(e->t, elements(e, a), dim_const(e->t, 4)));
  }
  for (int k = 0; k < s->n_roots; k++) {
    node *root = s->roots[k];
    if (s->kind != STAGE_MATMUL || root != s->matmul)
      add_flops(e, work_elements(e, root),
                inline_operations(e, root, 0) + (op_family_of(root->op) == FAMILY_REDUCE));
    add_buffer(e, root);
    fusion_reads(e->f, root, add_read, e);
  }
}

static void estimate_kernel(estimate *e, kernel *k) {
  e->flops = e->bytes = dim_const(e->t, 0);
  if (k->kind == KERNEL_STAGE)
    add_stage(e, &k->stage);
  for (int j = 0; j < k->n_body; j++)
    add_stage(e, &k->body[j]);
  if (k->kind == KERNEL_SCAN) { // a body's rows are the active ones of a step; all steps together have V
    const scan_body *body = scan_body_of(k->subject);
    const dim *all = pack_valid(body->pack);
    e->flops = dim_substitute(e->t, e->flops, &body->active, &all, 1);
    for (int j = 0; j < body->n_seq; j++)
      add_buffer(e, body->seq[j]);
    graph *g = e->f->g;
    for (int j = 0; j < body->n_state; j++)
      add_buffer(e, scan_final_state(g, k->subject, j));
    for (int j = 0; j < body->n_out; j++)
      add_buffer(e, scan_output(g, k->subject, j));
  }
  k->flops = e->flops;
  k->bytes = e->bytes;
}

void schedule_estimate(const fusion *f, schedule *s) {
  estimate e = {.f = f, .s = s, .t = f->g->dims};
  e.counted = ARENA_ARRAY(f->mem, int, s->buffers.len + 1);
  for (; e.kernel < (int)s->kernels.len; e.kernel++)
    estimate_kernel(&e, &s->kernels.data[e.kernel]);
}
