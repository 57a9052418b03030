#ifndef NLM_TESTS_VALUE_NET_H
#define NLM_TESTS_VALUE_NET_H
// A model with one input x whose layers' values a test compares with loops of its own.
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdio.h>

typedef struct value_net {
  small_model s;
  model_run r;
  tensor *x;
} value_net;

// dims: as small_input's.
static inline void value_net_begin(value_net *n, const char *dims) {
  small_model_begin(&n->s, "net");
  n->x = small_input(&n->s, "x", TENSOR_REAL, dims);
}

static inline tensor *value_net_add(value_net *n, const char *output, const char *literal) {
  tensor *y = small_chain(&n->s, n->x, literal, NULL);
  small_output(&n->s, output, y);
  return y;
}

static inline void value_net_run(value_net *n, program_kind kind, int batch, int time, const double *x) {
  run_begin(&n->r, &n->s, kind);
  run_extent(&n->r, "batch", batch);
  if (time)
    run_extent(&n->r, "time", time);
  run_feed(&n->r, "x", x);
}

static inline void value_net_end(value_net *n) {
  run_end(&n->r);
  small_model_end(&n->s);
}

static inline const double *value_net_weight(value_net *n, const char *name) {
  return run_weight(&n->r, name, NULL);
}

static inline void value_net_expect(value_net *n, root_role role, int index, const double *expected,
                                    size_t count, const char *what) {
  size_t found_count;
  double *found = run_root(&n->r, role, index, &found_count);
  if (found_count != count)
    fail_msg("%s: %zu elements, expected %zu", what, found_count, count);
  for (size_t i = 0; i < count; i++)
    if (!(fabs(found[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i]))))
      fail_msg("%s: element %zu is %.17g, expected %.17g", what, i, found[i], expected[i]);
  free(found);
}

// Fixed numbers in (-1, 1).
static inline void value_net_numbers(double *x, size_t n, double phase) {
  for (size_t i = 0; i < n; i++)
    x[i] = sin(phase + 1.7 * (double)i + 0.3 * (double)(i % 5));
}

#endif
