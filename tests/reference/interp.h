#ifndef NLM_TESTS_REFERENCE_INTERP_H
#define NLM_TESTS_REFERENCE_INTERP_H
// Evaluates L2 graphs in double, plainly: one whole array a node, no fusion, no rewriting. INT values are
// held as doubles too (int32 is exact). Run-time dims get their values from PACK and UNIQUE as they are
// evaluated; a scan runs its body step by step. Thread-safety: one thread per reference.
#include "ir/graph.h"

typedef struct array {
  int rank;
  int64_t extent[MAX_RANK];
  size_t count;
  double *data; // row-major
} array;

typedef struct reference reference;
reference *reference_new(const graph *g);
void reference_free(reference *r);

void reference_set_dim(reference *r, const dim *symbol, int64_t value);
void reference_set_random(reference *r, uint64_t seed, uint64_t step);
// Gives an INPUT, PARAM (or any other) node its value, which must have as many elements as the node's shape
// under the dims; it is not copied and must live until the next run ends.
void reference_bind(reference *r, const node *n, const double *data);

// Evaluates everything the roots reach. False when a CHECK_IDS found an id out of range: reference_error says
// which input, element and id. Other defects are ICEs.
bool reference_run(reference *r, node *const *roots, size_t n_roots);
const char *reference_error(const reference *r);
const array *reference_value(const reference *r, const node *n); // valid until the next run
int64_t reference_dim(const reference *r, const dim *d);         // after a run: also run-time counts

#endif
