// Every op, by the cases of the gradient checks: the tensor, a loss of it, and the loss's gradients.
#include "tests/exec-unit/exec_world.h"
#include "tests/gradcheck/ops_cases.h"
#include <stdio.h>
#include <string.h>

static int run_case(const char *name, node *(*build)(world *w)) {
  world w;
  world_open(&w);
  node *roots[WORLD_LEAVES + 2], *output = build(&w);
  node *loss = world_loss(&w, &output, 1);
  int n = world_program(&w, loss, roots);
  int failed = exec_check_all(&w, name, roots, n);
  world_close(&w);
  return failed;
}

int main(int argc, char **argv) {
  static const op_case cases[] = {
#define OP(NAME, name, family, inputs, flags) {#name, gradcheck_##name},
#include "ir/ops.def"
#undef OP
  };
  int failed = 0;
  const char *only = argc > 1 ? argv[1] : NULL;
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    if (!only || !strcmp(only, cases[k].name))
      failed += run_case(cases[k].name, cases[k].build);
  for (const op_case *c = extra_cases; c->name; c++)
    if (!only || !strcmp(only, c->name))
      failed += run_case(c->name, c->build);
  printf("%d failed\n", failed);
  return failed != 0;
}
