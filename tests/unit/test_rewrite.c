// Rewriting, substitution, tidying, printing and verification of op graphs.
#include "ir/scan.h"
#include "tests/gradcheck/cells.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int mask_values[] = {0, 1, 1, 1, 0, 0};

typedef struct scene {
  world w;
  const dim *batch, *time;
  node *mask, *pack, *x; // x real [V, 2]
} scene;

static void open_scene(scene *s) {
  world_open(&s->w);
  graph *g = s->w.g;
  s->batch = world_dim(&s->w, "batch", 2);
  s->time = world_dim(&s->w, "time", 3);
  s->mask = world_ints(&s->w, shape_of(2, s->batch, s->time), mask_values);
  s->pack = g_pack(g, s->mask, s->batch, s->time);
  node *all =
      world_param(&s->w, -1, 1, shape_of(2, dim_mul(g->dims, s->batch, s->time), world_const(&s->w, 2)));
  node *rows = g_gather(g, all, g_part(g, s->pack, PACK_ROWS), NULL);
  s->x = g_gather(g, rows, g_part(g, s->pack, PACK_TM_RM), g_part(g, s->pack, PACK_RM_TM));
}

static node *sum(graph *g, node *x) {
  return g_reduce_sum(g, x, (1u << x->shape.rank) - 1);
}

static size_t count_op(const graph *g, node *root, op_code op) {
  node **list;
  size_t n = graph_reachable(g, &root, 1, &list), found = 0;
  for (size_t k = 0; k < n; k++)
    found += list[k]->op == op;
  free(list);
  return found;
}

static node *tanh_to_sigmoid(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  return original->op == OP_TANH ? g_unary(g, OP_SIGMOID, new_in[0]) : NULL;
}

static void rules_reach_into_bodies(void **state) {
  (void)state;
  scene s;
  open_scene(&s);
  graph *g = s.w.g;
  node *scan = cells[0].build(&s.w, s.pack, s.x, (cell_setting){0}), *root = sum(g, scan_output(g, scan, 0));
  node *before = root;
  graph_rewrite(g, &root, 1, tanh_to_sigmoid, NULL);
  assert_ptr_not_equal(root, before);
  assert_int_equal(count_op(g, root, OP_TANH), 0);
  assert_int_equal(count_op(g, root, OP_SIGMOID), 1);
  assert_int_equal(count_op(g, root, OP_SCAN), 1);
  assert_null(graph_verify(g, &root, 1));
  assert_int_equal(count_op(g, before, OP_TANH), 1); // the original stays
  node *again = root;
  graph_rewrite(g, &again, 1, tanh_to_sigmoid, NULL);
  assert_ptr_equal(again, root);
  world_close(&s.w);
}

static node *replace_mask(graph *g, node *original, node *const *new_in, void *context) {
  (void)g;
  (void)new_in;
  scene *s = context;
  return original == s->mask ? g_binary(g, OP_LE, g_int(g, 1), s->mask) : NULL;
}

// A packing of another mask counts under other names, everywhere.
static void counts_are_renamed(void **state) {
  (void)state;
  scene s;
  open_scene(&s);
  graph *g = s.w.g;
  node *scan = cells[0].build(&s.w, s.pack, s.x, (cell_setting){0});
  node *out = scan_output(g, scan, 0);
  node *weight = g_add(g, g_cast(g, g_iota(g, out->shape, 0), REAL), g_extent(g, pack_valid(s.pack), REAL));
  node *root = sum(g, g_mul(g, out, weight)), *old = root;
  graph_rewrite(g, &root, 1, replace_mask, &s);
  assert_ptr_not_equal(root, old);
  assert_null(graph_verify(g, &root, 1));
  node **list;
  size_t n = graph_reachable(g, &root, 1, &list);
  for (size_t k = 0; k < n; k++) {
    assert_ptr_not_equal(list[k], s.pack);
    for (int j = 0; j < list[k]->shape.rank; j++)
      assert_ptr_not_equal(list[k]->shape.d[j], pack_valid(s.pack));
  }
  free(list);
  assert_true(world_eval(&s.w, root) == world_eval(&s.w, old));
  world_close(&s.w);
}

// A count alone is reached together with the packing that gives it.
static void counts_bring_their_packing(void **state) {
  (void)state;
  scene s;
  open_scene(&s);
  graph *g = s.w.g;
  node *valid = g_extent(g, pack_valid(s.pack), REAL);
  assert_int_equal(count_op(g, valid, OP_PACK), 1);
  assert_true(world_eval(&s.w, valid) == 3);
  world_close(&s.w);
}

// The recipe of ir/scan.h: a product leaves the body.
static void a_product_is_hoisted(void **state) {
  (void)state;
  scene s;
  open_scene(&s);
  graph *g = s.w.g;
  node *scan = cells[0].build(&s.w, s.pack, s.x, (cell_setting){0}), *root = sum(g, scan_output(g, scan, 0));
  const scan_body *b = scan_body_of(scan);
  node **body, *product = NULL;
  size_t n = scan_body_nodes(g, b, &body);
  for (size_t k = 0; k < n; k++)
    if (body[k]->op == OP_MATMUL && body[k]->in[0] == b->seq_param[0])
      product = body[k];
  free(body);
  assert_non_null(product);
  scan_builder *builder = scan_begin(g, b->pack, b->reverse);
  node *hoisted = scan_add_sequence(builder, g_matmul(g, b->seq[0], product->in[1], false, false));
  node *from[2] = {product, b->state_param[0]}, *to[2] = {hoisted, scan_add_state(builder, b->init[0])};
  node *values[2] = {b->next[0], b->out[0]};
  graph_substitute(g, values, 2, from, to, 2);
  scan_set_next(builder, 0, values[0]);
  scan_add_output(builder, values[1]);
  node *now = scan_end(builder), *new_root = root;
  graph_substitute(g, &new_root, 1, &scan, &now, 1);
  assert_null(graph_verify(g, &new_root, 1));
  assert_ptr_not_equal(new_root, root);
  assert_true(fabs(world_eval(&s.w, new_root) - world_eval(&s.w, root)) < 1e-15);
  world_close(&s.w);
}

// What nothing uses leaves a scan: the cell has an idle state, an unused sequence and a mask that is only
// carried.
static void scans_are_tidied(void **state) {
  (void)state;
  scene s;
  open_scene(&s);
  graph *g = s.w.g;
  const cell *carried = cells;
  while (strcmp(carried->name, "carried mask") != 0)
    carried++;
  node *scan = carried->build(&s.w, s.pack, s.x, (cell_setting){.given_state = true});
  node *root = sum(g, scan_final_state(g, scan, 0)), *old = root;
  graph_tidy_scans(g, &root, 1);
  assert_null(graph_verify(g, &root, 1));
  node **list;
  size_t n = graph_reachable(g, &root, 1, &list);
  for (size_t k = 0; k < n; k++)
    if (list[k]->op == OP_SCAN) {
      assert_int_equal(scan_body_of(list[k])->n_state, 2);
      assert_int_equal(scan_body_of(list[k])->n_seq, 1);
      assert_int_equal(scan_body_of(list[k])->n_out, 0);
    }
  free(list);
  assert_true(world_eval(&s.w, root) == world_eval(&s.w, old));
  node *same = root;
  graph_tidy_scans(g, &same, 1);
  assert_ptr_equal(same, root);
  world_close(&s.w);
}

static void dumps_read_well(void **state) {
  (void)state;
  world w;
  world_open(&w);
  graph *g = w.g;
  const dim *batch = world_dim(&w, "batch", 2), *time = world_dim(&w, "time", 3), *u = world_const(&w, 4);
  node *pack = g_pack(g, g_input(g, 0, INT, shape_of(2, batch, time)), batch, time);
  graph_set_label(g, "rnn");
  scan_builder *b = scan_begin(g, pack, true);
  node *x = scan_add_sequence(b, g_input(g, 1, REAL, shape_of(2, pack_valid(pack), u)));
  node *h = scan_add_state(b, g_broadcast_to(g, g_real(g, 0), shape_of(2, batch, u)));
  scan_set_next(b, 0, g_unary(g, OP_TANH, g_add(g, x, h)));
  node *root = scan_final_state(g, scan_end(b), 0);
  const char *name = "output";
  strbuf out = {0};
  graph_print(g, &root, &name, 1, &out);
  assert_string_equal(strbuf_text(&out), "%1 = input 0 : int[batch, time]\n"
                                         "%2 = pack %1 : valid.2 rows, steps.3 steps\n"
                                         "%3 = input 1 : real[valid.2, 4]  # rnn\n"
                                         "%5 = const 0 : real  # rnn\n"
                                         "%6 = broadcast %5 axes=[*, *] : real[batch, 4]  # rnn\n"
                                         "%10 = scan %2, %3, %6 reverse  # rnn\n"
                                         "  body:\n"
                                         "    %4 = scan_seq 0 : real[active.4, 4]  # rnn\n"
                                         "    %7 = scan_state 0 : real[active.4, 4]  # rnn\n"
                                         "    %8 = add %4, %7 : real[active.4, 4]  # rnn\n"
                                         "    %9 = tanh %8 : real[active.4, 4]  # rnn\n"
                                         "    next 0 = %9\n"
                                         "%11 = part %10 state 0 : real[batch, 4]  # rnn\n"
                                         "output = %11\n");
  strbuf_free(&out);
  world_close(&w);
}

static void verify_finds_what_is_wrong(void **state) {
  (void)state;
  scene s;
  open_scene(&s);
  graph *g = s.w.g;
  node *a = g_unary(g, OP_TANH, s.x), *root = sum(g, a);
  assert_null(graph_verify(g, &root, 1));
  shape right = a->shape;
  a->shape.d[1] = world_const(&s.w, 3);
  assert_non_null(strstr(graph_verify(g, &root, 1), "shape"));
  a->shape = right;
  node *operand = a->in[0];
  a->in[0] = root;
  assert_non_null(strstr(graph_verify(g, &root, 1), "operand comes after"));
  a->in[0] = operand;
  assert_null(graph_verify(g, &root, 1));
  world_close(&s.w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rules_reach_into_bodies),    cmocka_unit_test(counts_are_renamed),
      cmocka_unit_test(counts_bring_their_packing), cmocka_unit_test(a_product_is_hoisted),
      cmocka_unit_test(scans_are_tidied),           cmocka_unit_test(dumps_read_well),
      cmocka_unit_test(verify_finds_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
