// CRF and its loss against a list of all paths: scores of every path are added up as the definition says.
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, TIME = 5, CLASSES = 3 };

typedef struct field {
  const double *scores; // [BATCH, TIME, CLASSES]; a step of zeros alone is masked
  double chain[CLASSES * CLASSES], left[CLASSES], right[CLASSES];
} field;

// The valid steps of a row; how many.
static int valid_steps(const field *f, int row, int *steps) {
  int n = 0;
  for (int t = 0; t < TIME; t++) {
    const double *s = f->scores + (row * TIME + t) * CLASSES;
    if (s[0] != 0 || s[1] != 0 || s[2] != 0)
      steps[n++] = t;
  }
  return n;
}

static double path_score(const field *f, int row, const int *steps, int n, const int *path) {
  double total = f->left[path[0]] + f->right[path[n - 1]];
  for (int k = 0; k < n; k++)
    total += f->scores[(row * TIME + steps[k]) * CLASSES + path[k]];
  for (int k = 1; k < n; k++)
    total += f->chain[path[k - 1] * CLASSES + path[k]];
  return total;
}

// Paths are counted with the first step's class as the fastest digit, so that of equal paths the first one
// has the smallest class at the end, then before it.
static void path_of(int number, int n, int *path) {
  for (int k = 0; k < n; k++, number /= CLASSES)
    path[k] = number % CLASSES;
}

// Of all paths: the best one and the log of the sum of exp(score).
static double search(const field *f, int row, const int *steps, int n, int *best) {
  int all = (int)pow(CLASSES, n), path[TIME];
  double highest = -INFINITY, sum = 0;
  for (int p = 0; p < all; p++) {
    path_of(p, n, path);
    double score = path_score(f, row, steps, n, path);
    if (score > highest) {
      highest = score;
      memcpy(best, path, sizeof path);
    }
  }
  for (int p = 0; p < all; p++) {
    path_of(p, n, path);
    sum += exp(path_score(f, row, steps, n, path) - highest);
  }
  return highest + log(sum);
}

// Of a row: its loss, and the tags it should get [TIME].
static double expected_row(const field *f, const double *targets, int row, double *tags) {
  int steps[TIME], best[TIME], target[TIME], n = valid_steps(f, row, steps);
  for (int t = 0; t < TIME; t++)
    tags[t] = 0;
  if (n == 0)
    return 0;
  double all = search(f, row, steps, n, best);
  for (int k = 0; k < n; k++) {
    tags[steps[k]] = best[k];
    target[k] = (int)targets[row * TIME + steps[k]];
  }
  return all - path_score(f, row, steps, n, target);
}

static void copy_weight(model_run *r, const char *name, const double *values) {
  size_t count;
  double *w = run_weight(r, name, &count);
  memcpy(w, values, count * sizeof *w);
}

static void check(const field *f, const double *targets) {
  small_model s;
  model_run r;
  small_model_begin(&s, "net");
  tensor *x = small_input(&s, "x", TENSOR_REAL, "time, 3");
  small_output(&s, "tags", small_chain(&s, x, "Masking()", "CRF(3, use_kernel = false)", NULL));
  if (!small_train(&s, "loss = crf_nll"))
    fail_msg("%s", small_diagnostics(&s));
  run_begin(&r, &s, PROGRAM_EVALUATE);
  run_extent(&r, "batch", BATCH);
  run_extent(&r, "time", TIME);
  run_feed(&r, "x", f->scores);
  run_feed(&r, "tags", targets);
  copy_weight(&r, "crf/chain_kernel", f->chain);
  copy_weight(&r, "crf/left_boundary", f->left);
  copy_weight(&r, "crf/right_boundary", f->right);
  size_t count;
  double *loss = run_root(&r, ROOT_LOSS, -1, &count), *tags = run_root(&r, ROOT_OUTPUT, 0, &count);
  assert_int_equal(count, BATCH * TIME);
  double mean = 0, wanted[TIME];
  for (int row = 0; row < BATCH; row++) {
    mean += expected_row(f, targets, row, wanted) / BATCH;
    for (int t = 0; t < TIME; t++)
      assert_int_equal(tags[row * TIME + t], wanted[t]);
  }
  assert_true(fabs(loss[0] - mean) <= 1e-12 * fmax(1, fabs(mean)));
  free(loss);
  free(tags);
  run_end(&r);
  train_config_free(s.m->training);
  small_model_end(&s);
}

static const double targets[BATCH * TIME] = {2, 0, 1, 1, 2, 0, 0, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 0, 2, 1};

// Row 0 is whole, row 1 has a hole and an end, row 2 nothing, row 3 its last step alone.
static void fill_scores(double *scores, double size) {
  static const char *const valid[BATCH] = {"vvvvv", "v-vv-", "-----", "----v"};
  for (int row = 0; row < BATCH; row++)
    for (int k = 0; k < TIME * CLASSES; k++)
      scores[row * TIME * CLASSES + k] =
          valid[row][k / CLASSES] == 'v' ? size * sin(1 + 3.7 * (row * TIME * CLASSES + k)) : 0;
}

static field some_field(const double *scores, double size) {
  field f = {.scores = scores, .left = {0.5, -1, 0.25}, .right = {-0.75, 0.5, 1}};
  for (int k = 0; k < CLASSES * CLASSES; k++)
    f.chain[k] = size * cos(2.3 * k);
  return f;
}

static void all_paths(void **state) {
  (void)state;
  double scores[BATCH * TIME * CLASSES];
  fill_scores(scores, 1.5);
  field f = some_field(scores, 1);
  check(&f, targets);
  f = some_field(scores, 4);
  check(&f, targets);
}

static void large_scores(void **state) {
  (void)state;
  double scores[BATCH * TIME * CLASSES];
  fill_scores(scores, 2000);
  field f = some_field(scores, 25);
  check(&f, targets);
}

// A pair of classes that is as good as forbidden, as constraints are written.
static void forbidden_pair(void **state) {
  (void)state;
  double scores[BATCH * TIME * CLASSES];
  const double allowed[BATCH * TIME] = {2, 2, 1, 1, 2, 0, 0, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 0, 2, 1};
  fill_scores(scores, 3);
  field f = some_field(scores, 1);
  f.chain[2 * CLASSES + 0] = f.chain[0 * CLASSES + 2] = -10000;
  check(&f, allowed);
}

static void equal_paths(void **state) {
  (void)state;
  double scores[BATCH * TIME * CLASSES];
  fill_scores(scores, 1);
  for (int k = 0; k < BATCH * TIME * CLASSES; k++)
    scores[k] = scores[k] != 0 ? 1 : 0;
  field f = {.scores = scores};
  check(&f, targets);
  f.chain[0 * CLASSES + 1] = f.chain[1 * CLASSES + 0] = f.chain[2 * CLASSES + 1] = f.chain[1 * CLASSES + 2] =
      2;
  check(&f, targets);
}

static void losses_and_layers(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "net");
  tensor *x = small_input(&s, "x", TENSOR_REAL, "time, 3");
  small_output(&s, "tags", small_chain(&s, x, "CRF(4)", NULL));
  assert_null(small_train(&s, "loss = mse"));
  assert_non_null(strstr(small_diagnostics(&s), "a CRF layer is trained with loss = crf_nll"));
  small_model_end(&s);
}

static void regularizers(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "net");
  tensor *x = small_input(&s, "x", TENSOR_REAL, "time, 3");
  small_output(&s, "tags",
               small_chain(&s, x,
                           "CRF(4, kernel_regularizer = L2(1), chain_regularizer = L2(2), "
                           "boundary_regularizer = L1(3), bias_constraint = NonNeg())",
                           NULL));
  static const struct {
    const char *name;
    double l1, l2;
  } wanted[] = {{"crf/kernel", 0, 1},        {"crf/bias", 0, 0},           {"crf/chain_kernel", 0, 2},
                {"crf/left_boundary", 3, 0}, {"crf/right_boundary", 3, 0}, {NULL, 0, 0}};
  assert_int_equal(s.m->weights.len, 5);
  for (size_t k = 0; wanted[k].name; k++) {
    const weight *w = s.m->weights.data[k];
    assert_string_equal(w->name, wanted[k].name);
    assert_true(w->regularizer.l1 == wanted[k].l1 && w->regularizer.l2 == wanted[k].l2);
    assert_int_equal(w->constraint.def != NULL, k == 1);
  }
  small_model_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_paths),         cmocka_unit_test(large_scores),
                                     cmocka_unit_test(forbidden_pair),    cmocka_unit_test(equal_paths),
                                     cmocka_unit_test(losses_and_layers), cmocka_unit_test(regularizers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
