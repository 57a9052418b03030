// The share of rows whose class is among the k likeliest. As TensorFlow counts: a class is in when fewer than
// k others are strictly likelier.
#include "runtime/metrics/metric.h"
#include <math.h>

enum { RIGHT, ALL, STATE };

static size_t two_sums(const config_call *args, const model_output *o) {
  (void)args;
  (void)o;
  return STATE;
}

static size_t target_of(const metric_batch *b, size_t row) {
  if (b->int_target)
    return (size_t)b->int_target[row];
  size_t best = 0;
  for (size_t k = 1; k < b->units; k++)
    if (metric_target(b, row, k) > metric_target(b, row, best))
      best = k;
  return best;
}

static void update(double *state, const config_call *args, const metric_batch *b) {
  double most = config_number(args, "k", 5);
  for (size_t r = 0; r < b->rows; r++) {
    if (b->mask && !b->mask[r])
      continue;
    size_t truth = target_of(b, r);
    double own = metric_real(b->predicted, b->real_bytes, r * b->units + truth), ahead = 0;
    for (size_t k = 0; k < b->units; k++)
      ahead += metric_real(b->predicted, b->real_bytes, r * b->units + k) > own;
    state[RIGHT] += isfinite(own) && ahead < most ? metric_weight(b, r) : 0;
    state[ALL] += metric_weight(b, r);
  }
}

static double share(const double *state, const config_call *args) {
  (void)args;
  return state[ALL] > 0 ? state[RIGHT] / state[ALL] : 0;
}

static const char *refuse_categorical(const model_output *o) {
  return o->class_ids ? "its targets are class numbers; use sparse_top_k_categorical_accuracy" : NULL;
}

static const char *refuse_sparse(const model_output *o) {
  return o->class_ids ? NULL : "its targets are no class numbers; use top_k_categorical_accuracy";
}

static const arg_spec args[] = {
    {.name = "k", .kinds = ARG_INT, .default_text = "5", .min = 1, .max = INFINITY, .doc = "how many"},
    METRIC_NAME,
    {0}};

const metric_def metric_top_k_categorical_accuracy = {
    .item = {"top_k_categorical_accuracy", "TopKCategoricalAccuracy",
             "share of rows whose one-hot class is among the k likeliest", args, NULL},
    .refuse = refuse_categorical,
    .state_size = two_sums,
    .update = update,
    .result = share,
};
const metric_def metric_sparse_top_k_categorical_accuracy = {
    .item = {"sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy",
             "share of rows whose class is among the k likeliest", args, NULL},
    .refuse = refuse_sparse,
    .state_size = two_sums,
    .update = update,
    .result = share,
};
