// The VJP of a scan is a scan over the same packing in the opposite direction.
//
//   forward  h' = next(h, x, c), out = out(h, x, c)     adjoint  carries dh, reads d out, x and saved values
//
// The adjoint of a state after a step is the carried one; before it, the next carried one. A row that is not
// active at a step passes its adjoint on untouched, as it passed its state. The body is swept like a graph,
// in the namespace of the forward scan with leaves standing for the incoming adjoints; then everything that
// the adjoint needs is moved into the new scan:
//   - sequences are read again; the state before a step and results of costly ops (and slices of them) become
//     outputs of the forward scan and sequences of the adjoint one; cheap values are computed again;
//     with the setting recompute, states alone are, and all else is computed again, so are the products of
//     sequences that the pass `hoist` took out of the loop;
//   - gradients of captured values are lifted (lift.c), so a weight's gradient is one product over all rows.
// The forward scan with more outputs is a new node; graph_tidy_scans makes one of the two.
#include "ir/autodiff_scan.h"
#include "ir/recompute.h"
#include <stdlib.h>

void node_set_add(node_set *set, node *n) {
  if (node_set_find(set, n) < 0)
    vec_push(set, n);
}

int node_set_find(const node_set *set, const node *n) {
  for (size_t k = 0; k < set->len; k++)
    if (set->data[k] == n)
      return (int)k;
  return -1;
}

bool has_active_rows(const scan_sweep *s, const node *n) {
  if (n->op == OP_SCAN || n->op == OP_PACK || n->op == OP_UNIQUE || n->shape.rank < 1 ||
      n->shape.d[0] != s->b->active)
    return false;
  for (int k = 1; k < n->shape.rank; k++)
    if (dim_scan_id(s->g, n->shape.d[k]) >= 0)
      return false;
  return true;
}

static bool is_forward(const scan_sweep *s, const node *n) {
  return n->id < s->inner.n && node_map_has(s->forward, n);
}

// ---- which quantities take part

static void want_as(scan_sweep *s, const node *inside, const node *outside) {
  if (adjoint_wanted(s->outer, outside))
    adjoint_want(&s->inner, inside);
}

static void mark_dependence(scan_sweep *s) {
  const scan_body *b = s->b;
  adjoint *a = &s->inner;
  for (int k = 0; k < b->n_seq; k++)
    want_as(s, b->seq_param[k], b->seq[k]);
  for (int k = 0; k < b->n_captured; k++)
    want_as(s, b->captured[k], b->captured[k]);
  for (int k = 0; k < b->n_state; k++)
    want_as(s, b->state_param[k], b->init[k]);
  for (bool grows = true; grows;) { // a state depends on what its next value depends on
    for (size_t k = 0; k < s->n_body; k++) {
      const node *n = s->body[k];
      for (int j = 0; j < n->n_in && n->type == REAL; j++)
        if (adjoint_wanted(a, n->in[j]))
          adjoint_want(a, n);
    }
    grows = false;
    for (int k = 0; k < b->n_state; k++)
      if (adjoint_wanted(a, b->next[k]) && !adjoint_wanted(a, b->state_param[k])) {
        adjoint_want(a, b->state_param[k]);
        grows = true;
      }
  }
}

// The states whose adjoint can be other than zero: those that reach something with an adjoint. carried[k] is
// set to the leaf that stands for it.
static void choose_carried(scan_sweep *s) {
  const scan_body *b = s->b;
  node_map *live = graph_take_map(s->g);
  for (int k = 0; k < b->n_out; k++)
    if (s->d_out[k])
      node_map_set_number(live, b->out[k], 1);
  for (int k = 0; k < b->n_state; k++)
    if (s->d_final[k])
      node_map_set_number(live, b->next[k], 1);
  for (bool grows = true; grows;) {
    for (size_t k = s->n_body; k-- > 0;)
      for (int j = 0; j < s->body[k]->n_in && node_map_has(live, s->body[k]); j++)
        node_map_set_number(live, s->body[k]->in[j], 1);
    grows = false;
    for (int k = 0; k < b->n_state; k++)
      if (node_map_has(live, b->state_param[k]) && !node_map_has(live, b->next[k])) {
        node_map_set_number(live, b->next[k], 1);
        grows = true;
      }
  }
  for (int k = 0; k < b->n_state; k++) {
    bool reached = s->d_final[k] || node_map_has(live, b->state_param[k]);
    if (!reached || !adjoint_wanted(&s->inner, b->state_param[k]))
      continue;
    node leaf = {
        .op = OP_SCAN_STATE, .type = REAL, .shape = b->state_param[k]->shape, .i = {b->id, b->n_state + k}};
    s->carried[k] = graph_intern(s->g, &leaf);
  }
  graph_give_map(s->g, live);
}

static void make_incoming(scan_sweep *s) {
  const scan_body *b = s->b;
  for (int k = 0; k < b->n_out; k++) {
    if (!s->d_out[k] || !adjoint_wanted(&s->inner, b->out[k]))
      continue;
    node leaf = {.op = OP_SCAN_SEQ, .type = REAL, .shape = b->out[k]->shape, .i = {b->id, b->n_seq + k}};
    s->incoming[k] = graph_intern(s->g, &leaf);
  }
}

// ---- the sweep through the body

static void sweep_body(scan_sweep *s) {
  const scan_body *b = s->b;
  for (int k = 0; k < b->n_state; k++)
    if (s->carried[k])
      adjoint_add(&s->inner, b->next[k], s->carried[k]);
  for (int k = 0; k < b->n_out; k++)
    if (s->incoming[k])
      adjoint_add(&s->inner, b->out[k], s->incoming[k]);
  for (size_t k = s->n_body; k-- > 0;) {
    node *n = s->body[k];
    node *dy = adjoint_wanted(&s->inner, n) ? adjoint_total(&s->inner, n) : NULL;
    if (!dy)
      continue;
    graph_restore_labels(s->g, n->labels, n->n_labels);
    if (op_rules_of(n->op)->vjp)
      op_rules_of(n->op)->vjp(&s->inner, n, dy);
  }
  for (int k = 0; k < b->n_state; k++)
    s->d_state[k] = adjoint_total(&s->inner, b->state_param[k]);
  for (int k = 0; k < b->n_seq; k++)
    s->d_seq[k] = adjoint_total(&s->inner, b->seq_param[k]);
}

// ---- values of all rows

static bool is_parameter(const node *n) {
  return n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE;
}

static bool repeats_outer(const scan_sweep *s, const node *n) {
  return n->op == OP_BROADCAST && n->i[0] < 0 && node_scan_id(s->g, n->in[0]) < 0;
}

void plan_rows(scan_sweep *s, node *value) {
  INVARIANT(has_active_rows(s, value));
  if (repeats_outer(s, value) || (is_forward(s, value) && value->op == OP_SCAN_SEQ))
    return;
  bool saved = is_forward(s, value) && (!s->again || value->op == OP_SCAN_STATE);
  node_set_add(saved ? &s->saved : &s->collected, value);
}

static node *forward_rows(scan_sweep *s, const node *value) {
  const scan_body *b = scan_body_of(s->forward_scan);
  for (int k = 0; k < b->n_out; k++)
    if (b->out[k] == value)
      return scan_output(s->g, s->forward_scan, k);
  ICE("a value that was not saved");
}

node *rows_of_value(scan_sweep *s, node *value) {
  if (repeats_outer(s, value)) {
    int axes[MAX_RANK];
    for (int k = 0; k < value->shape.rank; k++)
      axes[k] = (int)value->i[k];
    return g_broadcast(s->g, value->in[0], shape_with(&value->shape, 0, pack_valid(s->b->pack)), axes);
  }
  if (is_forward(s, value) && value->op == OP_SCAN_SEQ)
    return s->b->seq[value->i[1]];
  if (node_set_find(&s->saved, value) >= 0)
    return forward_rows(s, value);
  return scan_output(s->g, s->adjoint_scan, s->first_collected + node_set_find(&s->collected, value));
}

// ---- the adjoint scan

// Worth a place in memory rather than a second computation.
static bool is_saved_value(const scan_sweep *s, const node *n) {
  if (!is_forward(s, n) || !has_active_rows(s, n))
    return false;
  if (n->op == OP_SCAN_STATE || node_set_find(&s->saved, n) >= 0)
    return true;
  if (s->again)
    return false;
  if (n->op == OP_SLICE)
    return op_is_costly(n->in[0]->op);
  op_family f = op_family_of(n->op);
  return op_is_costly(n->op) || f == FAMILY_REDUCE || f == FAMILY_INDEX || n->op == OP_RANDOM;
}

enum { READ = 1, CUT = 2 };

// What the expressions `roots` read of the body, and the forward values at which they are cut: saved ones.
static node_map *cut_at_saved(scan_sweep *s, node *const *roots, size_t n_roots) {
  node_map *mark = graph_take_map(s->g);
  size_t n_inside;
  node *const *all = scan_nodes(s->g, s->b->id, &n_inside);
  for (size_t k = 0; k < n_roots; k++)
    node_map_set_number(mark, roots[k], READ);
  for (size_t at = n_inside; at-- > 0;) {
    node *n = all[at];
    if (!node_map_has(mark, n))
      continue;
    if (is_saved_value(s, n)) {
      node_map_set_number(mark, n, CUT);
      node_set_add(&s->saved, n);
    } else if (!is_parameter(n)) {
      for (int k = 0; k < n->n_in; k++)
        node_map_set_number(mark, n->in[k], READ);
    }
  }
  return mark;
}

static void extend_forward(scan_sweep *s) {
  node_set missing = {0};
  for (size_t k = 0; k < s->saved.len; k++) {
    bool known = false;
    for (int j = 0; j < s->b->n_out; j++)
      known |= s->b->out[j] == s->saved.data[k];
    if (!known)
      vec_push(&missing, s->saved.data[k]);
  }
  s->forward_scan = missing.len ? scan_with_outputs(s->g, s->scan, missing.data, (int)missing.len) : s->scan;
  vec_free(&missing);
}

typedef struct substitution {
  node_set from, to;
} substitution;

static void replace(substitution *r, node *from, node *to) {
  vec_push(&r->from, from);
  vec_push(&r->to, to);
}

// ---- products of sequences, computed again

enum { MOST_SOURCES = 3 };

typedef struct row_sources {
  node_set rows;   // what an expression of rows [V, F...] is made of
  node_set shared; // and values that serve all its rows: weights
  bool has_product;
} row_sources;

static bool keeps_rows(const node *n) {
  for (int k = 1; k < n->shape.rank; k++)
    if (n->shape.d[k]->kind != DIM_CONST)
      return false;
  switch (n->op) {
  case OP_MATMUL:
    return n->shape.rank == 2 && !n->i[0];
  case OP_SLICE:
  case OP_CONCAT:
    return n->i[0] != 0;
  case OP_BROADCAST:
    return n->i[0] < 0;
  default:
    return op_is_elementwise(n->op);
  }
}

// Every row of n is made of the same row of these, and of values that all rows share.
static void find_row_sources(node *n, row_sources *found) {
  const dim *valid = n->shape.d[0];
  node_set open = {0};
  node_set_add(&open, n);
  for (size_t k = 0; k < open.len; k++) {
    node *at = open.data[k];
    if (!keeps_rows(at)) {
      node_set_add(&found->rows, at);
      continue;
    }
    found->has_product |= at->op == OP_MATMUL;
    for (int j = 0; j < at->n_in; j++) {
      bool row = at->op != OP_BROADCAST && (at->op != OP_MATMUL || j == 0);
      INVARIANT(!row || at->in[j]->shape.d[0] == valid);
      node_set_add(row ? &open : &found->shared, at->in[j]);
    }
  }
  vec_free(&open);
}

// One step's rows of a sequence, as a sequence of the adjoint scan or of what they are made of.
static node *sequence_rows(scan_sweep *s, scan_builder *builder, node *rows) {
  row_sources found = {0};
  if (s->again && rows->shape.d[0]->kind != DIM_CONST)
    find_row_sources(rows, &found);
  node *result = rows;
  if (found.has_product && found.rows.len >= 1 && found.rows.len <= MOST_SOURCES) {
    node_set steps = {0};
    for (size_t k = 0; k < found.rows.len; k++)
      vec_push(&steps, scan_add_sequence(builder, found.rows.data[k]));
    for (size_t k = 0; k < found.shared.len; k++) { // left as they are
      vec_push(&found.rows, found.shared.data[k]);
      vec_push(&steps, found.shared.data[k]);
    }
    graph_substitute(s->g, &result, 1, found.rows.data, steps.data, steps.len);
    vec_free(&steps);
  } else {
    result = scan_add_sequence(builder, rows);
  }
  vec_free(&found.rows);
  vec_free(&found.shared);
  return result;
}

// The adjoint scan's parameters, for the leaves and the cut values that its expressions read.
static void add_parameters(scan_sweep *s, scan_builder *builder, const node_map *mark, substitution *r) {
  const scan_body *b = s->b;
  for (int k = 0; k < b->n_out; k++)
    if (s->incoming[k] && node_map_has(mark, s->incoming[k]))
      replace(r, s->incoming[k], scan_add_sequence(builder, s->d_out[k]));
  for (int k = 0; k < b->n_seq; k++)
    if (node_map_has(mark, b->seq_param[k]))
      replace(r, b->seq_param[k], sequence_rows(s, builder, b->seq[k]));
  for (size_t k = 0; k < s->saved.len; k++)
    if (node_map_number(mark, s->saved.data[k]) == CUT)
      replace(r, s->saved.data[k], scan_add_sequence(builder, forward_rows(s, s->saved.data[k])));
  for (int k = 0; k < b->n_state; k++) {
    if (!s->carried[k])
      continue;
    node *last = s->d_final[k] ? s->d_final[k] : g_zeros(s->g, b->init[k]->shape);
    replace(r, s->carried[k], scan_add_state(builder, last));
  }
  for (int k = 0; k < b->n_out && r->from.len == 0; k++) // all adjoints are zero, but rows must be counted
    if (s->incoming[k])
      replace(r, s->incoming[k], scan_add_sequence(builder, s->d_out[k]));
}

// What the adjoint scan computes at a step: next adjoints of carried states, adjoints of sequences, collected
// values, in this order.
static void list_roots(scan_sweep *s, node_set *roots) {
  for (int k = 0; k < s->b->n_state; k++) {
    if (s->carried[k])
      vec_push(roots, s->d_state[k] ? s->d_state[k] : g_zeros(s->g, s->b->state_param[k]->shape));
  }
  for (int k = 0; k < s->b->n_seq; k++)
    if (s->d_seq[k])
      vec_push(roots, s->d_seq[k]);
  for (size_t k = 0; k < s->collected.len; k++)
    vec_push(roots, s->collected.data[k]);
}

static void build_adjoint_scan(scan_sweep *s) {
  graph *g = s->g;
  node_set roots = {0};
  list_roots(s, &roots);
  node_map *mark = cut_at_saved(s, roots.data, roots.len);
  extend_forward(s);
  scan_builder *builder = scan_begin(g, s->b->pack, !s->b->reverse);
  substitution r = {0};
  add_parameters(s, builder, mark, &r);
  graph_give_map(g, mark);
  graph_substitute(g, roots.data, roots.len, r.from.data, r.to.data, r.from.len);
  size_t next = 0;
  int state = 0;
  for (int k = 0; k < s->b->n_state; k++)
    if (s->carried[k])
      scan_set_next(builder, state++, roots.data[next++]);
  for (; next < roots.len; next++)
    scan_add_output(builder, roots.data[next]);
  s->first_collected = (int)roots.len - state - (int)s->collected.len;
  s->adjoint_scan = scan_end(builder);
  vec_free(&r.from);
  vec_free(&r.to);
  vec_free(&roots);
}

static void hand_out(scan_sweep *s) {
  int state = 0, output = 0;
  for (int k = 0; k < s->b->n_state; k++)
    if (s->carried[k])
      adjoint_add(s->outer, s->b->init[k], scan_final_state(s->g, s->adjoint_scan, state++));
  for (int k = 0; k < s->b->n_seq; k++)
    if (s->d_seq[k])
      adjoint_add(s->outer, s->b->seq[k], scan_output(s->g, s->adjoint_scan, output++));
  add_lifts(s);
}

// ---- the rule

static void begin_sweep(scan_sweep *s, adjoint *outer, node *scan) {
  const scan_body *b = scan_body_of(scan);
  *s = (scan_sweep){.outer = outer, .g = outer->g, .scan = scan, .b = b};
  arena *mem = s->g->mem;
  s->n_body = scan_body_nodes(s->g, b, &s->body);
  s->again = recompute_group(outer->recompute, scan) > 0 && outer->recompute->mode != RECOMPUTE_ACTIVATIONS;
  adjoint_begin(&s->inner, s->g);
  s->forward = graph_take_map(s->g);
  for (size_t k = 0; k < s->n_body; k++)
    node_map_set_number(s->forward, s->body[k], 1);
  s->d_final = ARENA_ARRAY(mem, node *, b->n_state);
  s->carried = ARENA_ARRAY(mem, node *, b->n_state);
  s->d_state = ARENA_ARRAY(mem, node *, b->n_state);
  s->d_out = ARENA_ARRAY(mem, node *, b->n_out);
  s->incoming = ARENA_ARRAY(mem, node *, b->n_out);
  s->d_seq = ARENA_ARRAY(mem, node *, b->n_seq);
}

static void end_sweep(scan_sweep *s) {
  adjoint_end(&s->inner);
  graph_give_map(s->g, s->forward);
  free(s->body);
  vec_free(&s->saved);
  vec_free(&s->collected);
}

static bool take_results(scan_sweep *s) {
  bool any = false;
  for (size_t k = 0; k < s->outer->parts.len; k++) {
    const part_adjoint *p = &s->outer->parts.data[k];
    if (p->scan != s->scan)
      continue;
    any = true;
    if (p->part < s->b->n_state)
      s->d_final[p->part] = p->value;
    else
      s->d_out[p->part - s->b->n_state] = p->value;
  }
  return any;
}

static bool nothing_flows(const scan_sweep *s) {
  for (int k = 0; k < s->b->n_state; k++)
    if (s->carried[k])
      return false;
  for (int k = 0; k < s->b->n_out; k++)
    if (s->incoming[k])
      return false;
  return true;
}

void scan_vjp(adjoint *a, node *scan) {
  scan_sweep s;
  begin_sweep(&s, a, scan);
  if (take_results(&s)) {
    mark_dependence(&s);
    choose_carried(&s);
    make_incoming(&s);
    if (nothing_flows(&s)) {
      end_sweep(&s);
      return;
    }
    sweep_body(&s);
    graph_restore_labels(s.g, scan->labels, scan->n_labels);
    plan_lifts(&s);
    build_adjoint_scan(&s);
    hand_out(&s);
  }
  end_sweep(&s);
}
