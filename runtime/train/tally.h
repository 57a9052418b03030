#ifndef NLM_RUNTIME_TRAIN_TALLY_H
#define NLM_RUNTIME_TRAIN_TALLY_H
// What an epoch comes to: losses as means weighted by batch size, and metrics, under Keras's names: "loss",
// "accuracy"; with several outputs "<output>_loss" and "<output>_accuracy" too.
#include "runtime/callbacks/callback.h"
#include "runtime/metrics/metric.h"
#include "runtime/train/batch.h"

typedef struct tally {
  const loaded_model *model;
  double *loss_sums; // [1 + n_outputs]: total, each output
  const char **loss_names;
  double rows;
  metric *metrics;
  size_t metrics_count;
  const char *prefix;                             // "" or "val_"
  void (*watch)(void *watcher, const batcher *b); // told of every batch that is added; may be NULL
  void *watcher;
} tally;

// Names live in the model's memory. False and a sentence when a metric does not fit.
bool tally_init(tally *t, const loaded_model *m, const char *prefix, strbuf *error);
void tally_free(tally *t);
void tally_reset(tally *t);
void tally_add(tally *t, const batcher *b); // the batch just run
// Predictions and targets of one output of the batch just run; the output must have a target.
metric_batch tally_batch(const batcher *b, size_t output);
double tally_loss(const tally *t);                // so far; 0 before the first batch
void tally_logs(const tally *t, train_logs *out); // adds to what is there
// The metric behind a log name (prefix "val_" aside): +1 higher is better, -1 lower, 0 unknown.
int tally_direction(const tally *t, const char *log);

// Runs NLM_EVALUATE over rows [count] of the batcher's data in batches. False and a sentence when a batch
// fails. `profile` as in nlm_frame, or NULL. The session's parameters must be up to date.
struct profiler;
bool evaluate_rows(tally *t, batcher *b, const size_t *rows, size_t count, size_t batch_size,
                   struct profiler *profile, strbuf *error);

#endif
