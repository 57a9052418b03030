// Gradient checks of ops on rows: gather, scatter, segments, packings, scans.
#include "ir/scan.h"
#include "tests/gradcheck/ops_cases.h"
#include <math.h>

node *gather_with_holes(world *w);
node *gather_two_axes(world *w);
node *gather_carry(world *w);
node *gather_parts(world *w);
node *gather_of_gather(world *w);
node *gather_dense_parts(world *w);

static node *table(world *w, int64_t rows) {
  return world_param(w, -1, 1, matrix_shape(w, rows, 3));
}

static node *square(world *w, node *x) {
  return g_mul(w->g, x, x);
}

node *gradcheck_gather(world *w) {
  const int ids[] = {4, 1, 1, 0, 4, 4};
  node *checked = g_check_ids(w->g, world_ints(w, vector_shape(w, 6), ids), NULL, 5, 0);
  return square(w, g_gather(w->g, table(w, 5), checked, NULL));
}

node *gather_with_holes(world *w) {
  const int ids[] = {4, -1, 1, 0, -1, 4, 4};
  return square(w, g_gather(w->g, table(w, 5), world_ints(w, vector_shape(w, 7), ids), NULL));
}

node *gather_two_axes(world *w) {
  const int ids[] = {4, -1, 1, 0, 1, 4};
  return square(w, g_gather(w->g, table(w, 5), world_ints(w, matrix_shape(w, 2, 3), ids), NULL));
}

node *gather_of_gather(world *w) {
  const int inner[] = {4, 1, 1, -1}, outer[] = {3, 0, -1, 2, 0};
  node *t = table(w, 5), *i = world_ints(w, vector_shape(w, 4), inner),
       *o = world_ints(w, vector_shape(w, 5), outer);
  node *checked = g_binary(w->g, OP_MAX, o, g_int(w->g, 0));
  node *with_hole = g_gather(w->g, g_gather(w->g, t, i, NULL), o, NULL);
  return g_mul(w->g, with_hole, g_gather(w->g, g_gather(w->g, square(w, t), i, NULL), checked, NULL));
}

node *gradcheck_scatter(world *w) {
  const int ids[] = {5, -1, 0, 2};
  return square(w, g_scatter(w->g, table(w, 4), world_ints(w, vector_shape(w, 4), ids), world_const(w, 7)));
}

node *gradcheck_one_hot(world *w) {
  const int ids[] = {2, 9, 0, -1};
  node *hot = g_one_hot(w->g, world_ints(w, vector_shape(w, 4), ids), world_const(w, 5));
  return g_matmul(w->g, hot, table(w, 5), false, false);
}

node *gradcheck_check_ids(world *w) {
  return gradcheck_gather(w);
}

static node *segments(world *w, op_code op, bool ordered) {
  const int starts[] = {0, 3, 3, 4, 6}, group[] = {0, 0, 0, 2, 3, 3};
  const int order[] = {4, 0, 2, 5, 1, 3}, mixed[] = {0, 3, 0, 3, 0, 2};
  node *s = world_ints(w, vector_shape(w, 5), starts),
       *g = world_ints(w, vector_shape(w, 6), ordered ? mixed : group);
  node *o = ordered ? world_ints(w, vector_shape(w, 6), order) : NULL;
  return square(w, g_segment(w->g, op, table(w, 6), s, g, o, 0.25));
}

node *gradcheck_segment_sum(world *w) {
  return g_add(w->g, segments(w, OP_SEGMENT_SUM, false), segments(w, OP_SEGMENT_SUM, true));
}

node *gradcheck_segment_max(world *w) {
  return g_add(w->g, segments(w, OP_SEGMENT_MAX, false), segments(w, OP_SEGMENT_MAX, true));
}

node *gradcheck_unique(world *w) {
  const int ids[] = {4, 1, 1, 0, 4, 4};
  node *u = g_unique(w->g, world_ints(w, vector_shape(w, 6), ids), 5);
  node *distinct = g_gather(w->g, table(w, 5), g_part(w->g, u, UNIQUE_VALUES), NULL);
  node *rows = g_gather(w->g, square(w, distinct), g_part(w->g, u, UNIQUE_INVERSE), NULL);
  return g_mul(w->g, rows, g_gather(w->g, rows, g_part(w->g, u, UNIQUE_ORDER), NULL));
}

static node *masked_pack(world *w, bool dense) {
  const int mask[] = {0, 1, 1, 0, /**/ 0, 0, 0, 0, /**/ 1, 1, 0, 1};
  const dim *batch = world_dim(w, "batch", 3), *time = world_dim(w, "time", 4);
  node *m = dense ? NULL : world_ints(w, shape_of(2, batch, time), mask);
  return g_pack(w->g, m, batch, time);
}

static node *through_parts(world *w, bool dense) {
  graph *g = w->g;
  node *pack = masked_pack(w, dense);
  const dim *all = dim_mul(g->dims, pack_batch(pack), pack_time(pack)), *f = world_const(w, 2);
  node *x = world_param(w, -1, 1, shape_of(2, all, f)),
       *y = world_param(w, -1, 1, shape_of(2, pack_batch(pack), f));
  node *rows = g_gather(g, x, g_part(g, pack, PACK_ROWS), NULL);
  node *tm = g_gather(g, square(w, rows), g_part(g, pack, PACK_TM_RM), NULL);
  node *back = g_gather(g, g_unary(g, OP_EXP, tm), g_part(g, pack, PACK_RM_TM), NULL);
  node *sorted = g_gather(g, y, g_part(g, pack, PACK_ORDER), NULL);
  node *restored = g_gather(g, square(w, sorted), g_part(g, pack, PACK_RANK), NULL);
  node *spread = g_gather(g, restored, g_part(g, pack, PACK_EXAMPLE), NULL);
  node *unpacked = g_gather(g, g_mul(g, back, spread), g_part(g, pack, PACK_INVERSE), NULL);
  return g_mul(g, unpacked, x);
}

node *gradcheck_pack(world *w) {
  return through_parts(w, false);
}

node *gradcheck_part(world *w) {
  return through_parts(w, false);
}

node *gather_parts(world *w) {
  return through_parts(w, false);
}

node *gather_dense_parts(world *w) {
  return through_parts(w, true);
}

node *gather_carry(world *w) {
  graph *g = w->g;
  node *pack = masked_pack(w, false);
  const dim *all = dim_mul(g->dims, pack_batch(pack), pack_time(pack));
  node *x = world_param(w, -1, 1, shape_of(2, all, world_const(w, 2)));
  node *rows = square(w, g_gather(g, x, g_part(g, pack, PACK_ROWS), NULL));
  return g_mul(g, g_gather(g, rows, g_part(g, pack, PACK_CARRY), NULL), x);
}

node *gradcheck_scan(world *w) {
  graph *g = w->g;
  node *pack = masked_pack(w, false);
  const dim *all = dim_mul(g->dims, pack_batch(pack), pack_time(pack)), *u = world_const(w, 2);
  node *x = world_param(w, -1, 1, shape_of(2, all, u)),
       *weight = world_param(w, -1, 1, matrix_shape(w, 2, 2));
  node *rows = g_gather(g, x, g_part(g, pack, PACK_ROWS), NULL);
  scan_builder *s = scan_begin(g, pack, false);
  node *step = scan_add_sequence(s, g_gather(g, rows, g_part(g, pack, PACK_TM_RM), NULL));
  node *h = scan_add_state(s, world_param(w, -1, 1, shape_of(2, pack_batch(pack), u)));
  scan_set_next(s, 0, g_unary(g, OP_TANH, g_add(g, step, g_matmul(g, h, weight, false, false))));
  return scan_final_state(g, scan_end(s), 0);
}

node *gradcheck_scan_seq(world *w) {
  return gradcheck_scan(w);
}

node *gradcheck_scan_state(world *w) {
  return gradcheck_scan(w);
}
