// Requires: the rewrites that change what is differentiated (hoist, distinct). Guarantees: programs that
// train have gradient roots; tables that are only gathered from have sparse ones; scans hold only what is
// used. Changes: adds roots; joins the scans that differentiation made of one recurrence.
#include "ir/scan.h"
#include "passes/pass.h"

static void run(compilation *c) {
  program *p = c->program;
  if (p->kind == PROGRAM_GRAD)
    program_add_gradients(p);
  node **roots = ARENA_ARRAY(p->g->mem, node *, p->roots.len + 1);
  for (size_t k = 0; k < p->roots.len; k++)
    roots[k] = p->roots.data[k].value;
  graph_tidy_scans(p->g, roots, p->roots.len);
  for (size_t k = 0; k < p->roots.len; k++)
    p->roots.data[k].value = roots[k];
}

const pass pass_gradients = {
    .name = "gradients",
    .doc = "reverse-mode differentiation of the loss",
    .required = true,
    .run = run,
};
