// Sets the learning rate at the beginning of each epoch: from a schedule that counts epochs instead of steps,
// or from a list with a rate for each epoch, whose last one stays.
#include "runtime/callbacks/callback.h"
#include "runtime/optim/schedule.h"
#include <math.h>
#include <stdlib.h>

static const arg_spec args[] = {
    {.name = "schedule",
     .kinds = ARG_SCHEDULE | ARG_FLOATS,
     .min = 0,
     .max = INFINITY,
     .doc = "a schedule that counts epochs, such as ExponentialDecay(1e-2, decay_steps = 5, decay_rate = "
            "0.5), or a "
            "list of rates by epoch"},
    {.name = "verbose", .kinds = ARG_INT, .default_text = "0", .min = 0, .max = 2, .doc = "0 says nothing"},
    {0}};

static bool check(diags *d, span at, value *const *bound, const arg_spec *specs) {
  (void)at, (void)specs;
  if (bound[0]->kind != VALUE_LIST || bound[0]->count)
    return true;
  diag_help(diag_error(d, bound[0]->at, "LearningRateScheduler: the list has no rates"),
            "give a rate for each epoch, such as [0.01, 0.001]: the last one stays");
  return false;
}

// False: the library does not know the schedule, or there is no rate.
static bool rate_of(const callback *c, int64_t epoch, double *rate) {
  config_call call;
  rate_schedule schedule;
  size_t n = config_list_numbers(c->args, "schedule", NULL, 0);
  if (!config_inner(c->args, "schedule", &call)) {
    double *list = xcalloc(n + 1, sizeof *list);
    config_list_numbers(c->args, "schedule", list, n);
    if (n)
      *rate = list[(size_t)epoch < n ? (size_t)epoch : n - 1];
    free(list);
    return n > 0;
  }
  if (!rate_schedule_read(&call, &schedule))
    return false;
  *rate = rate_schedule_rate(&schedule, epoch);
  rate_schedule_free(&schedule);
  return true;
}

static bool begin(callback *c, callback_host *h) {
  double rate;
  const char *wrong = h->has_given_rate ? "it sets the rate of each epoch; leave --learning-rate out"
                      : h->has_schedule ? "the learning rate follows a schedule of the optimizer already"
                      : !rate_of(c, 0, &rate) ? "it has no rates that this library knows"
                                              : NULL;
  if (wrong)
    strbuf_printf(&h->messages, "LearningRateScheduler: %s\n", wrong);
  return !wrong;
}

static void epoch_begin(callback *c, callback_host *h, int64_t epoch) {
  double rate = 0;
  if (!rate_of(c, epoch, &rate))
    return;
  h->set_learning_rate(h->self, rate);
  if (config_number(c->args, "verbose", 0) > 0)
    strbuf_printf(&h->messages, "Epoch %lld: LearningRateScheduler setting learning rate to %.9g.\n",
                  (long long)epoch + 1, rate);
}

static void epoch_end(callback *c, callback_host *h, int64_t epoch, train_logs *logs) {
  (void)c;
  (void)epoch;
  logs_set(logs, "learning_rate", h->learning_rate(h->self));
}

const callback_def callback_learning_rate_scheduler = {
    .item = {"learning_rate_scheduler", "LearningRateScheduler", "sets the learning rate of each epoch", args,
             check, .sets_each_rate = true},
    .begin = begin,
    .epoch_begin = epoch_begin,
    .epoch_end = epoch_end,
};
