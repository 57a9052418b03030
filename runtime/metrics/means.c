// Losses as metrics: means over rows of a number for each, by Keras's formulas, whatever the loss is.
#include "runtime/metrics/metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUM, ROWS, STATE };
static const double epsilon = 1e-7;

typedef double row_function(const double *p, const double *t, size_t n, const config_call *args);

static size_t two_sums(const config_call *args, const model_output *o) {
  (void)args;
  (void)o;
  return STATE;
}

static void add_rows(double *state, const config_call *args, const metric_batch *b, row_function *f) {
  double *p = xcalloc(2 * b->units + 1, sizeof *p), *t = p + b->units;
  for (size_t r = 0; r < b->rows; r++) {
    if (b->mask && !b->mask[r])
      continue;
    for (size_t k = 0; k < b->units; k++) {
      p[k] = metric_real(b->predicted, b->real_bytes, r * b->units + k);
      t[k] = metric_target(b, r, k);
    }
    state[SUM] += metric_weight(b, r) * f(p, t, b->units, args);
    state[ROWS] += metric_weight(b, r);
  }
  free(p);
}

static double mean(const double *state, const config_call *args) {
  (void)args;
  return state[ROWS] > 0 ? state[SUM] / state[ROWS] : 0;
}

static double root_of_mean(const double *state, const config_call *args) {
  return sqrt(mean(state, args));
}

static double power_of_mean(const double *state, const config_call *args) {
  return exp(mean(state, args));
}

// ---- rows

#define MEAN_OF(name, of_one)                                                                                \
  static double name(const double *p, const double *t, size_t n, const config_call *args) {                  \
    (void)args;                                                                                              \
    double sum = 0;                                                                                          \
    for (size_t k = 0; k < n; k++)                                                                           \
      sum += of_one;                                                                                         \
    return sum / (double)n;                                                                                  \
  }

static double log_cosh(double x) {
  return fabs(x) + log1p(exp(-2 * fabs(x))) - log(2);
}

static double log_of_more(double x) {
  return log(fmax(x, epsilon) + 1);
}

static double clipped(double p) {
  return p < epsilon ? epsilon : p > 1 - epsilon ? 1 - epsilon : p;
}

MEAN_OF(squared_error, (p[k] - t[k]) * (p[k] - t[k]))
MEAN_OF(absolute_error, fabs(p[k] - t[k]))
MEAN_OF(percentage_error, 100 * fabs(t[k] - p[k]) / fmax(fabs(t[k]), epsilon))
MEAN_OF(logarithmic_error, (log_of_more(p[k]) - log_of_more(t[k])) * (log_of_more(p[k]) - log_of_more(t[k])))
MEAN_OF(log_cosh_error, log_cosh(p[k] - t[k]))
MEAN_OF(poisson, p[k] - t[k] * log(p[k] + epsilon))

static double cosine(const double *p, const double *t, size_t n, const config_call *args) {
  (void)args;
  double pp = 0, tt = 0, pt = 0;
  for (size_t k = 0; k < n; k++) {
    pp += p[k] * p[k];
    tt += t[k] * t[k];
    pt += p[k] * t[k];
  }
  return pt / (sqrt(fmax(pp, 1e-12)) * sqrt(fmax(tt, 1e-12)));
}

static double divergence(const double *p, const double *t, size_t n, const config_call *args) {
  (void)args;
  double sum = 0;
  for (size_t k = 0; k < n; k++) {
    double from = fmin(fmax(t[k], epsilon), 1), to = fmin(fmax(p[k], epsilon), 1);
    sum += from * log(from / to);
  }
  return sum;
}

static double binary_entropy(const double *p, const double *t, size_t n, const config_call *args) {
  double smoothing = config_number(args, "label_smoothing", 0), sum = 0;
  bool logits = config_number(args, "from_logits", 0) != 0;
  for (size_t k = 0; k < n; k++) {
    double y = t[k] * (1 - smoothing) + smoothing / 2, q = clipped(p[k]);
    sum += logits ? fmax(p[k], 0) - p[k] * y + log1p(exp(-fabs(p[k]))) : -y * log(q) - (1 - y) * log(1 - q);
  }
  return sum / (double)n;
}

static double class_entropy(const double *p, const double *t, size_t n, const config_call *args) {
  double smoothing = config_number(args, "label_smoothing", 0), sum = 0, whole = 0, most = -INFINITY;
  bool logits = config_number(args, "from_logits", 0) != 0;
  for (size_t k = 0; k < n; k++)
    most = fmax(most, p[k]);
  for (size_t k = 0; k < n; k++)
    whole += logits ? exp(p[k] - most) : p[k];
  for (size_t k = 0; k < n; k++) {
    double y = t[k] * (1 - smoothing) + smoothing / (double)n;
    sum -= y * (logits ? p[k] - most - log(whole) : log(clipped(p[k] / whole)));
  }
  return sum;
}

static double most_wrong(const double *p, const double *t, size_t n, const config_call *args) {
  (void)args;
  double right = 0, wrong = -INFINITY;
  for (size_t k = 0; k < n; k++) {
    right += t[k] * p[k];
    wrong = fmax(wrong, (1 - t[k]) * p[k]);
  }
  return fmax(wrong - right + 1, 0);
}

// Targets are -1 and 1; those of a batch that are all 0 or 1 are taken for them.
static void add_margins(double *state, const metric_batch *b, bool squared) {
  bool flags = true;
  for (size_t k = 0; k < b->rows * b->units; k++) {
    double t = metric_target(b, k / b->units, k % b->units);
    flags = flags && (t == 0 || t == 1);
  }
  for (size_t r = 0; r < b->rows; r++) {
    double sum = 0;
    for (size_t k = 0; k < b->units; k++) {
      double t = metric_target(b, r, k), p = metric_real(b->predicted, b->real_bytes, r * b->units + k);
      double margin = fmax(1 - (flags ? 2 * t - 1 : t) * p, 0);
      sum += squared ? margin * margin : margin;
    }
    if (b->mask && !b->mask[r])
      continue;
    state[SUM] += metric_weight(b, r) * sum / (double)b->units;
    state[ROWS] += metric_weight(b, r);
  }
}

// ---- definitions

static const char *refuse_classes(const model_output *o) {
  return o->class_ids ? "its targets are class numbers" : NULL;
}

static const char *refuse_categorical(const model_output *o) {
  return o->class_ids ? "its targets are class numbers; use sparse_categorical_crossentropy" : NULL;
}

static const char *refuse_sparse(const model_output *o) {
  return o->class_ids ? NULL : "its targets are no class numbers; use categorical_crossentropy";
}

static const arg_spec name_args[] = {METRIC_NAME, {0}};
#define FROM_LOGITS                                                                                          \
  {                                                                                                          \
    .name = "from_logits", .kinds = ARG_BOOL, .default_text = "false",                                       \
    .doc = "the output is logits, without activation"                                                        \
  }
#define SMOOTHING                                                                                            \
  {                                                                                                          \
    .name = "label_smoothing", .kinds = ARG_FLOAT, .default_text = "0.0", .min = 0, .max = 1,                \
    .doc = "moves targets this far towards all classes alike"                                                \
  }
static const arg_spec entropy_args[] = {METRIC_NAME, FROM_LOGITS, SMOOTHING, {0}};
static const arg_spec sparse_args[] = {METRIC_NAME, FROM_LOGITS, {0}};

#define DEFINE_METRIC(symbol, rows, name, class_name, doc, args, refusal, lower, how)                        \
  static void update_##symbol(double *state, const config_call *c, const metric_batch *b) {                  \
    add_rows(state, c, b, rows);                                                                             \
  }                                                                                                          \
  const metric_def metric_##symbol = {.item = {name, class_name, doc, args, NULL},                           \
                                      .lower_is_better = lower,                                              \
                                      .refuse = refusal,                                                     \
                                      .state_size = two_sums,                                                \
                                      .update = update_##symbol,                                             \
                                      .result = how};
#define DEFINE_ERROR(symbol, rows, name, class_name, doc)                                                    \
  DEFINE_METRIC(symbol, rows, name, class_name, doc, name_args, refuse_classes, true, mean)

DEFINE_ERROR(mse, squared_error, "mse", NULL, "mean squared difference")
DEFINE_ERROR(mean_squared_error, squared_error, "mean_squared_error", "MeanSquaredError",
             "mean squared difference")
DEFINE_ERROR(mae, absolute_error, "mae", NULL, "mean difference")
DEFINE_ERROR(mean_absolute_error, absolute_error, "mean_absolute_error", "MeanAbsoluteError",
             "mean difference")
DEFINE_ERROR(mape, percentage_error, "mape", NULL, "mean difference in percent of the target")
DEFINE_ERROR(mean_absolute_percentage_error, percentage_error, "mean_absolute_percentage_error",
             "MeanAbsolutePercentageError", "mean difference in percent of the target")
DEFINE_ERROR(msle, logarithmic_error, "msle", NULL, "mean squared difference of logarithms")
DEFINE_ERROR(mean_squared_logarithmic_error, logarithmic_error, "mean_squared_logarithmic_error",
             "MeanSquaredLogarithmicError", "mean squared difference of logarithms")
DEFINE_METRIC(root_mean_squared_error, squared_error, "root_mean_squared_error", "RootMeanSquaredError",
              "root of the mean squared difference", name_args, refuse_classes, true, root_of_mean)
DEFINE_ERROR(logcosh, log_cosh_error, "logcosh", "LogCoshError",
             "logarithm of the hyperbolic cosine of the difference")
DEFINE_METRIC(cosine_similarity, cosine, "cosine_similarity", "CosineSimilarity",
              "cosine of the angle between output and target", name_args, refuse_classes, false, mean)
DEFINE_ERROR(kl_divergence, divergence, "kl_divergence", "KLDivergence",
             "divergence of the predicted distribution from the target's")
DEFINE_ERROR(poisson, poisson, "poisson", "Poisson", "Poisson loss of counts")
DEFINE_METRIC(binary_crossentropy, binary_entropy, "binary_crossentropy", "BinaryCrossentropy",
              "cross-entropy of yes-or-no answers", entropy_args, refuse_classes, true, mean)
DEFINE_METRIC(categorical_crossentropy, class_entropy, "categorical_crossentropy", "CategoricalCrossentropy",
              "cross-entropy of classes, one-hot targets", entropy_args, refuse_categorical, true, mean)
DEFINE_METRIC(sparse_categorical_crossentropy, class_entropy, "sparse_categorical_crossentropy",
              "SparseCategoricalCrossentropy", "cross-entropy of classes, targets by number", sparse_args,
              refuse_sparse, true, mean)
DEFINE_METRIC(bce, binary_entropy, "bce", NULL, "binary_crossentropy, under a shorter name", entropy_args,
              refuse_classes, true, mean)
DEFINE_ERROR(kld, divergence, "kld", NULL, "kl_divergence, under a shorter name")
DEFINE_ERROR(categorical_hinge, most_wrong, "categorical_hinge", "CategoricalHinge",
             "margin between the right class and the others, one-hot targets")

#define DEFINE_MARGIN(symbol, name, class_name, doc, squared)                                                \
  static void update_##symbol(double *state, const config_call *c, const metric_batch *b) {                  \
    (void)c;                                                                                                 \
    add_margins(state, b, squared);                                                                          \
  }                                                                                                          \
  const metric_def metric_##symbol = {.item = {name, class_name, doc, name_args, NULL},                      \
                                      .lower_is_better = true,                                               \
                                      .refuse = refuse_classes,                                              \
                                      .state_size = two_sums,                                                \
                                      .update = update_##symbol,                                             \
                                      .result = mean};

DEFINE_MARGIN(hinge, "hinge", "Hinge", "how far answers fall short of a margin of 1 from 0", false)
DEFINE_MARGIN(squared_hinge, "squared_hinge", "SquaredHinge", "the same, squared", true)

// `crossentropy` is the one of them that fits, as `accuracy` is.
static const metric_def *fitting_entropy(const model_output *o) {
  return o->class_ids   ? &metric_sparse_categorical_crossentropy
         : o->units > 1 ? &metric_categorical_crossentropy
                        : &metric_binary_crossentropy;
}

#define DEFINE_FITTING(symbol, name, doc)                                                                    \
  const metric_def metric_##symbol = {                                                                       \
      .item = {name, NULL, doc, sparse_args, NULL}, .lower_is_better = true, .resolve = fitting_entropy};
DEFINE_FITTING(crossentropy, "crossentropy",
               "cross-entropy: binary for one unit, else by classes, as the targets are")
DEFINE_FITTING(ce, "ce", "crossentropy, under a shorter name")
DEFINE_METRIC(perplexity, class_entropy, "perplexity", "Perplexity", "e to the mean cross-entropy of classes",
              sparse_args, NULL, true, power_of_mean)
