#ifndef NLM_TESTS_EXEC_RESULTS_H
#define NLM_TESTS_EXEC_RESULTS_H
// What a program gives, from the interpreter or from compiled code, in one form that can be compared.
// Gradients are dense here: rows of a sparse one stand at their ids.
#include "tests/exec/scene.h"

typedef struct result {
  root_role role; // ROOT_OUTPUT, ROOT_OUTPUT_MASK, ROOT_LOSS, ROOT_GRAD, ROOT_ASSIGN
  int index;
  size_t count;
  double *values;
} result;

typedef struct results {
  VEC(result) list;
} results;

double *results_add(results *r, root_role role, int index, size_t count); // zeros, to be filled in
const result *results_find(const results *r, root_role role, int index);  // NULL: not there
void results_free(results *r);

// Evaluates a program (with its gradients already taken) by the reference interpreter.
void interpret(const program *p, const feed *f, results *out);

// Number of results of `expected` that `got` lacks or that differ by more than `tolerance` times the largest
// number of the result (of a loss: at least 1; of a gradient: at least 0.01 and half of the largest number of
// all gradients, since sums may cancel); each is printed after `what`.
int results_differ(const results *expected, const results *got, double tolerance, const char *what);
// The same to the bit.
int results_differ_in_bits(const results *a, const results *b, const char *what);

#endif
