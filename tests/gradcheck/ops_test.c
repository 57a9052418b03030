// One gradient check for every row of ir/ops.def. A missing one is a link error.
#include "tests/gradcheck/ops_cases.h"
#include <stdio.h>
#include <stdlib.h>

static node *(*const cases[OP_COUNT])(world *w) = {
#define OP(NAME, name, family, inputs, flags) gradcheck_##name,
#include "ir/ops.def"
#undef OP
};

static bool reaches(const world *w, node *root, op_code op) {
  node **list;
  size_t n = graph_reachable(w->g, &root, 1, &list);
  bool found = false;
  for (size_t k = 0; k < n; k++)
    found |= list[k]->op == op;
  free(list);
  return found;
}

static int check_op(op_code op) {
  world w;
  world_open(&w);
  node *out = cases[op](&w);
  int failed = 0;
  if (!reaches(&w, out, op)) {
    printf("%s: the case does not contain the op\n", op_name(op));
    failed = 1;
  }
  failed += world_check(&w, op_name(op), world_loss(&w, &out, 1));
  world_close(&w);
  return failed;
}

int main(void) {
  int failed = 0;
  for (int op = 0; op < OP_COUNT; op++)
    failed += check_op((op_code)op);
  for (int k = 0; extra_cases[k].name; k++) {
    world w;
    world_open(&w);
    node *out = extra_cases[k].build(&w);
    failed += world_check(&w, extra_cases[k].name, world_loss(&w, &out, 1));
    world_close(&w);
  }
  printf("%d ops, %d failures\n", (int)OP_COUNT, failed);
  return failed != 0;
}
