// Ends training once the monitored value has not improved for `patience` epochs.
#include "runtime/callbacks/callback.h"
#include <math.h>
#include <stdlib.h>

enum { BEST, WAIT, BEST_EPOCH, STOPPED_EPOCH, HAS_BEST };

static const char *const modes[] = {"auto", "min", "max", NULL};
static const arg_spec args[] = {
    {.name = "monitor", .kinds = ARG_STRING, .default_text = "\"val_loss\"", .doc = "what is watched"},
    {.name = "min_delta",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .doc = "smaller changes are no improvement"},
    {.name = "patience",
     .kinds = ARG_INT,
     .default_text = "0",
     .min = 0,
     .max = INFINITY,
     .doc = "epochs without improvement before training ends"},
    CALLBACK_VERBOSE,
    {.name = "mode",
     .kinds = ARG_MODE,
     .modes = modes,
     .default_text = "auto",
     .doc = "whether smaller or larger is better"},
    {.name = "baseline",
     .kinds = ARG_FLOAT | ARG_NONE,
     .default_text = "none",
     .doc = "training ends unless this value is passed"},
    {.name = "restore_best_weights",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "end with the weights of the best epoch"},
    {.name = "start_from_epoch",
     .kinds = ARG_INT,
     .default_text = "0",
     .min = 0,
     .max = INFINITY,
     .doc = "epochs before watching begins"},
    {0}};

static bool begin(callback *c, callback_host *h) {
  c->numbers[STOPPED_EPOCH] = 0;
  return callback_choose_monitor(c, h);
}

static bool improves(const callback *c, double watched, double reference) {
  double delta = fabs(config_number(c->args, "min_delta", 0));
  return c->direction < 0 ? watched + delta < reference : watched - delta > reference;
}

static void keep_weights(callback *c, callback_host *h) {
  free(c->weights);
  c->weights = h->copy_weights(h->self);
}

static void epoch_end(callback *c, callback_host *h, int64_t epoch, train_logs *logs) {
  const double *watched = logs_get(logs, c->monitor);
  bool restores = config_number(c->args, "restore_best_weights", 0) != 0;
  if (!watched || (double)epoch < config_number(c->args, "start_from_epoch", 0))
    return;
  if (restores && !c->weights) { // in case no epoch improves on the first
    keep_weights(c, h);
    c->numbers[BEST_EPOCH] = (double)epoch;
  }
  c->numbers[WAIT]++;
  if (c->numbers[HAS_BEST] == 0 || improves(c, *watched, c->numbers[BEST])) {
    c->numbers[HAS_BEST] = 1;
    c->numbers[BEST] = *watched;
    c->numbers[BEST_EPOCH] = (double)epoch;
    if (restores)
      keep_weights(c, h);
    if (config_is_none(c->args, "baseline") || improves(c, *watched, config_number(c->args, "baseline", 0)))
      c->numbers[WAIT] = 0;
    return;
  }
  if (c->numbers[WAIT] >= config_number(c->args, "patience", 0) && epoch > 0) {
    c->numbers[STOPPED_EPOCH] = (double)epoch;
    h->stop = true;
  }
}

static void train_end(callback *c, callback_host *h) {
  bool verbose = callback_is_verbose(c);
  if (c->numbers[STOPPED_EPOCH] > 0 && verbose)
    strbuf_printf(&h->messages, "Epoch %.0f: early stopping\n", c->numbers[STOPPED_EPOCH] + 1);
  if (!c->weights)
    return;
  if (verbose)
    strbuf_printf(&h->messages, "Restoring model weights from the end of the best epoch: %.0f.\n",
                  c->numbers[BEST_EPOCH] + 1);
  h->set_weights(h->self, c->weights);
}

const callback_def callback_early_stopping = {
    .item = {"early_stopping", "EarlyStopping", "ends training when a value stops improving", args},
    .begin = begin,
    .epoch_end = epoch_end,
    .train_end = train_end,
};
