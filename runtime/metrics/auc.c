// Keras's AUC: the area under the ROC or the precision-recall curve, from counts of predictions in buckets
// between num_thresholds thresholds.
#include "runtime/metrics/metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { YES, NO, KINDS }; // of the target; state: thresholds, labels, then [labels, KINDS, thresholds]

static size_t thresholds_of(const config_call *args) {
  return (size_t)config_number(args, "num_thresholds", 200);
}

static size_t labels_of(const config_call *args, const model_output *o) {
  return config_number(args, "multi_label", 0) != 0 && o->units > 1 ? (size_t)o->units : 1;
}

static size_t state_size(const config_call *args, const model_output *o) {
  return 2 + labels_of(args, o) * KINDS * thresholds_of(args);
}

static void start(double *state, const config_call *args, const model_output *o) {
  state[0] = (double)thresholds_of(args);
  state[1] = (double)labels_of(args, o);
}

// The bucket of a prediction p is the last threshold below it. In the model's own precision, as Keras counts.
static size_t bucket_of(double p, size_t real_bytes, size_t thresholds) {
  p = p > 0 ? p : 0; // NaN counts as 0
  p = p < 1 ? p : 1;
  double place = real_bytes == sizeof(double) ? p * (double)(thresholds - 1)
                                              : (double)((float)p * (float)(thresholds - 1));
  place = ceil(place) - 1;
  return place > 0 ? (size_t)place : 0;
}

static void update(double *state, const config_call *args, const metric_batch *b) {
  size_t thresholds = (size_t)state[0], labels = (size_t)state[1];
  bool logits = config_number(args, "from_logits", 0) != 0;
  for (size_t r = 0; r < b->rows; r++)
    for (size_t k = 0; (!b->mask || b->mask[r]) && k < b->units; k++) {
      double p = metric_real(b->predicted, b->real_bytes, r * b->units + k);
      size_t label = labels > 1 ? k : 0, kind = metric_target(b, r, k) != 0 ? YES : NO;
      size_t bucket = bucket_of(logits ? 1 / (1 + exp(-p)) : p, b->real_bytes, thresholds);
      state[2 + (label * KINDS + kind) * thresholds + bucket] += metric_weight(b, r);
    }
}

// ---- the curve

typedef struct curve {
  double *yes, *no; // [n] above each threshold
  double all_yes, all_no;
  size_t n;
} curve;

static double ratio(double a, double b) {
  return b != 0 ? a / b : 0;
}

static curve curve_of(const double *state, size_t label) {
  size_t n = (size_t)state[0];
  const double *yes = state + 2 + label * KINDS * n, *no = yes + n;
  curve c = {.yes = xcalloc(2 * n, sizeof(double)), .n = n};
  c.no = c.yes + n;
  for (size_t k = n; k-- > 0;) {
    c.yes[k] = yes[k] + (k + 1 < n ? c.yes[k + 1] : 0);
    c.no[k] = no[k] + (k + 1 < n ? c.no[k + 1] : 0);
  }
  c.all_yes = c.yes[0];
  c.all_no = c.no[0];
  c.yes[n - 1] = c.no[n - 1] = 0; // nothing is above the last threshold, 1 + epsilon
  return c;
}

// True positives and positives run straight between two thresholds, precision does not (Davis and Goadrich,
// 2006).
static double interpolated_precision(const curve *c) {
  double area = 0;
  for (size_t k = 0; k + 1 < c->n; k++) {
    double gain = c->yes[k] - c->yes[k + 1], p = c->yes[k] + c->no[k], next = c->yes[k + 1] + c->no[k + 1];
    double slope = ratio(gain, p - next), intercept = c->yes[k + 1] - slope * next;
    double growth = p > 0 && next > 0 ? p / next : 1;
    area += ratio(slope * (gain + intercept * log(growth)), c->all_yes);
  }
  return area;
}

static double riemann(const curve *c, bool precision, const char *method) {
  double area = 0, x_before = 0, y_before = 0;
  for (size_t k = 0; k < c->n; k++) {
    double recall = ratio(c->yes[k], c->all_yes);
    double x = precision ? recall : ratio(c->no[k], c->all_no);
    double y = precision ? ratio(c->yes[k], c->yes[k] + c->no[k]) : recall;
    double height = !strcmp(method, "minoring")   ? fmin(y, y_before)
                    : !strcmp(method, "majoring") ? fmax(y, y_before)
                                                  : (y + y_before) / 2;
    area += k ? (x_before - x) * height : 0;
    x_before = x;
    y_before = y;
  }
  return area;
}

static double result(const double *state, const config_call *args) {
  const char *method = config_text(args, "summation_method", "interpolation");
  bool precision = !strcmp(config_text(args, "curve", "ROC"), "PR");
  size_t labels = (size_t)state[1];
  double sum = 0;
  for (size_t k = 0; k < labels; k++) {
    curve c = curve_of(state, k);
    sum += precision && !strcmp(method, "interpolation") ? interpolated_precision(&c)
                                                         : riemann(&c, precision, method);
    free(c.yes);
  }
  return sum / (double)labels;
}

static const char *const curves[] = {"ROC", "PR", NULL};
static const char *const methods[] = {"interpolation", "minoring", "majoring", NULL};
static const arg_spec args[] = {{.name = "num_thresholds",
                                 .kinds = ARG_INT,
                                 .default_text = "200",
                                 .min = 2,
                                 .max = 1000000,
                                 .doc = "points of the curve"},
                                {.name = "curve",
                                 .kinds = ARG_MODE,
                                 .modes = curves,
                                 .default_text = "ROC",
                                 .doc = "true against false positives, or precision against recall"},
                                {.name = "summation_method",
                                 .kinds = ARG_MODE,
                                 .modes = methods,
                                 .default_text = "interpolation",
                                 .doc = "between two points: what lies between, the least, or the largest"},
                                METRIC_NAME,
                                {.name = "multi_label",
                                 .kinds = ARG_BOOL,
                                 .default_text = "false",
                                 .doc = "the mean of one area for each unit"},
                                {.name = "from_logits",
                                 .kinds = ARG_BOOL,
                                 .default_text = "false",
                                 .doc = "the output is logits, without sigmoid"},
                                {0}};

const metric_def metric_auc = {
    .item = {"auc", "AUC", "area under the ROC curve or the precision-recall curve", args, NULL},
    .state_size = state_size,
    .start = start,
    .update = update,
    .result = result,
};
