#include "passes/reads.h"

read_walk read_walk_new(const schedule *s, arena *mem) {
  return (read_walk){.s = s, .seen = ARENA_ARRAY(mem, int, s->n_nodes + 1)};
}

void walk_reads(read_walk *w, node *n, void (*visit)(void *context, node *read), void *context) {
  VEC(node *) stack = {0};
  w->walks++;
  vec_push(&stack, n);
  while (stack.len) {
    node *top = vec_pop(&stack);
    for (int k = 0; k < top->n_in; k++) {
      node *in = top->in[k];
      if (in->op == OP_SCAN || in->op == OP_PACK || in->op == OP_UNIQUE || w->seen[in->id] == w->walks)
        continue;
      w->seen[in->id] = w->walks;
      visit(context, in);
      if (w->s->buffer_of[in->id] < 0)
        vec_push(&stack, in);
    }
  }
  vec_free(&stack);
}
