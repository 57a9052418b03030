// Requires: one_hot, sink. Guarantees: a product with rows gathered from a weight is computed once per
// distinct id, whatever their number of uses; its gradient then also sums the rows of equal ids before any
// product. Changes: MATMUL(GATHER(E, ids), W) to GATHER(MATMUL(GATHER(E, values), W), inverse) with
// UNIQUE(ids). The bits stay: each row of a product depends on its own row of the left operand alone.
#include "passes/pass.h"

static bool is_gathered_weight(const node *a) {
  return a->op == OP_GATHER && a->n_in == 2 && a->in[0]->op == OP_PARAM && a->in[0]->shape.rank == 2 &&
         dim_is_const(a->in[0]->shape.d[0], NULL);
}

static bool is_already_distinct(const node *index) {
  return index->op == OP_PART && index->in[0]->op == OP_UNIQUE;
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  if (original->op != OP_MATMUL || original->i[0] || new_in[1]->shape.rank != 2 ||
      node_scan_id(g, original) >= 0)
    return NULL;
  node *a = new_in[0];
  bool reshaped = a->op == OP_RESHAPE && is_gathered_weight(a->in[0]);
  node *gather = reshaped ? a->in[0] : a;
  if (!is_gathered_weight(gather) || is_already_distinct(gather->in[1]))
    return NULL;
  if (reshaped && a->shape.d[a->shape.rank - 1] != gather->shape.d[gather->shape.rank - 1])
    return NULL;
  node *ids = gather->in[1];
  int64_t table_rows;
  dim_is_const(gather->in[0]->shape.d[0], &table_rows);
  shape flat = {.rank = 1, .d = {shape_elements(g->dims, &ids->shape)}};
  node *unique = g_unique(g, g_reshape(g, ids, flat), table_rows);
  node *rows = g_gather(g, gather->in[0], g_part(g, unique, UNIQUE_VALUES), NULL);
  node *product = g_matmul(g, rows, new_in[1], false, original->i[1]);
  shape leading = a->shape;
  leading.rank--;
  return g_gather(g, product, g_reshape(g, g_part(g, unique, UNIQUE_INVERSE), leading), NULL);
}

static void run(compilation *c) {
  program_rewrite(c->program, rule, NULL);
}

const pass pass_distinct = {
    .name = "distinct",
    .doc = "a product with gathered rows is computed once per distinct id",
    .run = run,
};
