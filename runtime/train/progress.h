#ifndef NLM_RUNTIME_TRAIN_PROGRESS_H
#define NLM_RUNTIME_TRAIN_PROGRESS_H
// Progress of training on stderr: a bar on a terminal, then, as everywhere, one line per epoch in Keras's
// form.
#include "runtime/callbacks/callback.h"

typedef struct progress {
  bool quiet, terminal;
  int64_t epoch, epochs; // from 0
  size_t steps;
  double started, drawn, training_seconds;
} progress;

progress progress_new(bool quiet, int64_t epochs);
void progress_epoch(progress *p, int64_t epoch, size_t steps);
void progress_step(progress *p, size_t done, double loss);
void progress_trained(progress *p, size_t steps_done); // the training part is over, validation begins
void progress_end(progress *p, const train_logs *logs);
// "accuracy: 0.8712 - loss: 0.3021": sorted by name, four decimals, or four digits and an exponent below
// 0.001.
void progress_put_logs(const train_logs *logs, strbuf *out);

#endif
