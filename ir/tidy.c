// Tidying scans: one node for each recurrence, and in it only the outputs, states and sequences that are
// used.
#include "ir/op.h"
#include "ir/scan.h"
#include "support/vec.h"
#include <stdlib.h>
#include <string.h>

typedef struct recurrence {
  const node *first; // the scan with the lowest id: the others differ from it in their outputs only
  VEC(node *) out;   // used outputs, each once
  bool *state;       // used states
  bool *seq;         // used sequences
  node *result;      // the tidied scan, once rewritten
} recurrence;

typedef struct tidying {
  graph *g;
  VEC(recurrence) all;
  int *known; // by node id of a scan: number of its recurrence + 1, or 0
} tidying;

static bool same_list(node *const *a, int n, node *const *b, int m) {
  return n == m && (n == 0 || memcmp(a, b, sizeof *a * (size_t)n) == 0);
}

static bool same_recurrence(const node *x, const node *y) {
  const scan_body *a = scan_body_of(x), *b = scan_body_of(y);
  return a->id == b->id && a->reverse == b->reverse && a->pack == b->pack &&
         same_list(a->seq, a->n_seq, b->seq, b->n_seq) &&
         same_list(a->init, a->n_state, b->init, b->n_state) &&
         same_list(a->next, a->n_state, b->next, b->n_state);
}

// Every output must exist before the scan that will compute it.
static bool fits_before(const node *first, const node *later) {
  const scan_body *b = scan_body_of(later);
  for (int k = 0; k < b->n_out; k++)
    if (b->out[k]->id > first->id)
      return false;
  return true;
}

static recurrence *recurrence_of(const tidying *t, const node *scan) {
  if (t->known[scan->id])
    return &t->all.data[t->known[scan->id] - 1];
  for (size_t k = 0; k < t->all.len; k++) {
    const node *first = t->all.data[k].first;
    if (first == scan || (first->id < scan->id && same_recurrence(first, scan) && fits_before(first, scan))) {
      t->known[scan->id] = (int)k + 1;
      return &t->all.data[k];
    }
  }
  return NULL;
}

static void find_recurrences(tidying *t, node *const *list, size_t n) {
  for (size_t k = 0; k < n; k++) {
    if (list[k]->op != OP_SCAN || recurrence_of(t, list[k]))
      continue;
    recurrence r = {.first = list[k]};
    r.state = ARENA_ARRAY(t->g->mem, bool, scan_body_of(list[k])->n_state);
    r.seq = ARENA_ARRAY(t->g->mem, bool, scan_body_of(list[k])->n_seq);
    vec_push(&t->all, r);
    t->known[list[k]->id] = (int)t->all.len;
  }
}

// ---- what is used

static void use_part(tidying *t, const node *part) {
  const scan_body *b = scan_body_of(part->in[0]);
  recurrence *r = recurrence_of(t, part->in[0]);
  if (part->i[0] < b->n_state) {
    r->state[part->i[0]] = true;
    return;
  }
  node *out = b->out[part->i[0] - b->n_state];
  for (size_t k = 0; k < r->out.len; k++)
    if (r->out.data[k] == out)
      return;
  vec_push(&r->out, out);
}

// Follows used outputs and states through the body, which may need further states, and marks what it
// captures.
static void use_body(tidying *t, recurrence *r, unsigned char *mark) {
  enum { FOLLOWED = 2 };
  const scan_body *b = scan_body_of(r->first);
  VEC(node *) stack = {0};
  for (bool grows = true; grows;) {
    for (size_t k = 0; k < r->out.len; k++)
      vec_push(&stack, r->out.data[k]);
    for (int k = 0; k < b->n_state; k++)
      if (r->state[k])
        vec_push(&stack, b->next[k]);
    while (stack.len) {
      node *x = vec_pop(&stack);
      bool inside = node_scan_id(t->g, x) == b->id;
      if (mark[x->id] == FOLLOWED)
        continue;
      mark[x->id] = inside ? FOLLOWED : 1;
      if (!inside)
        continue;
      mark_counts(t->g, mark, x);
      for (int k = 0; k < x->n_in; k++)
        vec_push(&stack, x->in[k]);
    }
    grows = false;
    for (int k = 0; k < b->n_state; k++)
      if (mark[b->state_param[k]->id] && !r->state[k])
        r->state[k] = grows = true;
  }
  vec_free(&stack);
  for (int k = 0; k < b->n_seq; k++) {
    r->seq[k] = mark[b->seq_param[k]->id] != 0;
    mark[b->seq[k]->id] |= r->seq[k];
  }
  for (int k = 0; k < b->n_state; k++)
    mark[b->init[k]->id] |= r->state[k];
  mark[b->pack->id] = 1;
}

static void find_uses(tidying *t, node *const *roots, size_t n_roots) {
  const graph *g = t->g;
  unsigned char *mark = xcalloc(g->n_nodes + 1, 1);
  for (size_t k = 0; k < n_roots; k++)
    if (roots[k])
      mark[roots[k]->id] = 1;
  for (size_t id = g->n_nodes; id-- > 0;) {
    const node *n = g->nodes[id];
    if (!mark[id] || node_scan_id(g, n) >= 0)
      continue;
    if (n->op == OP_SCAN) {
      recurrence *r = recurrence_of(t, n);
      if (r->first == n) // all its parts, and those of its equals, have larger ids
        use_body(t, r, mark);
      else
        mark[r->first->id] = 1;
      continue;
    }
    if (n->op == OP_PART && n->in[0]->op == OP_SCAN)
      use_part(t, n);
    mark_counts(g, mark, n);
    for (int k = 0; k < n->n_in; k++)
      mark[n->in[k]->id] = 1;
  }
  free(mark);
}

// ---- rebuilding

static bool all_used(const recurrence *r) {
  const scan_body *b = scan_body_of(r->first);
  bool all = true;
  for (int k = 0; k < b->n_seq; k++)
    all &= r->seq[k];
  for (int k = 0; k < b->n_state; k++)
    all &= r->state[k];
  return all;
}

static node **rewritten(graph *g, node *const *list, int n) {
  node **result = ARENA_ARRAY(g->mem, node *, n);
  for (int k = 0; k < n; k++)
    result[k] = graph_rewritten(g, list[k]);
  return result;
}

// The same scan, with other outputs.
static node *with_used_outputs(graph *g, const recurrence *r) {
  scan_body b = *scan_body_of(r->first);
  b.pack = graph_rewritten(g, b.pack);
  b.seq = rewritten(g, b.seq, b.n_seq);
  b.init = rewritten(g, b.init, b.n_state);
  b.next = rewritten(g, b.next, b.n_state);
  b.n_out = (int)r->out.len;
  b.out = rewritten(g, r->out.data, b.n_out);
  return scan_from_body(g, &b);
}

// A new scan without the states and sequences that went.
static node *narrowed(graph *g, const recurrence *r) {
  const scan_body *b = scan_body_of(r->first);
  graph_set_again(g, r->first->again);
  scan_builder *builder = scan_begin(g, graph_rewritten(g, b->pack), b->reverse);
  VEC(node *) from = {0}, to = {0}, values = {0};
  for (int k = 0; k < b->n_seq; k++)
    if (r->seq[k]) {
      vec_push(&from, b->seq_param[k]);
      vec_push(&to, scan_add_sequence(builder, graph_rewritten(g, b->seq[k])));
    }
  for (int k = 0; k < b->n_state; k++)
    if (r->state[k]) {
      vec_push(&from, b->state_param[k]);
      vec_push(&to, scan_add_state(builder, graph_rewritten(g, b->init[k])));
      vec_push(&values, graph_rewritten(g, b->next[k]));
    }
  int n_state = (int)values.len;
  for (size_t k = 0; k < r->out.len; k++)
    vec_push(&values, graph_rewritten(g, r->out.data[k]));
  graph_substitute(g, values.data, values.len, from.data, to.data, from.len);
  for (int k = 0; k < n_state; k++)
    scan_set_next(builder, k, values.data[k]);
  for (size_t k = (size_t)n_state; k < values.len; k++)
    scan_add_output(builder, values.data[k]);
  vec_free(&from);
  vec_free(&to);
  vec_free(&values);
  node *scan = scan_end(builder);
  graph_set_again(g, 0);
  return scan;
}

static node *tidy_part(const tidying *t, const node *part, node *const *new_in) {
  const recurrence *r = recurrence_of(t, part->in[0]);
  const scan_body *b = scan_body_of(part->in[0]);
  int k = (int)part->i[0], at = 0;
  if (k < b->n_state) {
    for (int j = 0; j < k; j++)
      at += r->state[j];
    return r->state[k] ? g_part(t->g, new_in[0], at) : NULL;
  }
  for (size_t j = 0; j < r->out.len; j++)
    if (r->out.data[j] == b->out[k - b->n_state])
      return scan_output(t->g, new_in[0], (int)j);
  return NULL;
}

static node *tidy_node(graph *g, node *original, node *const *new_in, void *context) {
  tidying *t = context;
  if (original->op == OP_PART && original->in[0]->op == OP_SCAN) {
    node *part = tidy_part(t, original, new_in);
    return part ? part : original; // not used: nothing that stays reads it
  }
  if (original->op != OP_SCAN)
    return NULL;
  recurrence *r = recurrence_of(t, original);
  if (!r->result)
    r->result = all_used(r) ? with_used_outputs(g, r) : narrowed(g, r);
  for (int k = 0; k < original->n_labels; k++)
    graph_add_label(g, r->result, original->labels[k]);
  return r->result;
}

void graph_tidy_scans(graph *g, node **roots, size_t n_roots) {
  tidying t = {.g = g};
  node **list;
  size_t n = graph_reachable(g, roots, n_roots, &list);
  t.known = xcalloc(g->n_nodes + 1, sizeof *t.known);
  find_recurrences(&t, list, n);
  free(list);
  find_uses(&t, roots, n_roots);
  graph_rewrite(g, roots, n_roots, tidy_node, &t);
  for (size_t k = 0; k < t.all.len; k++)
    vec_free(&t.all.data[k].out);
  vec_free(&t.all);
  free(t.known);
}
