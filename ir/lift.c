// Lifting: the gradient of a value captured by a scan is a sum over its steps. Where a contribution sums over
// the active rows, and what follows is linear, the sum over all steps is the same expression over all rows,
// taken once outside: sum_k A_k^T B_k = A^T B with the rows of A and B collected. Anything else is collected
// whole, in the first active row of each step, and summed outside.
#include "ir/autodiff_scan.h"
#include <stdlib.h>

typedef enum {
  LIFT_NONE,
  LIFT_PRODUCT, // matmul that contracts the active rows
  LIFT_ROW_SUM, // reduce_sum over the active rows
  LIFT_TABLE,   // scatter of rows summed by distinct id
  LIFT_ONE,     // linear in in[which], the other operands (if any) from outside
  LIFT_ALL,     // linear in all operands together
  LIFT_WHOLE
} lift_kind;

static bool inside(const scan_sweep *s, const node *n) {
  return node_scan_id(s->g, n) == s->b->id;
}

static bool mentions_rows(const scan_sweep *s, const node *n) {
  for (int k = 0; k < n->shape.rank; k++)
    if (dim_scan_id(s->g, n->shape.d[k]) >= 0)
      return true;
  return false;
}

static bool all_inside(const scan_sweep *s, const node *n) {
  for (int k = 0; k < n->n_in; k++)
    if (!inside(s, n->in[k]) || mentions_rows(s, n->in[k]))
      return false;
  return true;
}

static bool is_row_product(const scan_sweep *s, const node *n) {
  const node *a = n->in[0], *b = n->in[1];
  return a->shape.rank == 2 && b->shape.rank == 2 && n->i[0] && !n->i[1] && has_active_rows(s, a) &&
         has_active_rows(s, b);
}

// SCATTER(SEGMENT_SUM(rows, starts, inverse, order), values) of UNIQUE(index), or values - 1 of UNIQUE(index
// + 1): see table_gradient. *index is what UNIQUE counts.
static bool is_table_sum(const scan_sweep *s, const node *n, node **rows, node **index) {
  const node *sum = n->in[0], *ids = n->in[1];
  if (ids->op == OP_SUB && node_is(ids->in[1], 1))
    ids = ids->in[0];
  if (sum->op != OP_SEGMENT_SUM || ids->op != OP_PART || ids->in[0]->op != OP_UNIQUE ||
      sum->in[1]->op != OP_PART || sum->in[1]->in[0] != ids->in[0])
    return false;
  *rows = sum->in[0];
  *index = ids->in[0]->in[0];
  return has_active_rows(s, *rows) && has_active_rows(s, *index);
}

static lift_kind kind_of(const scan_sweep *s, const node *n, int *which) {
  node *rows, *index;
  *which = 0;
  switch (n->op) {
  case OP_MATMUL:
    if (is_row_product(s, n))
      return LIFT_PRODUCT;
    break;
  case OP_MUL:
    break;
  case OP_DIV:
    return !inside(s, n->in[1]) ? LIFT_ONE : LIFT_WHOLE;
  case OP_REDUCE_SUM:
    if ((n->i[0] & 1) && has_active_rows(s, n->in[0]))
      return LIFT_ROW_SUM;
    return mentions_rows(s, n->in[0]) ? LIFT_WHOLE : LIFT_ONE;
  case OP_SCATTER:
    return is_table_sum(s, n, &rows, &index) ? LIFT_TABLE : LIFT_WHOLE;
  case OP_PAD:
    return n->f == 0 ? LIFT_ONE : LIFT_WHOLE;
  case OP_NEG:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_REVERSE:
  case OP_BROADCAST:
    return mentions_rows(s, n->in[0]) ? LIFT_WHOLE : LIFT_ONE;
  case OP_ADD:
  case OP_SUB:
  case OP_CONCAT:
    return all_inside(s, n) ? LIFT_ALL : LIFT_WHOLE;
  default:
    return LIFT_WHOLE;
  }
  *which = inside(s, n->in[0]) ? 0 : 1;
  bool one = inside(s, n->in[0]) != inside(s, n->in[1]);
  return one && !mentions_rows(s, n->in[*which]) ? LIFT_ONE : LIFT_WHOLE;
}

// The value in the first active row, zeros in the others.
static node *in_first_row(scan_sweep *s, const node *n) {
  graph *g = s->g;
  INVARIANT(n->shape.rank < MAX_RANK && !mentions_rows(s, n));
  shape rows = shape_of(1, s->b->active), all = shape_join(&rows, &n->shape, 0);
  int axes[MAX_RANK];
  for (int k = 0; k < all.rank; k++)
    axes[k] = k - 1;
  node *first = g_binary(g, OP_EQ, g_iota(g, all, 0), g_int(g, 0));
  return g_select(g, first, g_broadcast(g, (node *)n, all, axes), g_real(g, 0));
}

static void plan_one(scan_sweep *s, node *n, lift_kind kind) {
  node *rows = n->n_in ? n->in[0] : NULL, *index;
  switch (kind) {
  case LIFT_PRODUCT:
    plan_rows(s, n->in[0]);
    plan_rows(s, n->in[1]);
    break;
  case LIFT_ROW_SUM:
    plan_rows(s, rows);
    break;
  case LIFT_TABLE:
    is_table_sum(s, n, &rows, &index);
    plan_rows(s, rows);
    plan_rows(s, index);
    break;
  case LIFT_WHOLE:
    plan_rows(s, in_first_row(s, n));
    break;
  case LIFT_NONE:
  case LIFT_ONE:
  case LIFT_ALL:
    break;
  }
}

static void mark_contributions(const scan_sweep *s, node_map *mark) {
  for (int k = 0; k < s->b->n_captured; k++) {
    adjoint_terms terms = adjoint_terms_of(&s->inner, s->b->captured[k]);
    for (size_t j = 0; j < terms.len; j++)
      node_map_set(mark, terms.data[j], terms.data[j]);
  }
}

// The nodes to lift, users before operands; *count is their number. All belong to the body.
static node **list_lifts(const scan_sweep *s, size_t *count) {
  node_map *mark = graph_take_map(s->g);
  VEC(node *) list = {0};
  size_t n_inside;
  node *const *all = scan_nodes(s->g, s->b->id, &n_inside);
  mark_contributions(s, mark);
  for (size_t at = n_inside; at-- > 0;) {
    int which;
    node *n = all[at];
    if (!node_map_has(mark, n))
      continue;
    vec_push(&list, n);
    lift_kind kind = kind_of(s, n, &which);
    for (int k = 0; k < n->n_in; k++)
      if (kind == LIFT_ALL || (kind == LIFT_ONE && k == which)) {
        INVARIANT(inside(s, n->in[k]));
        node_map_set(mark, n->in[k], n->in[k]);
      }
  }
  graph_give_map(s->g, mark);
  *count = list.len;
  return list.data;
}

void plan_lifts(scan_sweep *s) {
  size_t count;
  node **list = list_lifts(s, &count);
  for (size_t k = count; k-- > 0;) {
    int which;
    plan_one(s, list[k], kind_of(s, list[k], &which));
  }
  free(list);
}

static node *lift_table(scan_sweep *s, const node *n) {
  node *rows, *index;
  is_table_sum(s, n, &rows, &index);
  node *all = rows_of_value(s, rows), *ids = rows_of_value(s, index);
  if (n->in[1]->op != OP_PART)
    ids = g_sub(s->g, ids, g_int(s->g, 1));
  return table_gradient(s->g, all, ids, n->shape.d[0]);
}

static node *lift_one(scan_sweep *s, node *n, lift_kind kind, const node_map *lifted) {
  graph *g = s->g;
  switch (kind) {
  case LIFT_PRODUCT:
    return g_matmul(g, rows_of_value(s, n->in[0]), rows_of_value(s, n->in[1]), true, false);
  case LIFT_ROW_SUM:
    return g_reduce_sum(g, rows_of_value(s, n->in[0]), (unsigned)n->i[0]);
  case LIFT_TABLE:
    return lift_table(s, n);
  case LIFT_WHOLE:
    return g_reduce_sum(g, rows_of_value(s, in_first_row(s, n)), 1);
  case LIFT_NONE:
  case LIFT_ONE:
  case LIFT_ALL:
    break;
  }
  node **in = ARENA_ARRAY(g->mem, node *, n->n_in);
  for (int k = 0; k < n->n_in; k++)
    in[k] = inside(s, n->in[k]) ? node_map_get(lifted, n->in[k]) : n->in[k];
  return graph_rebuild(g, n, in);
}

void add_lifts(scan_sweep *s) {
  size_t count;
  node **list = list_lifts(s, &count);
  node_map *lifted = graph_take_map(s->g);
  for (size_t k = count; k-- > 0;) {
    int which;
    node_map_set(lifted, list[k], lift_one(s, list[k], kind_of(s, list[k], &which), lifted));
  }
  for (int k = 0; k < s->b->n_captured; k++) {
    adjoint_terms terms = adjoint_terms_of(&s->inner, s->b->captured[k]);
    for (size_t j = 0; j < terms.len; j++) {
      INVARIANT(inside(s, terms.data[j]));
      adjoint_add(s->outer, s->b->captured[k], node_map_get(lifted, terms.data[j]));
    }
  }
  graph_give_map(s->g, lifted);
  free(list);
}
