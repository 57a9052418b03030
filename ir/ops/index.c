// Ops that move rows through an index vector: gather, scatter, one_hot, check_ids.
#include "ir/autodiff.h"

static bool pack_part_nonnegative(int64_t k) {
  return k != PACK_INVERSE && k != PACK_CARRY;
}

bool index_is_nonnegative(const node *n) {
  for (;;) {
    double value;
    switch (n->op) {
    case OP_CHECK_IDS:
    case OP_IOTA:
      return true;
    case OP_PART:
      return n->in[0]->op == OP_UNIQUE || (n->in[0]->op == OP_PACK && pack_part_nonnegative(n->i[0]));
    case OP_GATHER: // what it adds itself are zeros
    case OP_BROADCAST:
    case OP_RESHAPE:
    case OP_TRANSPOSE:
    case OP_SLICE:
    case OP_REVERSE:
      n = n->in[0];
      break;
    case OP_MAX:
      if (node_is_number(n->in[1], &value) && value >= 0)
        return true;
      n = n->in[0];
      break;
    default:
      return node_is_number(n, &value) && value >= 0;
    }
  }
}

static const char *gather_shape(graph *g, node *n) {
  (void)g;
  if (n->n_in != 2 && n->n_in != 3)
    return "takes a table, an index and perhaps its inverse";
  const node *table = n->in[0], *index = n->in[1];
  if (table->shape.rank < 1 || index->type != INT)
    return "needs a table of rows and an integer index";
  if (index->shape.rank + table->shape.rank - 1 > MAX_RANK)
    return "result has too many axes";
  if (n->n_in == 3 && (n->in[2]->type != INT || index->shape.rank != 1 || n->in[2]->shape.rank != 1 ||
                       index->shape.d[0] != table->shape.d[0] || n->in[2]->shape.d[0] != table->shape.d[0]))
    return "a permutation and its inverse have one entry a row";
  n->type = table->type;
  n->shape = shape_join(&index->shape, &table->shape, 1);
  return NULL;
}

static bool is_whole_ramp(const node *index, const dim *rows) {
  return index->op == OP_IOTA && index->shape.rank == 1 && index->shape.d[0] == rows;
}

static node *gather_of_broadcast(graph *g, const node *n) {
  const node *table = n->in[0];
  int axes[MAX_RANK], lead = n->in[1]->shape.rank;
  for (int k = 0; k < n->shape.rank; k++)
    axes[k] = k < lead ? -1 : (int)table->i[k - lead + 1];
  return g_broadcast(g, table->in[0], n->shape, axes);
}

// gather(gather(t, inner), outer) = gather(t, gather(inner, outer)), where outer holds no -1 and inner
// carries no grouping that the gradient would lose (parts of packings and of uniques).
static node *gather_of_gather(graph *g, const node *n) {
  node *table = n->in[0], *outer = n->in[1], *inner = table->in[1];
  if (table->n_in == 3 && n->n_in == 3) {
    if (table->in[1] == n->in[2] && table->in[2] == outer)
      return table->in[0]; // there and back
    return NULL;
  }
  if (!index_is_nonnegative(outer) || inner->op == OP_PART || table->n_in == 3)
    return NULL;
  return g_gather(g, table->in[0], g_gather(g, inner, outer, n->n_in == 3 ? n->in[2] : NULL), NULL);
}

static node *gather_fold(graph *g, const node *n) {
  node *table = n->in[0], *index = n->in[1];
  if (is_whole_ramp(index, table->shape.d[0]))
    return table;
  if (node_is(table, 0))
    return g_number_like(g, n, 0);
  if (table->op == OP_BROADCAST && table->i[0] < 0 && index_is_nonnegative(index))
    return gather_of_broadcast(g, n);
  if (is_whole_ramp(table, table->shape.d[0]) && index_is_nonnegative(index))
    return index;
  return table->op == OP_GATHER ? gather_of_gather(g, n) : NULL;
}

node *g_gather(graph *g, node *table, node *index, node *inverse) {
  node *in[3] = {table, index, inverse};
  node n = {.op = OP_GATHER, .n_in = inverse ? 3 : 2, .in = in};
  return graph_intern(g, &n);
}

static const char *scatter_shape(graph *g, node *n) {
  (void)g;
  const node *rows = n->in[0], *ids = n->in[1];
  if (rows->shape.rank < 1 || ids->type != INT || ids->shape.rank != 1 || ids->shape.d[0] != rows->shape.d[0])
    return "needs rows and one integer for each";
  shape expected = shape_with(&rows->shape, 0, n->shape.d[0]);
  n->type = rows->type;
  return shape_equal(&expected, &n->shape) ? NULL : "keeps the extents of a row";
}

static node *scatter_fold(graph *g, const node *n) {
  if (is_whole_ramp(n->in[1], n->shape.d[0]))
    return n->in[0];
  return node_is(n->in[0], 0) ? g_number_like(g, n, 0) : NULL;
}

node *g_scatter(graph *g, node *rows, node *ids, const dim *table_rows) {
  node *in[2] = {rows, ids};
  node n = {.op = OP_SCATTER, .n_in = 2, .in = in, .shape = shape_with(&rows->shape, 0, table_rows)};
  return graph_intern(g, &n);
}

static const char *one_hot_shape(graph *g, node *n) {
  (void)g;
  const node *ids = n->in[0];
  if (ids->type != INT || n->shape.rank != ids->shape.rank + 1)
    return "adds one axis to integers";
  for (int k = 0; k < ids->shape.rank; k++)
    if (ids->shape.d[k] != n->shape.d[k])
      return "keeps the extents of the ids";
  n->type = REAL;
  return NULL;
}

node *g_one_hot(graph *g, node *ids, const dim *depth) {
  INVARIANT(ids->shape.rank < MAX_RANK);
  node n = {.op = OP_ONE_HOT, .n_in = 1, .in = &ids, .shape = ids->shape};
  n.shape.d[n.shape.rank++] = depth;
  return graph_intern(g, &n);
}

static const char *check_ids_shape(graph *g, node *n) {
  (void)g;
  if (n->n_in != 1 && n->n_in != 2)
    return "takes ids and perhaps their positions";
  const node *ids = n->in[0], *positions = n->in[n->n_in - 1];
  if (ids->type != INT || positions->type != INT || !shape_equal(&ids->shape, &positions->shape))
    return "ids and positions are integers of one shape";
  n->type = INT;
  n->shape = ids->shape;
  return NULL;
}

static node *check_ids_fold(graph *g, const node *n) {
  (void)g;
  return n->in[0]->op == OP_CHECK_IDS && n->in[0]->i[0] <= n->i[0] ? n->in[0] : NULL;
}

node *g_check_ids(graph *g, node *ids, node *positions_or_null, int64_t bound, int input) {
  node *in[2] = {ids, positions_or_null};
  node n = {.op = OP_CHECK_IDS, .n_in = positions_or_null ? 2 : 1, .in = in, .i = {bound, input}};
  return graph_intern(g, &n);
}

// ---- VJPs

static node *unique_sums(graph *g, node *dy, node *unique) {
  return g_segment(g, OP_SEGMENT_SUM, dy, g_part(g, unique, UNIQUE_STARTS), g_part(g, unique, UNIQUE_INVERSE),
                   g_part(g, unique, UNIQUE_ORDER), 0);
}

// An index that may hold -1 is counted from 1, so that its zero rows form a group of their own, which the
// scatter then skips.
node *table_gradient(graph *g, node *dy, node *index, const dim *rows) {
  if (index_is_nonnegative(index)) {
    node *unique = g_unique_dim(g, index, rows);
    return g_scatter(g, unique_sums(g, dy, unique), g_part(g, unique, UNIQUE_VALUES), rows);
  }
  node *one = g_int(g, 1);
  node *unique = g_unique_dim(g, g_add(g, index, one), dim_add(g->dims, rows, dim_const(g->dims, 1)));
  node *ids = g_sub(g, g_part(g, unique, UNIQUE_VALUES), one);
  return g_scatter(g, unique_sums(g, dy, unique), ids, rows);
}

// The gradient through an index whose grouping is known: a part of a packing or of a unique. Else NULL.
static node *grouped_gradient(graph *g, node *dy, const node *index, const dim *rows) {
  if (index->op != OP_PART)
    return NULL;
  node *multi = index->in[0];
  if (multi->op == OP_UNIQUE) {
    if (index->i[0] == UNIQUE_VALUES)
      return g_scatter(g, dy, (node *)index, rows);
    return index->i[0] == UNIQUE_INVERSE && rows == unique_count(multi) ? unique_sums(g, dy, multi) : NULL;
  }
  if (multi->op != OP_PACK)
    return NULL;
  static const int opposite[PACK_PARTS] = {
      [PACK_ROWS] = PACK_INVERSE, [PACK_INVERSE] = PACK_ROWS, [PACK_ORDER] = PACK_RANK,
      [PACK_RANK] = PACK_ORDER,   [PACK_TM_RM] = PACK_RM_TM,  [PACK_RM_TM] = PACK_TM_RM};
  int64_t k = index->i[0];
  if (k == PACK_EXAMPLE && rows == pack_batch(multi))
    return g_segment(g, OP_SEGMENT_SUM, dy, g_part(g, multi, PACK_OFFSETS), (node *)index, NULL, 0);
  if (k == PACK_EXAMPLE || k == PACK_OFFSETS || k == PACK_STEP_OFFSETS || k == PACK_CARRY)
    return NULL;
  node *back = g_part(g, multi, opposite[k]);
  return back->shape.d[0] == rows ? g_gather(g, dy, back, (node *)(k >= PACK_ORDER ? index : NULL)) : NULL;
}

static void gather_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *table = y->in[0], *index = y->in[1];
  if (!adjoint_wanted(a, table))
    return;
  if (y->n_in == 3) {
    adjoint_add(a, table, g_gather(g, dy, y->in[2], index));
    return;
  }
  if (index->shape.rank != 1) {
    shape flat = shape_of(1, shape_elements(g->dims, &index->shape));
    index = g_reshape(g, index, flat);
    dy = g_reshape(g, dy, shape_join(&flat, &table->shape, 1));
  }
  node *grouped = grouped_gradient(g, dy, index, table->shape.d[0]);
  adjoint_add(a, table, grouped ? grouped : table_gradient(g, dy, index, table->shape.d[0]));
}

static void scatter_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_gather(a->g, dy, y->in[1], NULL));
}

const op_rules op_rules_gather = {.shape = gather_shape, .fold = gather_fold, .vjp = gather_vjp};
const op_rules op_rules_scatter = {.shape = scatter_shape, .fold = scatter_fold, .vjp = scatter_vjp};
const op_rules op_rules_one_hot = {.shape = one_hot_shape}; // integers carry no gradient
const op_rules op_rules_check_ids = {.shape = check_ids_shape, .fold = check_ids_fold};
