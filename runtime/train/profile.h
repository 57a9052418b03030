#ifndef NLM_RUNTIME_TRAIN_PROFILE_H
#define NLM_RUNTIME_TRAIN_PROFILE_H
// Times of kernels for --profile. All functions do nothing for NULL.
#include "runtime/session.h"
#include "support/strbuf.h"

typedef struct profiler profiler;
profiler *profile_new(const struct nlm_abi_model *model);
void profile_free(profiler *p);
// Around a run of a program: the session's dimensions are set before, its run-time counts after.
void profile_start(profiler *p, session *s, int64_t kind);
void profile_stop(profiler *p, session *s, int64_t kind);
typedef enum {
  PROFILE_BATCHES,
  PROFILE_OPTIMIZER,
  PROFILE_PARTS
} profile_part; // putting rows together; steps
void profile_add(profiler *p, profile_part part, double seconds);
double profile_clock(void); // seconds, monotonic
// Table by time: program and kernel, calls, ms, share, GFLOP/s.
void profile_print(const profiler *p, strbuf *out);

#endif
