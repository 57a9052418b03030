// The share of right answers: binary, categorical, sparse categorical, and `accuracy`, which is the one of
// them that fits the output, chosen as Keras does.
#include "runtime/metrics/metric.h"
#include <math.h>
#include <string.h>

enum { RIGHT, ALL, STATE };

static size_t two_sums(const config_call *args, const model_output *o) {
  (void)args;
  (void)o;
  return STATE;
}

static double share(const double *state, const config_call *args) {
  (void)args;
  return state[ALL] > 0 ? state[RIGHT] / state[ALL] : 0;
}

// ---- one of many

static size_t largest(const void *values, size_t real_bytes, size_t first, size_t units) {
  size_t best = 0;
  for (size_t k = 1; k < units; k++)
    if (metric_real(values, real_bytes, first + k) > metric_real(values, real_bytes, first + best))
      best = k;
  return best;
}

static void update_classes(double *state, const config_call *args, const metric_batch *b) {
  (void)args;
  for (size_t r = 0; r < b->rows; r++) {
    if (b->mask && !b->mask[r])
      continue;
    size_t first = r * b->units, guess = largest(b->predicted, b->real_bytes, first, b->units);
    int64_t truth =
        b->int_target ? b->int_target[r] : (int64_t)largest(b->real_target, b->real_bytes, first, b->units);
    state[RIGHT] += (int64_t)guess == truth ? metric_weight(b, r) : 0;
    state[ALL] += metric_weight(b, r);
  }
}

static const char *refuse_categorical(const model_output *o) {
  return o->class_ids ? "its targets are class numbers; use sparse_categorical_accuracy" : NULL;
}

static const char *refuse_sparse(const model_output *o) {
  return o->class_ids ? NULL : "its targets are no class numbers; use categorical_accuracy";
}

// ---- yes or no

static void update_binary(double *state, const config_call *args, const metric_batch *b) {
  double threshold = config_number(args, "threshold", 0.5), units = (double)b->units;
  for (size_t r = 0; r < b->rows; r++) {
    if (b->mask && !b->mask[r])
      continue;
    size_t right = 0;
    for (size_t k = r * b->units; k < (r + 1) * b->units; k++) {
      double guess = metric_real(b->predicted, b->real_bytes, k) > threshold;
      right += guess == metric_real(b->real_target, b->real_bytes, k);
    }
    state[RIGHT] += metric_weight(b, r) * (double)right / units;
    state[ALL] += metric_weight(b, r);
  }
}

static const char *refuse_binary(const model_output *o) {
  return o->class_ids ? "its targets are class numbers; use sparse_categorical_accuracy" : NULL;
}

static const arg_spec no_args[] = {{0}};
static const arg_spec binary_args[] = {{.name = "threshold",
                                        .kinds = ARG_FLOAT,
                                        .default_text = "0.5",
                                        .min = 0,
                                        .max = 1,
                                        .doc = "predictions above it count as 1"},
                                       {0}};

const metric_def metric_binary_accuracy = {
    .item = {"binary_accuracy", "BinaryAccuracy", "share of yes-or-no answers that are right", binary_args},
    .refuse = refuse_binary,
    .state_size = two_sums,
    .update = update_binary,
    .result = share,
};
const metric_def metric_categorical_accuracy = {
    .item = {"categorical_accuracy", "CategoricalAccuracy",
             "share of rows whose likeliest class is that of a one-hot target", no_args},
    .refuse = refuse_categorical,
    .state_size = two_sums,
    .update = update_classes,
    .result = share,
};
const metric_def metric_sparse_categorical_accuracy = {
    .item = {"sparse_categorical_accuracy", "SparseCategoricalAccuracy",
             "share of rows whose likeliest class is the target's", no_args},
    .takes_decided = true,
    .refuse = refuse_sparse,
    .state_size = two_sums,
    .update = update_classes,
    .result = share,
};

static const metric_def *fitting_accuracy(const model_output *o) {
  if (o->class_ids)
    return &metric_sparse_categorical_accuracy;
  return o->units > 1 ? &metric_categorical_accuracy : &metric_binary_accuracy;
}

const metric_def metric_acc = {
    .item = {"acc", NULL, "accuracy, under a shorter name", no_args},
    .resolve = fitting_accuracy,
};
const metric_def metric_accuracy = {
    .item = {"accuracy", NULL,
             "share of right answers: binary for one unit, else by classes, as the targets are", no_args},
    .resolve = fitting_accuracy,
};
