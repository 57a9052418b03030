// Ops that cut and join along one axis: slice, concat, pad.
#include "ir/autodiff.h"
#include <stdlib.h>

static bool other_extents_equal(const shape *a, const shape *b, int axis) {
  if (a->rank != b->rank)
    return false;
  for (int k = 0; k < a->rank; k++)
    if (k != axis && a->d[k] != b->d[k])
      return false;
  return true;
}

static const char *slice_shape(graph *g, node *n) {
  const node *x = n->in[0];
  int axis = (int)n->i[0];
  int64_t size, extent;
  n->type = x->type;
  if (axis < 0 || axis >= x->shape.rank || n->i[1] < 0 || n->i[2] < 1)
    return "axis, start or step out of range";
  if (!other_extents_equal(&n->shape, &x->shape, axis))
    return "other axes must keep their extents";
  (void)g;
  if (dim_is_const(n->shape.d[axis], &size) && dim_is_const(x->shape.d[axis], &extent) && size > 0 &&
      n->i[1] + (size - 1) * n->i[2] >= extent)
    return "reaches past the end";
  return NULL;
}

// A slice of a concat that lies on the borders of its parts, or inside one, where the borders are constants.
static node *slice_of_concat(graph *g, const node *n) {
  const node *x = n->in[0];
  int axis = (int)n->i[0];
  int64_t size, at = 0, end = n->i[1];
  if (n->i[2] != 1 || !dim_is_const(n->shape.d[axis], &size))
    return NULL;
  end += size;
  int first = -1;
  for (int k = 0; k < x->n_in; k++) {
    int64_t extent;
    if (!dim_is_const(x->in[k]->shape.d[axis], &extent))
      return NULL;
    if (n->i[1] >= at && end <= at + extent)
      return g_slice(g, x->in[k], axis, n->i[1] - at, n->shape.d[axis], 1);
    if (at == n->i[1])
      first = k;
    at += extent;
    if (at == end && first >= 0)
      return g_concat(g, x->in + first, k + 1 - first, axis);
    if (at >= end)
      return NULL;
  }
  return NULL;
}

static node *slice_of_broadcast(graph *g, const node *n) {
  node *x = n->in[0];
  int axes[MAX_RANK], axis = (int)n->i[0];
  for (int k = 0; k < n->shape.rank; k++)
    axes[k] = (int)x->i[k];
  node *from = x->in[0];
  if (axes[axis] >= 0)
    from = g_slice(g, from, axes[axis], n->i[1], n->shape.d[axis], n->i[2]);
  return g_broadcast(g, from, n->shape, axes);
}

static node *slice_fold(graph *g, const node *n) {
  node *x = n->in[0];
  int axis = (int)n->i[0];
  const dim *size = n->shape.d[axis];
  if (n->i[1] == 0 && n->i[2] == 1 && size == x->shape.d[axis])
    return x;
  if (x->op == OP_SLICE && x->i[0] == axis)
    return g_slice(g, x->in[0], axis, x->i[1] + n->i[1] * x->i[2], size, n->i[2] * x->i[2]);
  if (x->op == OP_CONCAT && x->i[0] == axis)
    return slice_of_concat(g, n);
  if (x->op == OP_BROADCAST)
    return slice_of_broadcast(g, n);
  int64_t kept, extent;
  if (x->op == OP_PAD && x->i[0] == axis && n->i[2] == 1 && n->i[1] >= x->i[1] &&
      ((dim_is_const(size, &kept) && dim_is_const(x->in[0]->shape.d[axis], &extent) &&
        n->i[1] - x->i[1] + kept <= extent) ||
       (n->i[1] == x->i[1] && size == x->in[0]->shape.d[axis])))
    return g_slice(g, x->in[0], axis, n->i[1] - x->i[1], size, 1);
  return NULL;
}

node *g_slice(graph *g, node *x, int axis, int64_t start, const dim *size, int64_t step) {
  INVARIANT(axis >= 0 && axis < x->shape.rank);
  node n = {.op = OP_SLICE, .n_in = 1, .in = &x, .i = {axis, start, step}};
  n.shape = shape_with(&x->shape, axis, size);
  return graph_intern(g, &n);
}

static const char *concat_shape(graph *g, node *n) {
  int axis = (int)n->i[0];
  if (n->n_in < 1 || axis < 0 || axis >= n->in[0]->shape.rank)
    return "axis out of range";
  const dim *sum = dim_const(g->dims, 0);
  for (int k = 0; k < n->n_in; k++) {
    if (n->in[k]->type != n->in[0]->type || !other_extents_equal(&n->in[k]->shape, &n->in[0]->shape, axis))
      return "operands must agree but for the joined axis";
    sum = dim_add(g->dims, sum, n->in[k]->shape.d[axis]);
  }
  n->type = n->in[0]->type;
  n->shape = shape_with(&n->in[0]->shape, axis, sum);
  return NULL;
}

// b continues a: both slices of one tensor (step 1) along the axis, or the parts of one such row.
static node *join_slices(graph *g, node *a, node *b, int axis) {
  int64_t size;
  if (a->op != OP_SLICE || b->op != OP_SLICE || a->in[0] != b->in[0] || a->i[0] != axis || b->i[0] != axis ||
      a->i[2] != 1 || b->i[2] != 1 || !dim_is_const(a->shape.d[axis], &size) || a->i[1] + size != b->i[1])
    return NULL;
  const dim *both = dim_add(g->dims, a->shape.d[axis], b->shape.d[axis]);
  return g_slice(g, a->in[0], axis, a->i[1], both, 1);
}

static bool is_empty(const node *n, int axis) {
  int64_t extent;
  return dim_is_const(n->shape.d[axis], &extent) && extent == 0;
}

// Nested concats flatten, empty operands vanish, neighbouring slices of one tensor join.
static node *concat_fold(graph *g, const node *n) {
  int axis = (int)n->i[0], total = 0, count = 0;
  for (int k = 0; k < n->n_in; k++)
    total += n->in[k]->op == OP_CONCAT && n->in[k]->i[0] == axis ? n->in[k]->n_in : 1;
  node **list = xmalloc(sizeof *list * (size_t)total);
  for (int k = 0; k < n->n_in; k++) {
    node *x = n->in[k];
    bool nested = x->op == OP_CONCAT && x->i[0] == axis;
    for (int j = 0; j < (nested ? x->n_in : 1); j++) {
      node *part = nested ? x->in[j] : x;
      node *joined = count ? join_slices(g, list[count - 1], part, axis) : NULL;
      if (joined)
        list[count - 1] = joined;
      else if (!is_empty(part, axis) || (k + 1 == n->n_in && count == 0))
        list[count++] = part;
    }
  }
  bool same = node_uniform(list[0]) != NULL;
  for (int k = 1; k < count; k++)
    same &= node_uniform(list[k]) == node_uniform(list[0]);
  node *result = NULL;
  if (same)
    result = g_broadcast_to(g, node_uniform(list[0]), n->shape);
  else if (count == 1)
    result = list[0];
  else if (count != n->n_in)
    result = g_concat(g, list, count, axis);
  free(list);
  return result;
}

node *g_concat(graph *g, node *const *xs, int count, int axis) {
  node n = {.op = OP_CONCAT, .n_in = count, .in = (node **)xs, .i = {axis}};
  return graph_intern(g, &n);
}

static const char *pad_shape(graph *g, node *n) {
  (void)g;
  const node *x = n->in[0];
  int axis = (int)n->i[0];
  int64_t size, extent;
  n->type = x->type;
  if (axis < 0 || axis >= x->shape.rank || n->i[1] < 0)
    return "axis or start out of range";
  if (!other_extents_equal(&n->shape, &x->shape, axis))
    return "other axes must keep their extents";
  if (dim_is_const(n->shape.d[axis], &size) && dim_is_const(x->shape.d[axis], &extent) &&
      n->i[1] + extent > size)
    return "result is too short";
  return NULL;
}

static node *pad_fold(graph *g, const node *n) {
  node *x = n->in[0];
  int axis = (int)n->i[0];
  if (n->i[1] == 0 && n->shape.d[axis] == x->shape.d[axis])
    return x;
  if (x->op == OP_PAD && x->i[0] == axis && x->f == n->f)
    return g_pad(g, x->in[0], axis, x->i[1] + n->i[1], n->shape.d[axis], n->f);
  return node_is(x, n->f) ? g_number_like(g, n, n->f) : NULL;
}

node *g_pad(graph *g, node *x, int axis, int64_t before, const dim *size, double value) {
  INVARIANT(axis >= 0 && axis < x->shape.rank);
  node n = {.op = OP_PAD, .n_in = 1, .in = &x, .i = {axis, before}, .f = value};
  n.shape = shape_with(&x->shape, axis, size);
  return graph_intern(g, &n);
}

// ---- VJPs

// dy with step - 1 zeros between its entries along an axis: extent (n - 1) * step + 1.
static node *spread(graph *g, node *dy, int axis, int64_t step) {
  const dim *n = dy->shape.d[axis], *wide = dim_mul(g->dims, n, dim_const(g->dims, step));
  INVARIANT(dy->shape.rank < MAX_RANK);
  shape split = dy->shape;
  split.rank++;
  for (int k = dy->shape.rank; k > axis + 1; k--)
    split.d[k] = dy->shape.d[k - 1];
  split.d[axis + 1] = dim_const(g->dims, 1);
  node *padded = g_pad(g, g_reshape(g, dy, split), axis + 1, 0, dim_const(g->dims, step), 0);
  node *joined = g_reshape(g, padded, shape_with(&dy->shape, axis, wide));
  return g_slice(g, joined, axis, 0, dim_sub_const(g->dims, wide, step - 1), 1);
}

node *slice_adjoint(graph *g, node *dy, int axis, int64_t start, int64_t step, const dim *size) {
  if (step != 1)
    dy = spread(g, dy, axis, step);
  return g_pad(g, dy, axis, start, size, 0);
}

static void slice_vjp(adjoint *a, node *y, node *dy) {
  int axis = (int)y->i[0];
  adjoint_add(a, y->in[0], slice_adjoint(a->g, dy, axis, y->i[1], y->i[2], y->in[0]->shape.d[axis]));
}

// A slice starts at a constant; where the parts before it have symbolic extents, one cut after the other
// is taken from the end, by reversing.
static node *cut(graph *g, node *dy, const node *y, int k) {
  int axis = (int)y->i[0];
  int64_t start = 0, extent;
  int j = 0;
  while (j < k && dim_is_const(y->in[j]->shape.d[axis], &extent)) {
    start += extent;
    j++;
  }
  const dim *size = y->in[k]->shape.d[axis];
  if (j == k)
    return g_slice(g, dy, axis, start, size, 1);
  const dim *rest = dim_const(g->dims, 0);
  for (j = k; j < y->n_in; j++)
    rest = dim_add(g->dims, rest, y->in[j]->shape.d[axis]);
  node *tail = g_reverse(g, g_slice(g, g_reverse(g, dy, axis), axis, 0, rest, 1), axis);
  return g_slice(g, tail, axis, 0, size, 1);
}

static void concat_vjp(adjoint *a, node *y, node *dy) {
  for (int k = 0; k < y->n_in; k++)
    if (adjoint_wanted(a, y->in[k]))
      adjoint_add(a, y->in[k], cut(a->g, dy, y, k));
}

static void pad_vjp(adjoint *a, node *y, node *dy) {
  int axis = (int)y->i[0];
  adjoint_add(a, y->in[0], g_slice(a->g, dy, axis, y->i[1], y->in[0]->shape.d[axis], 1));
}

const op_rules op_rules_slice = {.shape = slice_shape, .fold = slice_fold, .vjp = slice_vjp};
const op_rules op_rules_concat = {.shape = concat_shape, .fold = concat_fold, .vjp = concat_vjp};
const op_rules op_rules_pad = {.shape = pad_shape, .fold = pad_fold, .vjp = pad_vjp};
