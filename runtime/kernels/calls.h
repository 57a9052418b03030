#ifndef NLM_RUNTIME_KERNELS_CALLS_H
#define NLM_RUNTIME_KERNELS_CALLS_H
// What compiled code calls (runtime/include/nlm/abi.def): index work on id tensors, threads,
// profiles.
#include "nlm/abi.h"
#include <stdbool.h>

int64_t unique_ids(const int32_t *ids, int64_t n, int64_t bound, int32_t *values, int32_t *inverse,
                   int32_t *order, int32_t *starts, void *scratch);
int64_t remember_ids(const struct nlm_frame *frame, const int32_t *ids, int64_t n, int64_t bound,
                     int64_t capacity, int32_t *values, int32_t *inverse, int32_t *state, int64_t *fresh);
int64_t pack_mask(const int32_t *mask, int64_t batch, int64_t time, int32_t *const *parts, int64_t *steps,
                  void *scratch);
int64_t check_ids_in_range(struct nlm_frame *frame, const int32_t *ids, const int32_t *positions, int64_t n,
                           int64_t bound, int64_t input);

// A pool of threads that runs the blocks of one job at a time; the calling thread works too.
typedef struct thread_pool thread_pool;
thread_pool *pool_new(int threads); // threads in all, the caller included; NULL when they cannot be started
void pool_free(thread_pool *p);     // NULL is allowed
int pool_threads(const thread_pool *p); // 1 for NULL
// Runs body(env, block) for every block; returns when all are done. NULL pool: on the caller. A call from
// inside a block runs its blocks on that thread.
void pool_run(thread_pool *p, void (*body)(void *env, int64_t block), void *env, int64_t blocks);

// Runs body(env, member | members << 32, meeting) on 2 up to `most` threads at once and returns true; or
// false when no other thread came at once.
bool pool_team(thread_pool *p, void (*body)(void *env, int64_t member, void *meeting), void *env,
               int64_t most);
void team_meet(void *meeting, int64_t member);

// Where kernels of a profiled call report; frame->profile is a profile_record.
typedef struct profile_slot {
  uint64_t calls;
  double seconds;
} profile_slot;
typedef struct profile_record {
  profile_slot *kernels; // of the program being run
  double started;
} profile_record;
void profile_kernel(struct nlm_frame *frame, int64_t kernel, int64_t phase);

#endif
