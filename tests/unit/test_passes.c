// The pipeline keeps values: what a program computes (by the interpreter in double) is the same before and
// after the passes, whichever optional pass is left out; schedules verify; and the rewrites that make nlm
// fast really happen.
#include "passes/pass.h"
#include "tests/unit/run_model.h"
#include <math.h>
#include <string.h>

enum { BATCH = 4, TIME = 5 };

static const double ids[BATCH * TIME] = {3,      0, 5, 0, 0, /**/ 0, 0, 0, 0, 0,
                                         /**/ 1, 2, 6, 4, 3, /**/ 0, 0, 2, 0, 6};
static const double labels[BATCH] = {1, 0, 0, 1};

typedef struct net {
  const char *name;
  void (*make)(small_model *s, tensor *words);
} net;

static void make_pooled(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 3, mask_zero = true)", "GlobalAveragePooling1D()", NULL);
  small_output(s, "y",
               small_chain(s, x, "Dense(4, activation = relu)", "Dense(1, activation = sigmoid)", NULL));
}

static void make_unmasked(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 3)", "LSTM(2)", NULL);
  small_output(s, "y", small_chain(s, x, "Dense(1, activation = sigmoid)", NULL));
}

static void make_bidirectional(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 3, mask_zero = true)", "Bidirectional(LSTM(2))", NULL);
  small_output(s, "y", small_chain(s, x, "Dropout(0.5)", "Dense(1, activation = sigmoid)", NULL));
}

static void make_stacked(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 3, mask_zero = true)",
                          "Bidirectional(GRU(2, return_sequences = true))", "SimpleRNN(3)", NULL);
  small_output(s, "y", small_chain(s, x, "Dense(1, activation = sigmoid)", NULL));
}

static void make_one_hot(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "OneHot(7, mask_zero = true)", "LSTM(2)", NULL);
  small_output(s, "y", small_chain(s, x, "Dense(1, activation = sigmoid)", NULL));
}

static void make_flat(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 3)", "Flatten()", NULL);
  small_output(s, "y", small_chain(s, x, "Dense(1, activation = sigmoid)", NULL));
}

static void make_attention(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 4)", NULL);
  x = small_apply(s, small_layer(s, "MultiHeadAttention(2, key_dim = 3)"), 2, x, x);
  small_output(s, "y", small_chain(s, x, "GlobalAveragePooling1D()", "Dense(1, activation = sigmoid)", NULL));
}

static void make_positions(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "PositionalEmbedding(6, 7, 3)", "Dense(4, activation = tanh)", NULL);
  small_output(s, "y", small_chain(s, x, "GlobalAveragePooling1D()", "Dense(1, activation = sigmoid)", NULL));
}

static void make_convolved(small_model *s, tensor *words) {
  tensor *x = small_chain(s, words, "Embedding(7, 3)", "Dense(3, activation = tanh)", NULL);
  x = small_chain(s, x, "Conv1D(4, 2, activation = relu)", "MaxPooling1D(3)", "Flatten()", NULL);
  small_output(s, "y", small_chain(s, x, "Dense(1, activation = sigmoid)", NULL));
}

static const net nets[] = {
    {"pooled", make_pooled},       {"unmasked", make_unmasked},   {"bidirectional", make_bidirectional},
    {"stacked", make_stacked},     {"one_hot", make_one_hot},     {"flat", make_flat},
    {"attention", make_attention}, {"positions", make_positions}, {"convolved", make_convolved}};
enum { N_NETS = sizeof nets / sizeof *nets };

static bool has_known_steps(const net *n) {
  return n->make == make_flat || n->make == make_convolved;
}

static void begin(small_model *s, const net *n) {
  small_model_begin(s, n->name);
  n->make(s, small_input(s, "words", TENSOR_INT, has_known_steps(n) ? "5" : "time"));
  assert_non_null(small_train(s, "loss = binary_crossentropy"));
}

// A lowered program, not differentiated: that is a pass.
static void lower_net(model_run *r, small_model *s, const net *n, program_kind kind) {
  run_begin(r, s, PROGRAM_EVALUATE);
  program_free(r->p);
  r->p = lower_program(s->m, r->inputs, kind, NULL);
  run_extent(r, "batch", BATCH);
  if (!has_known_steps(n))
    run_extent(r, "time", TIME);
  run_feed(r, "words", ids);
  run_feed(r, s->m->outputs.data[0].name, labels);
}

static bool has_root(const model_run *r, root_role role, int index) {
  for (size_t k = 0; k < r->p->roots.len; k++)
    if (r->p->roots.data[k].role == role && r->p->roots.data[k].index == index)
      return true;
  return false;
}

// The gradient of a weight as a whole table, whether the program gives it dense or as rows.
static double *dense_gradient(model_run *r, int index, size_t *count) {
  if (has_root(r, ROOT_GRAD, index))
    return run_root(r, ROOT_GRAD, index, count);
  run_weight(r, r->m->weights.data[index]->name, count);
  size_t n_ids, n_values;
  double *row_ids = run_root(r, ROOT_GRAD_IDS, index, &n_ids),
         *rows = run_root(r, ROOT_GRAD_ROWS, index, &n_values);
  double *table = calloc(*count, sizeof *table);
  size_t width = n_ids ? n_values / n_ids : 0;
  for (size_t k = 0; k < n_ids; k++)
    memcpy(table + (size_t)row_ids[k] * width, rows + k * width, width * sizeof *table);
  free(row_ids);
  free(rows);
  return table;
}

static double *root_values(model_run *r, root_role role, int index, size_t *count) {
  return role == ROOT_GRAD || role == ROOT_GRAD_ROWS ? dense_gradient(r, index, count)
                                                     : run_root(r, role, index, count);
}

static void expect_same(model_run *a, model_run *b, const program_root *root, const char *what) {
  size_t n_a, n_b;
  double *x = root_values(a, root->role, root->index, &n_a),
         *y = root_values(b, root->role, root->index, &n_b);
  assert_int_equal(n_a, n_b);
  for (size_t k = 0; k < n_a; k++)
    if (!(fabs(x[k] - y[k]) <= 1e-12 * (1 + fabs(x[k]))))
      fail_msg("%s: root %d of %d: element %zu is %.17g, was %.17g", what, (int)root->role, root->index, k,
               y[k], x[k]);
  free(x);
  free(y);
}

static bool has_values(root_role role) {
  return role == ROOT_OUTPUT || role == ROOT_LOSS || role == ROOT_GRAD || role == ROOT_GRAD_ROWS;
}

static void compare_net(const net *n, program_kind kind, const char *without) {
  small_model s;
  model_run plain, passed;
  begin(&s, n);
  lower_net(&plain, &s, n, kind);
  lower_net(&passed, &s, n, kind);
  const char *disabled[] = {without, NULL};
  const char *all_optional[32] = {NULL};
  for (int k = 0, j = 0; pass_table[k]; k++)
    if (!pass_table[k]->required)
      all_optional[j++] = pass_table[k]->name;
  compilation raw = {.program = plain.p}, done = {.program = passed.p};
  pipeline_run(&raw,
               &(pipeline_options){.disabled = all_optional, .stop_after = "gradients", .verify = true});
  bool finished = pipeline_run(&done, &(pipeline_options){.disabled = disabled, .verify = true});
  assert_true(finished && done.schedule->kernels.len > 0);
  for (size_t k = 0; k < plain.p->roots.len; k++)
    if (has_values(plain.p->roots.data[k].role))
      expect_same(&plain, &passed, &plain.p->roots.data[k], without ? without : n->name);
  schedule_free(done.schedule);
  run_end(&plain);
  run_end(&passed);
  small_model_end(&s);
}

static void test_values_stay(void **state) {
  (void)state;
  for (int k = 0; k < N_NETS; k++) {
    compare_net(&nets[k], PROGRAM_INFER, NULL);
    compare_net(&nets[k], PROGRAM_EVALUATE, NULL);
    compare_net(&nets[k], PROGRAM_GRAD, NULL);
  }
}

static void test_values_stay_without_a_pass(void **state) {
  (void)state;
  for (int p = 0; pass_table[p]; p++)
    for (int k = 0; !pass_table[p]->required && k < N_NETS; k++)
      compare_net(&nets[k], k % 2 ? PROGRAM_INFER : PROGRAM_GRAD, pass_table[p]->name);
}

// ---- the rewrites happen

static schedule *scheduled(model_run *r) {
  compilation c = {.program = r->p};
  pipeline_run(&c, &(pipeline_options){.verify = true});
  return c.schedule;
}

static const kernel *kernel_of_kind(const schedule *s, kernel_kind kind) {
  for (size_t k = 0; k < s->kernels.len; k++)
    if (s->kernels.data[k].kind == kind)
      return &s->kernels.data[k];
  return NULL;
}

static int64_t largest_workspace(const schedule *s, model_run *r) {
  int64_t most = 0;
  for (size_t k = 0; k < s->buffers.len; k++) {
    const buffer *b = &s->buffers.data[k];
    if (b->place != PLACE_WORKSPACE || b->type == INT)
      continue;
    int64_t n = dim_eval(dim_upper_bound(r->m->unit->dims, b->elements), r->extents);
    most = n > most ? n : most;
  }
  return most;
}

static void test_pooled_embeddings_never_exist(void **state) {
  (void)state;
  small_model s;
  model_run r;
  begin(&s, &nets[0]);
  lower_net(&r, &s, &nets[0], PROGRAM_GRAD);
  schedule *plan = scheduled(&r);
  run_extent(&r, "time", 1000);
  // distinct rows [min(V, 7), 3] are the largest thing; nothing grows with time
  assert_true(largest_workspace(plan, &r) <= 7 * 3);
  schedule_free(plan);
  run_end(&r);
  small_model_end(&s);
}

static void test_products_leave_the_time_loop(void **state) {
  (void)state;
  small_model s;
  model_run r;
  begin(&s, &nets[2]);
  lower_net(&r, &s, &nets[2], PROGRAM_INFER);
  schedule *plan = scheduled(&r);
  const kernel *scan = kernel_of_kind(plan, KERNEL_SCAN);
  assert_non_null(scan);
  assert_true(scan->partner >= 0);
  int products = 0;
  for (int k = 0; k < scan->n_body; k++)
    products += scan->body[k].kind == STAGE_MATMUL;
  assert_int_equal(products, 1); // the recurrent one
  assert_int_equal(scan->n_body, 2);
  assert_non_null(kernel_of_kind(plan, KERNEL_UNIQUE));
  schedule_free(plan);
  run_end(&r);
  small_model_end(&s);
}

// Scores, their softmax and the product behind it are one kernel; the scores are private to a few rows.
static void test_scores_never_exist_as_a_whole(void **state) {
  (void)state;
  small_model s;
  model_run r;
  begin(&s, &nets[6]);
  lower_net(&r, &s, &nets[6], PROGRAM_INFER);
  schedule *plan = scheduled(&r);
  const kernel *band = kernel_of_kind(plan, KERNEL_BAND);
  assert_non_null(band);
  assert_int_equal(band->axes, 3);
  assert_int_equal(band->n_body, 6);
  int scores = 0;
  for (int k = 0; k < band->n_body; k++) {
    const node *root = band->body[k].roots[0];
    const buffer *held = schedule_buffer(plan, root);
    assert_non_null(held);
    scores += held->place == PLACE_BAND && root->shape.rank == 4;
    assert_int_equal(held->place, k < 5 ? PLACE_BAND : PLACE_WORKSPACE);
  }
  assert_int_equal(scores, 3);
  run_extent(&r, "time", 1000);
  // [B, T, 6] is the largest thing; nothing grows with the square of T
  assert_true(largest_workspace(plan, &r) <= (int64_t)BATCH * 1000 * 6);
  schedule_free(plan);
  run_end(&r);
  small_model_end(&s);
}

static void test_one_hot_is_never_a_matrix(void **state) {
  (void)state;
  small_model s;
  model_run r;
  begin(&s, &nets[4]);
  lower_net(&r, &s, &nets[4], PROGRAM_GRAD);
  pipeline_run(&(compilation){.program = r.p},
               &(pipeline_options){.stop_after = "gradients", .verify = true});
  for (size_t k = 0; k < r.p->roots.len; k++) {
    node **list;
    size_t n = graph_reachable(r.p->g, &r.p->roots.data[k].value, 1, &list);
    for (size_t j = 0; j < n; j++)
      assert_true(list[j]->op != OP_ONE_HOT);
    free(list);
  }
  bool sparse = false;
  for (size_t k = 0; k < r.p->roots.len; k++)
    sparse = sparse || r.p->roots.data[k].role == ROOT_GRAD_ROWS;
  assert_true(sparse);
  run_end(&r);
  small_model_end(&s);
}

// Embedded words and positions are multiplied apart, each once.
static void sums_of_rows_are_not_multiplied(program_kind kind) {
  small_model s;
  model_run r;
  begin(&s, &nets[7]);
  lower_net(&r, &s, &nets[7], kind);
  pipeline_run(&(compilation){.program = r.p}, &(pipeline_options){.stop_after = "distinct", .verify = true});
  int products = 0;
  for (size_t k = 0; k < r.p->roots.len; k++) {
    node **list;
    size_t n = graph_reachable(r.p->g, &r.p->roots.data[k].value, 1, &list);
    for (size_t j = 0; j < n; j++) {
      if (list[j]->op != OP_MATMUL)
        continue;
      const node *a = list[j]->in[0]->op == OP_RESHAPE ? list[j]->in[0]->in[0] : list[j]->in[0];
      assert_true(a->op != OP_ADD);
      products++;
    }
    free(list);
  }
  assert_true(products >= 3); // of words, of positions, of the second layer
  run_end(&r);
  small_model_end(&s);
}

static void test_sums_of_rows_are_not_multiplied(void **state) {
  (void)state;
  sums_of_rows_are_not_multiplied(PROGRAM_GRAD);
  sums_of_rows_are_not_multiplied(PROGRAM_INFER);
}

// Of the convolution's four steps the pooling reads three.
static void test_left_out_windows_are_not_computed(void **state) {
  (void)state;
  small_model s;
  model_run r;
  node **list;
  begin(&s, &nets[8]);
  lower_net(&r, &s, &nets[8], PROGRAM_GRAD);
  pipeline_run(&(compilation){.program = r.p}, &(pipeline_options){.stop_after = "trim", .verify = true});
  int windows = 0;
  size_t n = graph_reachable(r.p->g, &r.p->roots.data[0].value, 1, &list);
  for (size_t j = 0; j < n; j++)
    if (list[j]->op == OP_WINDOWS) {
      assert_ptr_equal(list[j]->shape.d[1], dim_const(r.p->g->dims, 3));
      windows++;
    }
  free(list);
  assert_int_equal(windows, 1);
  run_end(&r);
  small_model_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_stay),
      cmocka_unit_test(test_values_stay_without_a_pass),
      cmocka_unit_test(test_pooled_embeddings_never_exist),
      cmocka_unit_test(test_products_leave_the_time_loop),
      cmocka_unit_test(test_scores_never_exist_as_a_whole),
      cmocka_unit_test(test_one_hot_is_never_a_matrix),
      cmocka_unit_test(test_sums_of_rows_are_not_multiplied),
      cmocka_unit_test(test_left_out_windows_are_not_computed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
