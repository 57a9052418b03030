#ifndef NLM_RUNTIME_OPTIM_CONSTRAINT_H
#define NLM_RUNTIME_OPTIM_CONSTRAINT_H
// Projections that keep a weight where it must be, applied after each step of training. Keras's: MaxNorm,
// MinMaxNorm, UnitNorm, NonNeg; their arguments are the compiler's (ir/regularization.c).
#include "runtime/config.h"
#include <stdint.h>

typedef struct constraint {
  enum { CONSTRAINT_NON_NEG, CONSTRAINT_UNIT_NORM, CONSTRAINT_NORM } kind;
  double least, most, rate; // NORM: the norm is brought this far towards [least, most]
  unsigned axes;            // of a norm, as bits
} constraint;

// From a call of the config, for a weight of this rank. False: an unknown name.
bool constraint_read(const config_call *c, int64_t rank, constraint *out);
// Projects values [dims[0], dims[1], ...] in place.
void constraint_apply(const constraint *c, void *values, size_t real_bytes, int64_t rank,
                      const int64_t *dims);

#endif
