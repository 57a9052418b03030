// Metrics by hand-computed numbers.
#include "runtime/metrics/metric.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Part `part` of a metric's results, or its one result for -1; `args` as JSON.
static double measure_part(const char *name, const char *args, const model_output *o,
                           const metric_batch *batches, size_t count, int part) {
  const metric_def *def = metric_find(name);
  config_call call = {name, json_loads(args, 0, NULL)};
  assert_non_null(def);
  if (def->resolve)
    def = def->resolve(o);
  assert_true(!def->refuse || !def->refuse(o));
  double *state = calloc(def->state_size(&call, o), sizeof *state);
  if (def->start)
    def->start(state, &call, o);
  for (size_t k = 0; k < count; k++)
    def->update(state, &call, &batches[k]);
  double result = part < 0 ? def->result(state, &call) : def->part(state, &call, (size_t)part);
  free(state);
  json_decref((json_t *)call.args);
  return result;
}

static double measure(const char *name, const model_output *o, const metric_batch *batches, size_t count) {
  return measure_part(name, "{}", o, batches, count, -1);
}

static void assert_near(double a, double b) {
  if (!(fabs(a - b) < 2e-7 * fmax(1, fabs(b))))
    fail_msg("%.12g is not %.12g", a, b);
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
  assert_float_equal(measure("acc", &sparse, &b, 1), 0.75, 0);
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

// ---- expected numbers: by hand, or the examples of Keras's documentation

static void precision_and_recall(void **unused) {
  (void)unused;
  model_output one = {.name = "y", .units = 1}, three = {.name = "y", .units = 3, .class_ids = true};
  const double predicted[] = {1, 0, 1, 1}, target[] = {0, 1, 1, 1};
  metric_batch b = {.rows = 4, .units = 1, .real_bytes = 8, .predicted = predicted, .real_target = target};
  assert_near(measure("precision", &one, &b, 1), 2.0 / 3);
  assert_near(measure("recall", &one, &b, 1), 2.0 / 3);
  // classes: 0 guessed for rows 0 and 1, 1 for row 2, 2 for row 3 without much trust
  const double p[] = {0.9, 0.1, 0, 0.6, 0.3, 0.1, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4};
  const int32_t ids[] = {0, 1, 1, 2};
  metric_batch c = {.rows = 4, .units = 3, .real_bytes = 8, .predicted = p, .int_target = ids};
  assert_near(measure_part("precision", "{}", &three, &c, 1, -1), 2.0 / 3); // above 0.5: rows 0, 1, 2
  assert_near(measure_part("recall", "{}", &three, &c, 1, -1), 0.5);
  assert_near(measure_part("precision", "{\"top_k\": 1}", &three, &c, 1, -1), 0.75);
  assert_near(measure_part("precision", "{\"class_id\": 0}", &three, &c, 1, -1), 0.5);
  assert_near(measure_part("recall", "{\"class_id\": 1}", &three, &c, 1, -1), 0.5);
  assert_near(measure_part("recall", "{\"top_k\": 1, \"average\": \"macro\"}", &three, &c, 1, -1),
              (1 + 0.5 + 1) / 3);
  assert_near(measure_part("precision", "{\"top_k\": 1, \"average\": \"weighted\"}", &three, &c, 1, -1),
              (1 * 0.5 + 2 * 1.0 + 1 * 1.0) / 4);
  assert_near(measure_part("precision", "{\"thresholds\": 0.85}", &three, &c, 1, -1), 1);
}

static void f_scores(void **unused) {
  (void)unused;
  model_output o = {.name = "y", .units = 3};
  const double target[] = {1, 1, 1, 1, 0, 0, 1, 1, 0};
  const double predicted[] = {0.2, 0.6, 0.7, 0.2, 0.6, 0.6, 0.6, 0.8, 0.0};
  metric_batch b = {.rows = 3, .units = 3, .real_bytes = 8, .predicted = predicted, .real_target = target};
  const double expected[] = {0.5, 0.8, 2.0 / 3}, weights[] = {3, 2, 1};
  double macro = 0, weighted = 0;
  for (int k = 0; k < 3; k++) {
    assert_near(measure_part("f1_score", "{\"threshold\": 0.5}", &o, &b, 1, k), expected[k]);
    macro += expected[k] / 3;
    weighted += expected[k] * weights[k] / 6;
  }
  assert_near(measure_part("f1_score", "{\"threshold\": 0.5, \"average\": \"macro\"}", &o, &b, 1, -1), macro);
  assert_near(measure_part("f1_score", "{\"threshold\": 0.5, \"average\": \"weighted\"}", &o, &b, 1, -1),
              weighted);
  // 4 of the 6 that are 1 are found, 2 more are guessed
  assert_near(measure_part("f1_score", "{\"threshold\": 0.5, \"average\": \"micro\"}", &o, &b, 1, -1),
              2.0 / 3);
  // the largest of each row: unit 2; units 1 and 2 alike; unit 1
  assert_near(measure_part("f1_score", "{\"average\": \"micro\"}", &o, &b, 1, -1),
              2 * 0.5 * (2.0 / 6) / (0.5 + 2.0 / 6));
  // precision 0.5, recall 1: 5 * 0.5 / (4 * 0.5 + 1)
  assert_near(measure_part("fbeta_score", "{\"threshold\": 0.5, \"beta\": 2.0}", &o, &b, 1, 2), 2.5 / 3);
}

static void areas(void **unused) {
  (void)unused;
  model_output o = {.name = "y", .units = 1}, two = {.name = "y", .units = 2};
  const float predicted[] = {0, 0.5f, 0.3f, 0.9f}, target[] = {0, 0, 1, 1};
  metric_batch b = {.rows = 4, .units = 1, .real_bytes = 4, .predicted = predicted, .real_target = target};
  assert_near(measure_part("auc", "{\"num_thresholds\": 3}", &o, &b, 1, -1), 0.75);
  // one pair of the four is in the wrong order
  assert_near(measure("auc", &o, &b, 1), 0.75);
  // true positives 2, 1, 0 and positives 4, 1, 0 at the thresholds
  assert_near(measure_part("auc", "{\"num_thresholds\": 3, \"curve\": \"PR\"}", &o, &b, 1, -1),
              (1 + 2.0 / 3 * log(4)) / 6 + 0.5);
  assert_near(measure_part("auc",
                           "{\"num_thresholds\": 3, \"curve\": \"PR\", \"summation_method\": \"minoring\"}",
                           &o, &b, 1, -1),
              0.5 * 0.5 + 0);
  assert_near(
      measure_part("auc", "{\"num_thresholds\": 3, \"summation_method\": \"majoring\"}", &o, &b, 1, -1), 1);
  metric_batch pairs = {
      .rows = 2, .units = 2, .real_bytes = 4, .predicted = predicted, .real_target = target};
  // unit 0: 0 is below 0.3 as it should be; unit 1: 0.5 below 0.9
  assert_near(measure_part("auc", "{\"multi_label\": true}", &two, &pairs, 1, -1), 1);
}

static void among_the_largest(void **unused) {
  (void)unused;
  model_output hot = {.name = "y", .units = 3}, sparse = {.name = "y", .units = 3, .class_ids = true};
  const double predicted[] = {0.1, 0.9, 0.8, 0.05, 0.95, 0}, one_hot[] = {0, 0, 1, 0, 1, 0};
  const int32_t ids[] = {2, 1};
  metric_batch b = {.rows = 2, .units = 3, .real_bytes = 8, .predicted = predicted, .real_target = one_hot};
  assert_near(measure_part("top_k_categorical_accuracy", "{\"k\": 1}", &hot, &b, 1, -1), 0.5);
  b.real_target = NULL;
  b.int_target = ids;
  assert_near(measure_part("sparse_top_k_categorical_accuracy", "{\"k\": 1}", &sparse, &b, 1, -1), 0.5);
  assert_near(measure_part("sparse_top_k_categorical_accuracy", "{\"k\": 2}", &sparse, &b, 1, -1), 1);
}

static void losses_as_metrics(void **unused) {
  (void)unused;
  static const struct {
    const char *name;
    double target[6], predicted[6], expected;
    size_t units;
  } cases[] = {
      {"mse", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.25, 2},
      {"mean_squared_error", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.25, 2},
      {"root_mean_squared_error", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.5, 2},
      {"mae", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.25, 2},
      {"mean_absolute_error", {0, 2, 0, 0}, {1, 1, 0, 0}, 0.5, 2},
      {"mape", {0, 1, 0, 0}, {1, 1, 0, 0}, 250000000, 2},
      {"mean_absolute_percentage_error", {4, 1, 2, 5}, {1, 1, 3, 5}, 31.25, 2},
      {"msle", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.12011322, 2},
      {"mean_squared_logarithmic_error", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.12011322, 2},
      {"cosine_similarity", {0, 1, 1, 1}, {1, 0, 1, 1}, 0.5, 2},
      {"logcosh", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.10844523, 2},
      {"poisson", {0, 1, 0, 0}, {1, 1, 0, 0}, 0.49999997, 2},
      {"kl_divergence", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 0.45814306, 2},
      {"binary_crossentropy", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 0.814924454847, 2},
      {"bce", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 0.814924454847, 2},
      {"kld", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 0.45814306, 2},
      {"hinge", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 1.3, 2},
      {"hinge", {-1, 1, 0, -1}, {0.6, 0.4, 0.4, -2}, 0.8, 2},
      {"squared_hinge", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 1.86, 2},
      {"categorical_hinge", {0, 1, 0, 0}, {0.6, 0.4, 0.4, 0.6}, 1.4, 2},
      {"categorical_crossentropy", {0, 1, 0, 0, 0, 1}, {0.05, 0.95, 0, 0.1, 0.8, 0.1}, 1.1769392, 3}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    model_output o = {.name = "y", .units = (int64_t)cases[k].units};
    metric_batch b = {.rows = 2,
                      .units = cases[k].units,
                      .real_bytes = 8,
                      .predicted = cases[k].predicted,
                      .real_target = cases[k].target};
    assert_near(measure(cases[k].name, &o, &b, 1), cases[k].expected);
  }
  model_output sparse = {.name = "y", .units = 3, .class_ids = true};
  const int32_t ids[] = {1, 2};
  metric_batch b = {
      .rows = 2, .units = 3, .real_bytes = 8, .predicted = cases[20].predicted, .int_target = ids};
  assert_near(measure("sparse_categorical_crossentropy", &sparse, &b, 1), 1.1769392);
  assert_near(measure("crossentropy", &sparse, &b, 1), 1.1769392);
  assert_near(measure("ce", &sparse, &b, 1), 1.1769392);
  assert_near(measure("perplexity", &sparse, &b, 1), 1 / sqrt(0.95 * 0.1));
  assert_true(metric_find("mse")->lower_is_better && !metric_find("auc")->lower_is_better);
}

static void entities(void **unused) {
  (void)unused;
  char *classes[] = {"B-LOC", "B-PER", "I-LOC", "I-PER", "O"};
  model_output o = {
      .name = "y", .units = 5, .sequence = true, .class_ids = true, .classes = classes, .classes_count = 5};
  // PER PER O LOC | LOC LOC O (masked)      against  PER PER O PER | LOC O PER (masked, would be an entity)
  const int32_t truth[] = {1, 3, 4, 0, 0, 2, 4, 4}, guess[] = {1, 3, 4, 3, 0, 4, 3, 1},
                mask[] = {1, 1, 1, 1, 1, 1, 1, 0};
  double predicted[8 * 5] = {0};
  for (int r = 0; r < 8; r++)
    predicted[r * 5 + guess[r]] = 1;
  metric_batch b = {.rows = 8,
                    .units = 5,
                    .steps = 4,
                    .real_bytes = 8,
                    .predicted = predicted,
                    .int_target = truth,
                    .mask = mask};
  // entities: PER 0-1, LOC 3, LOC 4-5; guessed: PER 0-1, PER 3 (an I- that begins), LOC 4 alone, PER 6
  assert_near(measure_part("entity_f1", "{\"measure\": \"precision\"}", &o, &b, 1, -1), 0.25);
  assert_near(measure_part("entity_f1", "{\"measure\": \"recall\"}", &o, &b, 1, -1), 1.0 / 3);
  assert_near(measure("entity_f1", &o, &b, 1), 2.0 / 7);
  // B- begins a new entity although the type stays
  const int32_t two[] = {1, 1, 3, 4}, one[] = {1, 3, 3, 4};
  for (int r = 0; r < 4; r++)
    for (int k = 0; k < 5; k++)
      predicted[r * 5 + k] = one[r] == k;
  metric_batch c = {
      .rows = 4, .units = 5, .steps = 4, .real_bytes = 8, .predicted = predicted, .int_target = two};
  assert_near(measure("entity_f1", &o, &c, 1), 0);
  o.classes_count = 0;
  o.sequence = false;
  assert_non_null(metric_find("entity_f1")->refuse(&o));
}

// Of classes that are decided there are no probabilities.
static void decided(void **unused) {
  (void)unused;
  const char *const fitting[] = {"accuracy", "precision", "recall", "f1_score", "fbeta_score", NULL},
                    *const others[] = {"perplexity", "sparse_top_k_categorical_accuracy", "auc", NULL};
  for (int k = 0; fitting[k]; k++) {
    model_output o = {.name = "tags", .units = 3, .sequence = true, .decided = true, .class_ids = true};
    const metric_def *def = metric_find(fitting[k]);
    assert_true((def->resolve ? def->resolve(&o) : def)->takes_decided);
  }
  for (int k = 0; others[k]; k++)
    assert_false(metric_find(others[k])->takes_decided);
  assert_true(metric_find("entity_f1")->takes_decided);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(binary),
                                     cmocka_unit_test(decided),
                                     cmocka_unit_test(classes),
                                     cmocka_unit_test(over_batches),
                                     cmocka_unit_test(misfits),
                                     cmocka_unit_test(precision_and_recall),
                                     cmocka_unit_test(f_scores),
                                     cmocka_unit_test(areas),
                                     cmocka_unit_test(among_the_largest),
                                     cmocka_unit_test(losses_as_metrics),
                                     cmocka_unit_test(entities)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
