// Conversions between dense tensors and valid rows in row-major (RM) and time-major (TM) order.
#include "ir/lower_private.h"

node *with_leading(graph *g, node *x, int drop, const dim *const *lead, int n_lead) {
  shape s = {.rank = x->shape.rank - drop + n_lead};
  INVARIANT(s.rank <= MAX_RANK && drop <= x->shape.rank);
  for (int k = 0; k < n_lead; k++)
    s.d[k] = lead[k];
  for (int k = drop; k < x->shape.rank; k++)
    s.d[k - drop + n_lead] = x->shape.d[k];
  return g_reshape(g, x, s);
}

node *rows_as_they_stand(graph *g, node *dense) {
  INVARIANT(dense->shape.rank >= 2);
  const dim *rows = dim_mul(g->dims, dense->shape.d[0], dense->shape.d[1]);
  return with_leading(g, dense, 2, &rows, 1);
}

static node *to_tm(graph *g, node *rm, node *pack) {
  return g_gather(g, rm, g_part(g, pack, PACK_TM_RM), g_part(g, pack, PACK_RM_TM));
}

static node *to_rm(graph *g, node *tm, node *pack) {
  return g_gather(g, tm, g_part(g, pack, PACK_RM_TM), g_part(g, pack, PACK_TM_RM));
}

static node *reorder(graph *g, node *rows, node *pack, row_layout from, row_layout to) {
  if (from == to)
    return rows;
  return to == LAYOUT_TM ? to_tm(g, rows, pack) : to_rm(g, rows, pack);
}

static bool is_zero(const node *n) {
  while (n && n->op == OP_BROADCAST)
    n = n->in[0];
  return !n || (n->op == OP_CONST && n->f == 0 && n->i[0] == 0);
}

// Rows where `index` [R] is negative are replaced by `fill`: [F...], or [R, F...] when it is full.
static node *fill_in(graph *g, node *rows, node *index, node *fill, bool full) {
  int condition_axes[MAX_RANK] = {0, -1, -1, -1, -1, -1};
  node *missing = g_binary(g, OP_LT, index, g_int(g, 0));
  missing = g_broadcast(g, missing, rows->shape, condition_axes);
  return g_select(g, missing, full ? fill : g_broadcast_to(g, fill, rows->shape), rows);
}

// Every step of every example [B*T, F...] from the valid rows.
static node *unpack(graph *g, lowered x) {
  node *rm = reorder(g, x.data, x.pack, x.layout, LAYOUT_RM);
  if (pack_is_dense(x.pack))
    return rm;
  node *index = g_part(g, x.pack, x.fill_kind == FILL_CARRY ? PACK_CARRY : PACK_INVERSE);
  node *rows = g_gather(g, rm, index, NULL);
  if (is_zero(x.fill))
    return rows; // a gather at -1 gives zeros
  return fill_in(g, rows, index, x.fill, x.fill_kind == FILL_FULL);
}

node *all_rows(lowering *lw, lowered x) {
  return x.layout == LAYOUT_DENSE ? rows_as_they_stand(lw->g, x.data) : unpack(lw->g, x);
}

node *lower_to_all_rows(lowering *lw, lowered x, const tensor *t) {
  INVARIANT(t->shape.rank >= 2);
  return all_rows(lw, x);
}

node *lower_to_dense(lowering *lw, lowered x, const tensor *t) {
  if (x.layout == LAYOUT_DENSE)
    return x.data;
  return with_leading(lw->g, unpack(lw->g, x), 1, t->shape.d, 2);
}

node *lower_to_pack(lowering *lw, lowered x, node *pack, row_layout layout) {
  graph *g = lw->g;
  INVARIANT(layout != LAYOUT_DENSE);
  if (x.pack == pack)
    return reorder(g, x.data, pack, x.layout, layout);
  node *rows = all_rows(lw, x);
  INVARIANT(rows->shape.d[0] == g_part(g, pack, PACK_INVERSE)->shape.d[0]);
  if (!pack_is_dense(pack))
    rows = g_gather(g, rows, g_part(g, pack, PACK_ROWS), NULL);
  return reorder(g, rows, pack, LAYOUT_RM, layout);
}

node *lower_to_rows(lowering *lw, lowered x, const tensor *t, row_layout layout) {
  if (x.layout == LAYOUT_DENSE && layout == LAYOUT_RM && t->mask != MASK_VALID)
    return rows_as_they_stand(lw->g, x.data);
  return lower_to_pack(lw, x, x.layout == LAYOUT_DENSE ? lower_pack(lw, t) : x.pack, layout);
}

node *lower_row_numbers(lowering *lw, lowered x) {
  graph *g = lw->g;
  if (x.layout == LAYOUT_DENSE || (x.layout == LAYOUT_RM && pack_is_dense(x.pack)))
    return NULL;
  if (pack_is_dense(x.pack))
    return g_part(g, x.pack, PACK_TM_RM);
  return reorder(g, g_part(g, x.pack, PACK_ROWS), x.pack, LAYOUT_RM, x.layout);
}
