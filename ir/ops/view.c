// Ops that only move or repeat elements: broadcast, reshape, transpose, reverse.
#include "ir/autodiff.h"

static void axes_of(const node *broadcast, int *axes) {
  for (int k = 0; k < broadcast->shape.rank; k++)
    axes[k] = (int)broadcast->i[k];
}

static const char *broadcast_shape(graph *g, node *n) {
  (void)g;
  const node *x = n->in[0];
  unsigned used = 0;
  n->type = x->type;
  for (int k = 0; k < n->shape.rank; k++) {
    int64_t axis = n->i[k];
    if (axis < -1 || axis >= x->shape.rank || (axis >= 0 && (used >> axis & 1)))
      return "bad axes";
    if (axis >= 0 && n->shape.d[k] != x->shape.d[axis])
      return "an axis that is followed must keep its extent";
    if (axis >= 0)
      used |= 1u << axis;
  }
  return used + 1 == 1u << x->shape.rank ? NULL : "every operand axis must appear in the result";
}

static node *broadcast_fold(graph *g, const node *n) {
  node *x = n->in[0];
  int axes[MAX_RANK];
  axes_of(n, axes);
  if (n->shape.rank == x->shape.rank)
    return g_transpose(g, x, axes);
  if (x->op != OP_BROADCAST)
    return NULL;
  for (int k = 0; k < n->shape.rank; k++)
    axes[k] = axes[k] < 0 ? -1 : (int)x->i[axes[k]];
  return g_broadcast(g, x->in[0], n->shape, axes);
}

node *g_broadcast(graph *g, node *x, shape s, const int *axis_of_result) {
  node n = {.op = OP_BROADCAST, .shape = s, .n_in = 1, .in = &x};
  for (int k = 0; k < s.rank; k++)
    n.i[k] = axis_of_result[k];
  return graph_intern(g, &n);
}

node *g_broadcast_to(graph *g, node *x, shape s) {
  if (shape_equal(&x->shape, &s))
    return x;
  int axes[MAX_RANK], skip = s.rank - x->shape.rank;
  INVARIANT(skip >= 0);
  shape kept = {0};
  for (int k = 0; k < s.rank; k++) {
    int64_t extent;
    axes[k] = -1;
    if (k < skip)
      continue;
    const dim *d = x->shape.d[k - skip];
    if (d == s.d[k]) {
      axes[k] = kept.rank;
      kept.d[kept.rank++] = d;
    } else if (!dim_is_const(d, &extent) || extent != 1) {
      strbuf text = {0};
      shape_print(&x->shape, &text);
      strbuf_puts(&text, " to ");
      shape_print(&s, &text);
      ICE("cannot broadcast %s", strbuf_text(&text));
    }
  }
  return g_broadcast(g, g_reshape(g, x, kept), s, axes);
}

static const char *reshape_shape(graph *g, node *n) {
  n->type = n->in[0]->type;
  int64_t before, after;
  bool known = dim_is_const(shape_elements(g->dims, &n->in[0]->shape), &before) &&
               dim_is_const(shape_elements(g->dims, &n->shape), &after);
  return known && before != after ? "changes the number of elements" : NULL;
}

// Where only repeated leading axes are regrouped, the broadcast goes straight to the result.
static node *reshape_of_broadcast(graph *g, const node *n) {
  const node *x = n->in[0];
  int tail = 0, axes[MAX_RANK];
  while (tail < n->shape.rank && tail < x->shape.rank &&
         n->shape.d[n->shape.rank - 1 - tail] == x->shape.d[x->shape.rank - 1 - tail])
    tail++;
  for (int k = 0; k < x->shape.rank - tail; k++)
    if (x->i[k] >= 0)
      return NULL;
  for (int k = 0; k < n->shape.rank; k++) {
    int from = k - n->shape.rank + x->shape.rank;
    axes[k] = k < n->shape.rank - tail ? -1 : (int)x->i[from];
  }
  return g_broadcast(g, x->in[0], n->shape, axes);
}

static node *reshape_fold(graph *g, const node *n) {
  node *x = n->in[0], *scalar = node_uniform(x);
  if (shape_equal(&x->shape, &n->shape))
    return x;
  if (scalar)
    return g_broadcast_to(g, scalar, n->shape);
  if (x->op == OP_RESHAPE)
    return g_reshape(g, x->in[0], n->shape);
  return x->op == OP_BROADCAST ? reshape_of_broadcast(g, n) : NULL;
}

node *g_reshape(graph *g, node *x, shape s) {
  node n = {.op = OP_RESHAPE, .shape = s, .n_in = 1, .in = &x};
  return graph_intern(g, &n);
}

static const char *transpose_shape(graph *g, node *n) {
  (void)g;
  const node *x = n->in[0];
  unsigned used = 0;
  n->type = x->type;
  n->shape = x->shape;
  for (int k = 0; k < x->shape.rank; k++) {
    if (n->i[k] < 0 || n->i[k] >= x->shape.rank)
      return "not a permutation";
    used |= 1u << n->i[k];
    n->shape.d[k] = x->shape.d[n->i[k]];
  }
  return used + 1 == 1u << x->shape.rank ? NULL : "not a permutation";
}

static node *transpose_fold(graph *g, const node *n) {
  node *x = n->in[0];
  bool identity = true;
  int axes[MAX_RANK];
  for (int k = 0; k < n->shape.rank; k++)
    identity &= n->i[k] == k;
  if (identity)
    return x;
  if (x->op != OP_TRANSPOSE && x->op != OP_BROADCAST)
    return NULL;
  for (int k = 0; k < n->shape.rank; k++)
    axes[k] = (int)x->i[n->i[k]];
  return x->op == OP_TRANSPOSE ? g_transpose(g, x->in[0], axes) : g_broadcast(g, x->in[0], n->shape, axes);
}

node *g_transpose(graph *g, node *x, const int *permutation) {
  node n = {.op = OP_TRANSPOSE, .n_in = 1, .in = &x};
  for (int k = 0; k < x->shape.rank; k++)
    n.i[k] = permutation[k];
  return graph_intern(g, &n);
}

static const char *reverse_shape(graph *g, node *n) {
  (void)g;
  n->type = n->in[0]->type;
  n->shape = n->in[0]->shape;
  return n->i[0] >= 0 && n->i[0] < n->shape.rank ? NULL : "axis out of range";
}

static node *reverse_fold(graph *g, const node *n) {
  node *x = n->in[0];
  int64_t extent;
  (void)g;
  if (x->op == OP_REVERSE && x->i[0] == n->i[0])
    return x->in[0];
  if (x->op == OP_BROADCAST && x->i[n->i[0]] < 0)
    return x;
  return dim_is_const(n->shape.d[n->i[0]], &extent) && extent == 1 ? x : NULL;
}

node *g_reverse(graph *g, node *x, int axis) {
  node n = {.op = OP_REVERSE, .n_in = 1, .in = &x, .i = {axis}};
  return graph_intern(g, &n);
}

// ---- VJPs

static void broadcast_vjp(adjoint *a, node *y, node *dy) {
  unsigned repeated = 0;
  int permutation[MAX_RANK], kept = 0;
  for (int k = 0; k < y->shape.rank; k++)
    if (y->i[k] < 0)
      repeated |= 1u << k;
    else
      permutation[y->i[k]] = kept++;
  adjoint_add(a, y->in[0], g_transpose(a->g, g_reduce_sum(a->g, dy, repeated), permutation));
}

static void reshape_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_reshape(a->g, dy, y->in[0]->shape));
}

static void transpose_vjp(adjoint *a, node *y, node *dy) {
  int inverse[MAX_RANK];
  for (int k = 0; k < y->shape.rank; k++)
    inverse[y->i[k]] = k;
  adjoint_add(a, y->in[0], g_transpose(a->g, dy, inverse));
}

static void reverse_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_reverse(a->g, dy, (int)y->i[0]));
}

const op_rules op_rules_broadcast = {.shape = broadcast_shape, .fold = broadcast_fold, .vjp = broadcast_vjp};
const op_rules op_rules_reshape = {.shape = reshape_shape, .fold = reshape_fold, .vjp = reshape_vjp};
const op_rules op_rules_transpose = {.shape = transpose_shape, .fold = transpose_fold, .vjp = transpose_vjp};
const op_rules op_rules_reverse = {.shape = reverse_shape, .fold = reverse_fold, .vjp = reverse_vjp};
