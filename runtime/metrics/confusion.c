// Precision, recall and F scores from counts by class. Targets are yes or no for each unit, or class numbers,
// which say yes for one unit.
#include "runtime/metrics/metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRUE_YES, FALSE_YES, FALSE_NO, SUPPORT, COUNTS }; // of each unit

static size_t counts_of_units(const config_call *args, const model_output *o) {
  (void)args;
  return (size_t)(o->units > 0 ? o->units : 1) * COUNTS + 1; // the first says how many units there are
}

static void start(double *state, const config_call *args, const model_output *o) {
  (void)args;
  state[0] = (double)(o->units > 0 ? o->units : 1);
}

static size_t units_of(const double *state) {
  return (size_t)state[0];
}

static const double *unit(const double *state, size_t k) {
  return state + 1 + k * COUNTS;
}

// ---- counting

// Whether unit k is among the `most` largest of its row; of equal ones the first.
static bool is_among_top(const metric_batch *b, size_t row, size_t k, size_t most) {
  double own = metric_real(b->predicted, b->real_bytes, row * b->units + k);
  size_t ahead = 0;
  for (size_t j = 0; j < b->units && ahead < most; j++) {
    double other = metric_real(b->predicted, b->real_bytes, row * b->units + j);
    ahead += other > own || (other == own && j < k);
  }
  return ahead < most;
}

typedef bool decision(const config_call *args, const metric_batch *b, size_t row, size_t k);

// Keras's Precision and Recall: above the threshold, 0.5 unless top_k is given.
static bool is_above(const config_call *args, const metric_batch *b, size_t row, size_t k) {
  bool top = !config_is_none(args, "top_k");
  double threshold = config_number(args, "thresholds", top ? -INFINITY : 0.5);
  return metric_real(b->predicted, b->real_bytes, row * b->units + k) > threshold &&
         (!top || is_among_top(b, row, k, (size_t)config_number(args, "top_k", 1)));
}

// Keras's F scores: above the threshold, else all that are as large as the largest.
static bool is_chosen(const config_call *args, const metric_batch *b, size_t row, size_t k) {
  double own = metric_real(b->predicted, b->real_bytes, row * b->units + k);
  if (!config_is_none(args, "threshold"))
    return own > config_number(args, "threshold", 0.5);
  for (size_t j = 0; j < b->units; j++)
    if (metric_real(b->predicted, b->real_bytes, row * b->units + j) > own)
      return false;
  return fabs(own) > 1e-9;
}

static void count(double *state, const config_call *args, const metric_batch *b, decision *decide) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t k = 0; (!b->mask || b->mask[r]) && k < b->units; k++) {
      double *c = state + 1 + k * COUNTS, truth = metric_target(b, r, k), weight = metric_weight(b, r);
      bool yes = decide(args, b, r, k);
      c[TRUE_YES] += yes ? weight * truth : 0;
      c[FALSE_YES] += yes ? weight * (1 - truth) : 0;
      c[FALSE_NO] += yes ? 0 : weight * truth;
      c[SUPPORT] += weight * truth;
    }
}

static void count_above(double *state, const config_call *args, const metric_batch *b) {
  count(state, args, b, is_above);
}

static void count_chosen(double *state, const config_call *args, const metric_batch *b) {
  count(state, args, b, is_chosen);
}

// ---- from counts to a number

typedef double score(const double *counts, const config_call *args);

static double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

static double precision(const double *c, const config_call *args) {
  (void)args;
  return ratio(c[TRUE_YES], c[TRUE_YES] + c[FALSE_YES]);
}

static double recall(const double *c, const config_call *args) {
  (void)args;
  return ratio(c[TRUE_YES], c[TRUE_YES] + c[FALSE_NO]);
}

static double f_score(const double *c, const config_call *args) {
  const double epsilon = 1e-7;
  double beta = config_number(args, "beta", 1), p = c[TRUE_YES] / (c[TRUE_YES] + c[FALSE_YES] + epsilon),
         r = c[TRUE_YES] / (c[TRUE_YES] + c[FALSE_NO] + epsilon);
  return (1 + beta * beta) * p * r / (beta * beta * p + r + epsilon);
}

static double of_all(const double *state, const config_call *args, score *f) {
  double sums[COUNTS] = {0};
  for (size_t k = 0; k < units_of(state); k++)
    for (int j = 0; j < COUNTS; j++)
      sums[j] += unit(state, k)[j];
  return f(sums, args);
}

static double averaged(const double *state, const config_call *args, score *f) {
  const char *average = config_text(args, "average", "");
  double class_id = config_number(args, "class_id", -1);
  if (class_id >= 0)
    return class_id < state[0] ? f(unit(state, (size_t)class_id), args) : 0;
  if (strcmp(average, "macro") && strcmp(average, "weighted"))
    return of_all(state, args, f);
  bool weighted = !strcmp(average, "weighted");
  double sum = 0, weights = 0;
  for (size_t k = 0; k < units_of(state); k++) {
    double weight = weighted ? unit(state, k)[SUPPORT] : 1;
    sum += weight * f(unit(state, k), args);
    weights += weight;
  }
  return ratio(sum, weights);
}

static size_t parts(const config_call *args, const model_output *o) {
  bool by_class = config_is_none(args, "average") && config_is_none(args, "class_id");
  return by_class && o->units > 1 ? (size_t)o->units : 1;
}

#define DEFINE_SCORE(name)                                                                                   \
  static double name##_result(const double *state, const config_call *args) {                                \
    return averaged(state, args, name);                                                                      \
  }                                                                                                          \
  static double name##_part(const double *state, const config_call *args, size_t k) {                        \
    return name(unit(state, k), args);                                                                       \
  }

DEFINE_SCORE(precision)
DEFINE_SCORE(recall)
DEFINE_SCORE(f_score)

// ---- definitions

static const char *const averages[] = {"micro", "macro", "weighted", NULL};
#define AVERAGE(standard)                                                                                    \
  {                                                                                                          \
    .name = "average", .kinds = ARG_MODE | ARG_NONE, .modes = averages, .default_text = standard,            \
    .doc = "of the classes: all decisions alike, all classes alike, or by their number of rows; none: a "    \
           "number for each class"                                                                           \
  }
static const arg_spec rate_args[] = {
    {.name = "thresholds",
     .kinds = ARG_FLOAT | ARG_NONE,
     .default_text = "none",
     .min = 0,
     .max = 1,
     .doc = "predictions above it count as yes; none: 0.5, or all with top_k"},
    {.name = "top_k",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 1,
     .max = INFINITY,
     .doc = "only so many of a row's largest predictions count as yes"},
    {.name = "class_id",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 0,
     .max = INFINITY,
     .doc = "look at one class alone"},
    METRIC_NAME,
    AVERAGE("micro"),
    {0}};
#define F_THRESHOLD                                                                                          \
  {                                                                                                          \
    .name = "threshold", .kinds = ARG_FLOAT | ARG_NONE, .default_text = "none", .min = 0, .max = 1,          \
    .open_min = true, .doc = "predictions above it count as yes; none: the largest of a row"                 \
  }
static const arg_spec f1_args[] = {AVERAGE("none"), F_THRESHOLD, METRIC_NAME, {0}};
static const arg_spec f_beta_args[] = {AVERAGE("none"),
                                       {.name = "beta",
                                        .kinds = ARG_FLOAT,
                                        .default_text = "1.0",
                                        .min = 0,
                                        .max = INFINITY,
                                        .open_min = true,
                                        .doc = "how much more recall counts than precision"},
                                       F_THRESHOLD,
                                       METRIC_NAME,
                                       {0}};

const metric_def metric_precision = {
    .item = {"precision", "Precision", "share of the answers 'yes' that are right", rate_args, NULL},
    .takes_decided = true,
    .state_size = counts_of_units,
    .start = start,
    .update = count_above,
    .result = precision_result,
    .parts = parts,
    .part = precision_part,
};
const metric_def metric_recall = {
    .item = {"recall", "Recall", "share of what should be 'yes' that is found", rate_args, NULL},
    .takes_decided = true,
    .state_size = counts_of_units,
    .start = start,
    .update = count_above,
    .result = recall_result,
    .parts = parts,
    .part = recall_part,
};
const metric_def metric_f1_score = {
    .item = {"f1_score", "F1Score", "harmonic mean of precision and recall", f1_args, NULL},
    .takes_decided = true,
    .state_size = counts_of_units,
    .start = start,
    .update = count_chosen,
    .result = f_score_result,
    .parts = parts,
    .part = f_score_part,
};
const metric_def metric_f_beta_score = {
    .item = {"fbeta_score", "FBetaScore", "weighted harmonic mean of precision and recall", f_beta_args,
             NULL},
    .takes_decided = true,
    .state_size = counts_of_units,
    .start = start,
    .update = count_chosen,
    .result = f_score_result,
    .parts = parts,
    .part = f_score_part,
};
