// Requires: the rewrites that change what is differentiated (hoist, distinct). Guarantees: programs that
// train have gradient roots; tables that are only gathered from have sparse ones. Changes: adds roots.
#include "passes/pass.h"

static void run(compilation *c) {
  if (c->program->kind == PROGRAM_GRAD)
    program_add_gradients(c->program);
}

const pass pass_gradients = {
    .name = "gradients",
    .doc = "reverse-mode differentiation of the loss",
    .required = true,
    .run = run,
};
