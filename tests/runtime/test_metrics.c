// Metrics by hand-computed numbers.
#include "runtime/metrics/metric.h"
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <string.h>

static const config_call no_args = {"accuracy", NULL};

static double measure(const char *name, const model_output *o, const metric_batch *batches, size_t count) {
  const metric_def *def = metric_find(name);
  assert_non_null(def);
  if (def->resolve)
    def = def->resolve(o);
  assert_true(!def->refuse || !def->refuse(o));
  double *state = calloc(def->state_size(&no_args, o), sizeof *state);
  for (size_t k = 0; k < count; k++)
    def->update(state, &no_args, &batches[k]);
  double result = def->result(state, &no_args);
  free(state);
  return result;
}

static void binary(void **unused) {
  (void)unused;
  model_output o = {.name = "y", .units = 1};
  const float predicted[] = {0.2f, 0.5f, 0.51f, 0.9f}, target[] = {0, 0, 0, 1}; // 0.5 itself is no
  metric_batch b = {.rows = 4, .units = 1, .real_bytes = 4, .predicted = predicted, .real_target = target};
  assert_float_equal(measure("accuracy", &o, &b, 1), 0.75, 0);
  assert_float_equal(measure("binary_accuracy", &o, &b, 1), 0.75, 0);
  const int32_t mask[] = {1, 1, 0, 1};
  b.mask = mask;
  assert_float_equal(measure("accuracy", &o, &b, 1), 1, 0);
}

static void classes(void **unused) {
  (void)unused;
  model_output sparse = {.name = "y", .units = 3, .class_ids = true}, hot = {.name = "y", .units = 3};
  const double predicted[] = {0.1, 0.7, 0.2, 0.4, 0.4, 0.2, 0, 0, 1, 0.3, 0.3, 0.4}; // ties: the first
  const int32_t ids[] = {1, 0, 1, 2}, mask[] = {1, 1, 1, 0};
  const double one_hot[] = {0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  metric_batch b = {.rows = 4, .units = 3, .real_bytes = 8, .predicted = predicted, .int_target = ids};
  assert_float_equal(measure("accuracy", &sparse, &b, 1), 0.75, 0);
  b.mask = mask;
  assert_float_equal(measure("sparse_categorical_accuracy", &sparse, &b, 1), 2.0 / 3, 1e-15);
  b.mask = NULL;
  b.int_target = NULL;
  b.real_target = one_hot;
  assert_float_equal(measure("accuracy", &hot, &b, 1), 0.75, 0);
  assert_float_equal(measure("categorical_accuracy", &hot, &b, 1), 0.75, 0);
}

// An epoch is the mean over rows, not over batches.
static void over_batches(void **unused) {
  (void)unused;
  model_output o = {.name = "y", .units = 1};
  const float right[] = {1, 1, 1}, wrong[] = {0}, target[] = {1, 1, 1};
  metric_batch b[] = {{.rows = 3, .units = 1, .real_bytes = 4, .predicted = right, .real_target = target},
                      {.rows = 1, .units = 1, .real_bytes = 4, .predicted = wrong, .real_target = target}};
  assert_float_equal(measure("accuracy", &o, b, 2), 0.75, 0);
  assert_float_equal(measure("accuracy", &o, b, 0), 0, 0);
}

static void misfits(void **unused) {
  (void)unused;
  model_output sparse = {.name = "y", .units = 3, .class_ids = true}, hot = {.name = "y", .units = 3};
  assert_non_null(metric_find("categorical_accuracy")->refuse(&sparse));
  assert_non_null(metric_find("binary_accuracy")->refuse(&sparse));
  assert_non_null(metric_find("sparse_categorical_accuracy")->refuse(&hot));
  assert_null(metric_find("f1"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(binary), cmocka_unit_test(classes),
                                     cmocka_unit_test(over_batches), cmocka_unit_test(misfits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
