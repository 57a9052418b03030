// The windows of a convolution as rows of a matrix, and where their gradient goes.
#include "ir/autodiff.h"

enum {
  MOST_AXES = NODE_ATTRS / 3,
  NARROW = 8, // fewer channels are too narrow a result for a product
};

int windows_rank(const node *n) {
  return n->shape.rank - 2;
}

graph_window windows_axis(const node *n, int k) {
  return (graph_window){n->i[3 * k], n->i[3 * k + 1], n->i[3 * k + 2], n->shape.d[k + 1]};
}

int64_t windows_taps(const node *n) {
  int64_t taps = 1;
  for (int k = 0; k < windows_rank(n); k++)
    taps *= n->i[3 * k];
  return taps;
}

static int64_t reach_of(const graph_window *w) {
  return (w->size - 1) * w->dilation + 1;
}

static const char *windows_shape(graph *g, node *n) {
  const node *x = n->in[0];
  int rank = x->shape.rank - 2;
  if (rank < 1 || rank > MOST_AXES || n->shape.rank != x->shape.rank)
    return "needs [B, S..., C] with one or two spatial axes";
  n->type = x->type;
  n->shape.d[0] = x->shape.d[0];
  for (int k = 0; k < rank; k++) {
    graph_window w = windows_axis(n, k);
    int64_t out, in;
    if (w.size < 1 || w.stride < 1 || w.dilation < 1)
      return "size, stride and dilation are at least 1";
    if (dim_is_const(w.out, &out) && dim_is_const(x->shape.d[k + 1], &in) && out > 0 &&
        (out - 1) * w.stride + reach_of(&w) > in)
      return "reaches past the end";
  }
  if (!dim_is_const(x->shape.d[rank + 1], NULL))
    return "needs a known number of channels";
  n->shape.d[rank + 1] = dim_mul(g->dims, x->shape.d[rank + 1], dim_const(g->dims, windows_taps(n)));
  return NULL;
}

// Windows of one element that stand everywhere; one window that is all there is.
static node *windows_fold(graph *g, const node *n) {
  node *x = n->in[0];
  if (shape_equal(&n->shape, &x->shape) && windows_taps(n) == 1)
    return x;
  for (int k = 0; k < windows_rank(n); k++) {
    graph_window w = windows_axis(n, k);
    if (w.dilation != 1 || w.out != dim_const(g->dims, 1) || x->shape.d[k + 1] != dim_const(g->dims, w.size))
      return NULL;
  }
  return g_reshape(g, x, n->shape);
}

node *g_windows(graph *g, node *x, const graph_window *w) {
  INVARIANT(x->shape.rank >= 3 && x->shape.rank - 2 <= MOST_AXES);
  node n = {.op = OP_WINDOWS, .n_in = 1, .in = &x, .shape = x->shape};
  for (int k = 0; k < x->shape.rank - 2; k++) {
    n.i[3 * k] = w[k].size;
    n.i[3 * k + 1] = w[k].stride;
    n.i[3 * k + 2] = w[k].dilation;
    n.shape.d[k + 1] = w[k].out;
  }
  return graph_intern(g, &n);
}

node *product_windows(const node *matmul) {
  const node *a = matmul->in[0];
  if (a->op != OP_RESHAPE || a->in[0]->op != OP_WINDOWS || matmul->i[1] || a->shape.rank > 3 ||
      matmul->in[1]->shape.rank != a->shape.rank)
    return NULL;
  node *windows = a->in[0];
  int64_t columns;
  bool known = dim_is_const(matmul->shape.d[matmul->shape.rank - 1], &columns) && columns > 1;
  bool rows = a->shape.d[a->shape.rank - 1] == windows->shape.d[windows->shape.rank - 1];
  bool groups = a->shape.rank == 2 || dim_is_const(a->shape.d[0], NULL);
  return known && rows && groups ? windows : NULL;
}

// ---- VJP

// Sum over taps of the tap's columns, each where its elements came from. dy: as y.
static node *sum_of_taps(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *x = y->in[0], *sum = NULL;
  const dim *channels = x->shape.d[x->shape.rank - 1];
  for (int64_t tap = 0; tap < windows_taps(y); tap++) {
    node *term = g_slice(g, dy, x->shape.rank - 1, tap * channels->value, channels, 1);
    int64_t rest = tap;
    for (int k = windows_rank(y) - 1; k >= 0; k--) {
      graph_window w = windows_axis(y, k);
      term = slice_adjoint(g, term, k + 1, rest % w.size * w.dilation, w.stride, x->shape.d[k + 1]);
      rest /= w.size;
    }
    sum = sum ? g_add(g, sum, term) : term;
  }
  return sum;
}

// The product d B' that dy is, d [..., rows, F] and B [..., K, F]; NULL when it is none.
static const node *product_of(const node *dy) {
  const node *product = dy->op == OP_RESHAPE ? dy->in[0] : dy;
  if (product->op != OP_MATMUL || product->i[0] || !product->i[1] || product->in[0]->shape.rank > 3 ||
      product->in[1]->shape.rank != product->in[0]->shape.rank)
    return NULL;
  return product;
}

static bool slides_by_one(const node *y) {
  for (int k = 0; k < windows_rank(y); k++)
    if (y->i[3 * k + 1] != 1)
      return false;
  return true;
}

// B [..., taps * C, F] with its taps in the opposite order, and C and F exchanged: [..., taps * F, C].
static node *turned_kernel(graph *g, node *b, int64_t taps, const dim *channels) {
  int lead = b->shape.rank - 2;
  const dim *filters = b->shape.d[lead + 1];
  shape split = {.rank = lead + 3}, joined = {.rank = lead + 2};
  int axes[MAX_RANK];
  for (int k = 0; k < lead; k++) {
    split.d[k] = joined.d[k] = b->shape.d[k];
    axes[k] = k;
  }
  split.d[lead] = dim_const(g->dims, taps);
  split.d[lead + 1] = channels;
  split.d[lead + 2] = filters;
  axes[lead] = lead;
  axes[lead + 1] = lead + 2;
  axes[lead + 2] = lead + 1;
  joined.d[lead] = dim_mul(g->dims, split.d[lead], filters);
  joined.d[lead + 1] = channels;
  return g_reshape(g, g_transpose(g, g_reverse(g, g_reshape(g, b, split), lead), axes), joined);
}

// With windows that slide by one, the gradient of a product with them is a product of the windows of the
// other gradient, with zeros around it, and the turned kernel.
static node *product_of_windows(graph *g, const node *y, const node *product) {
  const node *x = y->in[0];
  int rank = windows_rank(y);
  node *d = product->in[0], *b = product->in[1];
  shape spatial = y->shape;
  spatial.d[rank + 1] = d->shape.d[d->shape.rank - 1];
  node *padded = g_reshape(g, d, spatial);
  graph_window w[MOST_AXES];
  for (int k = 0; k < rank; k++) {
    w[k] = windows_axis(y, k);
    w[k].out = x->shape.d[k + 1];
    int64_t around = reach_of(&w[k]) - 1;
    padded = g_pad(g, padded, k + 1, around, dim_add(g->dims, w[k].out, dim_const(g->dims, around)), 0);
  }
  node *rows = g_windows(g, padded, w);
  const dim *channels = x->shape.d[rank + 1];
  node *kernel = turned_kernel(g, b, windows_taps(y), channels);
  shape flat = d->shape;
  flat.d[flat.rank - 1] = rows->shape.d[rank + 1];
  shape places = {.rank = rank + 1};
  for (int k = 0; k <= rank; k++)
    places.d[k] = x->shape.d[k];
  flat.d[flat.rank - 2] = shape_elements(g->dims, &places);
  if (flat.rank == 3)
    flat.d[1] = dim_floordiv(g->dims, flat.d[1], flat.d[0]);
  return g_reshape(g, g_matmul(g, g_reshape(g, rows, flat), kernel, false, false), x->shape);
}

static void windows_vjp(adjoint *a, node *y, node *dy) {
  node *x = y->in[0];
  if (!adjoint_wanted(a, x))
    return;
  const node *product = product_of(dy);
  bool wide = x->shape.d[x->shape.rank - 1]->value >= NARROW;
  adjoint_add(a, x,
              product && wide && slides_by_one(y) ? product_of_windows(a->g, y, product)
                                                  : sum_of_taps(a, y, dy));
}

const op_rules op_rules_windows = {.shape = windows_shape, .fold = windows_fold, .vjp = windows_vjp};
