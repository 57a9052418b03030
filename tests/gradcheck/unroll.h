#ifndef NLM_TESTS_GRADCHECK_UNROLL_H
#define NLM_TESTS_GRADCHECK_UNROLL_H
// The oracle of scans: every scan written out as plain ops, step by step, for the dims and masks of one run.
#include "tests/reference/interp.h"

// Replaces, in place of roots, every scan that they reach. `ran` has evaluated these roots.
void unroll_scans(graph *g, node **roots, size_t n_roots, const reference *ran);

#endif
