#ifndef NLM_RUNTIME_METRICS_METRIC_H
#define NLM_RUNTIME_METRICS_METRIC_H
// Metrics: one file a family and one line a metric in metrics.def. A metric is a few running sums ("state")
// and three pure functions over them: how many there are, what a batch adds, what they come to.
// Thread-safety: definitions are immutable; a state belongs to one loop.
#include "runtime/model.h"
#include "runtime/registry.h"

// One batch of one output, as rows: N = B, or B * T for sequences, where a mask tells which rows count.
typedef struct metric_batch {
  size_t rows;               // N
  size_t units;              // values of a row
  size_t steps;              // rows of one example: T, or 1
  size_t real_bytes;         // 4 or 8: predictions and real targets
  const void *predicted;     // [N, units]
  const void *real_target;   // [N, units]; NULL where the target is class numbers
  const int32_t *int_target; // [N]; NULL where the target is like the output
  const int32_t *mask;       // [N], 0 or 1; NULL: every row counts
  const void *weights;       // [N] how much each row counts; NULL: 1
} metric_batch;

static inline double metric_real(const void *values, size_t real_bytes, size_t index) {
  return real_bytes == sizeof(double) ? ((const double *)values)[index]
                                      : (double)((const float *)values)[index];
}

// How much a row counts that is not masked.
static inline double metric_weight(const metric_batch *b, size_t row) {
  return b->weights ? metric_real(b->weights, b->real_bytes, row) : 1;
}

// What unit k of a row should be: 0 or 1 for a class number.
static inline double metric_target(const metric_batch *b, size_t row, size_t k) {
  return b->int_target ? (double)(b->int_target[row] == (int32_t)k)
                       : metric_real(b->real_target, b->real_bytes, row * b->units + k);
}

#define METRIC_NAME                                                                                          \
  {                                                                                                          \
    .name = "name", .kinds = ARG_STRING | ARG_NONE, .default_text = "none",                                  \
    .doc = "in logs and reports; none: the metric's own"                                                     \
  }

typedef struct metric_def {
  registry_item item;
  bool lower_is_better;
  bool takes_decided;   // it means something where classes are decided and have no numbers (model_output)
  bool whole_rows_only; // it counts something else than rows: weights mean nothing to it
  // Which definition really serves for this output (`accuracy`); NULL: this one.
  const struct metric_def *(*resolve)(const model_output *o);
  // Why it cannot measure this output; NULL if it can.
  const char *(*refuse)(const model_output *o);
  size_t (*state_size)(const config_call *args, const model_output *o);         // numbers
  void (*start)(double *state, const config_call *args, const model_output *o); // of zeros; may be NULL
  void (*update)(double *state, const config_call *args, const metric_batch *b);
  double (*result)(const double *state, const config_call *args);
  // Several results under names of their own, one a class: how many; 1 for `result` alone. Both may be NULL.
  size_t (*parts)(const config_call *args, const model_output *o);
  double (*part)(const double *state, const config_call *args, size_t k);
} metric_def;

const metric_def *metric_find(const char *name); // by registry name; NULL if unknown

// A metric of one output during an epoch.
typedef struct metric {
  const metric_def *def;
  const config_call *args;
  const char *name; // Keras's: "accuracy", "<output>_accuracy" with several outputs
  size_t output;
  const model_output *of;
  bool lower_is_better;
  bool weighted;         // rows count by their weights
  bool is_part, follows; // one of several results; not the first: another metric keeps the state
  size_t part;
  double *state;
  size_t state_size;
} metric;

// All metrics of a model, in the order of outputs; states are zero. *count of them; malloc'ed, freed by
// metrics_free. NULL and a sentence in `error` when one does not fit its output.
metric *metrics_new(const loaded_model *m, size_t *count, strbuf *error);
void metrics_free(metric *list, size_t count);
void metric_reset(metric *m);
void metric_update(metric *m, const metric_batch *b);
double metric_result(const metric *m);

#endif
