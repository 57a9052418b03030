#ifndef NLM_TESTS_GRADCHECK_OPS_CASES_H
#define NLM_TESTS_GRADCHECK_OPS_CASES_H
// Cases of gradient checks: each builds a real tensor that contains the op and depends on world_param leaves.
#include "tests/gradcheck/world.h"

#define OP(NAME, name, family, inputs, flags) node *gradcheck_##name(world *w);
#include "ir/ops.def"
#undef OP

typedef struct op_case {
  const char *name;
  node *(*build)(world *w);
} op_case;
extern const op_case extra_cases[]; // further cases of single ops; ends with a NULL name

shape matrix_shape(world *w, int64_t rows, int64_t columns);
shape vector_shape(world *w, int64_t n);

#endif
