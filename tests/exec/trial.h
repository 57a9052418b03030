#ifndef NLM_TESTS_EXEC_TRIAL_H
#define NLM_TESTS_EXEC_TRIAL_H
// One model's compiled code beside the interpreter: prediction, evaluation and gradients; the same bits for
// any number of threads, any layout of the workspace and, in prediction, any company in the batch.
// Thread-safety: one thread.
#include "tests/exec/native.h"

typedef struct trial_setting {
  bool f64, weigh_outputs; // see build_options
  unsigned kinds;          // KIND_*
  int opt_level;
  double tolerance;         // beside the interpreter, see results_differ
  thread_pool *two, *seven; // pools of as many threads
} trial_setting;

// A subject_check whose context is a trial_setting: all scenes, until one has failed thrice.
int trial_check(const subject *s, void *context);

#endif
