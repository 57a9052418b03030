// Gradient checks of views, reductions and products.
#include "tests/gradcheck/ops_cases.h"

static node *cube(world *w) {
  return world_param(w, -1, 1, shape_of(3, world_dim(w, "batch", 2), world_const(w, 3), world_const(w, 4)));
}

static node *square(world *w, node *x) {
  return g_mul(w->g, x, x);
}

node *gradcheck_broadcast(world *w) {
  node *x = world_param(w, -1, 1, matrix_shape(w, 3, 4));
  const int axes[] = {1, -1, 0};
  shape s = shape_of(3, world_const(w, 4), world_dim(w, "batch", 2), world_const(w, 3));
  return g_broadcast(w->g, square(w, x), s, axes);
}

node *gradcheck_reshape(world *w) {
  node *x = cube(w);
  shape s = shape_of(2, world_const(w, 12), x->shape.d[0]);
  return g_reshape(w->g, square(w, x), s);
}

node *gradcheck_transpose(world *w) {
  const int permutation[] = {2, 0, 1};
  return g_transpose(w->g, square(w, cube(w)), permutation);
}

node *gradcheck_slice(world *w) {
  node *x = square(w, cube(w));
  node *plain = g_slice(w->g, x, 2, 1, world_const(w, 2), 1),
       *stepped = g_slice(w->g, x, 2, 1, world_const(w, 2), 2);
  return g_mul(w->g, plain, stepped);
}

// Slices side by side, as gates are taken: their adjoints join into one concat.
static node *side_by_side(world *w) {
  node *x = cube(w), *y = square(w, x);
  node *a = g_slice(w->g, y, 2, 0, world_const(w, 1), 1), *b = g_slice(w->g, y, 2, 1, world_const(w, 1), 1);
  node *c = g_slice(w->g, y, 2, 3, world_const(w, 1), 1);
  return g_mul(w->g, a, g_add(w->g, b, g_unary(w->g, OP_EXP, c)));
}

static node *overlapping(world *w) {
  node *y = square(w, cube(w));
  node *a = g_slice(w->g, y, 2, 0, world_const(w, 2), 1), *b = g_slice(w->g, y, 2, 1, world_const(w, 2), 1);
  return g_mul(w->g, a, b);
}

node *gradcheck_reverse(world *w) {
  return g_reverse(w->g, square(w, cube(w)), 1);
}

node *gradcheck_concat(world *w) {
  node *x = cube(w),
       *y = world_param(w, -1, 1, shape_of(3, x->shape.d[0], world_const(w, 2), world_const(w, 4)));
  node *both[3] = {square(w, x), y, g_unary(w->g, OP_EXP, x)};
  return g_concat(w->g, both, 3, 1);
}

static node *concat_symbolic(world *w) {
  const dim *a = world_dim(w, "time_a", 3), *b = world_dim(w, "time_b", 2);
  node *x = world_param(w, -1, 1, shape_of(2, a, world_const(w, 2)));
  node *y = world_param(w, -1, 1, shape_of(2, b, world_const(w, 2)));
  node *all[3] = {x, square(w, y), square(w, x)};
  return square(w, g_concat(w->g, all, 3, 0));
}

node *gradcheck_pad(world *w) {
  node *x = square(w, cube(w));
  return g_mul(w->g, g_pad(w->g, x, 1, 2, world_const(w, 7), 1.5),
               g_pad(w->g, x, 1, 4, world_const(w, 7), 0.5));
}

// Windows of [2, height, width, channels] in a product, and by themselves.
static node *windows(world *w, const dim *height, const dim *width, int64_t channels, graph_window y,
                     graph_window x) {
  node *image = square(
      w, world_param(w, -1, 1, shape_of(4, world_const(w, 2), height, width, world_const(w, channels))));
  graph_window both[2] = {y, x};
  node *all = g_windows(w->g, image, both);
  const dim *columns = all->shape.d[3];
  node *kernel = world_param(w, -1, 1, shape_of(2, columns, world_const(w, 3)));
  return g_add(w->g, g_matmul(w->g, all, kernel, false, false),
               g_slice(w->g, square(w, all), 3, 0, world_const(w, 3), 1));
}

node *gradcheck_windows(world *w) {
  graph_window y = {2, 1, 2, world_const(w, 3)}, x = {3, 1, 1, world_const(w, 2)};
  return windows(w, world_const(w, 5), world_const(w, 4), 1, y, x);
}

static node *windows_wide(world *w) {
  graph_window y = {2, 1, 1, world_const(w, 2)}, x = {2, 1, 2, world_const(w, 2)};
  node *image = world_param(
      w, -1, 1, shape_of(4, world_const(w, 1), world_const(w, 3), world_const(w, 4), world_const(w, 8)));
  graph_window both[2] = {y, x};
  node *all = g_windows(w->g, square(w, image), both);
  node *kernel = world_param(w, -1, 1, shape_of(2, all->shape.d[3], world_const(w, 2)));
  return g_matmul(w->g, all, kernel, false, false);
}

static node *windows_strided(world *w) {
  graph_window y = {2, 2, 1, world_const(w, 2)}, x = {2, 3, 1, world_const(w, 2)};
  return windows(w, world_const(w, 5), world_const(w, 5), 1, y, x);
}

static node *windows_symbolic(world *w) {
  const dim *height = world_dim(w, "height", 4), *width = world_dim(w, "width", 5);
  graph_window y = {2, 1, 1, dim_sub_const(w->g->dims, height, 1)};
  graph_window x = {3, 1, 2, dim_sub_const(w->g->dims, width, 4)};
  return windows(w, height, width, 2, y, x);
}

static node *rows_of_windows(world *w) {
  return world_param(w, -1, 1,
                     shape_of(4, world_const(w, 2), world_const(w, 3), world_const(w, 2), world_const(w, 3)));
}

static void window_axes(world *w, graph_window *axes) {
  axes[0] = (graph_window){2, 1, 2, world_const(w, 3)};
  axes[1] = (graph_window){3, 2, 1, world_const(w, 2)};
}

node *gradcheck_spread(world *w) {
  graph_window axes[2];
  window_axes(w, axes);
  node *kernel = world_param(w, -1, 1, shape_of(2, world_const(w, 12), world_const(w, 3)));
  shape s = shape_of(4, world_const(w, 2), world_const(w, 5), world_const(w, 5), world_const(w, 2));
  return square(w, g_spread(w->g, rows_of_windows(w), kernel, axes, &s));
}

node *gradcheck_collect(world *w) {
  graph_window axes[2];
  window_axes(w, axes);
  shape s = shape_of(4, world_const(w, 2), world_const(w, 5), world_const(w, 5), world_const(w, 2));
  return square(w, g_collect(w->g, world_param(w, -1, 1, s), rows_of_windows(w), axes));
}

node *gradcheck_reduce_sum(world *w) {
  node *x = cube(w);
  return g_add(w->g, square(w, g_reduce_sum(w->g, square(w, x), 5)), g_reduce_sum(w->g, x, 7));
}

node *gradcheck_reduce_max(world *w) {
  node *x = cube(w);
  node *highest = g_reduce(w->g, OP_REDUCE_MAX, x, 2);
  node *least = g_reduce(w->g, OP_REDUCE_MAX, g_unary(w->g, OP_NEG, x), 5);
  return g_mul(w->g, highest, g_reduce_sum(w->g, least, 1));
}

static node *product(world *w, bool ta, bool tb, int leading) {
  const dim *l = world_dim(w, "batch", 2), *m = world_const(w, 3), *k = world_const(w, 4),
            *n = world_const(w, 2);
  shape a = shape_of(3, l, ta ? k : m, ta ? m : k), b = shape_of(3, l, tb ? n : k, tb ? k : n);
  shape a2 = shape_of(2, a.d[1], a.d[2]), b2 = shape_of(2, b.d[1], b.d[2]);
  node *x = world_param(w, -1, 1, leading > 0 ? a : a2), *y = world_param(w, -1, 1, leading > 1 ? b : b2);
  return g_matmul(w->g, x, y, ta, tb);
}

node *gradcheck_matmul(world *w) {
  return product(w, false, false, 0);
}

#define PRODUCT(name, ta, tb, leading)                                                                       \
  static node *name(world *w) {                                                                              \
    return product(w, ta, tb, leading);                                                                      \
  }

PRODUCT(matmul_ta, true, false, 0)
PRODUCT(matmul_tb, false, true, 0)
PRODUCT(matmul_ta_tb, true, true, 0)
PRODUCT(matmul_shared, false, false, 1)
PRODUCT(matmul_shared_ta, true, false, 1)
PRODUCT(matmul_shared_tb, false, true, 1)
PRODUCT(matmul_shared_ta_tb, true, true, 1)
PRODUCT(matmul_batch, false, false, 2)
PRODUCT(matmul_batch_ta, true, false, 2)
PRODUCT(matmul_batch_tb, false, true, 2)
PRODUCT(matmul_batch_ta_tb, true, true, 2)

node *gather_with_holes(world *w);
node *gather_two_axes(world *w);
node *gather_carry(world *w);
node *gather_parts(world *w);
node *gather_of_gather(world *w);
node *gather_dense_parts(world *w);

const op_case extra_cases[] = {
    {"slices side by side", side_by_side},
    {"overlapping slices", overlapping},
    {"concat of symbolic extents", concat_symbolic},
    {"windows of many channels", windows_wide},
    {"windows with strides", windows_strided},
    {"windows of symbolic extents", windows_symbolic},
    {"matmul, a transposed", matmul_ta},
    {"matmul, b transposed", matmul_tb},
    {"matmul, both transposed", matmul_ta_tb},
    {"matmul, b shared", matmul_shared},
    {"matmul, b shared, a transposed", matmul_shared_ta},
    {"matmul, b shared and transposed", matmul_shared_tb},
    {"matmul, b shared, both transposed", matmul_shared_ta_tb},
    {"matmul of batches", matmul_batch},
    {"matmul of batches, a transposed", matmul_batch_ta},
    {"matmul of batches, b transposed", matmul_batch_tb},
    {"matmul of batches, both transposed", matmul_batch_ta_tb},
    {"gather with -1", gather_with_holes},
    {"gather by a matrix of ids", gather_two_axes},
    {"gather by carried rows", gather_carry},
    {"gathers by every part of a packing", gather_parts},
    {"gathers by every part of a dense packing", gather_dense_parts},
    {"gather of gather", gather_of_gather},
    {0},
};
