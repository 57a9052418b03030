// Requires: gradients. Guarantees: where a relu y = SELECT(LE(x, 0), 0, x) is computed, other choices by
// LE(x, 0) ask LE(y, 0), which is the same for every x, NaN too. So x is read by y alone: a product behind
// which the relu stands has it as its epilogue, and x needs no memory. Changes: conditions of SELECT. The
// bits stay.
#include "passes/pass.h"
#include <stdlib.h>

typedef struct relus {
  const node **of; // by node id of a condition LE(x, 0): the relu that asks it, or NULL
  size_t n;
} relus;

static bool is_zero(const node *n) {
  while (n->op == OP_BROADCAST)
    n = n->in[0];
  return n->op == OP_CONST && n->f == 0;
}

static bool is_relu(const node *n) {
  if (n->op != OP_SELECT || n->type != REAL)
    return false;
  const node *condition = n->in[0];
  return condition->op == OP_LE && condition->in[0] == n->in[2] && condition->in[1] == n->in[1] &&
         is_zero(n->in[1]);
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  const relus *r = context;
  if (original->op != OP_SELECT || original->in[0]->id >= r->n)
    return NULL;
  const node *relu = r->of[original->in[0]->id], *condition = new_in[0];
  if (!relu || relu == original || condition->op != OP_LE || node_scan_id(g, original) >= 0)
    return NULL;
  node *x = condition->in[0], *zero = condition->in[1];
  node *y = g_select(g, new_in[0], zero, x);
  return g_select(g, g_binary(g, OP_LE, y, zero), new_in[1], new_in[2]);
}

static void run(compilation *c) {
  const program *p = c->program;
  graph *g = p->g;
  node **roots = ARENA_ARRAY(g->mem, node *, p->roots.len + 1), **list;
  for (size_t k = 0; k < p->roots.len; k++)
    roots[k] = p->roots.data[k].value;
  size_t count = graph_reachable(g, roots, p->roots.len, &list);
  relus r = {.of = ARENA_ARRAY(g->mem, const node *, g->n_nodes + 1), .n = g->n_nodes};
  for (size_t k = 0; k < count; k++)
    if (is_relu(list[k]))
      r.of[list[k]->in[0]->id] = list[k];
  free(list);
  program_rewrite(c->program, rule, &r);
}

const pass pass_rectified = {
    .name = "rectified",
    .doc = "the gradient of a relu asks its result, so that its operand needs no memory",
    .run = run,
};
