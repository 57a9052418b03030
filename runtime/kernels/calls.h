#ifndef NLM_RUNTIME_KERNELS_CALLS_H
#define NLM_RUNTIME_KERNELS_CALLS_H
// What compiled code calls (runtime/include/nlm/abi.def): index work on id tensors, threads,
// profiles.
#include "nlm/abi.h"
#include "runtime/kernels/pool.h"

int64_t unique_ids(const int32_t *ids, int64_t n, int64_t bound, int32_t *values, int32_t *inverse,
                   int32_t *order, int32_t *starts, void *scratch);
int64_t remember_ids(const struct nlm_frame *frame, const int32_t *ids, int64_t n, int64_t bound,
                     int64_t capacity, int32_t *values, int32_t *inverse, int32_t *state, int64_t *fresh);
int64_t pack_mask(const int32_t *mask, int64_t batch, int64_t time, int32_t *const *parts, int64_t *steps,
                  void *scratch);
int64_t check_ids_in_range(struct nlm_frame *frame, const int32_t *ids, const int32_t *positions, int64_t n,
                           int64_t bound, int64_t input);

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
