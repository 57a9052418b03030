// Products of windows with rows that are mostly zeros: what becomes of the products of a convolution's
// gradient behind a maximum over all steps. Zeros are skipped. Legend: x [I, S..., C], its windows
// [I, O..., K], K = taps * C (op windows, whose attributes these ops have), g [I, O..., F].
#include "ir/autodiff.h"

static const char *check_windows(const node *n, const shape *x, const shape *g) {
  int rank = x->rank - 2;
  if (rank < 1 || rank > NODE_ATTRS / 3 || g->rank != x->rank || g->d[0] != x->d[0] ||
      !dim_is_const(x->d[rank + 1], NULL))
    return "needs [I, S..., C] and [I, O..., F] with one or two spatial axes";
  for (int k = 0; k < rank; k++) {
    int64_t in, out;
    if (n->i[3 * k] < 1 || n->i[3 * k + 1] < 1 || n->i[3 * k + 2] < 1)
      return "size, stride and dilation are at least 1";
    if (dim_is_const(x->d[k + 1], &in) && dim_is_const(g->d[k + 1], &out) && out > 0 &&
        (out - 1) * n->i[3 * k + 1] + (n->i[3 * k] - 1) * n->i[3 * k + 2] >= in)
      return "reaches past the end";
  }
  return NULL;
}

static int64_t taps_of(const node *n, int rank) {
  int64_t taps = 1;
  for (int k = 0; k < rank; k++)
    taps *= n->i[3 * k];
  return taps;
}

static void set_axes(node *n, const graph_window *w, int rank) {
  for (int k = 0; k < rank; k++) {
    n->i[3 * k] = w[k].size;
    n->i[3 * k + 1] = w[k].stride;
    n->i[3 * k + 2] = w[k].dilation;
  }
}

static void axes_of(const node *n, const shape *out, graph_window *w) {
  for (int k = 0; k < out->rank - 2; k++)
    w[k] = (graph_window){n->i[3 * k], n->i[3 * k + 1], n->i[3 * k + 2], out->d[k + 1]};
}

// ---- spread

static const char *spread_shape(graph *g, node *n) {
  const node *rows = n->in[0], *kernel = n->in[1];
  n->type = REAL;
  const char *wrong = check_windows(n, &n->shape, &rows->shape);
  if (wrong)
    return wrong;
  int rank = rows->shape.rank - 2;
  const dim *k = dim_mul(g->dims, n->shape.d[rank + 1], dim_const(g->dims, taps_of(n, rank)));
  bool fits =
      kernel->shape.rank == 2 && kernel->shape.d[0] == k && kernel->shape.d[1] == rows->shape.d[rank + 1];
  return fits ? NULL : "needs a kernel [K, F]";
}

node *g_spread(graph *g, node *rows, node *kernel, const graph_window *w, const shape *result) {
  node n = {.op = OP_SPREAD, .n_in = 2, .in = (node *[]){rows, kernel}, .shape = *result};
  set_axes(&n, w, result->rank - 2);
  return graph_intern(g, &n);
}

static void spread_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *rows = y->in[0], *kernel = y->in[1];
  graph_window w[NODE_ATTRS / 3];
  axes_of(y, &rows->shape, w);
  adjoint_add(a, rows, g_matmul(g, g_windows(g, dy, w), kernel, false, false));
  adjoint_add(a, kernel, g_collect(g, dy, rows, w));
}

// ---- collect

node *gathered_rows(node *x) {
  node *gather = x->op == OP_RESHAPE ? x->in[0] : x;
  if (gather->op != OP_GATHER || gather->n_in != 2 || gather->in[0]->shape.rank != 2 ||
      gather->in[0]->shape.d[1] != x->shape.d[x->shape.rank - 1] || !index_is_nonnegative(gather->in[1]))
    return NULL;
  return gather;
}

static const char *collect_shape(graph *g, node *n) {
  const node *x = n->in[0], *rows = n->in[1];
  n->type = REAL;
  const char *wrong = check_windows(n, &x->shape, &rows->shape);
  if (wrong)
    return wrong;
  int rank = x->shape.rank - 2;
  const dim *k = dim_mul(g->dims, x->shape.d[rank + 1], dim_const(g->dims, taps_of(n, rank)));
  n->shape = shape_of(2, k, rows->shape.d[rank + 1]);
  return NULL;
}

node *g_collect(graph *g, node *x, node *rows, const graph_window *w) {
  node n = {.op = OP_COLLECT, .n_in = 2, .in = (node *[]){x, rows}};
  set_axes(&n, w, x->shape.rank - 2);
  return graph_intern(g, &n);
}

static void collect_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *x = y->in[0], *rows = y->in[1];
  graph_window w[NODE_ATTRS / 3];
  axes_of(y, &rows->shape, w);
  adjoint_add(a, x, g_spread(g, rows, dy, w, &x->shape));
  adjoint_add(a, rows, g_matmul(g, g_windows(g, x, w), dy, false, false));
}

const op_rules op_rules_spread = {.shape = spread_shape, .vjp = spread_vjp};
const op_rules op_rules_collect = {.shape = collect_shape, .vjp = collect_vjp};
