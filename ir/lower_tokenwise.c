// Layers that treat every step by itself, over whatever form their operands have.
#include "ir/lower_private.h"

typedef struct tokenwise {
  lowering *lw;
  const tensor *out;
  const lowered *in;
  int n;
  tokenwise_fn f;
  void *context;
} tokenwise;

static node **new_operands(const tokenwise *w) {
  return ARENA_ARRAY(w->lw->g->mem, node *, w->n);
}

static node *call(const tokenwise *w, node *const *operands) {
  return w->f(w->lw, operands, w->n, w->context);
}

static bool is_sequence(const tokenwise *w, const lowered *x) {
  if (x->layout != LAYOUT_DENSE)
    return true;
  const shape *s = &x->data->shape;
  return s->rank >= 2 && s->d[0] == w->out->shape.d[0] && s->d[1] == w->out->shape.d[1];
}

static node *dense_of(const tokenwise *w, lowered x) {
  if (x.layout == LAYOUT_DENSE)
    return x.data;
  return with_leading(w->lw->g, all_rows(w->lw, x), 1, w->out->shape.d, 2);
}

static lowered dense_result(const tokenwise *w) {
  node **operands = new_operands(w);
  for (int k = 0; k < w->n; k++)
    operands[k] = dense_of(w, w->in[k]);
  return lowered_dense_value(call(w, operands));
}

// An operand that stands for every step of an example ([B, 1, F...]) or of all ([1, 1, F...]) is repeated for
// each.
static lowered spread_over_time(const tokenwise *w, lowered x) {
  const shape *from = &x.data->shape;
  shape s = *from;
  INVARIANT(from->rank >= 2);
  s.d[0] = w->out->shape.d[0];
  s.d[1] = w->out->shape.d[1];
  return lowered_dense_value(g_broadcast_to(w->lw->g, x.data, s));
}

static lowered as_sequence(const tokenwise *w, lowered x) {
  return is_sequence(w, &x) || x.data->shape.rank == 0 ? x : spread_over_time(w, x);
}

static fill_kind common_fill(const tokenwise *w, const node *pack) {
  fill_kind kind = FILL_NONE;
  for (int k = 0; k < w->n; k++) {
    const lowered *x = &w->in[k];
    if (x->layout == LAYOUT_DENSE && x->data->shape.rank == 0)
      continue;
    if (x->pack != pack || (kind != FILL_NONE && x->fill_kind != kind))
      return FILL_FULL;
    kind = x->fill_kind;
  }
  return kind == FILL_NONE ? FILL_FULL : kind;
}

static node *zeros_like_row(graph *g, const node *rows) {
  shape s = {.rank = rows->shape.rank - 1};
  for (int k = 0; k < s.rank; k++)
    s.d[k] = rows->shape.d[k + 1];
  return g_broadcast_to(g, rows->type == INT ? g_int(g, 0) : g_real(g, 0), s);
}

// The result at masked steps: f of the operands' values there.
static node *result_fill(const tokenwise *w, fill_kind kind) {
  graph *g = w->lw->g;
  const dim *one = dim_const(g->dims, 1);
  node **operands = new_operands(w);
  for (int k = 0; k < w->n; k++) {
    lowered x = w->in[k];
    if (x.layout == LAYOUT_DENSE && x.data->shape.rank == 0)
      operands[k] = x.data;
    else if (kind == FILL_FULL)
      operands[k] = all_rows(w->lw, as_sequence(w, x));
    else
      operands[k] = with_leading(g, x.fill ? x.fill : zeros_like_row(g, x.data), 0, &one, 1);
  }
  node *fill = call(w, operands);
  return kind == FILL_FULL ? fill : with_leading(g, fill, 1, NULL, 0);
}

static lowered row_result(const tokenwise *w, node *pack, row_layout layout) {
  node **operands = new_operands(w);
  for (int k = 0; k < w->n; k++) {
    lowered x = as_sequence(w, w->in[k]);
    bool scalar = x.layout == LAYOUT_DENSE && x.data->shape.rank == 0;
    operands[k] = scalar ? x.data : lower_to_pack(w->lw, x, pack, layout);
  }
  node *rows = call(w, operands);
  if (pack_is_dense(pack))
    return lowered_row_value(rows, layout, pack, FILL_NONE, NULL);
  fill_kind kind = common_fill(w, pack);
  return lowered_row_value(rows, layout, pack, kind, result_fill(w, kind));
}

// The packing that all operands share, when they stand in rows of a packing without a mask.
static node *shared_dense_pack(const tokenwise *w) {
  node *pack = w->in[0].pack;
  for (int k = 0; k < w->n; k++)
    if (w->in[k].layout == LAYOUT_DENSE || w->in[k].pack != pack)
      return NULL;
  return pack_is_dense(pack) ? pack : NULL;
}

lowered lower_tokenwise(lowering *lw, const application *app, const lowered *in, int n, tokenwise_fn f,
                        void *context) {
  INVARIANT(n >= 1);
  tokenwise w = {lw, app->outputs[0], in, n, f, context};
  if (w.out->mask != MASK_VALID) {
    node *pack = shared_dense_pack(&w);
    return pack ? row_result(&w, pack, in[0].layout) : dense_result(&w);
  }
  node *pack = lower_pack(lw, w.out);
  row_layout layout = LAYOUT_RM;
  for (int k = n - 1; k >= 0; k--)
    if (in[k].pack == pack)
      layout = in[k].layout;
  return row_result(&w, pack, layout);
}
