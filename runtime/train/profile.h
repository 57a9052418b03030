#ifndef NLM_RUNTIME_TRAIN_PROFILE_H
#define NLM_RUNTIME_TRAIN_PROFILE_H
// Times of kernels for --profile. All functions do nothing for NULL.
#include "runtime/session.h"
#include "support/strbuf.h"

typedef struct profile profile;
profile *profile_new(const struct nlm_abi_model *model);
void profile_free(profile *p);
// Around a run of a program: the session's dimensions are set before, its run-time counts after.
void profile_start(profile *p, session *s, int64_t kind);
void profile_stop(profile *p, session *s, int64_t kind);
void profile_add(profile *p, double seconds); // a step of the optimizer
double profile_clock(void);                   // seconds, monotonic
// Table by time: program and kernel, calls, ms, share, GFLOP/s.
void profile_print(const profile *p, strbuf *out);

#endif
