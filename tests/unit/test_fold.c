// The op graph: equal nodes are one, constants fold, identities vanish.
#include "ir/graph.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

static arena *mem;
static graph *g;
static const dim *batch, *three, *four;
static node *x, *y, *ids; // x, y real [batch, 4], ids int [batch]

static int setup(void **state) {
  (void)state;
  mem = arena_new();
  g = graph_new(mem, dim_table_new(mem));
  batch = dim_named(g->dims, "batch");
  three = dim_const(g->dims, 3);
  four = dim_const(g->dims, 4);
  x = g_input(g, 0, REAL, shape_of(2, batch, four));
  y = g_input(g, 1, REAL, shape_of(2, batch, four));
  ids = g_input(g, 2, INT, shape_of(1, batch));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  graph_free(g);
  arena_free(mem);
  return 0;
}

static double number_of(const node *n) {
  while (n->op == OP_BROADCAST)
    n = n->in[0];
  assert_int_equal(n->op, OP_CONST);
  return n->type == INT ? (double)n->i[0] : n->f;
}

static void equal_nodes_are_one(void **state) {
  (void)state;
  assert_ptr_equal(g_add(g, x, y), g_add(g, y, x));
  assert_ptr_equal(g_mul(g, g_unary(g, OP_TANH, x), y), g_mul(g, y, g_unary(g, OP_TANH, x)));
  assert_ptr_not_equal(g_sub(g, x, y), g_sub(g, y, x));
  assert_ptr_not_equal(g_binary(g, OP_MAX, x, y), g_binary(g, OP_MAX, y, x)); // ties differ
  assert_ptr_not_equal(g_real(g, 1), g_int(g, 1));
  assert_ptr_not_equal(g_random(g, 1, x->shape, NULL), g_random(g, 2, x->shape, NULL));
  assert_ptr_equal(g_random(g, 1, x->shape, NULL), g_random(g, 1, x->shape, NULL));
  node *mask = g_input(g, 3, INT, shape_of(2, batch, dim_named(g->dims, "time")));
  node *pack = g_pack(g, mask, batch, dim_named(g->dims, "time"));
  assert_ptr_equal(pack, g_pack(g, mask, batch, dim_named(g->dims, "time")));
  assert_ptr_equal(pack_valid(pack), pack_valid(g_pack(g, mask, batch, dim_named(g->dims, "time"))));
  assert_ptr_equal(g_unique(g, ids, 10), g_unique(g, ids, 10));
  assert_ptr_not_equal(g_unique(g, ids, 10), g_unique(g, ids, 11));
}

static void constants_fold(void **state) {
  (void)state;
  assert_true(number_of(g_add(g, g_real(g, 2), g_real(g, 3))) == 5);
  assert_true(number_of(g_unary(g, OP_EXP, g_real(g, 0))) == 1);
  assert_true(number_of(g_div(g, g_int(g, -7), g_int(g, 2))) == -3);
  assert_true(number_of(g_add(g, g_int(g, INT32_MAX), g_int(g, 1))) == INT32_MIN);
  assert_true(number_of(g_binary(g, OP_LT, g_real(g, 1), g_real(g, 2))) == 1);
  assert_true(number_of(g_cast(g, g_real(g, -2.7), INT)) == -2);
  assert_true(number_of(g_extent(g, four, REAL)) == 4);
  assert_ptr_equal(g_select(g, g_int(g, 1), x, y), x);
  assert_ptr_equal(g_select(g, g_int(g, 0), x, y), y);
  node *zeros = g_broadcast_to(g, g_real(g, 0), x->shape);
  assert_true(number_of(g_reduce_sum(g, zeros, 3)) == 0);
  assert_true(number_of(g_gather(g, zeros, ids, NULL)) == 0);
  assert_int_equal(g_mul(g, x, g_real(g, 0))->op, OP_MUL); // NaN and infinity must show
}

static void identities_vanish(void **state) {
  (void)state;
  node *zero = g_real(g, 0), *one = g_real(g, 1);
  assert_ptr_equal(g_add(g, x, zero), x);
  assert_ptr_equal(g_add(g, zero, x), x);
  assert_ptr_equal(g_sub(g, x, zero), x);
  assert_ptr_equal(g_mul(g, one, x), x);
  assert_ptr_equal(g_div(g, x, one), x);
  assert_ptr_equal(g_unary(g, OP_NEG, g_unary(g, OP_NEG, x)), x);
  assert_ptr_equal(g_sub(g, zero, x), g_unary(g, OP_NEG, x));
  assert_ptr_equal(g_add(g, x, g_unary(g, OP_NEG, y)), g_sub(g, x, y));
  assert_ptr_equal(g_binary(g, OP_POW, x, g_real(g, 2)), g_mul(g, x, x));
  assert_ptr_equal(g_select(g, g_binary(g, OP_LT, x, y), x, x), x);
  assert_ptr_equal(g_cast(g, x, REAL), x);
  assert_ptr_equal(g_reduce_sum(g, x, 0), x);
  assert_int_equal(g_unary(g, OP_COPY, x)->op, OP_COPY);
}

static void views_compose(void **state) {
  (void)state;
  const int swap[] = {1, 0}, axes[] = {-1, 0, 1};
  node *t = g_transpose(g, x, swap);
  assert_ptr_equal(g_transpose(g, t, swap), x);
  shape flat = shape_of(1, dim_mul(g->dims, batch, four));
  assert_ptr_equal(g_reshape(g, g_reshape(g, x, flat), x->shape), x);
  assert_ptr_equal(g_reverse(g, g_reverse(g, x, 1), 1), x);
  node *b = g_input(g, 5, REAL, shape_of(1, four));
  node *once = g_broadcast_to(g, b, x->shape);
  shape cube = shape_of(3, three, batch, four);
  assert_ptr_equal(g_broadcast(g, once, cube, axes), g_broadcast_to(g, b, cube));
  node *column = g_input(g, 6, REAL, shape_of(2, batch, dim_const(g->dims, 1)));
  assert_int_equal(g_add(g, x, column)->op, OP_ADD);
  // computed before it is repeated
  assert_int_equal(g_unary(g, OP_EXP, once)->op, OP_BROADCAST);
  assert_ptr_equal(g_mul(g, once, g_real(g, 2)), g_broadcast_to(g, g_mul(g, b, g_real(g, 2)), x->shape));
  // a sum over repetitions is a multiple
  assert_ptr_equal(g_reduce_sum(g, once, 1), g_mul(g, b, g_extent(g, batch, REAL)));
  assert_ptr_equal(g_reduce_sum(g, g_reduce_sum(g, x, 2), 1), g_reduce_sum(g, x, 3));
}

static node *part(node *from, int64_t start, int64_t size) {
  return g_slice(g, from, 1, start, dim_const(g->dims, size), 1);
}

static void slices_and_concats(void **state) {
  (void)state;
  assert_ptr_equal(part(x, 0, 4), x);
  assert_ptr_equal(part(part(x, 1, 3), 1, 1), part(x, 2, 1));
  node *both[2] = {x, y}, *joined = g_concat(g, both, 2, 1);
  assert_ptr_equal(part(joined, 0, 4), x);
  assert_ptr_equal(part(joined, 5, 2), part(y, 1, 2));
  assert_int_equal(part(joined, 3, 2)->op, OP_SLICE);
  node *halves[2] = {part(x, 0, 2), part(x, 2, 2)};
  assert_ptr_equal(g_concat(g, halves, 2, 1), x);
  assert_ptr_equal(g_concat(g, both, 1, 1), x);
  node *nested[2] = {joined, x};
  assert_int_equal(g_concat(g, nested, 2, 1)->n_in, 3);
  node *padded = g_pad(g, x, 1, 2, dim_const(g->dims, 9), 0);
  assert_ptr_equal(part(padded, 2, 4), x);
  assert_ptr_equal(part(padded, 3, 2), part(x, 1, 2));
  assert_ptr_equal(g_pad(g, padded, 1, 1, dim_const(g->dims, 12), 0),
                   g_pad(g, x, 1, 3, dim_const(g->dims, 12), 0));
}

static void gathers(void **state) {
  (void)state;
  node *table = g_param(g, 0, shape_of(2, dim_const(g->dims, 50), four));
  node *index = g_input(g, 7, INT, shape_of(1, three)), *checked = g_check_ids(g, index, NULL, 5, 7);
  node *rows = g_gather(g, table, ids, NULL);
  assert_ptr_equal(g_gather(g, rows, g_iota(g, shape_of(1, batch), 0), NULL), rows);
  // -1 in the outer index means zeros, which row ids[-1] is not: only a checked index composes
  assert_ptr_equal(g_gather(g, rows, checked, NULL),
                   g_gather(g, table, g_gather(g, ids, checked, NULL), NULL));
  assert_ptr_equal(g_gather(g, rows, index, NULL)->in[0], rows);
  const dim *time = dim_named(g->dims, "time");
  node *pack = g_pack(g, g_input(g, 8, INT, shape_of(2, batch, time)), batch, time);
  node *v = g_input(g, 9, REAL, shape_of(2, pack_valid(pack), four));
  node *tm = g_part(g, pack, PACK_TM_RM), *rm = g_part(g, pack, PACK_RM_TM);
  assert_ptr_equal(g_gather(g, g_gather(g, v, tm, rm), rm, tm), v);
}

static void dense_packings(void **state) {
  (void)state;
  const dim *time = dim_named(g->dims, "time");
  node *dense = g_pack(g, NULL, batch, time);
  assert_true(pack_is_dense(dense));
  assert_ptr_equal(pack_valid(dense), dim_mul(g->dims, batch, time));
  assert_ptr_equal(pack_steps(dense), time);
  node *rows = g_input(g, 3, REAL, shape_of(2, pack_valid(dense), four));
  assert_ptr_equal(g_gather(g, rows, g_part(g, dense, PACK_ROWS), NULL), rows);
  assert_ptr_equal(g_gather(g, rows, g_part(g, dense, PACK_INVERSE), NULL), rows);
  node *ones = g_broadcast_to(g, g_int(g, 1), shape_of(2, batch, time));
  assert_ptr_equal(g_pack(g, ones, batch, time), dense);
}

static void products(void **state) {
  (void)state;
  const int swap[] = {1, 0};
  node *w = g_param(g, 0, shape_of(2, four, three)), *wt = g_transpose(g, w, swap);
  assert_ptr_equal(g_matmul(g, x, wt, false, true), g_matmul(g, x, w, false, false));
  node *cube = g_input(g, 3, REAL, shape_of(3, batch, dim_named(g->dims, "time"), four));
  node *product = g_matmul(g, cube, w, false, false);
  assert_int_equal(product->op, OP_RESHAPE); // one product of all rows
  assert_int_equal(product->in[0]->op, OP_MATMUL);
  assert_int_equal(product->in[0]->shape.rank, 2);
}

static void labels_are_no_identity(void **state) {
  (void)state;
  graph_set_label(g, "lstm");
  node *a = g_unary(g, OP_TANH, x);
  graph_set_label(g, "dense");
  node *b = g_unary(g, OP_TANH, x);
  graph_set_label(g, NULL);
  assert_ptr_equal(a, b);
  assert_int_equal(a->n_labels, 2);
  assert_string_equal(a->labels[0], "dense");
  assert_string_equal(a->labels[1], "lstm");
  assert_int_equal(x->n_labels, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(equal_nodes_are_one), TEST(constants_fold),     TEST(identities_vanish),
      TEST(views_compose),       TEST(slices_and_concats), TEST(gathers),
      TEST(dense_packings),      TEST(products),           TEST(labels_are_no_identity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
