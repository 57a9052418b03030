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
      cmocka_unit_test(losses_have_their_closed_form),
      cmocka_unit_test(gradients_agree_with_differences),
      cmocka_unit_test(a_zero_logit_has_its_slope),
      cmocka_unit_test(large_logits_are_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
