#ifndef NLM_TESTS_EXEC_WORLD_H
#define NLM_TESTS_EXEC_WORLD_H
// Compiles a world's graph (tests/gradcheck/world.h) to native code in process, runs it on one and on three
// threads, and compares every root with the reference interpreter in double.
#include "tests/gradcheck/world.h"
#include <stdbool.h>

typedef struct exec_options {
  bool f64;
  bool fuse;     // false: every node has memory of its own
  bool training; // large products may go to the runtime
} exec_options;

// Number of roots that differ (reported under `name`); NULL roots are skipped.
int exec_check(world *w, const char *name, node *const *roots, int n, const exec_options *o);
// The same in f64 and f32, fused and not.
int exec_check_all(world *w, const char *name, node *const *roots, int n);

#endif
