#ifndef NLM_RUNTIME_TRAIN_TRAINER_H
#define NLM_RUNTIME_TRAIN_TRAINER_H
// The training loop. The model's parameters stand in its block and are trained in place. The result is a pure
// function of model, data and settings, the same bits for any number of threads.
#include "runtime/optim/optimizer.h"
#include "runtime/train/profile.h"
#include "runtime/train/progress.h"
#include "runtime/train/tally.h"

typedef struct train_settings {
  int64_t epochs, batch_size;
  bool has_learning_rate; // else the train block's
  double learning_rate;
  uint64_t seed;
  thread_pool *pool; // the caller's; NULL: the calling thread alone
  bool shuffle, quiet, profile;
  const char *save_path; // weights; its checkpoint is `<save_path>.checkpoint`
  const char *log_path;  // NULL: none
} train_settings;

typedef struct train_rows { // rows [first, first + count) of a batcher's dataset
  batcher *batches;         // NULL: none
  size_t first, count;
} train_rows;

// Told of every epoch, without a say in the training (a report). False and a sentence ends it with an error.
typedef struct observed_epoch {
  int64_t epoch;                 // from 0
  const train_logs *logs;        // with what callbacks added
  double seconds;                // all of it
  double training_seconds, rows; // of the part that trains
} observed_epoch;
typedef struct train_observer {
  bool (*epoch_end)(void *self, const observed_epoch *e, strbuf *error); // may be NULL
  void *self;
} train_observer;

typedef struct trainer {
  loaded_model *model;
  train_settings settings;
  session session;
  optimizer *optimizer;
  rate_schedule schedule;  // of the learning rate; zero if there is none
  constraint *constraints; // parallel to the train block's
  callback *callbacks;
  size_t callbacks_count;
  callback_host host;
  train_logs expected;
  train_rows training, validation;
  size_t *order, *validation_order; // row numbers
  tally tally, validation_tally;
  profiler *profile; // NULL unless asked for
  progress progress;
  train_observer observer; // set after trainer_begin
  int64_t first_epoch;     // epochs done before this run
} trainer;

// Session, threads and optimizer; batchers are made on `session` before trainer_begin. False and a
// sentence on failure.
bool trainer_init(trainer *t, loaded_model *m, const train_settings *settings, strbuf *error);
void trainer_free(trainer *t);
// Metrics and callbacks; after it checkpoint_read may follow. Messages of callbacks wait in host.messages.
bool trainer_begin(trainer *t, train_rows training, train_rows validation, strbuf *error);
// Trains epochs first_epoch .. epochs - 1. False and a sentence; weights on disk are whole in any case.
bool trainer_run(trainer *t, strbuf *error);

// The state beside the weights, from which --resume goes on to the same bits. `path` of checkpoint_path. What
// the training depends on besides (the source; rows, batch size, shuffling, a given learning rate) stands in
// it, too: a backup of BackupAndRestore is refused where one of them differs, --resume warns.
typedef enum { CHECKPOINT_RESUME, CHECKPOINT_BACKUP } checkpoint_use;
char *checkpoint_path(const char *save_path); // malloc'ed
bool checkpoint_write(const trainer *t, const char *path, int64_t epochs_done, strbuf *error);
// Before data are encoded: vocabularies and class names, and the seed. False and a sentence, also where the
// checkpoint is of a model of another name.
bool checkpoint_read_model(loaded_model *m, const char *path, checkpoint_use use, uint64_t *seed,
                           strbuf *error);
// After trainer_begin: parameters, optimizer, callbacks and first_epoch. Lines for the user go to `warnings`.
bool checkpoint_read(trainer *t, const char *path, checkpoint_use use, strbuf *warnings, strbuf *error);

#endif
