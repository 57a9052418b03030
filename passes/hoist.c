// Requires: nothing. Guarantees: no scan body computes a product of its sequence operands alone; such work is
// done once for all steps, over V rows. Changes: SCAN nodes, which get the hoisted values as further
// sequences.
#include "ir/scan.h"
#include "passes/pass.h"

// What a body node reaches, by node id.
enum { REACHES_SEQUENCE = 1, REACHES_STATE = 2, HAS_PRODUCT = 4 };

typedef struct body_facts {
  node **nodes;
  size_t n;
  unsigned char *facts; // by node id
  bool *used_by_step;   // by node id: an operand of work that depends on a state, or a result
} body_facts;

static bool hoistable(const body_facts *b, const node *n) {
  return (b->facts[n->id] & (REACHES_SEQUENCE | REACHES_STATE)) == REACHES_SEQUENCE;
}

static void gather_facts(graph *g, const scan_body *body, body_facts *b) {
  b->n = scan_body_nodes(g, body, &b->nodes);
  b->facts = xcalloc(g->n_nodes + 1, 1);
  b->used_by_step = xcalloc(g->n_nodes + 1, sizeof(bool));
  for (size_t k = 0; k < b->n; k++) {
    const node *n = b->nodes[k];
    unsigned facts = n->op == OP_SCAN_SEQ ? REACHES_SEQUENCE : n->op == OP_SCAN_STATE ? REACHES_STATE : 0;
    for (int j = 0; j < n->n_in; j++)
      facts |= b->facts[n->in[j]->id];
    if (n->op == OP_MATMUL)
      facts |= HAS_PRODUCT;
    b->facts[n->id] = (unsigned char)facts;
  }
  for (size_t k = 0; k < b->n; k++) {
    const node *n = b->nodes[k];
    for (int j = 0; !hoistable(b, n) && j < n->n_in; j++)
      b->used_by_step[n->in[j]->id] = true;
  }
  for (int k = 0; k < body->n_state; k++)
    b->used_by_step[body->next[k]->id] = true;
  for (int k = 0; k < body->n_out; k++)
    b->used_by_step[body->out[k]->id] = true;
  // A slice costs nothing in the loop: what it is taken from leaves whole, as one sequence for all its
  // slices.
  for (size_t k = b->n; k-- > 0;) {
    const node *n = b->nodes[k];
    if (n->op != OP_SLICE || n->i[0] == 0 || !hoistable(b, n) || !(b->facts[n->id] & HAS_PRODUCT) ||
        !b->used_by_step[n->id])
      continue;
    b->used_by_step[n->id] = false;
    b->used_by_step[n->in[0]->id] = true;
  }
}

static void facts_free(body_facts *b) {
  free(b->nodes);
  free(b->facts);
  free(b->used_by_step);
}

typedef VEC(node *) node_list;

static void find_hoisted(const body_facts *b, node_list *hoisted) {
  for (size_t k = 0; k < b->n; k++) {
    node *n = b->nodes[k];
    if (hoistable(b, n) && (b->facts[n->id] & HAS_PRODUCT) && b->used_by_step[n->id])
      vec_push(hoisted, n);
  }
}

static void copy_list(node_list *list, node *const *from, int n) {
  for (int k = 0; k < n; k++)
    vec_push(list, from[k]);
}

// The same recurrence, reading each hoisted node as a sequence computed outside.
static node *scan_without(graph *g, const scan_body *old, const node_list *hoisted) {
  node_list outer = {0}, from = {0}, to = {0}, results = {0};
  copy_list(&outer, hoisted->data, (int)hoisted->len);
  graph_substitute(g, outer.data, outer.len, old->seq_param, old->seq, (size_t)old->n_seq);
  scan_builder *s = scan_begin(g, old->pack, old->reverse);
  // Hoisted nodes come first, so that what they replace is not rebuilt from its own operands.
  for (size_t k = 0; k < hoisted->len; k++) {
    vec_push(&from, hoisted->data[k]);
    vec_push(&to, scan_add_sequence(s, outer.data[k]));
  }
  for (int k = 0; k < old->n_seq; k++) {
    vec_push(&from, old->seq_param[k]);
    vec_push(&to, scan_add_sequence(s, old->seq[k]));
  }
  for (int k = 0; k < old->n_state; k++) {
    vec_push(&from, old->state_param[k]);
    vec_push(&to, scan_add_state(s, old->init[k]));
  }
  copy_list(&results, old->next, old->n_state);
  copy_list(&results, old->out, old->n_out);
  graph_substitute(g, results.data, results.len, from.data, to.data, from.len);
  for (int k = 0; k < old->n_state; k++)
    scan_set_next(s, k, results.data[k]);
  for (int k = 0; k < old->n_out; k++)
    scan_add_output(s, results.data[old->n_state + k]);
  node *scan = scan_end(s);
  vec_free(&outer);
  vec_free(&from);
  vec_free(&to);
  vec_free(&results);
  return scan;
}

static node *hoist_scan(graph *g, node *scan) {
  const scan_body *body = scan_body_of(scan);
  body_facts facts;
  node_list hoisted = {0};
  gather_facts(g, body, &facts);
  find_hoisted(&facts, &hoisted);
  node *result = hoisted.len ? scan_without(g, body, &hoisted) : scan;
  vec_free(&hoisted);
  facts_free(&facts);
  return result;
}

static node *hoist_rebuilt(graph *g, node *original, node *const *new_in, void *changed) {
  if (original->op != OP_SCAN)
    return NULL;
  node *scan = graph_rebuild(g, original, new_in), *now = hoist_scan(g, scan);
  *(bool *)changed |= now != scan;
  return now;
}

static bool hoist_all(program *p) {
  graph *g = p->g;
  node_list roots = {0};
  bool changed = false;
  for (size_t k = 0; k < p->roots.len; k++)
    vec_push(&roots, p->roots.data[k].value);
  graph_rewrite(g, roots.data, roots.len, hoist_rebuilt, &changed);
  if (changed)
    graph_tidy_scans(g, roots.data, roots.len);
  for (size_t k = 0; k < p->roots.len; k++)
    p->roots.data[k].value = roots.data[k];
  vec_free(&roots);
  return changed;
}

static void run(compilation *c) {
  while (hoist_all(c->program)) {
  }
}

const pass pass_hoist = {
    .name = "hoist",
    .doc = "what a recurrence does to its inputs alone leaves the time loop",
    .run = run,
};
