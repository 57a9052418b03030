// Counts of classes and their scores, by hand.
#include "runtime/train/confusion.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static confusion make(const model_output *o) {
  loaded_model m = {.outputs = (model_output *)(uintptr_t)o, .outputs_count = 1};
  confusion c;
  assert_true(confusion_init(&c, &m, 0));
  return c;
}

static void three_classes(void **unused) {
  (void)unused;
  const model_output o = {.name = "y", .units = 3, .class_ids = true};
  // guesses 0 1 1 2 0; the last step is masked
  const float predicted[] = {0.7f, 0.2f, 0.1f, 0, 1, 0, 0.3f, 0.4f, 0.3f, 0, 0, 1, 1, 0, 0, 0, 0, 1};
  const int32_t truth[] = {0, 1, 0, 2, 0, 1}, mask[] = {1, 1, 1, 1, 1, 0};
  confusion c = make(&o);
  confusion_add(
      &c,
      &(metric_batch){
          .rows = 6, .units = 3, .real_bytes = 4, .predicted = predicted, .int_target = truth, .mask = mask});
  const size_t cells[] = {2, 1, 0, 0, 1, 0, 0, 0, 1};
  for (size_t k = 0; k < 9; k++)
    assert_int_equal(c.cells[k], cells[k]);
  assert_int_equal(c.rows, 5);
  class_scores first = confusion_scores(&c, 0), second = confusion_scores(&c, 1);
  assert_float_equal(first.precision, 1, 0);
  assert_float_equal(first.recall, 2.0 / 3, 1e-15);
  assert_float_equal(first.f1, 0.8, 1e-15);
  assert_float_equal(second.precision, 0.5, 0);
  assert_float_equal(second.recall, 1, 0);
  class_scores macro = confusion_mean(&c, false), weighted = confusion_mean(&c, true);
  assert_float_equal(macro.precision, 2.5 / 3, 1e-15);
  assert_float_equal(weighted.precision, (3 * 1 + 0.5 + 1) / 5, 1e-15);
  assert_float_equal(weighted.recall, 4.0 / 5, 1e-15); // the accuracy
  confusion_reset(&c);
  assert_int_equal(c.rows + c.cells[0] + c.truths[0], 0);
  confusion_free(&c);
}

static void yes_or_no(void **unused) {
  (void)unused;
  const model_output o = {.name = "y", .units = 1, .loss = "binary_crossentropy"};
  const double predicted[] = {0.9, 0.5, 0.51, 0.1}, truth[] = {1, 1, 0, 0};
  confusion c = make(&o);
  confusion_add(
      &c,
      &(metric_batch){.rows = 4, .units = 1, .real_bytes = 8, .predicted = predicted, .real_target = truth});
  for (size_t k = 0; k < 4; k++)
    assert_int_equal(c.cells[k], 1);
  confusion_free(&c);
}

static void many_classes_and_none(void **unused) {
  (void)unused;
  const model_output many = {.name = "y", .units = 51, .class_ids = true};
  confusion c = make(&many);
  assert_null(c.cells);
  confusion_free(&c);
  model_output numbers = {.name = "y", .units = 2, .loss = "mean_squared_error"};
  loaded_model m = {.outputs = &numbers, .outputs_count = 1};
  assert_false(confusion_init(&c, &m, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(three_classes), cmocka_unit_test(yes_or_no),
                                     cmocka_unit_test(many_classes_and_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
