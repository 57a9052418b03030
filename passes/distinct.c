// Requires: one_hot, sink. Guarantees: a product with rows gathered from a weight is computed once per
// distinct id, whatever their number of uses; its gradient then also sums the rows of equal ids before any
// product. Changes: MATMUL(GATHER(E, ids), W) to GATHER(MATMUL(GATHER(E, values), W), inverse) with
// UNIQUE(ids), and in prediction ADD(bias, that) to a GATHER of the sum. The bits stay: each row of a product
// depends on its own row of the left operand alone.
#include "passes/pass.h"

static bool is_gathered_weight(const node *a) {
  return a->op == OP_GATHER && a->n_in == 2 && a->in[0]->op == OP_PARAM && a->in[0]->shape.rank == 2 &&
         dim_is_const(a->in[0]->shape.d[0], NULL);
}

static bool is_already_distinct(const node *index) {
  return index->op == OP_PART && index->in[0]->op == OP_UNIQUE;
}

// Rows of a product by id: GATHER(MATMUL(GATHER(E, values), W), inverse).
static bool is_product_by_id(const node *n) {
  return n->op == OP_GATHER && n->n_in == 2 && n->in[0]->op == OP_MATMUL && n->shape.rank == 2 &&
         n->in[1]->op == OP_PART && n->in[1]->in[0]->op == OP_UNIQUE && n->in[1]->i[0] == UNIQUE_INVERSE &&
         n->in[0]->shape.d[0] == unique_count(n->in[1]->in[0]);
}

// The same row everywhere.
static bool is_repeated_row(const node *n) {
  return n->op == OP_BROADCAST && n->shape.rank == 2 && n->i[0] < 0;
}

// In prediction a bias joins the rows of the product before they are gathered.
static node *add_before_gather(graph *g, const node *original, node *const *new_in) {
  if (original->op != OP_ADD || node_scan_id(g, original) >= 0)
    return NULL;
  int rows = is_product_by_id(new_in[0]) ? 0 : 1;
  if (!is_product_by_id(new_in[rows]) || !is_repeated_row(new_in[1 - rows]))
    return NULL;
  const node *gather = new_in[rows], *bias = new_in[1 - rows];
  int axes[] = {-1, (int)bias->i[1]};
  node *all = g_broadcast(g, bias->in[0], gather->in[0]->shape, axes);
  return g_gather(g, g_add(g, gather->in[0], all), gather->in[1], NULL);
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  const program *p = context;
  if (p->kind == PROGRAM_INFER || p->kind == PROGRAM_EVALUATE) {
    node *sum = add_before_gather(g, original, new_in);
    if (sum)
      return sum;
  }
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
  program_rewrite(c->program, rule, c->program);
}

const pass pass_distinct = {
    .name = "distinct",
    .doc = "a product with gathered rows is computed once per distinct id",
    .run = run,
};
