// Requires: sink. Guarantees: no product has a one-hot operand on its left, so that one-hot rows never
// become a matrix: row r of one_hot(ids) W is row ids[r] of W. Changes: MATMUL(ONE_HOT(ids), W) to GATHER(W,
// ids).
#include "passes/pass.h"

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  if (original->op != OP_MATMUL || original->i[0] || original->i[1] || new_in[1]->shape.rank != 2)
    return NULL;
  node *a = new_in[0];
  if (a->op == OP_ONE_HOT)
    return g_gather(g, new_in[1], a->in[0], NULL);
  if (a->op != OP_RESHAPE || a->in[0]->op != OP_ONE_HOT)
    return NULL;
  node *rows = a->in[0];
  shape leading = a->shape;
  leading.rank--;
  if (a->shape.d[leading.rank] != rows->shape.d[rows->shape.rank - 1])
    return NULL;
  return g_gather(g, new_in[1], g_reshape(g, rows->in[0], leading), NULL);
}

static void run(compilation *c) {
  program_rewrite(c->program, rule, NULL);
}

const pass pass_one_hot = {
    .name = "one_hot",
    .doc = "a product with one-hot rows becomes a row gather of the other operand",
    .run = run,
};
