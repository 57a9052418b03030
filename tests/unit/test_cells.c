// Users' cells: values against loops from their definitions, a user's LSTM against the built-in one, dropout
// inside a cell, and that a cell written gate by gate becomes the same loop as the built-in ones.
#include "frontend/resolve.h"
#include "ir/scan.h"
#include "passes/pass.h"
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 4, TIME = 5, FEATURES = 3, UNITS = 2, WORDS = 7 };

static const double ids[BATCH * TIME] = {3,      0, 5, 0, 0, /**/ 0, 0, 0, 0, 0,
                                         /**/ 1, 2, 6, 4, 3, /**/ 0, 0, 2, 0, 6};

static const char plain_lstm[] =
    "cell PlainLSTM(units, act = tanh)(x, h: [units], c: [units]) {\n"
    "  i = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
    "  f = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
    "  n = f * c + i * act(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
    "  o = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
    "  return o * act(n), n\n}\n";

static const char light_gru[] = "cell LightGRU(units)(x, h: [units]) {\n"
                                "  z = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
                                "  c = relu(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
                                "  return z * h + (1 - z) * c\n}\n";

// The one model of a source text.
static void load(small_model *s, const char *cells, const char *body) {
  char path[] = "cell_XXXXXX.nlm";
  int fd = mkstemps(path, 4);
  assert_true(fd >= 0);
  close(fd);
  strbuf text = {0}, messages = {0};
  strbuf_printf(&text, "%smodel tiny {\n%s\n}\n", cells, body);
  assert_int_equal(file_write_atomic(path, strbuf_text(&text), strlen(strbuf_text(&text))), 0);
  s->d = diags_new();
  s->u = unit_new(s->d);
  bool good = load_models(s->u, path, &(load_options){0});
  remove(path);
  diags_print_text(s->d, &messages, false);
  if (!good)
    fail_msg("%s", strbuf_text(&messages));
  s->m = s->u->models.data[0];
  strbuf_free(&text);
  strbuf_free(&messages);
}

static void unload(small_model *s) {
  unit_free(s->u);
  diags_free(s->d);
}

static void feed_words(model_run *r) {
  run_extent(r, "batch", BATCH);
  run_extent(r, "time", TIME);
  run_feed(r, "words", ids);
}

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

static double affine(const double *x, int n, const double *matrix, const double *bias, int column) {
  double sum = bias ? bias[column] : 0;
  for (int k = 0; k < n; k++)
    sum += x[k] * matrix[k * UNITS + column];
  return sum;
}

static void light_gru_by_hand(model_run *r, const double *word, double *h) {
  const double *wz = run_weight(r, "rnn/dense/kernel", NULL), *bz = run_weight(r, "rnn/dense/bias", NULL),
               *uz = run_weight(r, "rnn/dense_1/kernel", NULL),
               *wc = run_weight(r, "rnn/dense_2/kernel", NULL), *bc = run_weight(r, "rnn/dense_2/bias", NULL),
               *uc = run_weight(r, "rnn/dense_3/kernel", NULL);
  double next[UNITS];
  for (int j = 0; j < UNITS; j++) {
    double z = sigmoid(affine(word, FEATURES, wz, bz, j) + affine(h, UNITS, uz, NULL, j));
    double c = fmax(0, affine(word, FEATURES, wc, bc, j) + affine(h, UNITS, uc, NULL, j));
    next[j] = z * h[j] + (1 - z) * c;
  }
  memcpy(h, next, sizeof next);
}

static void a_users_cell_follows_its_definition(void **state) {
  (void)state;
  small_model s;
  model_run r;
  load(&s, light_gru,
       "  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
       "RNN(LightGRU(2))");
  run_begin(&r, &s, PROGRAM_INFER);
  feed_words(&r);
  size_t n;
  double *found = run_root(&r, ROOT_OUTPUT, 0, &n);
  assert_int_equal(n, BATCH * UNITS);
  const double *table = run_weight(&r, "embedding/embeddings", NULL);
  for (int b = 0; b < BATCH; b++) {
    double h[UNITS] = {0};
    for (int t = 0; t < TIME; t++)
      if (ids[b * TIME + t] != 0)
        light_gru_by_hand(&r, table + (size_t)ids[b * TIME + t] * FEATURES, h);
    for (int j = 0; j < UNITS; j++)
      assert_true(fabs(found[b * UNITS + j] - h[j]) < 1e-14);
  }
  free(found);
  run_end(&r);
  unload(&s);
}

// Columns of gate k of the built-in weights, rows of `width` gates, into a matrix of the user's.
static void copy_gate(model_run *from, const char *name, int gate, model_run *to, const char *to_name) {
  size_t n, n_to;
  const double *all = run_weight(from, name, &n);
  double *one = run_weight(to, to_name, &n_to);
  assert_int_equal(n, 4 * n_to);
  for (size_t k = 0; k < n_to; k++)
    one[k] = all[k / UNITS * 4 * UNITS + (size_t)gate * UNITS + k % UNITS];
}

static void a_users_lstm_is_the_built_in_one(void **state) {
  (void)state;
  static const char body[] =
      "  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> %s";
  small_model own, built_in;
  model_run a, b;
  char text[200];
  snprintf(text, sizeof text, body, "RNN(PlainLSTM(2), return_sequences = true)");
  load(&own, plain_lstm, text);
  snprintf(text, sizeof text, body, "LSTM(2, return_sequences = true)");
  load(&built_in, "", text);
  run_begin(&a, &own, PROGRAM_INFER);
  run_begin(&b, &built_in, PROGRAM_INFER);
  feed_words(&a);
  feed_words(&b);
  for (int gate = 0; gate < 4; gate++) { // input, forget, candidate, output
    char matrix[40], recurrent[40], bias[40];
    snprintf(matrix, sizeof matrix, gate ? "rnn/dense_%d/kernel" : "rnn/dense/kernel", 2 * gate);
    snprintf(bias, sizeof bias, gate ? "rnn/dense_%d/bias" : "rnn/dense/bias", 2 * gate);
    snprintf(recurrent, sizeof recurrent, "rnn/dense_%d/kernel", 2 * gate + 1);
    copy_gate(&b, "lstm/kernel", gate, &a, matrix);
    copy_gate(&b, "lstm/recurrent_kernel", gate, &a, recurrent);
    copy_gate(&b, "lstm/bias", gate, &a, bias);
  }
  size_t n, m;
  double *x = run_root(&a, ROOT_OUTPUT, 0, &n), *y = run_root(&b, ROOT_OUTPUT, 0, &m);
  assert_int_equal(n, BATCH * TIME * UNITS);
  assert_int_equal(m, n);
  for (size_t k = 0; k < n; k++)
    assert_true(fabs(x[k] - y[k]) <= 1e-15);
  assert_true(fabs(x[0]) > 1e-3);
  free(x);
  free(y);
  run_end(&a);
  run_end(&b);
  unload(&own);
  unload(&built_in);
}

// ---- the loop

static const scan_body *only_scan(const program *p) {
  node *roots[8];
  assert_true(p->roots.len <= 8);
  for (size_t k = 0; k < p->roots.len; k++)
    roots[k] = p->roots.data[k].value;
  node **live;
  size_t n = graph_reachable(p->g, roots, p->roots.len, &live);
  const scan_body *body = NULL;
  for (size_t k = 0; k < n; k++)
    if (live[k]->op == OP_SCAN) {
      assert_null(body);
      body = scan_body_of(live[k]);
    }
  free(live);
  assert_non_null(body);
  return body;
}

static int count_in_body(const program *p, op_code op) {
  node **nodes;
  size_t n = scan_body_nodes(p->g, only_scan(p), &nodes);
  int count = 0;
  for (size_t k = 0; k < n; k++)
    count += nodes[k]->op == op;
  free(nodes);
  return count;
}

static void gates_become_one_product(void **state) {
  (void)state;
  static const char *const cells[] = {"PlainLSTM(2)", "LightGRU(2)"};
  static const int products[] = {8, 4};
  for (int i = 0; i < 2; i++) {
    small_model s;
    model_run r;
    char text[200];
    snprintf(text, sizeof text, "  input words: int[time]\n  output y = words -> Embedding(7, 3) -> RNN(%s)",
             cells[i]);
    load(&s, i ? light_gru : plain_lstm, text);
    run_begin(&r, &s, PROGRAM_INFER);
    feed_words(&r);
    assert_int_equal(count_in_body(r.p, OP_MATMUL), products[i]);
    size_t n, m;
    double *before = run_root(&r, ROOT_OUTPUT, 0, &n);
    compilation c = {.program = r.p};
    pipeline_run(&c, &(pipeline_options){.stop_after = "hoist", .verify = true});
    assert_int_equal(count_in_body(r.p, OP_MATMUL), 1);
    assert_int_equal(only_scan(r.p)->n_seq, 1);
    double *after = run_root(&r, ROOT_OUTPUT, 0, &m);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n * sizeof *before); // the bits stay
    free(before);
    free(after);
    run_end(&r);
    unload(&s);
  }
}

// ---- dropout

enum { WIDE = 8 };

// The values of layer "rnn" in training, over ones.
static double *in_training(const char *cells, const char *cell) {
  static double ones[BATCH * TIME * WIDE], zeros[BATCH * WIDE];
  for (int k = 0; k < BATCH * TIME * WIDE; k++)
    ones[k] = 1;
  char text[200];
  small_model s;
  model_run r;
  snprintf(text, sizeof text, "  input x: float[time, 8]\n  output y = x -> RNN(%s) -> Dense(8)", cell);
  load(&s, cells, text);
  assert_non_null(small_train(&s, "loss = mse"));
  run_begin(&r, &s, PROGRAM_GRAD);
  program_free(r.p);
  r.p = lower_program(s.m, r.inputs, PROGRAM_GRAD, "rnn");
  run_extent(&r, "batch", BATCH);
  run_extent(&r, "time", TIME);
  run_feed(&r, "x", ones);
  run_feed(&r, "y", zeros);
  const program_root *probe = &r.p->roots.data[r.p->roots.len - 1];
  assert_int_equal(probe->role, ROOT_PROBE);
  size_t n;
  double *values = run_root(&r, ROOT_PROBE, probe->index, &n);
  assert_int_equal(n, BATCH * WIDE);
  run_end(&r);
  unload(&s);
  return values;
}

// Every element is one of two values, and both occur.
static void expect_either(const double *values, double dropped, double kept) {
  int n_kept = 0;
  for (int k = 0; k < BATCH * WIDE; k++) {
    assert_true(values[k] == dropped || values[k] == kept);
    n_kept += values[k] == kept;
  }
  assert_true(n_kept > 0 && n_kept < BATCH * WIDE);
}

static void dropout_in_a_cell_keeps_one_mask(void **state) {
  (void)state;
  double *input =
      in_training("cell Sum(units)(x, h: [units]) {\n  return h + Dropout(0.5)(x)\n}\n", "Sum(8)");
  expect_either(input, 0, 2 * TIME);
  double *carried =
      in_training("cell Sum(units)(x, h: [units]) {\n  return Dropout(0.5)(h) + x\n}\n", "Sum(8)");
  expect_either(carried, 1, (1 << TIME) - 1); // h = x alone; h = 2 h + x
  free(input);
  free(carried);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_users_cell_follows_its_definition),
      cmocka_unit_test(a_users_lstm_is_the_built_in_one),
      cmocka_unit_test(gates_become_one_product),
      cmocka_unit_test(dropout_in_a_cell_keeps_one_mask),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
