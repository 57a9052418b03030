#include "runtime/kernels/calls.h"
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void profile_kernel(struct nlm_frame *frame, int64_t kernel, int64_t phase) {
  profile_record *r = frame->profile;
  if (phase == 0) {
    r->started = now();
    return;
  }
  r->kernels[kernel].seconds += now() - r->started;
  r->kernels[kernel].calls++;
}
