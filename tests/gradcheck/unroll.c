// Scans written out as plain ops.
#include "tests/gradcheck/unroll.h"
#include "ir/scan.h"
#include "tests/reference/eval.h"
#include <stdlib.h>
#include <string.h>

typedef struct unrolling {
  const reference *ran;
  node ***results; // by node id of a scan: its states, then its outputs
} unrolling;

static node *first_rows(graph *g, node *x, int64_t from, int64_t n) {
  return g_slice(g, x, 0, from, dim_const(g->dims, n), 1);
}

// x with a first axis of constant extent.
static node *with_rows(graph *g, node *x, const dim *rows) {
  shape s = x->shape;
  s.d[0] = rows;
  return g_reshape(g, x, s);
}

typedef struct steps {
  graph *g;
  scan_body b; // seq, init, next and out as rewritten
  int64_t batch, valid;
  node **state;
  node ***rows; // by output, then by step in running order
} steps;

static void run_step(steps *s, int64_t first, int64_t n, int64_t at) {
  graph *g = s->g;
  const scan_body *b = &s->b;
  int n_params = b->n_seq + b->n_state, n_values = b->n_state + b->n_out;
  node **from = ARENA_ARRAY(g->mem, node *, n_params), **to = ARENA_ARRAY(g->mem, node *, n_params);
  node **values = ARENA_ARRAY(g->mem, node *, n_values);
  for (int k = 0; k < b->n_seq; k++) {
    from[k] = b->seq_param[k];
    to[k] = first_rows(g, with_rows(g, b->seq[k], dim_const(g->dims, s->valid)), first, n);
  }
  for (int k = 0; k < b->n_state; k++) {
    from[b->n_seq + k] = b->state_param[k];
    to[b->n_seq + k] = first_rows(g, s->state[k], 0, n);
    values[k] = b->next[k];
  }
  for (int k = 0; k < b->n_out; k++)
    values[b->n_state + k] = b->out[k];
  graph_substitute(g, values, (size_t)n_values, from, to, (size_t)n_params);
  for (int k = 0; k < b->n_state; k++) {
    node *both[2] = {values[k], first_rows(g, s->state[k], n, s->batch - n)};
    s->state[k] = g_concat(g, both, 2, 0);
  }
  for (int k = 0; k < b->n_out; k++)
    s->rows[k][at] = values[b->n_state + k];
}

static node *collected(steps *s, int output, int64_t n_steps) {
  graph *g = s->g;
  shape whole = s->b.out[output]->shape;
  whole.d[0] = pack_valid(s->b.pack);
  if (n_steps == 0)
    return g_broadcast_to(g, s->b.out[output]->type == INT ? g_int(g, 0) : g_real(g, 0), whole);
  node **rows = s->rows[output];
  for (int64_t k = 0; k < n_steps / 2 && s->b.reverse; k++) { // collected in order of the packing
    node *last = rows[n_steps - 1 - k];
    rows[n_steps - 1 - k] = rows[k];
    rows[k] = last;
  }
  return g_reshape(g, g_concat(g, rows, (int)n_steps, 0), whole);
}

static node **rewritten(graph *g, node *const *list, int n) {
  node **result = ARENA_ARRAY(g->mem, node *, n);
  for (int k = 0; k < n; k++)
    result[k] = graph_rewritten(g, list[k]);
  return result;
}

static node **unrolled(graph *g, const node *scan, const reference *ran) {
  const scan_body *old = scan_body_of(scan);
  const double *offsets = ran->parts[old->pack->id][PACK_STEP_OFFSETS].data;
  int64_t n_steps = reference_dim(ran, pack_steps(old->pack)), done = 0;
  steps s = {.g = g, .b = *old};
  s.b.pack = graph_rewritten(g, old->pack);
  s.b.seq = rewritten(g, old->seq, old->n_seq);
  s.b.init = rewritten(g, old->init, old->n_state);
  s.b.next = rewritten(g, old->next, old->n_state);
  s.b.out = rewritten(g, old->out, old->n_out);
  s.batch = reference_dim(ran, pack_batch(old->pack));
  s.valid = reference_dim(ran, pack_valid(old->pack));
  s.state = ARENA_ARRAY(g->mem, node *, old->n_state);
  s.rows = ARENA_ARRAY(g->mem, node **, old->n_out);
  for (int k = 0; k < old->n_state; k++)
    s.state[k] = with_rows(g, s.b.init[k], dim_const(g->dims, s.batch));
  for (int k = 0; k < old->n_out; k++)
    s.rows[k] = ARENA_ARRAY(g->mem, node *, n_steps);
  for (int64_t k = 0; k < n_steps; k++) {
    int64_t step = old->reverse ? n_steps - 1 - k : k;
    int64_t first = (int64_t)offsets[step], n = (int64_t)offsets[step + 1] - first;
    if (n > 0)
      run_step(&s, first, n, done++);
  }
  node **results = ARENA_ARRAY(g->mem, node *, old->n_state + old->n_out);
  for (int k = 0; k < old->n_state; k++)
    results[k] = with_rows(g, s.state[k], pack_batch(s.b.pack));
  for (int k = 0; k < old->n_out; k++)
    results[old->n_state + k] = collected(&s, k, done);
  return results;
}

static node *unroll_node(graph *g, node *original, node *const *new_in, void *context) {
  unrolling *u = context;
  (void)new_in;
  if (original->op == OP_SCAN)
    u->results[original->id] = unrolled(g, original, u->ran);
  if (original->op == OP_PART && original->in[0]->op == OP_SCAN)
    return u->results[original->in[0]->id][original->i[0]];
  return NULL;
}

void unroll_scans(graph *g, node **roots, size_t n_roots, const reference *ran) {
  unrolling u = {.ran = ran, .results = xcalloc(g->n_nodes + 1, sizeof *u.results)};
  graph_rewrite(g, roots, n_roots, unroll_node, &u);
  free(u.results);
}
