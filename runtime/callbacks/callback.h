#ifndef NLM_RUNTIME_CALLBACKS_CALLBACK_H
#define NLM_RUNTIME_CALLBACKS_CALLBACK_H
// Callbacks of training, with Keras's meaning: one file each and one line in callbacks.def. Everything a
// callback remembers stands in its `numbers` and `weights`, so that a checkpoint holds it all. Epochs count
// from 0 here, from 1 in messages. Thread-safety: all run on the training thread.
#include "runtime/model.h"
#include "runtime/registry.h"

// What an epoch came to, sorted by name ("loss", "val_loss", "accuracy", ...). Names are borrowed.
enum { LOGS_MAX = 2048 };
typedef struct train_logs {
  const char *names[LOGS_MAX];
  double values[LOGS_MAX];
  size_t count;
} train_logs;
void logs_set(train_logs *l, const char *name, double number); // adds or replaces
const double *logs_get(const train_logs *l, const char *name); // NULL if absent

// What the training loop offers.
typedef struct callback_host {
  void *self;
  bool has_validation;
  const train_logs *expected; // names that every epoch will have (values are not meant)
  const char *save_path;      // of --save
  bool stop;                  // set to end training after this epoch
  strbuf messages;            // lines for the user, shown behind the epoch's line
  bool failed;                // with `messages` saying why: training ends with an error
  bool keeps_best;            // the file of --save holds the best epoch: it is not written at the end
  bool has_schedule;          // the learning rate follows a schedule: it cannot be set
  bool has_given_rate;        // the learning rate is that of --learning-rate
  const config_call *backup;  // of BackupAndRestore: its file is written behind each epoch; NULL: none
  bool append_logs;           // an interrupted training goes on: log files are continued
  // +1 higher is better, -1 lower, 0 unknown.
  int (*direction)(void *self, const char *log);
  bool (*save)(void *self, const char *path, int64_t epochs_done, strbuf *error);
  void *(*copy_weights)(void *self); // malloc'ed
  void (*set_weights)(void *self, const void *copy);
  double (*learning_rate)(void *self);
  void (*set_learning_rate)(void *self, double rate);
} callback_host;

enum { CALLBACK_NUMBERS = 8 };
struct callback_def;
typedef struct callback {
  const struct callback_def *def;
  const config_call *args;
  const char *monitor; // the log it watches, after begin; NULL if it watches none
  int direction;       // of the monitor: +1 or -1
  double numbers[CALLBACK_NUMBERS];
  void *weights; // a copy of all parameters, or NULL
} callback;

typedef struct callback_def {
  registry_item item;
  // Checks arguments and sets the numbers; false after putting a reason into the host's messages.
  bool (*begin)(callback *c, callback_host *h);
  // May be NULL. An interrupted training goes on: its state was read, `epochs` are done.
  void (*resume)(callback *c, callback_host *h, int64_t epochs);
  void (*epoch_begin)(callback *c, callback_host *h, int64_t epoch);
  void (*batch_end)(callback *c, callback_host *h, int64_t batch, double loss); // mean loss so far
  void (*epoch_end)(callback *c, callback_host *h, int64_t epoch, train_logs *logs);
  void (*train_end)(callback *c, callback_host *h);
} callback_def;

const callback_def *callback_find(const char *name); // NULL if unknown

// Where BackupAndRestore with these arguments keeps the state of training; malloc'ed.
char *backup_path(const config_call *call);

// Shared by the files of runtime/callbacks/.
// Chooses monitor and direction from the arguments `monitor` and `mode`. Without validation data `val_x`
// becomes `x`, said in the messages. False after a message when there is no such log.
bool callback_choose_monitor(callback *c, callback_host *h);
bool callback_is_verbose(const callback *c);
// A log file: a table of epochs (from 0) and logs by name, with a header. begin empties it unless `append`,
// row adds a line, behind the header where the file is empty. Numbers read back to the same value.
bool csv_log_begin(const char *path, bool append, strbuf *error);
// Drops the last lines that are of epochs from `epochs` on: those that an interrupted training will repeat.
bool csv_log_cut(const char *path, const char *separator, int64_t epochs, strbuf *error);
bool csv_log_row(const char *path, const char *separator, int64_t epoch, const train_logs *logs,
                 strbuf *error);

#define CALLBACK_VERBOSE                                                                                     \
  { .name = "verbose", .kinds = ARG_INT, .default_text = "1", .min = 0, .max = 2, .doc = "0 says nothing" }

#endif
