// Matrix products.
#include "ir/autodiff.h"

static const char *matmul_shape(graph *g, node *n) {
  (void)g;
  const node *a = n->in[0], *b = n->in[1];
  int ra = a->shape.rank, rb = b->shape.rank;
  if (ra < 2 || rb < 2 || (rb != 2 && rb != ra) || a->type != REAL || b->type != REAL)
    return "needs matrices of reals, equal leading axes or none in the second";
  for (int k = 0; k < rb - 2; k++)
    if (a->shape.d[k] != b->shape.d[k])
      return "leading axes differ";
  bool ta = n->i[0] != 0, tb = n->i[1] != 0;
  if (a->shape.d[ta ? ra - 2 : ra - 1] != b->shape.d[tb ? rb - 1 : rb - 2])
    return "inner extents differ";
  n->type = REAL;
  n->shape = a->shape;
  n->shape.d[ra - 2] = a->shape.d[ta ? ra - 1 : ra - 2];
  n->shape.d[ra - 1] = b->shape.d[tb ? rb - 2 : rb - 1];
  return NULL;
}

static bool swaps_last_two(const node *n) {
  int r = n->shape.rank;
  if (n->op != OP_TRANSPOSE || n->i[r - 1] != r - 2 || n->i[r - 2] != r - 1)
    return false;
  for (int k = 0; k < r - 2; k++)
    if (n->i[k] != k)
      return false;
  return true;
}

static node *matmul_fold(graph *g, const node *n) {
  node *a = n->in[0], *b = n->in[1];
  bool ta = n->i[0] != 0, tb = n->i[1] != 0;
  if (swaps_last_two(a))
    return g_matmul(g, a->in[0], b, !ta, tb);
  if (swaps_last_two(b))
    return g_matmul(g, a, b->in[0], ta, !tb);
  if (a->shape.rank == 2 || b->shape.rank > 2 || ta)
    return NULL;
  // A matrix shared by all leading indices: one product of all rows.
  shape rest = shape_without(&a->shape, 1u << (a->shape.rank - 1));
  shape flat = shape_of(2, shape_elements(g->dims, &rest), a->shape.d[a->shape.rank - 1]);
  return g_reshape(g, g_matmul(g, g_reshape(g, a, flat), b, false, tb), n->shape);
}

node *g_matmul(graph *g, node *a, node *b, bool transpose_a, bool transpose_b) {
  node *in[2] = {a, b};
  node n = {.op = OP_MATMUL, .n_in = 2, .in = in, .i = {transpose_a, transpose_b}};
  return graph_intern(g, &n);
}

static node *swap_last_two(graph *g, node *x) {
  int permutation[MAX_RANK], r = x->shape.rank;
  for (int k = 0; k < r; k++)
    permutation[k] = k < r - 2 ? k : 2 * r - 3 - k;
  return g_transpose(g, x, permutation);
}

// With A and B the operands as multiplied: dA = dY B^T, dB = A^T dY, each transposed as it is stored.
static void matmul_vjp(adjoint *w, node *y, node *dy) {
  graph *g = w->g;
  node *a = y->in[0], *b = y->in[1];
  bool ta = y->i[0] != 0, tb = y->i[1] != 0, shared = b->shape.rank < a->shape.rank;
  if (adjoint_wanted(w, a)) {
    if (!ta)
      adjoint_add(w, a, g_matmul(g, dy, b, false, !tb));
    else if (!shared)
      adjoint_add(w, a, g_matmul(g, b, dy, tb, true));
    else
      adjoint_add(w, a, swap_last_two(g, g_matmul(g, dy, b, false, !tb)));
  }
  if (adjoint_wanted(w, b)) {
    node *db = tb ? g_matmul(g, dy, a, true, ta) : g_matmul(g, a, dy, !ta, false);
    adjoint_add(w, b, shared ? g_reduce_sum(g, db, (1u << (a->shape.rank - 2)) - 1) : db);
  }
}

const op_rules op_rules_matmul = {.shape = matmul_shape, .fold = matmul_fold, .vjp = matmul_vjp};
