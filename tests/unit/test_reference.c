// The reference interpreter against values worked out by hand.
#include "ir/scan.h"
#include "support/random.h"
#include "tests/gradcheck/world.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

static void expect_values(const world *w, node *n, const double *expected, size_t count) {
  reference *r = reference_new(w->g);
  world_bind(w, r);
  assert_true(reference_run(r, &n, 1));
  const array *a = reference_value(r, n);
  assert_int_equal(a->count, count);
  for (size_t k = 0; k < count; k++)
    if (fabs(a->data[k] - expected[k]) > 1e-15 * (1 + fabs(expected[k])))
      fail_msg("element %zu is %.17g, not %.17g", k, a->data[k], expected[k]);
  reference_free(r);
}
#define EXPECT(w, n, ...)                                                                                    \
  expect_values(w, n, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static node *numbers(world *w, shape s, const double *values) {
  node *n = world_fixed(w, 0, 1, s);
  memcpy(world_values(w, n), values, w->count[w->n_leaves - 1] * sizeof *values);
  return n;
}

static shape sized(world *w, int rank, int64_t a, int64_t b, int64_t c) {
  const int64_t extents[] = {a, b, c};
  shape s = {.rank = rank};
  for (int k = 0; k < rank; k++)
    s.d[k] = world_const(w, extents[k]);
  return s;
}

static void views_move_elements(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  node *x = numbers(&w, sized(&w, 2, 2, 3, 0), (const double[]){1, 2, 3, 4, 5, 6});
  const int swap[] = {1, 0}, axes[] = {1, -1, 0};
  EXPECT(&w, g_transpose(g, x, swap), 1, 4, 2, 5, 3, 6);
  EXPECT(&w, g_broadcast(g, x, sized(&w, 3, 3, 2, 2), axes), 1, 4, 1, 4, 2, 5, 2, 5, 3, 6, 3, 6);
  EXPECT(&w, g_slice(g, x, 1, 0, world_const(&w, 2), 2), 1, 3, 4, 6);
  EXPECT(&w, g_reverse(g, x, 1), 3, 2, 1, 6, 5, 4);
  node *both[2] = {x, g_unary(g, OP_NEG, x)};
  EXPECT(&w, g_concat(g, both, 2, 0), 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6);
  EXPECT(&w, g_concat(g, both, 2, 1), 1, 2, 3, -1, -2, -3, 4, 5, 6, -4, -5, -6);
  EXPECT(&w, g_pad(g, x, 1, 1, world_const(&w, 5), 9), 9, 1, 2, 3, 9, 9, 4, 5, 6, 9);
  EXPECT(&w, g_reduce(g, OP_REDUCE_MAX, x, 1), 4, 5, 6);
  EXPECT(&w, g_reduce_sum(g, x, 2), 6, 15);
  EXPECT(&w, g_matmul(g, x, x, false, true), 14, 32, 32, 77);
  EXPECT(&w, g_matmul(g, x, x, true, false), 17, 22, 27, 22, 29, 36, 27, 36, 45);
  world_close(&w);
}

static void elementwise_follows_its_rules(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  node *x = numbers(&w, sized(&w, 1, 4, 0, 0), (const double[]){-1.5, 0, 2.25, 4});
  const int values[] = {-7, 0, 2, 9};
  node *i = world_ints(&w, x->shape, values);
  EXPECT(&w, g_unary(g, OP_SIGN, x), -1, 0, 1, 1);
  EXPECT(&w, g_unary(g, OP_FLOOR, x), -2, 0, 2, 4);
  EXPECT(&w, g_cast(g, x, INT), -1, 0, 2, 4);
  EXPECT(&w, g_div(g, i, g_int(g, 2)), -3, 0, 1, 4);
  EXPECT(&w, g_binary(g, OP_MAX, g_real(g, 0), x), 0, 0, 2.25, 4);
  EXPECT(&w, g_binary(g, OP_LE, x, g_real(g, 0)), 1, 1, 0, 0);
  EXPECT(&w, g_select(g, i, x, g_real(g, 8)), -1.5, 8, 2.25, 4);
  EXPECT(&w, g_binary(g, OP_AND, i, g_int(g, 1)), 1, 0, 1, 1);
  EXPECT(&w, g_unary(g, OP_SQRT, g_binary(g, OP_MAX, x, g_real(g, 1))), 1, 1, 1.5, 2);
  EXPECT(&w, g_iota(g, sized(&w, 2, 2, 2, 0), 1), 0, 1, 0, 1);
  world_close(&w);
}

static void rows_move_by_index(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  node *t = numbers(&w, sized(&w, 2, 3, 2, 0), (const double[]){1, 2, 3, 4, 5, 6});
  const int some[] = {2, -1, 0, 2}, few[] = {3, -1, 0}, starts[] = {0, 2, 2, 3}, group[] = {0, 0, 2};
  node *index = world_ints(&w, sized(&w, 1, 4, 0, 0), some),
       *ids = world_ints(&w, sized(&w, 1, 3, 0, 0), few);
  EXPECT(&w, g_gather(g, t, index, NULL), 5, 6, 0, 0, 1, 2, 5, 6);
  EXPECT(&w, g_scatter(g, t, ids, world_const(&w, 4)), 5, 6, 0, 0, 0, 0, 1, 2);
  EXPECT(&w, g_one_hot(g, index, world_const(&w, 2)), 0, 0, 0, 0, 1, 0, 0, 0);
  node *s = world_ints(&w, sized(&w, 1, 4, 0, 0), starts), *of = world_ints(&w, sized(&w, 1, 3, 0, 0), group);
  EXPECT(&w, g_segment(g, OP_SEGMENT_SUM, t, s, of, NULL, 0), 4, 6, 0, 0, 5, 6);
  EXPECT(&w, g_segment(g, OP_SEGMENT_MAX, t, s, of, NULL, -1), 3, 4, -1, -1, 5, 6);
  world_close(&w);
}

static void unique_sorts_stably(void **state) {
  (void)state;
  world w;
  world_open(&w);
  const int ids[] = {7, 2, 7, 9, 2, 7};
  node *u = g_unique(w.g, world_ints(&w, sized(&w, 1, 6, 0, 0), ids), 10);
  EXPECT(&w, g_part(w.g, u, UNIQUE_VALUES), 2, 7, 9);
  EXPECT(&w, g_part(w.g, u, UNIQUE_INVERSE), 1, 0, 1, 2, 0, 1);
  EXPECT(&w, g_part(w.g, u, UNIQUE_ORDER), 1, 4, 0, 2, 5, 3);
  EXPECT(&w, g_part(w.g, u, UNIQUE_STARTS), 0, 2, 5, 6);
  EXPECT(&w, g_extent(w.g, unique_count(u), REAL), 3);
  world_close(&w);
}

// Examples: 0 has steps 1 and 3, 1 has none, 2 has all four, 3 has steps 0 and 1.
static void a_mask_is_packed(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  const int valid[] = {0, 1, 0, 1, /**/ 0, 0, 0, 0, /**/ 1, 1, 1, 1, /**/ 1, 1, 0, 0};
  const dim *batch = world_dim(&w, "batch", 4), *time = world_dim(&w, "time", 4);
  node *p = g_pack(g, world_ints(&w, shape_of(2, batch, time), valid), batch, time);
  EXPECT(&w, g_extent(g, pack_valid(p), REAL), 8);
  EXPECT(&w, g_extent(g, pack_steps(p), REAL), 4);
  EXPECT(&w, g_part(g, p, PACK_ROWS), 1, 3, 8, 9, 10, 11, 12, 13);
  EXPECT(&w, g_part(g, p, PACK_OFFSETS), 0, 2, 2, 6, 8);
  EXPECT(&w, g_part(g, p, PACK_EXAMPLE), 0, 0, 2, 2, 2, 2, 3, 3);
  EXPECT(&w, g_part(g, p, PACK_INVERSE), -1, 0, -1, 1, -1, -1, -1, -1, 2, 3, 4, 5, 6, 7, -1, -1);
  EXPECT(&w, g_part(g, p, PACK_CARRY), -1, 0, 0, 1, -1, -1, -1, -1, 2, 3, 4, 5, 6, 7, 7, 7);
  EXPECT(&w, g_part(g, p, PACK_ORDER), 2, 0, 3, 1);
  EXPECT(&w, g_part(g, p, PACK_RANK), 1, 3, 0, 2);
  EXPECT(&w, g_part(g, p, PACK_STEP_OFFSETS), 0, 3, 6, 7, 8);
  EXPECT(&w, g_part(g, p, PACK_TM_RM), 2, 0, 6, 3, 1, 7, 4, 5);
  EXPECT(&w, g_part(g, p, PACK_RM_TM), 1, 4, 0, 3, 6, 7, 2, 5);
  world_close(&w);
}

// Lengths 1 and 2: the state is twice the state plus the input. Example 1 (inputs 10, 100) comes first.
static void a_scan_carries_its_state(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  const int valid[] = {1, 0, 1, 1};
  const dim *batch = world_dim(&w, "batch", 2), *time = world_dim(&w, "time", 2);
  node *p = g_pack(g, world_ints(&w, shape_of(2, batch, time), valid), batch, time);
  node *x = numbers(&w, sized(&w, 2, 4, 1, 0), (const double[]){1, 999, 10, 100});
  node *rows = g_gather(g, g_gather(g, x, g_part(g, p, PACK_ROWS), NULL), g_part(g, p, PACK_TM_RM), NULL);
  for (int reverse = 0; reverse < 2; reverse++) {
    scan_builder *s = scan_begin(g, p, reverse);
    node *initial = g_broadcast_to(g, g_real(g, 3), shape_of(2, batch, world_const(&w, 1)));
    node *in = scan_add_sequence(s, rows), *h = scan_add_state(s, initial);
    node *next = g_add(g, g_mul(g, h, g_real(g, 2)), in);
    scan_set_next(s, 0, next);
    scan_add_output(s, next);
    node *scan = scan_end(s);
    // rows in order: example 1 step 0, example 0 step 0, example 1 step 1
    if (reverse) { // example 1: 3 -> 106 -> 222; example 0: 3 -> 7
      EXPECT(&w, scan_final_state(g, scan, 0), 222, 7);
      EXPECT(&w, scan_output(g, scan, 0), 222, 7, 106);
    } else { // example 1: 3 -> 16 -> 132
      EXPECT(&w, scan_final_state(g, scan, 0), 132, 7);
      EXPECT(&w, scan_output(g, scan, 0), 16, 7, 132);
    }
  }
  world_close(&w);
}

// Expected values: the definition of support/random.h in another language's unbounded integers.
static void random_numbers_are_as_defined(void **state) {
  (void)state;
  assert_true(random_mix(RANDOM_STEP) ==
              UINT64_C(0xE220A8397B1DCDAF)); // splitmix64's first number from seed 0
  world w;
  world_open(&w);
  const int rows[] = {3, 0};
  node *plain = g_random(w.g, 11, sized(&w, 1, 3, 0, 0), NULL);
  EXPECT(&w, plain, 1523494 * 0x1p-24, 8506776 * 0x1p-24, 3551888 * 0x1p-24);
  node *numbered = g_random(w.g, 11, sized(&w, 2, 2, 2, 0), world_ints(&w, sized(&w, 1, 2, 0, 0), rows));
  EXPECT(&w, numbered, 9054954 * 0x1p-24, 16024411 * 0x1p-24, 1523494 * 0x1p-24, 8506776 * 0x1p-24);
  world_close(&w);
}

static void ids_out_of_range_stop_the_run(void **state) {
  (void)state;
  world w;
  world_open(&w);
  const int ids[] = {0, 4, 5}, positions[] = {10, 11, 12};
  shape s = sized(&w, 1, 3, 0, 0);
  node *checked = g_check_ids(w.g, world_ints(&w, s, ids), world_ints(&w, s, positions), 5, 2);
  reference *r = reference_new(w.g);
  world_bind(&w, r);
  assert_false(reference_run(r, &checked, 1));
  assert_string_equal(reference_error(r), "input 2, element 12: id 5 is not in [0, 5)");
  reference_free(r);
  world_close(&w);
}

// Where several elements are the maximum, or two operands are equal, the rules say who gets the gradient.
static void ties_follow_the_rules(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  node *x = world_param(&w, 0, 1, sized(&w, 1, 4, 0, 0)), *y = world_param(&w, 0, 1, sized(&w, 1, 4, 0, 0));
  memcpy(world_values(&w, x), (const double[]){0, 2, 2, 1}, 4 * sizeof(double));
  memcpy(world_values(&w, y), (const double[]){0, 1, 2, 3}, 4 * sizeof(double));
  node *wrt[2] = {x, y}, *grads[2];
  graph_gradients(g, g_reduce(g, OP_REDUCE_MAX, x, 1), wrt, 1, grads, NULL);
  EXPECT(&w, grads[0], 0, 0.5, 0.5, 0);
  graph_gradients(g, g_reduce_sum(g, g_binary(g, OP_MAX, x, y), 1), wrt, 2, grads, NULL);
  EXPECT(&w, grads[0], 1, 1, 1, 0);
  EXPECT(&w, grads[1], 0, 0, 0, 1);
  graph_gradients(g, g_reduce_sum(g, g_binary(g, OP_MIN, x, y), 1), wrt, 2, grads, NULL);
  EXPECT(&w, grads[0], 1, 0, 1, 1);
  EXPECT(&w, grads[1], 0, 1, 0, 0);
  graph_gradients(g, g_reduce_sum(g, g_binary(g, OP_MAX, g_real(g, 0), x), 1), wrt, 1, grads, NULL); // relu
  EXPECT(&w, grads[0], 0, 1, 1, 1);
  graph_gradients(g, g_reduce_sum(g, y, 1), wrt, 2, grads, NULL);
  assert_null(grads[0]);
  world_close(&w);
}

// The gradient of a table that is gathered from is a scatter of one row for each distinct id.
static void table_gradients_are_sparse(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  const int ids[] = {4, 1, 1, 4, 4};
  node *table = world_param(&w, -1, 1, sized(&w, 2, 6, 2, 0));
  node *checked = g_check_ids(g, world_ints(&w, sized(&w, 1, 5, 0, 0), ids), NULL, 6, 0);
  node *loss = g_reduce_sum(g, g_gather(g, table, checked, NULL), 3), *grad;
  graph_gradients(g, loss, &table, 1, &grad, NULL);
  assert_int_equal(grad->op, OP_SCATTER);
  EXPECT(&w, grad->in[1], 1, 4);
  EXPECT(&w, grad->in[0], 2, 2, 3, 3);
  EXPECT(&w, grad, 0, 0, 2, 2, 0, 0, 0, 0, 3, 3, 0, 0);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views_move_elements),
      cmocka_unit_test(elementwise_follows_its_rules),
      cmocka_unit_test(rows_move_by_index),
      cmocka_unit_test(unique_sorts_stably),
      cmocka_unit_test(a_mask_is_packed),
      cmocka_unit_test(a_scan_carries_its_state),
      cmocka_unit_test(random_numbers_are_as_defined),
      cmocka_unit_test(ids_out_of_range_stop_the_run),
      cmocka_unit_test(ties_follow_the_rules),
      cmocka_unit_test(table_gradients_are_sparse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
