#ifndef NLM_RUNTIME_KERNELS_DENORMALS_H
#define NLM_RUNTIME_KERNELS_DENORMALS_H
// Denormal numbers count as zero in every thread that trains, as at every entry of compiled code: else bits
// would depend on which thread ran, and decayed averages would slow training down.
#if defined(__SSE2__)
#include <immintrin.h>
#endif

// Sets the mode of the calling thread and returns the old one, for denormals_restore.
static inline unsigned denormals_flush(void) {
#if defined(__SSE2__)
  unsigned old = _mm_getcsr();
  _mm_setcsr(old | 0x8040U);
  return old;
#else
  return 0;
#endif
}

static inline void denormals_restore(unsigned old) {
#if defined(__SSE2__)
  _mm_setcsr(old);
#else
  (void)old;
#endif
}

#endif
