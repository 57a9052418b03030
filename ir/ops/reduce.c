// Reductions over axes and over segments of rows.
#include "ir/autodiff.h"

static const char *reduce_shape(graph *g, node *n) {
  (void)g;
  const node *x = n->in[0];
  if (n->i[0] < 0 || n->i[0] >> x->shape.rank)
    return "axis out of range";
  n->type = x->type;
  n->shape = shape_without(&x->shape, (unsigned)n->i[0]);
  return NULL;
}

// The mask of reduced operand axes for a reduction that follows another one.
static unsigned joined_axes(const node *inner, unsigned outer) {
  unsigned axes = (unsigned)inner->i[0];
  for (int k = 0, kept = 0; k < inner->in[0]->shape.rank; k++)
    if (!(inner->i[0] >> k & 1) && (outer >> kept++ & 1))
      axes |= 1u << k;
  return axes;
}

// A sum over repetitions is a multiple. A maximum over them would have to know that there is one at all.
static node *reduce_of_broadcast(graph *g, const node *n) {
  const node *x = n->in[0];
  const dim *repeats = dim_const(g->dims, 1);
  unsigned inner = 0;
  int axes[MAX_RANK], rank = 0, before[MAX_RANK] = {0};
  bool repeated = false;
  for (int k = 0; k < x->shape.rank; k++) {
    bool reduced = n->i[0] >> k & 1;
    if (reduced && x->i[k] < 0) {
      repeats = dim_mul(g->dims, repeats, x->shape.d[k]);
      repeated = true;
    } else if (reduced) {
      inner |= 1u << x->i[k];
    } else {
      axes[rank++] = (int)x->i[k];
    }
  }
  int64_t count;
  if (!repeated || (n->op == OP_REDUCE_MAX && !(dim_is_const(repeats, &count) && count > 0)))
    return NULL;
  node *sum = g_reduce(g, n->op, x->in[0], inner);
  for (int k = 1; k < x->in[0]->shape.rank; k++)
    before[k] = before[k - 1] + (inner >> (k - 1) & 1 ? 1 : 0);
  for (int k = 0; k < rank; k++)
    axes[k] -= axes[k] >= 0 ? before[axes[k]] : 0;
  sum = g_broadcast(g, sum, n->shape, axes);
  return n->op == OP_REDUCE_MAX ? sum : g_mul(g, sum, g_extent(g, repeats, n->type));
}

static node *reduce_fold(graph *g, const node *n) {
  node *x = n->in[0];
  unsigned ones = 0;
  if (n->i[0] == 0)
    return x;
  if (x->op == n->op)
    return g_reduce(g, n->op, x->in[0], joined_axes(x, (unsigned)n->i[0]));
  for (int k = 0; k < x->shape.rank; k++) {
    int64_t extent;
    if ((n->i[0] >> k & 1) && dim_is_const(x->shape.d[k], &extent) && extent == 1)
      ones |= 1u << k;
  }
  if (ones) { // an axis of extent 1 just goes
    unsigned rest = 0;
    for (int k = 0, kept = 0; k < x->shape.rank; k++)
      if (!(ones >> k & 1))
        rest |= (unsigned)(n->i[0] >> k & 1) << kept++;
    return g_reduce(g, n->op, g_reshape(g, x, shape_without(&x->shape, ones)), rest);
  }
  if (n->op == OP_REDUCE_SUM && node_is(x, 0))
    return g_number_like(g, n, 0);
  return x->op == OP_BROADCAST ? reduce_of_broadcast(g, n) : NULL;
}

node *g_reduce(graph *g, op_code op, node *x, unsigned axes_mask) {
  INVARIANT(op == OP_REDUCE_SUM || op == OP_REDUCE_MAX);
  node n = {.op = op, .n_in = 1, .in = &x, .i = {axes_mask}};
  return graph_intern(g, &n);
}

static const char *segment_shape(graph *g, node *n) {
  if (n->n_in != 3 && n->n_in != 4)
    return "takes rows, starts, groups and perhaps an order";
  const node *x = n->in[0], *starts = n->in[1];
  if (x->shape.rank < 1 || starts->type != INT || starts->shape.rank != 1)
    return "needs rows and integer starts";
  for (int k = 2; k < n->n_in; k++)
    if (n->in[k]->type != INT || n->in[k]->shape.rank != 1 || n->in[k]->shape.d[0] != x->shape.d[0])
      return "groups and order have one integer for each row";
  n->type = x->type;
  n->shape = shape_with(&x->shape, 0, dim_sub_const(g->dims, starts->shape.d[0], 1));
  return NULL;
}

static node *segment_fold(graph *g, const node *n) {
  return n->op == OP_SEGMENT_SUM && node_is(n->in[0], 0) ? g_number_like(g, n, 0) : NULL;
}

node *g_segment(graph *g, op_code op, node *x, node *starts, node *group, node *order, double empty) {
  INVARIANT(op == OP_SEGMENT_SUM || op == OP_SEGMENT_MAX);
  node *in[4] = {x, starts, group, order};
  node n = {.op = op, .n_in = order ? 4 : 3, .in = in, .f = op == OP_SEGMENT_MAX ? empty : 0};
  return graph_intern(g, &n);
}

// ---- VJPs

// A reduced value, repeated over the axes that went.
static node *expand(graph *g, node *value, const node *reduction) {
  int axes[MAX_RANK];
  const shape *s = &reduction->in[0]->shape;
  for (int k = 0, kept = 0; k < s->rank; k++)
    axes[k] = reduction->i[0] >> k & 1 ? -1 : kept++;
  return g_broadcast(g, value, *s, axes);
}

static void reduce_sum_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], expand(a->g, dy, y));
}

// Split equally among the elements that reach the maximum (TensorFlow's rule).
static void reduce_max_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *hit = g_binary(g, OP_EQ, y->in[0], expand(g, y, y));
  node *count = g_reduce_sum(g, g_cast(g, hit, REAL), (unsigned)y->i[0]);
  adjoint_add(a, y->in[0], g_select(g, hit, expand(g, g_div(g, dy, count), y), g_real(g, 0)));
}

static void segment_sum_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_gather(a->g, dy, y->in[2], NULL));
}

static void segment_max_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *group = y->in[2], *order = y->n_in == 4 ? y->in[3] : NULL;
  node *hit = g_binary(g, OP_EQ, y->in[0], g_gather(g, y, group, NULL));
  node *count = g_segment(g, OP_SEGMENT_SUM, g_cast(g, hit, REAL), y->in[1], group, order, 0);
  count = g_binary(g, OP_MAX, count, g_real(g, 1)); // empty segments have no element to divide among
  node *share = g_gather(g, g_div(g, dy, count), group, NULL);
  adjoint_add(a, y->in[0], g_select(g, hit, share, g_real(g, 0)));
}

const op_rules op_rules_reduce_sum = {.shape = reduce_shape, .fold = reduce_fold, .vjp = reduce_sum_vjp};
const op_rules op_rules_reduce_max = {.shape = reduce_shape, .fold = reduce_fold, .vjp = reduce_max_vjp};
const op_rules op_rules_segment_sum = {.shape = segment_shape, .fold = segment_fold, .vjp = segment_sum_vjp};
const op_rules op_rules_segment_max = {.shape = segment_shape, .fold = segment_fold, .vjp = segment_max_vjp};
