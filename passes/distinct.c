// Requires: one_hot, sink. Guarantees: a product with rows gathered from a weight is computed once per
// distinct id, whatever their number of uses; its gradient then also sums the rows of equal ids before any
// product. Changes: MATMUL(GATHER(E, ids), W) to GATHER(MATMUL(GATHER(E, values), W), inverse) with
// UNIQUE(ids), and in prediction ADD(bias, that) to a GATHER of the sum; the bits stay, since each row of a
// product depends on its own row of the left operand alone. Also MATMUL(GATHER(E, ids) + BROADCAST(P), W),
// words and positions, to the sum of such a product and BROADCAST(MATMUL(P, W)), equal to rounding: a
// training batch repeats the positions so often that their product costs little, and prediction remembers
// it, where P depends on weights alone or is gathered from one itself (elsewhere, with one example, it would
// cost as much as what it saves).
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

// op(W) times the rows of a gathered weight, once per distinct id: shape [ids..., N].
static node *product_of_gathered(graph *g, const node *gather, const shape *leading, node *w,
                                 bool transposed) {
  node *ids = gather->in[1];
  int64_t table_rows;
  dim_is_const(gather->in[0]->shape.d[0], &table_rows);
  shape flat = {.rank = 1, .d = {shape_elements(g->dims, &ids->shape)}};
  node *unique = g_unique(g, g_reshape(g, ids, flat), table_rows);
  node *rows = g_gather(g, gather->in[0], g_part(g, unique, UNIQUE_VALUES), NULL);
  node *product = g_matmul(g, rows, w, false, transposed);
  return g_gather(g, product, g_reshape(g, g_part(g, unique, UNIQUE_INVERSE), *leading), NULL);
}

static bool gathers_once_distinct(const node *x) {
  return is_gathered_weight(x) && !is_already_distinct(x->in[1]);
}

// Rows [..., F] that are the same for every index of a leading axis.
static bool repeats_rows(const node *x) {
  int rank = x->shape.rank, inner = x->op == OP_BROADCAST ? x->in[0]->shape.rank : 0;
  return inner > 1 && x->i[0] < 0 && x->i[rank - 1] == inner - 1 &&
         x->shape.d[rank - 1] == x->in[0]->shape.d[inner - 1];
}

// A value of weights alone, whose product with a weight is computed once (pass keep).
static bool is_of_weights_alone(const node *n, int depth) {
  enum { DEEPEST = 12 };
  bool given = n->op == OP_INPUT || n->op == OP_RANDOM || n->op == OP_PART || n->op == OP_CHECK_IDS ||
               n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE;
  if (given || depth > DEEPEST)
    return false;
  for (int k = 0; k < n->shape.rank; k++)
    if (!dim_is_const(n->shape.d[k], NULL))
      return false;
  for (int k = 0; k < n->n_in; k++)
    if (!is_of_weights_alone(n->in[k], depth + 1))
      return false;
  return n->op != OP_EXTENT || dim_is_const(n->extra, NULL);
}

// Rows that occur again and again: in a training batch for each of its examples; in prediction those whose
// products are remembered from run to run.
static bool are_few(const program *p, const node *rows) {
  return p->kind == PROGRAM_GRAD || gathers_once_distinct(rows) || is_of_weights_alone(rows, 0);
}

static bool gathers_few_rows(const program *p, const node *x) {
  return p->kind != PROGRAM_GRAD && x->op == OP_GATHER && x->n_in == 2 && x->in[0]->shape.rank == 2 &&
         x->in[0]->op != OP_PARAM && are_few(p, x->in[0]);
}

// A sum of gathered weights and few rows, at least one of them gathered.
static bool is_sum_of_few_rows(const program *p, const node *x, int depth, bool *gathered) {
  enum { DEEPEST = 8 };
  if (x->op == OP_ADD && depth < DEEPEST)
    return is_sum_of_few_rows(p, x->in[0], depth + 1, gathered) &&
           is_sum_of_few_rows(p, x->in[1], depth + 1, gathered);
  *gathered = *gathered || gathers_once_distinct(x);
  return gathers_once_distinct(x) || (repeats_rows(x) && are_few(p, x->in[0])) || gathers_few_rows(p, x);
}

static node *product_of_rows(graph *g, const node *x, node *w, bool transposed) {
  if (x->op == OP_ADD)
    return g_add(g, product_of_rows(g, x->in[0], w, transposed), product_of_rows(g, x->in[1], w, transposed));
  shape s = x->shape;
  s.rank--;
  if (is_gathered_weight(x))
    return product_of_gathered(g, x, &s, w, transposed);
  node *few = x->in[0];
  node *product = gathers_once_distinct(few) ? product_of_rows(g, few, w, transposed)
                                             : g_matmul(g, few, w, false, transposed);
  if (x->op == OP_GATHER)
    return g_gather(g, product, x->in[1], NULL);
  int axes[MAX_RANK];
  for (int k = 0; k < x->shape.rank; k++)
    axes[k] = (int)x->i[k];
  s.d[s.rank++] = product->shape.d[product->shape.rank - 1];
  return g_broadcast(g, product, s, axes);
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
  node *a = new_in[0], *rows = a->op == OP_RESHAPE ? a->in[0] : a;
  if (rows != a &&
      (rows->shape.rank == 0 || a->shape.d[a->shape.rank - 1] != rows->shape.d[rows->shape.rank - 1]))
    return NULL;
  shape leading = a->shape;
  leading.rank--;
  if (gathers_once_distinct(rows))
    return product_of_gathered(g, rows, &leading, new_in[1], original->i[1] != 0);
  bool gathered = false;
  if (rows->op != OP_ADD || !is_sum_of_few_rows(p, rows, 0, &gathered) || !gathered)
    return NULL;
  node *product = product_of_rows(g, rows, new_in[1], original->i[1] != 0);
  leading.d[leading.rank++] = product->shape.d[product->shape.rank - 1];
  return g_reshape(g, product, leading);
}

static void run(compilation *c) {
  program_rewrite(c->program, rule, c->program);
}

const pass pass_distinct = {
    .name = "distinct",
    .doc = "a product with gathered rows is computed once per distinct id",
    .run = run,
};
