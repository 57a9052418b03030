#ifndef NLM_RUNTIME_OPTIM_SCHEDULE_H
#define NLM_RUNTIME_OPTIM_SCHEDULE_H
// Learning rates that follow the number of the step, by Keras's formulas: one row of a table each.
// Thread-safety: pure functions. Ownership: lists are malloc'ed, released by rate_schedule_free.
#include "runtime/config.h"
#include "runtime/registry.h"

enum { SCHEDULE_ARGS = 8 };
struct rate_schedule_def;
typedef struct rate_schedule {
  const struct rate_schedule_def *def;
  double args[SCHEDULE_ARGS]; // in the order of the table; NAN for none, booleans 0 or 1
  double *lists[SCHEDULE_ARGS];
  size_t counts[SCHEDULE_ARGS];
} rate_schedule;

// From a call of the config. False: this library does not know it.
bool rate_schedule_read(const config_call *c, rate_schedule *out);
void rate_schedule_free(rate_schedule *s);
// The rate at step 0, 1, ...
double rate_schedule_rate(const rate_schedule *s, int64_t step);

#endif
