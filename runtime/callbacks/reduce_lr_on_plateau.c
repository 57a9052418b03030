// Lowers the learning rate once the monitored value has stopped improving.
#include "runtime/callbacks/callback.h"
#include <math.h>

enum { BEST, HAS_BEST, WAIT, COOLDOWN };

static const char *const modes[] = {"auto", "min", "max", NULL};
static const arg_spec args[] = {
    {.name = "monitor", .kinds = ARG_STRING, .default_text = "\"val_loss\"", .doc = "what is watched"},
    {.name = "factor",
     .kinds = ARG_FLOAT,
     .default_text = "0.1",
     .min = 0,
     .max = 1,
     .open_max = true,
     .doc = "the new rate is the old one times this"},
    {.name = "patience",
     .kinds = ARG_INT,
     .default_text = "10",
     .min = 0,
     .max = INFINITY,
     .doc = "epochs without improvement before the rate falls"},
    CALLBACK_VERBOSE,
    {.name = "mode",
     .kinds = ARG_MODE,
     .modes = modes,
     .default_text = "auto",
     .doc = "whether smaller or larger is better"},
    {.name = "min_delta",
     .kinds = ARG_FLOAT,
     .default_text = "0.0001",
     .doc = "smaller changes are no improvement"},
    {.name = "cooldown",
     .kinds = ARG_INT,
     .default_text = "0",
     .min = 0,
     .max = INFINITY,
     .doc = "epochs of rest after the rate fell"},
    {.name = "min_lr",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = 0,
     .max = INFINITY,
     .doc = "lowest rate"},
    {0}};

static void lower_rate(callback *c, callback_host *h, int64_t epoch) {
  double old = h->learning_rate(h->self), least = config_number(c->args, "min_lr", 0);
  c->numbers[WAIT] = 0;
  if (!(old > least))
    return;
  double rate = fmax(old * config_number(c->args, "factor", 0.1), least);
  h->set_learning_rate(h->self, rate);
  c->numbers[COOLDOWN] = config_number(c->args, "cooldown", 0);
  if (callback_is_verbose(c))
    strbuf_printf(&h->messages, "Epoch %lld: ReduceLROnPlateau reducing learning rate to %.10g.\n",
                  (long long)epoch + 1, rate);
}

static void epoch_end(callback *c, callback_host *h, int64_t epoch, train_logs *logs) {
  const double *watched = logs_get(logs, c->monitor);
  double *n = c->numbers, delta = config_number(c->args, "min_delta", 1e-4);
  logs_set(logs, "learning_rate", h->learning_rate(h->self));
  if (n[COOLDOWN] > 0) {
    n[COOLDOWN]--;
    n[WAIT] = 0;
  }
  if (n[HAS_BEST] == 0 || (c->direction < 0 ? *watched < n[BEST] - delta : *watched > n[BEST] + delta)) {
    n[HAS_BEST] = 1;
    n[BEST] = *watched;
    n[WAIT] = 0;
  } else if (n[COOLDOWN] <= 0) {
    n[WAIT]++;
    if (n[WAIT] >= config_number(c->args, "patience", 10))
      lower_rate(c, h, epoch);
  }
}

static bool begin(callback *c, callback_host *h) {
  if (!h->has_schedule)
    return callback_choose_monitor(c, h);
  strbuf_puts(&h->messages, "ReduceLROnPlateau: the learning rate follows a schedule and cannot be set; give "
                            "the optimizer a number as learning_rate\n");
  return false;
}

const callback_def callback_reduce_lr_on_plateau = {
    .item = {"reduce_lr_on_plateau", "ReduceLROnPlateau",
             "lowers the learning rate when a value stops improving", args},
    .begin = begin,
    .epoch_end = epoch_end,
};
