// Requires: sink. Guarantees: a product with a weighted sum of one-hot rows (a bag of words: multi_hot,
// count, tf_idf) does not make that sum: it is the same sum of rows of the other operand. Changes:
// MATMUL(REDUCE_SUM(ONE_HOT(ids) * weights), W) to REDUCE_SUM(GATHER(W, ids) * weights), and the same without
// the sum. Bits may change: each element now adds the products in order of ids' axis, not of columns.
#include "passes/pass.h"

typedef struct bag {
  node *ids;     // INT [I...]
  node *weights; // REAL [I...] or NULL
  bool summed;   // over the last axis of ids
} bag;

// The tensor that a broadcast over a new last axis repeats; NULL if x is anything else.
static node *repeated_over_last(node *x) {
  if (x->op != OP_BROADCAST || x->in[0]->shape.rank != x->shape.rank - 1 || x->i[x->shape.rank - 1] >= 0)
    return NULL;
  for (int k = 0; k + 1 < x->shape.rank; k++)
    if (x->i[k] != k)
      return NULL;
  return x->in[0];
}

static bool match_rows(node *x, bag *b) {
  if (x->op == OP_ONE_HOT) {
    b->ids = x->in[0];
    return true;
  }
  if (x->op != OP_MUL)
    return false;
  int one = x->in[0]->op == OP_ONE_HOT ? 0 : 1;
  if (x->in[one]->op != OP_ONE_HOT)
    return false;
  b->ids = x->in[one]->in[0];
  b->weights = repeated_over_last(x->in[1 - one]);
  return b->weights != NULL;
}

static bool match(node *x, bag *b) {
  if (x->op == OP_RESHAPE && x->shape.d[x->shape.rank - 1] == x->in[0]->shape.d[x->in[0]->shape.rank - 1])
    x = x->in[0];
  *b = (bag){0};
  if (x->op == OP_REDUCE_SUM && x->in[0]->shape.rank >= 3 && x->i[0] == 1 << (x->in[0]->shape.rank - 2)) {
    b->summed = true;
    x = x->in[0];
  }
  return match_rows(x, b) && (b->summed || b->weights);
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  bag b;
  if (original->op != OP_MATMUL || original->i[0] || original->i[1] || new_in[1]->shape.rank != 2 ||
      !match(new_in[0], &b))
    return NULL;
  node *rows = g_gather(g, new_in[1], b.ids, NULL);
  int last = rows->shape.rank - 1;
  if (b.weights) {
    int axes[MAX_RANK];
    for (int k = 0; k <= last; k++)
      axes[k] = k < last ? k : -1;
    rows = g_mul(g, rows, g_broadcast(g, b.weights, rows->shape, axes));
  }
  if (b.summed)
    rows = g_reduce_sum(g, rows, 1u << (last - 1));
  shape result = new_in[0]->shape;
  result.d[result.rank - 1] = rows->shape.d[rows->shape.rank - 1];
  return g_reshape(g, rows, result);
}

static void run(compilation *c) {
  program_rewrite(c->program, rule, NULL);
}

const pass pass_bag = {
    .name = "bag",
    .doc = "a product with a bag of words becomes a weighted sum of the other operand's rows",
    .run = run,
};
