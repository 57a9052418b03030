// Requires: nothing. Guarantees: a convolution computes no window that its readers leave out, as a pooling
// does with what is left of an axis behind its last window. Changes: SLICE(f(conv)) from 0 on, where f is
// element-wise and every reader of its parts needs no more than that, to f of a convolution with fewer
// windows. The bits stay.
#include "ir/op.h"
#include "passes/pass.h"
#include <stdlib.h>

enum { DEEPEST = 12 };

typedef int64_t extents[MAX_RANK];

typedef struct trimming {
  extents *needed; // by node id: how many elements of each axis are read at most; INT64_MAX: all
  size_t n;
} trimming;

// ---- what is read

static void need(trimming *t, const node *n, int axis, int64_t extent) {
  int64_t *most = &t->needed[n->id][axis];
  *most = extent > *most ? extent : *most;
}

static void need_all(trimming *t, const node *n) {
  for (int k = 0; k < n->shape.rank; k++)
    need(t, n, k, INT64_MAX);
}

static void note_reads(trimming *t, const node *n) {
  const int64_t *own = t->needed[n->id];
  for (int j = 0; j < n->n_in; j++) {
    const node *in = n->in[j];
    if (op_is_elementwise(n->op)) {
      for (int k = 0; k < n->shape.rank; k++)
        need(t, in, k, own[k]);
    } else if (n->op == OP_SLICE) {
      int64_t size = own[n->i[0]];
      bool known = size != INT64_MAX || dim_is_const(n->shape.d[n->i[0]], &size);
      for (int k = 0; k < n->shape.rank; k++)
        need(t, in, k, k != n->i[0] ? own[k] : known ? n->i[1] + (size - 1) * n->i[2] + 1 : INT64_MAX);
    } else {
      need_all(t, in);
    }
  }
}

static void find_needs(trimming *t, const program *p) {
  graph *g = p->g;
  node **roots = ARENA_ARRAY(g->mem, node *, p->roots.len + 1), **list;
  t->n = g->n_nodes;
  t->needed = xcalloc(t->n + 1, sizeof *t->needed);
  for (size_t k = 0; k < p->roots.len; k++) {
    roots[k] = p->roots.data[k].value;
    need_all(t, roots[k]);
  }
  size_t n = graph_reachable(g, roots, p->roots.len, &list);
  for (size_t k = n; k-- > 0;)
    note_reads(t, list[k]);
  free(list);
}

// ---- trimming

// The windows of a convolution's result RESHAPE(MATMUL(RESHAPE(WINDOWS), W)) [B, out..., F]; else NULL.
static const node *convolved(const node *n) {
  const node *product = n->op == OP_RESHAPE ? n->in[0] : n;
  const node *windows =
      product->op == OP_MATMUL && product->shape.rank == 2 ? product_windows(product) : NULL;
  if (!windows || n->shape.rank != windows->shape.rank)
    return NULL;
  for (int k = 0; k + 1 < n->shape.rank; k++)
    if (n->shape.d[k] != windows->shape.d[k])
      return NULL;
  return windows;
}

static bool is_uniform_along(const node *n, int axis) {
  return n->op == OP_BROADCAST && n->i[axis] < 0;
}

// Whether every part of n, down to convolutions, is read up to `extent` along the axis only.
static bool may_be_trimmed(const trimming *t, const node *n, int axis, int64_t extent, int depth, bool *any) {
  if (is_uniform_along(n, axis))
    return true;
  if (depth > DEEPEST || t->needed[n->id][axis] > extent)
    return false;
  if (convolved(n)) {
    *any = true;
    return axis > 0 && axis + 1 < n->shape.rank;
  }
  bool across = n->op == OP_SLICE && n->i[0] != axis;
  if (!across && !op_is_elementwise(n->op))
    return false;
  for (int k = 0; k < n->n_in; k++)
    if (!may_be_trimmed(t, n->in[k], axis, extent, depth + 1, any))
      return false;
  return true;
}

static shape with_extent(const shape *s, int axis, const dim *extent) {
  shape result = *s;
  result.d[axis] = extent;
  return result;
}

static node *trimmed_convolution(graph *g, const node *n, const node *windows, int axis, const dim *extent) {
  const node *product = n->op == OP_RESHAPE ? n->in[0] : n;
  graph_window w[2];
  for (int k = 0; k < windows_rank(windows); k++)
    w[k] = windows_axis(windows, k);
  w[axis - 1].out = extent;
  node *fewer = g_windows(g, windows->in[0], w);
  shape places = fewer->shape;
  places.rank--;
  shape rows = shape_of(2, shape_elements(g->dims, &places), product->in[0]->shape.d[1]);
  node *made = g_matmul(g, g_reshape(g, fewer, rows), product->in[1], false, product->i[1] != 0);
  return g_reshape(g, made, with_extent(&n->shape, axis, extent));
}

static node *trimmed(graph *g, node *n, int axis, const dim *extent);

static node *trimmed_parts(graph *g, node *n, int axis, const dim *extent) {
  if (n->op == OP_BROADCAST) {
    int axes[MAX_RANK];
    for (int k = 0; k < n->shape.rank; k++)
      axes[k] = (int)n->i[k];
    return g_broadcast(g, n->in[0], with_extent(&n->shape, axis, extent), axes);
  }
  node *in[3];
  for (int k = 0; k < n->n_in; k++)
    in[k] = trimmed(g, n->in[k], axis, extent);
  if (n->op == OP_SLICE)
    return g_slice(g, in[0], (int)n->i[0], n->i[1], n->shape.d[n->i[0]], n->i[2]);
  node draft = *n;
  draft.in = in;
  draft.shape = with_extent(&n->shape, axis, extent);
  return graph_intern(g, &draft);
}

// What is made keeps the labels of what it replaces.
static node *trimmed(graph *g, node *n, int axis, const dim *extent) {
  int n_labels;
  const char *const *labels = graph_labels(g, &n_labels);
  const node *windows = convolved(n);
  graph_restore_labels(g, n->labels, n->n_labels);
  node *made = windows ? trimmed_convolution(g, n, windows, axis, extent) : trimmed_parts(g, n, axis, extent);
  graph_restore_labels(g, labels, n_labels);
  return made;
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  const trimming *t = context;
  int axis = (int)original->i[0];
  bool any = false;
  if (original->op != OP_SLICE || node_scan_id(g, original) >= 0)
    return NULL;
  const node *from = original->in[0];
  int64_t all, extent = t->needed[from->id][axis];
  if (!dim_is_const(from->shape.d[axis], &all) || extent >= all || extent < 1 ||
      !may_be_trimmed(t, from, axis, extent, 0, &any) || !any)
    return NULL;
  node *fewer = trimmed(g, new_in[0], axis, dim_const(g->dims, extent));
  return g_slice(g, fewer, axis, original->i[1], original->shape.d[axis], original->i[2]);
}

static void run(compilation *c) {
  trimming t = {0};
  find_needs(&t, c->program);
  program_rewrite(c->program, rule, &t);
  free(t.needed);
}

const pass pass_trim = {
    .name = "trim",
    .doc = "convolutions compute no window that their readers leave out",
    .run = run,
};
