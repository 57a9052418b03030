// Values of normalizations against loops from their definitions: in prediction, and in training with the
// moving statistics that a step leaves behind.
#include "tests/unit/value_net.h"
#include <string.h>

enum { BATCH = 3, TIME = 4, FEATURES = 2, ROWS = BATCH * TIME };

static void begin_training(value_net *n) {
  assert_non_null(small_train(&n->s, "loss = mse, metrics = [accuracy]"));
}

static void end_training(value_net *n) {
  train_config *c = n->s.m->training;
  run_end(&n->r);
  train_config_free(c);
  small_model_end(&n->s);
}

static void positive(double *variance, int count) {
  for (int k = 0; k < count; k++)
    variance[k] = fabs(variance[k]) + 0.1;
}

static void batch_normalization_predicts_by_moving_statistics(void **state) {
  (void)state;
  value_net n;
  value_net_begin(&n, "4, 2");
  value_net_add(&n, "last", "BatchNormalization(epsilon = 0.01)");
  value_net_add(&n, "bare", "BatchNormalization(center = false, scale = false)");
  value_net_add(&n, "steps", "BatchNormalization(axis = 1)");
  double x[ROWS * FEATURES], y[3][ROWS * FEATURES];
  value_net_numbers(x, ROWS * FEATURES, 0.5);
  value_net_run(&n, PROGRAM_INFER, BATCH, 0, x);
  static const char *const names[] = {"batch_normalization", "batch_normalization_1",
                                      "batch_normalization_2"};
  for (int l = 0; l < 3; l++) {
    char name[64];
    snprintf(name, sizeof name, "%s/moving_variance", names[l]);
    double *variance = run_weight(&n.r, name, NULL);
    positive(variance, l == 2 ? TIME : FEATURES);
    snprintf(name, sizeof name, "%s/moving_mean", names[l]);
    const double *mean = value_net_weight(&n, name), *gamma = NULL, *beta = NULL;
    if (l != 1) {
      snprintf(name, sizeof name, "%s/gamma", names[l]);
      gamma = value_net_weight(&n, name);
      snprintf(name, sizeof name, "%s/beta", names[l]);
      beta = value_net_weight(&n, name);
    }
    for (int k = 0; k < ROWS * FEATURES; k++) {
      int c = l == 2 ? k / FEATURES % TIME : k % FEATURES;
      double z = (x[k] - mean[c]) / sqrt(variance[c] + (l == 0 ? 0.01 : 0.001));
      y[l][k] = gamma ? z * gamma[c] + beta[c] : z;
    }
    value_net_expect(&n, ROOT_OUTPUT, l, y[l], ROWS * FEATURES, names[l]);
  }
  value_net_end(&n);
}

// The statistics of a batch of words: of all steps, or of those without id 0; Keras divides by their number +
// 1e-7.
static void batch_statistics(const double *table, const double *ids, bool masked, double *mean,
                             double *variance) {
  double count = masked ? 1e-7 : 0, sum[FEATURES] = {0}, squares[FEATURES] = {0};
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < FEATURES && !(masked && ids[r] == 0); c++) {
      count += c == 0;
      sum[c] += table[(int)ids[r] * FEATURES + c];
    }
  for (int c = 0; c < FEATURES; c++)
    mean[c] = sum[c] / count;
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < FEATURES && !(masked && ids[r] == 0); c++) {
      double d = table[(int)ids[r] * FEATURES + c] - mean[c];
      squares[c] += d * d;
    }
  for (int c = 0; c < FEATURES; c++)
    variance[c] = squares[c] / count;
}

static void check_batch_training(bool masked) {
  static const double ids[ROWS] = {3, 0, 4, 0, 0, 0, 0, 0, 1, 2, 6, 5};
  value_net n;
  small_model_begin(&n.s, "net");
  tensor *words = small_input(&n.s, "x", TENSOR_INT, "time");
  tensor *e =
      small_chain(&n.s, words, masked ? "Embedding(7, 2, mask_zero = true)" : "Embedding(7, 2)", NULL);
  layer *norm = small_layer(&n.s, "BatchNormalization(momentum = 0.9)");
  small_output(&n.s, "y", small_apply(&n.s, norm, 1, e));
  begin_training(&n);
  value_net_run(&n, PROGRAM_GRAD, BATCH, TIME, ids);
  const double *table = value_net_weight(&n, "embedding/embeddings"),
               *gamma = value_net_weight(&n, "batch_normalization/gamma"),
               *beta = value_net_weight(&n, "batch_normalization/beta"),
               *old_mean = value_net_weight(&n, "batch_normalization/moving_mean"),
               *old_variance = value_net_weight(&n, "batch_normalization/moving_variance");
  double mean[FEATURES], variance[FEATURES], y[ROWS * FEATURES], new_mean[FEATURES], new_variance[FEATURES];
  batch_statistics(table, ids, masked, mean, variance);
  for (int k = 0; k < ROWS * FEATURES; k++) { // masked steps are normalized too
    int c = k % FEATURES;
    double v = table[(int)ids[k / FEATURES] * FEATURES + c];
    y[k] = (v - mean[c]) / sqrt(variance[c] + 0.001) * gamma[c] + beta[c];
  }
  for (int c = 0; c < FEATURES; c++) {
    new_mean[c] = 0.9 * old_mean[c] + 0.1 * mean[c];
    new_variance[c] = 0.9 * old_variance[c] + 0.1 * variance[c];
  }
  value_net_expect(&n, ROOT_OUTPUT, 0, y, ROWS * FEATURES, "training");
  assert_string_equal(n.s.m->weights.data[3]->local, "moving_mean");
  assert_false(n.s.m->weights.data[3]->trainable);
  value_net_expect(&n, ROOT_ASSIGN, 3, new_mean, FEATURES, "moving mean");
  value_net_expect(&n, ROOT_ASSIGN, 4, new_variance, FEATURES, "moving variance");
  end_training(&n);
}

static void batch_normalization_trains_by_the_batch(void **state) {
  (void)state;
  check_batch_training(false);
  check_batch_training(true);
}

// Applied twice, its statistics move twice, in order; frozen, it predicts.
static void shared_and_frozen_statistics(void **state) {
  (void)state;
  value_net n;
  value_net_begin(&n, "2");
  layer *norm = small_layer(&n.s, "BatchNormalization(momentum = 0.5)"),
        *frozen = small_layer(&n.s, "BatchNormalization(trainable = false)"),
        *half = small_layer(&n.s, "Rescaling(0.5)");
  tensor *a = small_apply(&n.s, norm, 1, n.x);
  tensor *b = small_apply(&n.s, norm, 1, small_apply(&n.s, half, 1, n.x));
  small_output(&n.s, "y",
               small_chain(&n.s, small_apply(&n.s, small_layer(&n.s, "Add()"), 2, a, b), "Dense(1)", NULL));
  small_output(&n.s, "z", small_apply(&n.s, frozen, 1, n.x));
  assert_non_null(small_train(&n.s, "loss = {y: mse, z: mse}, metrics = {z: accuracy}"));
  static const double x[] = {1, 2, 3, 6};
  value_net_run(&n, PROGRAM_GRAD, 2, 0, x);
  const double *old = value_net_weight(&n, "batch_normalization/moving_mean");
  const double expected[] = {0.5 * (0.5 * old[0] + 0.5 * 2) + 0.5 * 1,
                             0.5 * (0.5 * old[1] + 0.5 * 4) + 0.5 * 2};
  assert_string_equal(n.s.m->weights.data[2]->name, "batch_normalization/moving_mean");
  value_net_expect(&n, ROOT_ASSIGN, 2, expected, 2, "moved twice");
  for (size_t k = 0; k < n.r.p->roots.len; k++)
    if (n.r.p->roots.data[k].role == ROOT_ASSIGN)
      assert_true(n.r.p->roots.data[k].index == 2 || n.r.p->roots.data[k].index == 3);
  double *variance = run_weight(&n.r, "batch_normalization_1/moving_variance", NULL);
  positive(variance, 2);
  const double *mean = value_net_weight(&n, "batch_normalization_1/moving_mean"),
               *gamma = value_net_weight(&n, "batch_normalization_1/gamma"),
               *beta = value_net_weight(&n, "batch_normalization_1/beta");
  double z[4];
  for (int k = 0; k < 4; k++)
    z[k] = (x[k] - mean[k % 2]) / sqrt(variance[k % 2] + 0.001) * gamma[k % 2] + beta[k % 2];
  value_net_expect(&n, ROOT_OUTPUT, 1, z, 4, "frozen");
  end_training(&n);
}

// Normalizes `count` elements x[0], x[stride], … by mean and deviation (or, without a mean, by the root mean
// square).
static void normalize(const double *x, int count, double epsilon, bool centred, double *y) {
  double mean = 0, square = 0;
  for (int k = 0; k < count && centred; k++)
    mean += x[k] / count;
  for (int k = 0; k < count; k++)
    square += (x[k] - mean) * (x[k] - mean) / count;
  for (int k = 0; k < count; k++)
    y[k] = (x[k] - mean) / sqrt(square + epsilon);
}

static void layers_normalize_each_example(void **state) {
  (void)state;
  enum { STEPS = 3, WIDTH = 4, ALL = STEPS * WIDTH, B = 2 };
  value_net n;
  value_net_begin(&n, "3, 4");
  value_net_add(&n, "last", "LayerNormalization()");
  value_net_add(&n, "both", "LayerNormalization(axis = [1, 2], epsilon = 0.1, center = false)");
  value_net_add(&n, "rms", "RMSNormalization()");
  value_net_add(&n, "unit", "UnitNormalization()");
  value_net_add(&n, "groups", "GroupNormalization(groups = 2)");
  double x[B * ALL], y[B * ALL];
  value_net_numbers(x, B * ALL, 0.3);
  for (int k = 0; k < WIDTH; k++)
    x[k] = 0; // a step of zeros
  value_net_run(&n, PROGRAM_INFER, B, 0, x);
  const double *gamma = value_net_weight(&n, "layer_normalization/gamma"),
               *beta = value_net_weight(&n, "layer_normalization/beta");
  for (int r = 0; r < B * STEPS; r++)
    normalize(x + r * WIDTH, WIDTH, 0.001, true, y + r * WIDTH);
  for (int k = 0; k < B * ALL; k++)
    y[k] = y[k] * gamma[k % WIDTH] + beta[k % WIDTH];
  value_net_expect(&n, ROOT_OUTPUT, 0, y, B * ALL, "LayerNormalization");
  gamma = value_net_weight(&n, "layer_normalization_1/gamma");
  for (int b = 0; b < B; b++)
    normalize(x + b * ALL, ALL, 0.1, true, y + b * ALL);
  for (int k = 0; k < B * ALL; k++)
    y[k] *= gamma[k % ALL];
  value_net_expect(&n, ROOT_OUTPUT, 1, y, B * ALL, "LayerNormalization of two axes");
  const double *scale = value_net_weight(&n, "rms_normalization/scale");
  for (int r = 0; r < B * STEPS; r++)
    normalize(x + r * WIDTH, WIDTH, 1e-6, false, y + r * WIDTH);
  for (int k = 0; k < B * ALL; k++)
    y[k] *= scale[k % WIDTH];
  value_net_expect(&n, ROOT_OUTPUT, 2, y, B * ALL, "RMSNormalization");
  for (int r = 0; r < B * STEPS; r++) {
    double length = 0;
    for (int k = 0; k < WIDTH; k++)
      length += x[r * WIDTH + k] * x[r * WIDTH + k];
    for (int k = 0; k < WIDTH; k++)
      y[r * WIDTH + k] = length > 0 ? x[r * WIDTH + k] / sqrt(length) : 0;
  }
  value_net_expect(&n, ROOT_OUTPUT, 3, y, B * ALL, "UnitNormalization");
  gamma = value_net_weight(&n, "group_normalization/gamma");
  beta = value_net_weight(&n, "group_normalization/beta");
  for (int b = 0; b < B; b++)
    for (int g = 0; g < 2; g++) {
      double group[STEPS * 2], normal[STEPS * 2];
      for (int k = 0; k < STEPS * 2; k++)
        group[k] = x[b * ALL + k / 2 * WIDTH + g * 2 + k % 2];
      normalize(group, STEPS * 2, 0.001, true, normal);
      for (int k = 0; k < STEPS * 2; k++)
        y[b * ALL + k / 2 * WIDTH + g * 2 + k % 2] = normal[k] * gamma[g * 2 + k % 2] + beta[g * 2 + k % 2];
    }
  value_net_expect(&n, ROOT_OUTPUT, 4, y, B * ALL, "GroupNormalization");
  value_net_end(&n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batch_normalization_predicts_by_moving_statistics),
      cmocka_unit_test(batch_normalization_trains_by_the_batch),
      cmocka_unit_test(shared_and_frozen_statistics),
      cmocka_unit_test(layers_normalize_each_example),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
