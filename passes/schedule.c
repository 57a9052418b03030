// Requires: gradients taken. Guarantees: compilation.schedule is set; every root has the memory its role
// wants. Changes: roots that are no work of their own (an input, a constant, a value that is another root
// too) are copied.
#include "passes/fusion.h"

static bool wants_own_memory(root_role role) {
  return role == ROOT_OUTPUT || role == ROOT_OUTPUT_MASK || role == ROOT_PROBE || role == ROOT_LOSS;
}

static node *root_base(node *n) {
  while (n->op == OP_RESHAPE || n->op == OP_CHECK_IDS)
    n = n->in[0];
  return n;
}

static bool has_foreign_memory(const node *n) {
  return fusion_is_leaf(n) || n->op == OP_PART || n->op == OP_CONST || n->op == OP_EXTENT;
}

static bool is_taken(const program *p, size_t before, const node *base) {
  for (size_t k = 0; k < before; k++)
    if (wants_own_memory(p->roots.data[k].role) && root_base(p->roots.data[k].value) == base)
      return true;
  return false;
}

static bool is_root(const program *p, size_t but, const node *wanted) {
  for (size_t k = 0; k < p->roots.len; k++)
    if (k != but && root_base(p->roots.data[k].value) == wanted)
      return true;
  return false;
}

// States often are outputs too, and copies of one value are one node: a copy of the copy is another.
static void separate_states(program *p) {
  for (size_t k = 0; k < p->roots.len; k++) {
    program_root *r = &p->roots.data[k];
    if (r->role != ROOT_STATE)
      continue;
    do
      r->value = g_unary(p->g, OP_COPY, r->value);
    while (is_root(p, k, r->value));
  }
}

static void separate_roots(program *p) {
  for (size_t k = 0; k < p->roots.len; k++) {
    program_root *r = &p->roots.data[k];
    node *base = root_base(r->value);
    bool outlives = r->role == ROOT_GRAD || r->role == ROOT_ASSIGN;
    if ((wants_own_memory(r->role) && (has_foreign_memory(base) || is_taken(p, k, base))) ||
        (outlives && has_foreign_memory(base)))
      r->value = g_unary(p->g, OP_COPY, r->value);
  }
  separate_states(p);
}

static void run(compilation *c) {
  separate_roots(c->program);
  fusion *f = fusion_decide(c->program, c->fuse);
  c->schedule = schedule_assemble(f, c->fuse, c->fuse_epilogue);
  schedule_estimate(f, c->schedule);
  fusion_free(f);
}

const pass pass_schedule = {
    .name = "schedule",
    .doc = "turns nodes with memory into kernels, in the order in which they run",
    .required = true,
    .run = run,
};
