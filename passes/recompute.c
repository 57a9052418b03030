// Requires: gradients. Stands behind the passes that look for forward values in the backward pass by their
// nodes. Guarantees: of the layers and blocks that the setting `recompute` names, the backward pass reads
// what leaves them for others, and nothing from inside. Changes: backward nodes read repetitions
// (graph_repeat) of inner forward values, made from what enters the layer. The work of a repetition waits for
// all that stands before it (assemble.c), so it runs when the backward pass has come to the layer. The bits
// stay: it is the same arithmetic on the same values, and random numbers are drawn by their place.
#include "ir/recompute.h"
#include "ir/scan.h"
#include "ir/train.h"
#include "passes/pass.h"
#include <stdlib.h>
#include <string.h>

// What is known of a forward node, by node id.
enum { FORWARD = 1, STORED = 2, DECIDES_COUNTS = 4, LISTED = 8 /* for repetition */ };

typedef struct recomputing {
  const program *p;
  const recompute *r;
  graph *g;
  size_t n; // ids below are covered
  unsigned char *facts;
  int *group;
  node **again; // by node id: the repetition, once made
} recomputing;

static bool is_forward_root(root_role role) {
  return role != ROOT_GRAD && role != ROOT_GRAD_IDS && role != ROOT_GRAD_ROWS;
}

// Results of a forward scan that only its adjoint reads are forward values too.
static void mark_forward(recomputing *c) {
  node **roots = ARENA_ARRAY(c->g->mem, node *, c->p->roots.len + 1), **list;
  size_t n_roots = 0;
  for (size_t k = 0; k < c->p->roots.len; k++)
    if (is_forward_root(c->p->roots.data[k].role))
      roots[n_roots++] = c->p->roots.data[k].value;
  size_t n = graph_reachable(c->g, roots, n_roots, &list);
  for (size_t k = 0; k < n; k++) {
    c->facts[list[k]->id] = FORWARD;
    c->group[list[k]->id] = recompute_group(c->r, list[k]);
  }
  free(list);
  for (size_t id = 0; id < c->n; id++) {
    node *part = c->g->nodes[id];
    if (part->op != OP_PART || c->facts[id] || !c->facts[part->in[0]->id])
      continue;
    c->facts[id] = FORWARD;
    c->group[id] = c->group[part->in[0]->id];
  }
}

// Run-time counts are what they are: nothing that they depend on is made twice.
static void mark_counted(recomputing *c) {
  for (size_t id = c->n; id-- > 0;) {
    const node *n = c->g->nodes[id];
    bool counts = n->op == OP_PACK || n->op == OP_UNIQUE || op_has_effect(n->op);
    if (!(c->facts[id] & FORWARD) || !(counts || (c->facts[id] & DECIDES_COUNTS)))
      continue;
    c->facts[id] |= STORED;
    for (int k = 0; k < n->n_in; k++)
      c->facts[n->in[k]->id] |= DECIDES_COUNTS;
  }
}

// More than a number of fixed size for each example, and work to make.
static bool is_large_work(const recomputing *c, const node *n) {
  const dim *batch = c->p->model->inputs.data[0]->shape.d[0];
  bool of_loss = n->n_labels == 1 && strcmp(n->labels[0], "loss") == 0;
  if (!op_is_costly(n->op) || n->op == OP_PACK || n->op == OP_UNIQUE || of_loss)
    return false;
  bool large = n->op == OP_SCAN;
  for (int k = 0; k < n->shape.rank; k++)
    large |= n->shape.d[k]->kind != DIM_CONST && n->shape.d[k] != batch;
  return large;
}

// With `full`, the layer behind which nothing large comes is not run again: its values would be wanted at
// once.
static void spare_last(recomputing *c) {
  int last = 0;
  for (size_t id = 0; id < c->n; id++)
    if ((c->facts[id] & FORWARD) && node_scan_id(c->g, c->g->nodes[id]) < 0 &&
        is_large_work(c, c->g->nodes[id]))
      last = c->group[id];
  for (size_t id = 0; last && id < c->n; id++)
    if (c->group[id] == last)
      c->group[id] = 0;
}

static bool moves_elements(const node *n) {
  return (op_family_of(n->op) == FAMILY_VIEW && n->op != OP_PART) || n->op == OP_GATHER;
}

static bool may_repeat(const recomputing *c, const node *n) {
  bool light = op_is_elementwise(n->op) || moves_elements(n);
  return op_family_of(n->op) != FAMILY_LEAF && c->group[n->id] &&
         (light || c->r->mode != RECOMPUTE_ACTIVATIONS);
}

// What another layer reads stays, and so do leaves.
static void mark_stored(recomputing *c) {
  const program *p = c->p;
  for (size_t k = 0; k < p->roots.len; k++)
    if (is_forward_root(p->roots.data[k].role))
      c->facts[p->roots.data[k].value->id] |= STORED;
  for (size_t id = c->n; id-- > 0;) { // users before operands
    const node *n = c->g->nodes[id];
    if (!(c->facts[id] & FORWARD) || node_scan_id(c->g, n) >= 0)
      continue;
    if (!may_repeat(c, n))
      c->facts[id] |= STORED;
    bool shown = (c->facts[id] & STORED) && moves_elements(n); // its memory is its operand's
    for (int k = 0; k < n->n_in; k++)
      if (shown || c->group[n->in[k]->id] != c->group[id])
        c->facts[n->in[k]->id] |= STORED;
  }
}

static bool is_repeated(const recomputing *c, const node *n) {
  return n->id < c->n && (c->facts[n->id] & (FORWARD | STORED)) == FORWARD;
}

static node *now(const recomputing *c, node *n) {
  return n->id < c->n && c->again[n->id] ? c->again[n->id] : n;
}

static void repeat(recomputing *c, const node *n) {
  node **in = ARENA_ARRAY(c->g->mem, node *, n->n_in + 1);
  bool part_of_stored = n->op == OP_PART && !is_repeated(c, n->in[0]);
  for (int k = 0; k < n->n_in; k++)
    in[k] = now(c, n->in[k]);
  c->again[n->id] = part_of_stored ? (node *)n : graph_repeat(c->g, n, in, c->group[n->id]);
}

static int by_id(const void *a, const void *b) {
  uint32_t x = (*(node *const *)a)->id, y = (*(node *const *)b)->id;
  return x < y ? -1 : x > y;
}

// The value that the backward pass reads in place of n, with all that it is made of.
static node *repeated(recomputing *c, node *n) {
  VEC(node *) needed = {0};
  if (is_repeated(c, n) && !c->again[n->id])
    vec_push(&needed, n);
  for (size_t at = 0; at < needed.len; at++)
    for (int k = 0; k < needed.data[at]->n_in; k++) {
      node *in = needed.data[at]->in[k];
      if (!is_repeated(c, in) || (c->facts[in->id] & LISTED))
        continue;
      c->facts[in->id] |= LISTED;
      vec_push(&needed, in);
    }
  if (needed.len)
    qsort(needed.data, needed.len, sizeof *needed.data, by_id);
  for (size_t k = 0; k < needed.len; k++)
    repeat(c, needed.data[k]);
  vec_free(&needed);
  return now(c, n);
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  recomputing *c = context;
  if (c->facts[original->id] & FORWARD)
    return original;
  node **in = ARENA_ARRAY(g->mem, node *, original->n_in + 1);
  for (int k = 0; k < original->n_in; k++)
    in[k] = c->facts[original->in[k]->id] & FORWARD ? repeated(c, original->in[k]) : new_in[k];
  return graph_rebuild(g, original, in);
}

static void tidy(program *p) {
  node **roots = ARENA_ARRAY(p->g->mem, node *, p->roots.len + 1);
  for (size_t k = 0; k < p->roots.len; k++)
    roots[k] = p->roots.data[k].value;
  graph_tidy_scans(p->g, roots, p->roots.len);
  for (size_t k = 0; k < p->roots.len; k++)
    p->roots.data[k].value = roots[k];
}

static void run(compilation *done) {
  program *p = done->program;
  if (p->kind != PROGRAM_GRAD || !p->model->training->recompute.n)
    return;
  size_t n = p->g->n_nodes;
  recomputing c = {.p = p, .r = &p->model->training->recompute, .g = p->g, .n = n};
  c.facts = xcalloc(n + 1, 1);
  c.group = xcalloc(n + 1, sizeof *c.group);
  c.again = xcalloc(n + 1, sizeof *c.again);
  mark_forward(&c);
  if (c.r->mode == RECOMPUTE_FULL)
    spare_last(&c);
  mark_counted(&c);
  mark_stored(&c);
  program_rewrite(p, rule, &c);
  tidy(p);
  free(c.facts);
  free(c.group);
  free(c.again);
}

const pass pass_recompute = {
    .name = "recompute",
    .doc = "the backward pass computes again what the setting recompute names, instead of reading it",
    .run = run,
};
