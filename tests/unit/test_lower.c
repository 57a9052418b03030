// Lowering against loops over padded sequences, written here from the definitions of the layers: a masked
// step is skipped, and whoever looks at it sees what Keras computes there.
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 4, TIME = 5, VOCABULARY = 7, FEATURES = 3, UNITS = 2 };

// Zeros in the middle, at the start and at the end; a row without a valid step; a full row.
static const double ids[BATCH * TIME] = {3,      0, 5, 0, 0, /**/ 0, 0, 0, 0, 0,
                                         /**/ 1, 2, 6, 4, 3, /**/ 0, 0, 2, 0, 6};

// ---- the layers, step by step

typedef struct kernels {
  const double *w, *u, *b;
} kernels;

static kernels kernels_of(model_run *r, const char *prefix) {
  char name[96];
  kernels k;
  snprintf(name, sizeof name, "%s/kernel", prefix);
  k.w = run_weight(r, name, NULL);
  snprintf(name, sizeof name, "%s/recurrent_kernel", prefix);
  k.u = run_weight(r, name, NULL);
  snprintf(name, sizeof name, "%s/bias", prefix);
  k.b = run_weight(r, name, NULL);
  return k;
}

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

// row . column j of a matrix [n, columns]
static double dot(const double *row, const double *matrix, int n, int columns, int j) {
  double sum = 0;
  for (int k = 0; k < n; k++)
    sum += row[k] * matrix[k * columns + j];
  return sum;
}

typedef void (*step_fn)(const kernels *k, const double *x, int inputs, double *h, double *c);

static void simple_rnn_step(const kernels *k, const double *x, int inputs, double *h, double *c) {
  (void)c;
  double next[UNITS];
  for (int j = 0; j < UNITS; j++)
    next[j] = tanh(dot(x, k->w, inputs, UNITS, j) + dot(h, k->u, UNITS, UNITS, j) + k->b[j]);
  memcpy(h, next, sizeof next);
}

static void lstm_step(const kernels *k, const double *x, int inputs, double *h, double *c) {
  double z[4 * UNITS];
  for (int j = 0; j < 4 * UNITS; j++)
    z[j] = dot(x, k->w, inputs, 4 * UNITS, j) + dot(h, k->u, UNITS, 4 * UNITS, j) + k->b[j];
  for (int j = 0; j < UNITS; j++) {
    c[j] = sigmoid(z[UNITS + j]) * c[j] + sigmoid(z[j]) * tanh(z[2 * UNITS + j]);
    h[j] = sigmoid(z[3 * UNITS + j]) * tanh(c[j]);
  }
}

static void gru_after_step(const kernels *k, const double *x, int inputs, double *h, double *c) {
  (void)c;
  double a[3 * UNITS], b[3 * UNITS];
  for (int j = 0; j < 3 * UNITS; j++) {
    a[j] = dot(x, k->w, inputs, 3 * UNITS, j) + k->b[j];
    b[j] = dot(h, k->u, UNITS, 3 * UNITS, j) + k->b[3 * UNITS + j];
  }
  for (int j = 0; j < UNITS; j++) {
    double z = sigmoid(a[j] + b[j]), reset = sigmoid(a[UNITS + j] + b[UNITS + j]);
    h[j] = z * h[j] + (1 - z) * tanh(a[2 * UNITS + j] + reset * b[2 * UNITS + j]);
  }
}

static void gru_before_step(const kernels *k, const double *x, int inputs, double *h, double *c) {
  (void)c;
  double z[UNITS], reset[UNITS];
  for (int j = 0; j < UNITS; j++) {
    z[j] = sigmoid(dot(x, k->w, inputs, 3 * UNITS, j) + dot(h, k->u, UNITS, 3 * UNITS, j) + k->b[j]);
    int r = UNITS + j;
    reset[j] =
        sigmoid(dot(x, k->w, inputs, 3 * UNITS, r) + dot(h, k->u, UNITS, 3 * UNITS, r) + k->b[r]) * h[j];
  }
  double next[UNITS];
  for (int j = 0; j < UNITS; j++) {
    int n = 2 * UNITS + j;
    double candidate =
        tanh(dot(x, k->w, inputs, 3 * UNITS, n) + dot(reset, k->u, UNITS, 3 * UNITS, n) + k->b[n]);
    next[j] = z[j] * h[j] + (1 - z[j]) * candidate;
  }
  memcpy(h, next, sizeof next);
}

// One example over time. outputs [TIME, UNITS]: at masked steps the last output, or zero. Returns the last
// state in h.
static void run_steps(step_fn step, const kernels *k, const double *x, int inputs, const double *valid,
                      bool backwards, bool zero_masked, double *h, double *outputs) {
  double c[UNITS] = {0};
  memset(h, 0, UNITS * sizeof *h);
  for (int i = 0; i < TIME; i++) {
    int t = backwards ? TIME - 1 - i : i;
    if (valid[t] != 0)
      step(k, x + t * inputs, inputs, h, c);
    for (int j = 0; j < UNITS; j++)
      outputs[t * UNITS + j] = valid[t] == 0 && zero_masked ? 0 : h[j];
  }
}

// ---- running models

static void start(model_run *r, small_model *s, program_kind kind) {
  run_begin(r, s, kind);
  run_extent(r, "batch", BATCH);
  run_extent(r, "time", TIME);
  run_feed(r, "words", ids);
}

static tensor *embedded(small_model *s) {
  small_model_begin(s, "net");
  return small_chain(s, small_input(s, "words", TENSOR_INT, "time"), "Embedding(7, 3, mask_zero = true)",
                     NULL);
}

static void finish(model_run *r, small_model *s) {
  run_end(r);
  train_config_free(s->m->training);
  small_model_end(s);
}

static void look_up(model_run *r, double x[BATCH][TIME * FEATURES]) {
  const double *table = run_weight(r, "embedding/embeddings", NULL);
  for (int b = 0; b < BATCH; b++)
    for (int t = 0; t < TIME; t++)
      memcpy(x[b] + t * FEATURES, table + (size_t)ids[b * TIME + t] * FEATURES, FEATURES * sizeof(double));
}

static void expect_close(const double *found, const double *expected, size_t n, const char *what) {
  for (size_t i = 0; i < n; i++)
    if (!(fabs(found[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i]))))
      fail_msg("%s: element %zu is %.17g, expected %.17g", what, i, found[i], expected[i]);
}

static void expect_output(model_run *r, const double *expected, size_t n, const char *what) {
  size_t count;
  double *found = run_root(r, ROOT_OUTPUT, 0, &count);
  assert_int_equal(count, n);
  expect_close(found, expected, n, what);
  free(found);
}

static void check_recurrent(const char *literal, const char *prefix, step_fn step) {
  small_model s;
  model_run r;
  char sequences[96];
  for (int with_sequences = 0; with_sequences < 2; with_sequences++) {
    tensor *x = embedded(&s);
    snprintf(sequences, sizeof sequences, "%s%s)", literal,
             with_sequences ? ", return_sequences = true" : "");
    small_output(&s, "y", small_chain(&s, x, sequences, NULL));
    start(&r, &s, PROGRAM_INFER);
    kernels k = kernels_of(&r, prefix);
    double e[BATCH][TIME * FEATURES], last[BATCH][UNITS], all[BATCH][TIME * UNITS];
    look_up(&r, e);
    for (int b = 0; b < BATCH; b++)
      run_steps(step, &k, e[b], FEATURES, ids + b * TIME, false, false, last[b], all[b]);
    if (with_sequences)
      expect_output(&r, &all[0][0], sizeof all / sizeof(double), sequences);
    else
      expect_output(&r, &last[0][0], sizeof last / sizeof(double), sequences);
    finish(&r, &s);
  }
}

static void recurrences_skip_masked_steps(void **state) {
  (void)state;
  check_recurrent("SimpleRNN(2", "simple_rnn", simple_rnn_step);
  check_recurrent("LSTM(2", "lstm", lstm_step);
  check_recurrent("GRU(2", "gru", gru_after_step);
  check_recurrent("GRU(2, reset_after = false", "gru", gru_before_step);
}

static void both_directions_skip_and_zero(void **state) {
  (void)state;
  small_model s;
  model_run r;
  for (int sequences = 0; sequences < 2; sequences++) {
    tensor *x = embedded(&s);
    small_output(
        &s, "y",
        small_chain(&s, x,
                    sequences ? "Bidirectional(LSTM(2, return_sequences = true))" : "Bidirectional(LSTM(2))",
                    NULL));
    start(&r, &s, PROGRAM_INFER);
    kernels k[2] = {kernels_of(&r, "bidirectional/forward"), kernels_of(&r, "bidirectional/backward")};
    double e[BATCH][TIME * FEATURES], last[BATCH][2 * UNITS], all[BATCH][TIME][2 * UNITS];
    look_up(&r, e);
    for (int b = 0; b < BATCH; b++)
      for (int d = 0; d < 2; d++) {
        double h[UNITS], y[TIME * UNITS];
        run_steps(lstm_step, &k[d], e[b], FEATURES, ids + b * TIME, d == 1, true, h, y);
        memcpy(last[b] + d * UNITS, h, sizeof h);
        for (int t = 0; t < TIME; t++)
          memcpy(all[b][t] + d * UNITS, y + t * UNITS, UNITS * sizeof(double));
      }
    if (sequences)
      expect_output(&r, &all[0][0][0], sizeof all / sizeof(double), "sequences");
    else
      expect_output(&r, &last[0][0], sizeof last / sizeof(double), "last states");
    finish(&r, &s);
  }
}

// A token-wise layer at a masked step: its value for what stands there.
static void tokenwise_layers_see_the_fill(void **state) {
  (void)state;
  small_model s;
  model_run r;
  tensor *x = embedded(&s);
  x = small_chain(&s, x, "LSTM(2, return_sequences = true)", "Dense(4, activation = sigmoid)", NULL);
  small_output(&s, "y", x);
  start(&r, &s, PROGRAM_INFER);
  kernels k = kernels_of(&r, "lstm");
  const double *w = run_weight(&r, "dense/kernel", NULL), *bias = run_weight(&r, "dense/bias", NULL);
  double e[BATCH][TIME * FEATURES], h[UNITS], all[TIME * UNITS], y[BATCH][TIME][4];
  look_up(&r, e);
  for (int b = 0; b < BATCH; b++) {
    run_steps(lstm_step, &k, e[b], FEATURES, ids + b * TIME, false, false, h, all);
    for (int t = 0; t < TIME; t++)
      for (int j = 0; j < 4; j++)
        y[b][t][j] = sigmoid(dot(all + t * UNITS, w, UNITS, 4, j) + bias[j]);
  }
  expect_output(&r, &y[0][0][0], sizeof y / sizeof(double), "dense over a repeated output");
  size_t n;
  double *mask = run_root(&r, ROOT_OUTPUT_MASK, 0, &n);
  assert_int_equal(n, BATCH * TIME);
  for (size_t i = 0; i < n; i++)
    assert_true(mask[i] == (ids[i] != 0));
  free(mask);
  finish(&r, &s);
}

static void flatten_and_max_see_padding(void **state) {
  (void)state;
  small_model s;
  model_run r;
  small_model_begin(&s, "net");
  tensor *words = small_input(&s, "words", TENSOR_INT, "5");
  tensor *x = small_chain(&s, words, "Embedding(7, 3, mask_zero = true)", NULL);
  small_output(&s, "y", small_chain(&s, x, "Flatten()", NULL));
  small_output(&s, "most", small_chain(&s, x, "GlobalMaxPooling1D()", NULL));
  run_begin(&r, &s, PROGRAM_INFER);
  run_extent(&r, "batch", BATCH);
  run_feed(&r, "words", ids);
  double e[BATCH][TIME * FEATURES];
  look_up(&r, e);
  expect_output(&r, &e[0][0], sizeof e / sizeof(double), "flatten");
  double most[BATCH][FEATURES], *found = run_root(&r, ROOT_OUTPUT, 1, NULL);
  for (int b = 0; b < BATCH; b++)
    for (int j = 0; j < FEATURES; j++) {
      most[b][j] = e[b][j];
      for (int t = 1; t < TIME; t++)
        most[b][j] = fmax(most[b][j], e[b][t * FEATURES + j]);
    }
  expect_close(found, &most[0][0], BATCH * FEATURES, "maximum");
  free(found);
  finish(&r, &s);
}

static void average_pools_valid_steps(void **state) {
  (void)state;
  small_model s;
  model_run r;
  tensor *x = embedded(&s);
  small_output(&s, "y", small_chain(&s, x, "GlobalAveragePooling1D()", NULL));
  start(&r, &s, PROGRAM_INFER);
  double e[BATCH][TIME * FEATURES], y[BATCH][FEATURES];
  look_up(&r, e);
  for (int b = 0; b < BATCH; b++)
    for (int j = 0; j < FEATURES; j++) {
      double sum = 0, n = 0;
      for (int t = 0; t < TIME; t++)
        if (ids[b * TIME + t] != 0) {
          sum += e[b][t * FEATURES + j];
          n++;
        }
      y[b][j] = n > 0 ? sum / n : 0;
    }
  expect_output(&r, &y[0][0], sizeof y / sizeof(double), "average");
  finish(&r, &s);
}

static const double other_ids[BATCH * TIME] = {0,      1, 4, 0, 2, /**/ 0, 0, 3, 0, 0,
                                               /**/ 0, 0, 0, 0, 0, /**/ 5, 0, 6, 0, 0};

// Two sequences under different masks: a step counts where either counts, and holds the sum of what stands
// there.
static void merges_take_the_or_of_masks(void **state) {
  (void)state;
  small_model s;
  model_run r;
  tensor *a = embedded(&s);
  tensor *b = small_chain(&s, small_input(&s, "others", TENSOR_INT, "time"),
                          "Embedding(7, 3, mask_zero = true)", "LSTM(3, return_sequences = true)", NULL);
  tensor *both = small_apply(&s, small_layer(&s, "Add()"), 2, a, b);
  small_output(&s, "sum", both);
  small_output(&s, "mean", small_chain(&s, both, "GlobalAveragePooling1D()", NULL));
  small_output(&s, "b", b);
  start(&r, &s, PROGRAM_INFER);
  run_feed(&r, "others", other_ids);
  double e[BATCH][TIME * FEATURES];
  look_up(&r, e);
  double *dense_b = run_root(&r, ROOT_OUTPUT, 2, NULL), mean[BATCH][FEATURES] = {0};
  for (int i = 0; i < BATCH; i++) {
    double n = 0;
    for (int t = 0; t < TIME; t++) {
      bool counts = ids[i * TIME + t] != 0 || other_ids[i * TIME + t] != 0;
      n += counts;
      for (int j = 0; j < FEATURES; j++) {
        e[i][t * FEATURES + j] += dense_b[(i * TIME + t) * FEATURES + j];
        mean[i][j] += counts ? e[i][t * FEATURES + j] : 0;
      }
    }
    for (int j = 0; j < FEATURES; j++)
      mean[i][j] = n > 0 ? mean[i][j] / n : 0;
  }
  expect_output(&r, &e[0][0], sizeof e / sizeof(double), "sum");
  double *found = run_root(&r, ROOT_OUTPUT, 1, NULL);
  expect_close(found, &mean[0][0], BATCH * FEATURES, "mean over the OR of the masks");
  free(found);
  free(dense_b);
  finish(&r, &s);
}

static tensor *pooled_net(small_model *s) {
  tensor *x = embedded(s);
  tensor *a = small_chain(s, x, "Bidirectional(GRU(2, return_sequences = true))",
                          "Dense(3, activation = tanh)", "GlobalAveragePooling1D()", NULL);
  tensor *b = small_chain(s, x, "LSTM(2)", NULL);
  return small_chain(s, small_apply(s, small_layer(s, "Concatenate()"), 2, a, b), "Dense(2)", NULL);
}

// An example in a padded batch, zeros in the middle and all, gives what its valid steps alone give.
static void padding_never_shows(void **state) {
  (void)state;
  small_model s;
  model_run r;
  small_output(&s, "y", pooled_net(&s));
  start(&r, &s, PROGRAM_INFER);
  double *batch = run_root(&r, ROOT_OUTPUT, 0, NULL);
  for (int b = 0; b < BATCH; b++) {
    double alone[TIME];
    int n = 0;
    for (int t = 0; t < TIME; t++)
      if (ids[b * TIME + t] != 0)
        alone[n++] = ids[b * TIME + t];
    if (n == 0)
      alone[n++] = 0;
    run_extent(&r, "batch", 1);
    run_extent(&r, "time", n);
    run_feed(&r, "words", alone);
    double *y = run_root(&r, ROOT_OUTPUT, 0, NULL);
    expect_close(y, batch + b * 2, 2, "an example alone");
    free(y);
  }
  free(batch);
  finish(&r, &s);
}

// ---- losses over valid steps

static const double tags[BATCH * TIME] = {1,      9, 0, 9, 9, /**/ 9, 9, 9, 9, 9,
                                          /**/ 2, 1, 0, 2, 2, /**/ 9, 9, 1, 9, 0};

static void loss_counts_valid_steps(void **state) {
  (void)state;
  small_model s;
  model_run r;
  tensor *x = embedded(&s);
  small_output(
      &s, "tags",
      small_chain(&s, x, "LSTM(2, return_sequences = true)", "Dense(3, activation = softmax)", NULL));
  assert_non_null(small_train(&s, "loss = sparse_categorical_crossentropy"));
  start(&r, &s, PROGRAM_EVALUATE);
  run_feed(&r, "tags", tags); // 9 is no class, but stands at masked steps only
  double *p = run_root(&r, ROOT_OUTPUT, 0, NULL), *loss = run_root(&r, ROOT_LOSS, -1, NULL), sum = 0, n = 0;
  for (int i = 0; i < BATCH * TIME; i++)
    if (ids[i] != 0) {
      sum -= log(p[i * 3 + (int)tags[i]]);
      n++;
    }
  double expected = sum / n;
  expect_close(loss, &expected, 1, "mean over valid steps");
  free(p);
  free(loss);
  double nothing[BATCH * TIME] = {0}, zero = 0;
  run_feed(&r, "words", nothing);
  loss = run_root(&r, ROOT_LOSS, 0, NULL);
  expect_close(loss, &zero, 1, "no valid step");
  free(loss);
  finish(&r, &s);
}

static void classes_out_of_range_are_found(void **state) {
  (void)state;
  small_model s;
  model_run r;
  tensor *x = embedded(&s);
  small_output(&s, "tags", small_chain(&s, x, "Dense(3, activation = softmax)", NULL));
  assert_non_null(small_train(&s, "loss = sparse_categorical_crossentropy"));
  start(&r, &s, PROGRAM_EVALUATE);
  double wrong[BATCH * TIME];
  memcpy(wrong, tags, sizeof wrong);
  run_feed(&r, "tags", wrong);
  assert_null(run_failure(&r));
  wrong[13] = 3; // row 2, step 3
  const char *said = run_failure(&r);
  assert_non_null(said);
  assert_non_null(strstr(said, "input 1")); // words, tags
  assert_non_null(strstr(said, "13"));
  finish(&r, &s);
}

// ---- gradients through packings

// The gradient of a weight in full: dense, or its rows put where their ids say.
static double *whole_gradient(model_run *r, const weight *w, size_t n) {
  bool is_sparse = false;
  for (size_t i = 0; i < r->p->roots.len; i++)
    is_sparse |= r->p->roots.data[i].role == ROOT_GRAD_IDS && r->p->roots.data[i].index == w->index;
  if (!is_sparse)
    return run_root(r, ROOT_GRAD, w->index, NULL);
  size_t n_ids, n_rows;
  double *row_ids = run_root(r, ROOT_GRAD_IDS, w->index, &n_ids),
         *rows = run_root(r, ROOT_GRAD_ROWS, w->index, &n_rows);
  double *whole = xcalloc(n, sizeof *whole);
  size_t width = n_ids ? n_rows / n_ids : 0;
  for (size_t i = 0; i < n_ids; i++)
    memcpy(whole + (size_t)row_ids[i] * width, rows + i * width, width * sizeof *whole);
  free(row_ids);
  free(rows);
  return whole;
}

static double total_loss(model_run *r) {
  double *found = run_root(r, ROOT_LOSS, -1, NULL), loss = found[0];
  free(found);
  return loss;
}

static void expect_gradients(model_run *r, small_model *s) {
  for (size_t k = 0; k < s->m->weights.len; k++) {
    const weight *w = s->m->weights.data[k];
    size_t n;
    double *values = run_weight(r, w->name, &n), *gradient = whole_gradient(r, w, n);
    for (size_t i = 0; i < n; i++) {
      const double h = 1e-5, kept = values[i];
      values[i] = kept + h;
      double up = total_loss(r);
      values[i] = kept - h;
      double slope = (up - total_loss(r)) / (2 * h);
      values[i] = kept;
      if (!(fabs(slope - gradient[i]) <= 1e-8))
        fail_msg("%s, element %zu: %.12g, differences say %.12g", w->name, i, gradient[i], slope);
    }
    free(gradient);
  }
}

static void gradients_pass_through_packings(void **state) {
  (void)state;
  static const double targets[BATCH * 2] = {1, -1, 0.5, 0, 2, 0.25, -0.5, 1};
  small_model s;
  model_run r;
  small_output(&s, "y", pooled_net(&s));
  assert_non_null(small_train(&s, "loss = mse"));
  start(&r, &s, PROGRAM_GRAD);
  run_feed(&r, "y", targets);
  expect_gradients(&r, &s);
  finish(&r, &s);
}

// What stands at masked steps has a gradient too where somebody looks at it.
static void gradients_pass_through_fills(void **state) {
  (void)state;
  static const double targets[BATCH * 10] = {1, -1, 0.5, 0, 2, 0.25, -0.5, 1};
  small_model s;
  model_run r;
  small_model_begin(&s, "net");
  tensor *x =
      small_chain(&s, small_input(&s, "words", TENSOR_INT, "5"), "Embedding(7, 3, mask_zero = true)", NULL);
  tensor *a = small_chain(&s, x, "SimpleRNN(2, return_sequences = true)", "Flatten()", NULL);
  tensor *b = small_chain(&s, x, "Dense(2)", "Flatten()", NULL);
  small_output(&s, "y", small_apply(&s, small_layer(&s, "Add()"), 2, a, b));
  assert_non_null(small_train(&s, "loss = mse"));
  run_begin(&r, &s, PROGRAM_GRAD);
  run_extent(&r, "batch", BATCH);
  run_feed(&r, "words", ids);
  run_feed(&r, "y", targets);
  expect_gradients(&r, &s);
  finish(&r, &s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recurrences_skip_masked_steps),
      cmocka_unit_test(both_directions_skip_and_zero),
      cmocka_unit_test(tokenwise_layers_see_the_fill),
      cmocka_unit_test(flatten_and_max_see_padding),
      cmocka_unit_test(average_pools_valid_steps),
      cmocka_unit_test(merges_take_the_or_of_masks),
      cmocka_unit_test(padding_never_shows),
      cmocka_unit_test(loss_counts_valid_steps),
      cmocka_unit_test(classes_out_of_range_are_found),
      cmocka_unit_test(gradients_pass_through_packings),
      cmocka_unit_test(gradients_pass_through_fills),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
