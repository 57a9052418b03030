#ifndef NLM_TESTS_REFERENCE_EVAL_H
#define NLM_TESTS_REFERENCE_EVAL_H
// Inside the interpreter: one evaluation per op of ir/ops.def (a missing one is a link error).
#include "tests/reference/interp.h"

struct reference {
  const graph *g;
  arena *mem; // of the current run
  int64_t *symbols;
  int n_symbols;
  const double **bound; // by node id
  array *value;         // by node id
  array **parts;        // by node id: results of MULTI nodes
  size_t n_nodes;
  uint64_t session_key;
  char error[160]; // empty: none
};

#define OP(NAME, name, family, inputs, flags)                                                                \
  void reference_eval_##name(reference *r, const node *n, array *out); // out has its shape and holds zeros
#include "ir/ops.def"
#undef OP

const array *operand(const reference *r, const node *n, int k);
array array_new(reference *r, int rank, const int64_t *extents);
array array_of_shape(reference *r, const shape *s);
int64_t row_elements(const array *a);                              // of one index of the first axis
void unravel(const array *a, size_t element, int64_t *coordinate); // of a row-major element number
size_t ravel(const array *a, const int64_t *coordinate);
void evaluate_node(reference *r, const node *n);

#endif
