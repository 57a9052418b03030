#ifndef NLM_RUNTIME_TRAIN_REPORT_H
#define NLM_RUNTIME_TRAIN_REPORT_H
// A page about one training (`train --report`): model, data, settings, epochs as a table and as curves,
// layers, and of the best epoch what the validation data was taken for. One file of HTML that is XML as well,
// without scripts and without anything from elsewhere. It is an observer of the trainer and changes nothing
// in it.
#include "runtime/train/prepare.h"
#include "runtime/train/trainer.h"

typedef struct report_part {   // rows [first, first + count) of some data
  const data_request *request; // where they come from; NULL: they are a part of the training data
  const prepared_data *data;   // NULL: there are none
  size_t first, count;
} report_part;

typedef struct train_report train_report;
// After trainer_begin (and checkpoint_read): looks at the data and observes the trainer. All that it is given
// must outlive it but the path.
train_report *train_report_new(const char *path, trainer *t, report_part training, report_part validation);
// Writes the page as it stands. It is also written, as a whole, after every epoch, so that there is one
// however training ends. `failure` says why it ended early, NULL if it did not. False and a sentence.
bool train_report_finish(train_report *r, const char *failure, strbuf *error);
void train_report_free(train_report *r); // NULL is allowed

#endif
