#ifndef NLM_TESTS_WINDOW_REFERENCE_H
#define NLM_TESTS_WINDOW_REFERENCE_H
// Windows along one axis, written from their definition (TensorFlow's padding rules), for tests of
// convolutions and poolings.
#include <string.h>

typedef struct window_case {
  const char *padding; // valid, same, causal
  int steps, size, stride, dilation;
} window_case;

static inline int window_reach(const window_case *w) {
  return (w->size - 1) * w->dilation + 1;
}

static inline int window_outputs(const window_case *w) {
  int n = strcmp(w->padding, "valid") == 0 ? w->steps - window_reach(w) + 1 : w->steps;
  return (n + w->stride - 1) / w->stride;
}

// The input step under tap k of output t: may lie outside [0, steps).
static inline int window_step(const window_case *w, int t, int k) {
  int before = 0;
  if (strcmp(w->padding, "causal") == 0)
    before = window_reach(w) - 1;
  if (strcmp(w->padding, "same") == 0) {
    int total = (window_outputs(w) - 1) * w->stride + window_reach(w) - w->steps;
    before = total > 0 ? total / 2 : 0;
  }
  return t * w->stride + k * w->dilation - before;
}

#endif
