// Requires: nothing. Guarantees: a row permutation of work that is done row by row is applied to that work's
// index vectors instead, so that embeddings are gathered in the order in which a recurrence reads them.
// Changes: GATHER(f(x, y), p) to f(GATHER(x, p), GATHER(y, p)) where the operands absorb it; RESHAPE of
// gathered or one-hot rows to such rows of the reshaped index.
#include "ir/scan.h"
#include "passes/pass.h"

enum { MAX_DEPTH = 8 };

// Permuting the rows of x costs nothing: they come through an index, a counter or are all alike.
static bool absorbs(const node *x, int depth) {
  if (depth > MAX_DEPTH || x->shape.rank == 0)
    return false;
  switch (x->op) {
  case OP_GATHER:
    return x->in[1]->shape.rank == 1;
  case OP_RANDOM:
    return x->n_in == 1;
  case OP_ONE_HOT:
    return x->in[0]->shape.rank == 1;
  case OP_BROADCAST:
    return x->i[0] < 0;
  default:
    break;
  }
  if (!op_is_elementwise(x->op))
    return false;
  for (int k = 0; k < x->n_in; k++)
    if (!absorbs(x->in[k], depth + 1))
      return false;
  return true;
}

static node *permuted(graph *g, node *x, node *index) {
  switch (x->op) {
  case OP_GATHER:
    return g_gather(g, x->in[0], g_gather(g, x->in[1], index, NULL), NULL);
  case OP_RANDOM:
    return g_random(g, (uint64_t)x->i[0], x->shape, g_gather(g, x->in[0], index, NULL));
  case OP_ONE_HOT:
    return g_one_hot(g, g_gather(g, x->in[0], index, NULL), x->shape.d[x->shape.rank - 1]);
  case OP_BROADCAST:
    return x;
  default:
    break;
  }
  node *in[3];
  for (int k = 0; k < x->n_in; k++)
    in[k] = permuted(g, x->in[k], index);
  return graph_rebuild(g, x, in);
}

static bool is_permutation(const node *index_owner) {
  return index_owner->op == OP_GATHER && index_owner->n_in == 3;
}

static node *reshape_of_rows(graph *g, const node *original, node *rows) {
  int rank = original->shape.rank;
  const dim *width = rows->shape.rank ? rows->shape.d[rows->shape.rank - 1] : NULL;
  if (rank < 2 || original->shape.d[rank - 1] != width)
    return NULL;
  shape leading = graph_rewritten_shape(g, &original->shape);
  leading.rank--;
  if (rows->op == OP_ONE_HOT)
    return g_one_hot(g, g_reshape(g, rows->in[0], leading), width);
  if (rows->op != OP_GATHER || rows->n_in != 2 || rows->in[0]->shape.rank != 2)
    return NULL;
  return g_gather(g, rows->in[0], g_reshape(g, rows->in[1], leading), NULL);
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  if (original->op == OP_RESHAPE)
    return reshape_of_rows(g, original, new_in[0]);
  if (!is_permutation(original) || new_in[0]->op == OP_RANDOM || !absorbs(new_in[0], 0))
    return NULL;
  return permuted(g, new_in[0], new_in[1]);
}

static void run(compilation *c) {
  program_rewrite(c->program, rule, NULL);
}

const pass pass_sink = {
    .name = "sink",
    .doc = "row permutations move to the leaves, where they fold into index vectors",
    .run = run,
};
