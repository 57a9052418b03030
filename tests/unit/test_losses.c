// Losses against their closed forms, and their gradients against differences.
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 3, INPUTS = 4 };

static const double xs[BATCH * INPUTS] = {0.5, -1.25, 2, 0.75, -0.5, 0.25, 1, -2, 0, 0, 0, 0};

static void start(model_run *r, small_model *s, const char *dense, const char *loss, program_kind kind) {
  small_model_begin(s, "net");
  small_output(s, "y", small_chain(s, small_input(s, "x", TENSOR_REAL, "4"), dense, NULL));
  char settings[160];
  snprintf(settings, sizeof settings, "loss = %s", loss);
  if (!small_train(s, settings))
    fail_msg("%s", small_diagnostics(s));
  run_begin(r, s, kind);
  run_extent(r, "batch", BATCH);
  run_feed(r, "x", xs);
}

static void finish(model_run *r, small_model *s) {
  run_end(r);
  train_config_free(s->m->training);
  small_model_end(s);
}

typedef double (*row_loss)(const double *predicted, const double *target, int units, double smoothing);

static double bce(const double *p, const double *y, int units, double s) {
  double sum = 0;
  for (int j = 0; j < units; j++) {
    double t = y[j] * (1 - s) + s / 2;
    sum -= t * log(p[j]) + (1 - t) * log(1 - p[j]);
  }
  return sum / units;
}

static double bce_of_logits(const double *z, const double *y, int units, double s) {
  double p[8];
  for (int j = 0; j < units; j++)
    p[j] = 1 / (1 + exp(-z[j]));
  return bce(p, y, units, s);
}

static double cce(const double *p, const double *y, int units, double s) {
  double sum = 0;
  for (int j = 0; j < units; j++)
    sum -= (y[j] * (1 - s) + s / units) * log(p[j]);
  return sum;
}

static double cce_of_logits(const double *z, const double *y, int units, double s) {
  double p[8], total = 0;
  for (int j = 0; j < units; j++)
    total += exp(z[j]);
  for (int j = 0; j < units; j++)
    p[j] = exp(z[j]) / total;
  return cce(p, y, units, s);
}

static double cce_of_any(const double *p, const double *y, int units, double s) {
  double q[8], total = 0;
  for (int j = 0; j < units; j++)
    total += p[j];
  for (int j = 0; j < units; j++)
    q[j] = fmin(fmax(p[j] / total, 1e-7), 1 - 1e-7);
  return cce(q, y, units, s);
}

static double sparse(const double *p, const double *y, int units, double s) {
  (void)units, (void)s;
  return -log(p[(int)y[0]]);
}

static double sparse_of_logits(const double *z, const double *y, int units, double s) {
  double total = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    total += exp(z[j]);
  return log(total) - z[(int)y[0]];
}

static double square(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += (p[j] - y[j]) * (p[j] - y[j]);
  return sum / units;
}

static double absolute(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += fabs(p[j] - y[j]);
  return sum / units;
}

static double percentage(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += 100 * fabs(p[j] - y[j]) / fmax(fabs(y[j]), 1e-7);
  return sum / units;
}

static double logarithmic(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += pow(log(1 + fmax(p[j], 1e-7)) - log(1 + fmax(y[j], 1e-7)), 2);
  return sum / units;
}

static double huber(const double *p, const double *y, int units, double delta) {
  double sum = 0;
  for (int j = 0; j < units; j++) {
    double e = fabs(p[j] - y[j]);
    sum += e <= delta ? e * e / 2 : delta * (e - delta / 2);
  }
  return sum / units;
}

static double log_of_cosh(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += log(cosh(p[j] - y[j]));
  return sum / units;
}

static double short_of(const double *p, const double *y, int j) {
  return fmax(1 - y[j] * p[j], 0);
}

static double signed_hinge(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += short_of(p, y, j);
  return sum / units;
}

static double flag_hinge(const double *p, const double *y, int units, double s) {
  double signs[8];
  for (int j = 0; j < units; j++)
    signs[j] = y[j] == 1 ? 1 : -1;
  return signed_hinge(p, signs, units, s);
}

static double square_hinge(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += short_of(p, y, j) * short_of(p, y, j);
  return sum / units;
}

static double class_hinge(const double *p, const double *y, int units, double s) {
  double right = 0, wrong = -1e9;
  (void)s;
  for (int j = 0; j < units; j++) {
    right += y[j] * p[j];
    wrong = fmax(wrong, (1 - y[j]) * p[j]);
  }
  return fmax(wrong - right + 1, 0);
}

static double divergence(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++) {
    double t = fmin(fmax(y[j], 1e-7), 1), q = fmin(fmax(p[j], 1e-7), 1);
    sum += t * log(t / q);
  }
  return sum;
}

static double counts(const double *p, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    sum += p[j] - y[j] * log(p[j] + 1e-7);
  return sum / units;
}

static double cosine(const double *p, const double *y, int units, double s) {
  double pp = 0, yy = 0, py = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    pp += p[j] * p[j], yy += y[j] * y[j], py += p[j] * y[j];
  return -py / sqrt(pp * yy);
}

// gamma 3, alpha 0.4, smoothing 0.2
static double binary_focal(const double *p, const double *y, int units, double s) {
  double sum = 0;
  for (int j = 0; j < units; j++) {
    double t = y[j] * (1 - s) + s / 2, right = t * p[j] + (1 - t) * (1 - p[j]);
    double entropy = -t * log(p[j]) - (1 - t) * log(1 - p[j]);
    sum += (t * 0.4 + (1 - t) * 0.6) * pow(1 - right, 3) * entropy;
  }
  return sum / units;
}

static double binary_focal_of_logits(const double *z, const double *y, int units, double s) {
  double sum = 0;
  (void)s;
  for (int j = 0; j < units; j++) {
    double p = 1 / (1 + exp(-z[j])), right = y[j] == 1 ? p : 1 - p;
    sum -= pow(1 - right, 2) * log(right);
  }
  return sum / units;
}

static double class_focal(const double *p, const double *y, int units, double s) {
  double sum = 0;
  for (int j = 0; j < units; j++)
    sum -= 0.25 * pow(1 - p[j], 2) * (y[j] * (1 - s) + s / units) * log(p[j]);
  return sum;
}

static double class_focal_of_logits(const double *z, const double *y, int units, double s) {
  double p[8], total = 0, sum = 0;
  (void)s;
  for (int j = 0; j < units; j++)
    total += exp(z[j]);
  for (int j = 0; j < units; j++) {
    p[j] = exp(z[j]) / total;
    sum -= 0.3 * pow(1 - p[j], 1.5) * y[j] * log(p[j]);
  }
  return sum;
}

static double generalized(const double *p, const double *y, int units, double q) {
  (void)units;
  return (1 - pow(p[(int)y[0]], q)) / q;
}

typedef struct loss_case {
  const char *dense, *loss;
  int units, targets; // per row
  double y[BATCH * 3], smoothing;
  row_loss expected;
} loss_case;

static const loss_case cases[] = {
    {"Dense(1, activation = sigmoid)", "binary_crossentropy", 1, 1, {1, 0, 1}, 0, bce},
    {"Dense(3, activation = sigmoid)",
     "BinaryCrossentropy(label_smoothing = 0.2)",
     3,
     3,
     {1, 0, 1, 0, 0, 1, 1, 1, 0},
     0.2,
     bce},
    {"Dense(2)", "BinaryCrossentropy(from_logits = true)", 2, 2, {1, 0, 0, 0, 1, 1}, 0, bce_of_logits},
    {"Dense(2, activation = hard_sigmoid)", "binary_crossentropy", 2, 2, {1, 0, 0, 0, 1, 1}, 0, bce},
    {"Dense(3, activation = softmax)", "categorical_crossentropy", 3, 3, {1, 0, 0, 0, 1, 0, 0, 0, 1}, 0, cce},
    {"Dense(3, activation = softmax)",
     "CategoricalCrossentropy(label_smoothing = 0.1)",
     3,
     3,
     {1, 0, 0, 0, 1, 0, 0, 0, 1},
     0.1,
     cce},
    {"Dense(3)",
     "CategoricalCrossentropy(from_logits = true)",
     3,
     3,
     {0, 0, 1, 0, 1, 0, 0.5, 0.5, 0},
     0,
     cce_of_logits},
    {"Dense(3, activation = sigmoid)",
     "categorical_crossentropy",
     3,
     3,
     {1, 0, 0, 0, 1, 0, 0, 0, 1},
     0,
     cce_of_any},
    {"Dense(3, activation = softmax)", "sparse_categorical_crossentropy", 3, 1, {2, 0, 1}, 0, sparse},
    {"Dense(3)", "SparseCategoricalCrossentropy(from_logits = true)", 3, 1, {2, 0, 1}, 0, sparse_of_logits},
    {"Dense(3, activation = tanh)", "mse", 3, 3, {1, 0, -1, 2, 0, 1, 0.5, 0.25, 0}, 0, square},
    {"Dense(3)", "mae", 3, 3, {1, 0, -1, 2, 0, 1, 0.5, 0.25, 0}, 0, absolute},
    {"Dense(3)", "MeanAbsolutePercentageError()", 3, 3, {1, -2, -1, 2, 4, 1, 0.5, 0.25, 3}, 0, percentage},
    {"Dense(3, activation = softplus)", "msle", 3, 3, {1, 0, 7, 2, 0, 1, 0.5, 0.25, 0}, 0, logarithmic},
    {"Dense(3)", "huber", 3, 3, {1, 0, -1, 2, 0, 1, 0.5, 0.25, 0}, 1, huber},
    {"Dense(3)", "Huber(delta = 0.3)", 3, 3, {1, 0, -1, 2, 0, 1, 0.5, 0.25, 0}, 0.3, huber},
    {"Dense(3)", "log_cosh", 3, 3, {1, 0, -1, 2, 0, 1, 0.5, 0.25, 0}, 0, log_of_cosh},
    {"Dense(2, activation = tanh)", "hinge", 2, 2, {1, -1, -1, 1, -1, -1}, 0, signed_hinge},
    {"Dense(2, activation = tanh)", "Hinge()", 2, 2, {1, 0, 0, 1, 0, 0}, 0, flag_hinge},
    {"Dense(2, activation = tanh)", "squared_hinge", 2, 2, {1, -1, -1, 1, -1, -1}, 0, square_hinge},
    {"Dense(3)", "categorical_hinge", 3, 3, {1, 0, 0, 0, 1, 0, 0, 0, 1}, 0, class_hinge},
    {"Dense(3, activation = softmax)",
     "kl_divergence",
     3,
     3,
     {0.2, 0.8, 0, 1, 0, 0, 0.3, 0.3, 0.4},
     0,
     divergence},
    {"Dense(2, activation = softplus)", "poisson", 2, 2, {3, 0, 1, 2, 5, 1}, 0, counts},
    {"Dense(3)", "CosineSimilarity()", 3, 3, {1, 0, -1, 2, 0, 1, 0.5, 0.25, 0}, 0, cosine},
    {"Dense(3, activation = sigmoid)",
     "BinaryFocalCrossentropy(apply_class_balancing = true, alpha = 0.4, gamma = 3, label_smoothing = 0.2)",
     3,
     3,
     {1, 0, 1, 0, 0, 1, 1, 1, 0},
     0.2,
     binary_focal},
    {"Dense(2)",
     "BinaryFocalCrossentropy(from_logits = true)",
     2,
     2,
     {1, 0, 0, 0, 1, 1},
     0,
     binary_focal_of_logits},
    {"Dense(3, activation = softmax)",
     "CategoricalFocalCrossentropy(label_smoothing = 0.1)",
     3,
     3,
     {1, 0, 0, 0, 1, 0, 0, 0, 1},
     0.1,
     class_focal},
    {"Dense(3)",
     "CategoricalFocalCrossentropy(from_logits = true, alpha = 0.3, gamma = 1.5)",
     3,
     3,
     {1, 0, 0, 0, 1, 0, 0, 0, 1},
     0,
     class_focal_of_logits},
    {"Dense(3, activation = softmax)",
     "CategoricalGeneralizedCrossEntropy(q = 0.7)",
     3,
     1,
     {2, 0, 1},
     0.7,
     generalized},
};
enum { CASES = sizeof cases / sizeof *cases };

static double loss_of(model_run *r) {
  double *found = run_root(r, ROOT_LOSS, -1, NULL), loss = found[0];
  free(found);
  return loss;
}

static void losses_have_their_closed_form(void **state) {
  (void)state;
  for (int k = 0; k < CASES; k++) {
    const loss_case *c = &cases[k];
    small_model s;
    model_run r;
    start(&r, &s, c->dense, c->loss, PROGRAM_EVALUATE);
    run_feed(&r, "y", c->y);
    double *p = run_root(&r, ROOT_OUTPUT, 0, NULL), expected = 0;
    for (int b = 0; b < BATCH; b++)
      expected += c->expected(p + b * c->units, c->y + b * c->targets, c->units, c->smoothing) / BATCH;
    double found = loss_of(&r);
    if (!(fabs(found - expected) <= 1e-12 * (1 + fabs(expected))))
      fail_msg("%s of %s is %.17g, expected %.17g", c->loss, c->dense, found, expected);
    free(p);
    finish(&r, &s);
  }
}

static void gradients_agree_with_differences(void **state) {
  (void)state;
  for (int k = 0; k < CASES; k++) {
    const loss_case *c = &cases[k];
    small_model s;
    model_run r;
    start(&r, &s, c->dense, c->loss, PROGRAM_GRAD);
    run_feed(&r, "y", c->y);
    size_t n;
    double *gradient = run_root(&r, ROOT_GRAD, 0, &n), *kernel = run_weight(&r, "dense/kernel", NULL);
    assert_int_equal(n, INPUTS * c->units);
    for (size_t i = 0; i < n; i++) {
      const double h = 1e-5, kept = kernel[i];
      kernel[i] = kept + h;
      double up = loss_of(&r);
      kernel[i] = kept - h;
      double slope = (up - loss_of(&r)) / (2 * h);
      kernel[i] = kept;
      if (!(fabs(slope - gradient[i]) <= 1e-8))
        fail_msg("%s of %s, kernel element %zu: %.12g, differences say %.12g", c->loss, c->dense, i,
                 gradient[i], slope);
    }
    free(gradient);
    finish(&r, &s);
  }
}

static void overlaps_are_of_the_whole_batch(void **state) {
  (void)state;
  static const char *const losses[] = {"dice", "Tversky(alpha = 0.3, beta = 0.9)"};
  static const double y[BATCH * 2] = {1, 0, 0, 0, 1, 1};
  for (int k = 0; k < 2; k++) {
    small_model s;
    model_run r;
    start(&r, &s, "Dense(2, activation = sigmoid)", losses[k], PROGRAM_EVALUATE);
    run_feed(&r, "y", y);
    double *p = run_root(&r, ROOT_OUTPUT, 0, NULL), both = 0, found = 0, missed = 0;
    for (int i = 0; i < BATCH * 2; i++)
      both += p[i] * y[i], found += p[i] * (1 - y[i]), missed += (1 - p[i]) * y[i];
    double expected = k == 0 ? 1 - 2 * both / (2 * both + found + missed + 1e-7)
                             : 1 - both / (both + 0.3 * found + 0.9 * missed + 1e-7);
    assert_true(fabs(loss_of(&r) - expected) < 1e-12);
    free(p);
    finish(&r, &s);
  }
}

static void ignored_targets_do_not_count(void **state) {
  (void)state;
  small_model s;
  model_run r;
  start(&r, &s, "Dense(3, activation = softmax)", "SparseCategoricalCrossentropy(ignore_class = -1)",
        PROGRAM_GRAD);
  static const double y[] = {2, -1, 1}, none[] = {-1, -1, -1}, bad[] = {2, -2, 1};
  double *bias = run_weight(&r, "dense/bias", NULL);
  run_feed(&r, "y", y);
  double first = loss_of(&r), expected = 0;
  const double *kernel = run_weight(&r, "dense/kernel", NULL);
  for (int b = 0; b < BATCH; b++) {
    double z[3], total = 0;
    for (int j = 0; j < 3; j++) {
      z[j] = bias[j];
      for (int i = 0; i < INPUTS; i++)
        z[j] += xs[b * INPUTS + i] * kernel[i * 3 + j];
      total += exp(z[j]);
    }
    expected += y[b] < 0 ? 0 : (log(total) - z[(int)y[b]]) / 2;
  }
  assert_true(fabs(first - expected) < 1e-12);
  run_feed(&r, "y", none);
  assert_true(loss_of(&r) == 0);
  run_feed(&r, "y", bad);
  assert_non_null(strstr(run_failure(&r), "id -2"));
  finish(&r, &s);
}

// A logit of exactly 0, as a row without a valid step gives: the slope is 1/2 - y.
static void a_zero_logit_has_its_slope(void **state) {
  (void)state;
  small_model s;
  model_run r;
  start(&r, &s, "Dense(1, activation = sigmoid)", "binary_crossentropy", PROGRAM_GRAD);
  double zeros[BATCH * INPUTS] = {0}, y[BATCH] = {1, 0, 0};
  double *bias = run_weight(&r, "dense/bias", NULL);
  bias[0] = 0;
  run_feed(&r, "x", zeros);
  run_feed(&r, "y", y);
  double *slope = run_root(&r, ROOT_GRAD, 1, NULL);
  assert_true(fabs(slope[0] - (0.5 - 1 + 0.5 + 0.5) / 3) < 1e-15);
  free(slope);
  finish(&r, &s);
}

// Logits far out neither overflow nor lose their gradient.
static void large_logits_are_safe(void **state) {
  (void)state;
  small_model s;
  model_run r;
  start(&r, &s, "Dense(3, activation = softmax)", "sparse_categorical_crossentropy", PROGRAM_GRAD);
  double zeros[BATCH * INPUTS] = {0}, y[BATCH] = {0, 1, 2};
  double *bias = run_weight(&r, "dense/bias", NULL);
  bias[0] = 2000, bias[1] = -3000, bias[2] = 1999;
  run_feed(&r, "x", zeros);
  run_feed(&r, "y", y);
  double log_total = 2000 + log1p(exp(-1));
  double expected = (3 * log_total - 2000 + 3000 - 1999) / 3;
  assert_true(fabs(loss_of(&r) - expected) < 1e-9);
  double *slope = run_root(&r, ROOT_GRAD, 1, NULL), p = 1 / (1 + exp(-1));
  assert_true(fabs(slope[0] - (p - 1. / 3)) < 1e-12);
  assert_true(fabs(slope[1] - -1. / 3) < 1e-12);
  assert_true(fabs(slope[2] - (1 - p - 1. / 3)) < 1e-12);
  free(slope);
  finish(&r, &s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(losses_have_their_closed_form),   cmocka_unit_test(gradients_agree_with_differences),
      cmocka_unit_test(overlaps_are_of_the_whole_batch), cmocka_unit_test(ignored_targets_do_not_count),
      cmocka_unit_test(a_zero_logit_has_its_slope),      cmocka_unit_test(large_logits_are_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
