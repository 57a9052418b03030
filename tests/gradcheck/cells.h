#ifndef NLM_TESTS_GRADCHECK_CELLS_H
#define NLM_TESTS_GRADCHECK_CELLS_H
// Recurrences to check: each builds one scan over a packing and returns it.
#include "tests/gradcheck/world.h"

typedef struct cell_setting {
  bool reverse;
  bool given_state; // initial states are parameters, else zeros
} cell_setting;

typedef struct cell {
  const char *name;
  // rows [V, 2] in time-major order -> SCAN; output 0 is the first state of every step.
  node *(*build)(world *w, node *pack, node *rows, cell_setting s);
} cell;

extern const cell cells[]; // ends with a NULL name

#endif
