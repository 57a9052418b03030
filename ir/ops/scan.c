// The scan: building, the values it captures, rebuilding with another body.
//
// A scan owns an id, its parameter leaves and a run-time dim `active` that counts its rows of a step. A node
// is inside the body when it reaches a parameter or when its shape mentions `active`; so every body node
// belongs to one scan. A rewrite that keeps the parameters' shapes keeps id, parameters and `active` and
// makes a new SCAN node with a new scan_body. Two different SCAN nodes may share an id in two cases only: as
// old and new in a rewrite, and as the same recurrence (same operands and `next`) collecting different
// outputs, as autodiff leaves it; graph_tidy_scans then makes one of them.
#include "ir/scan.h"
#include "ir/op.h"
#include "support/vec.h"
#include <stdlib.h>
#include <string.h>

typedef VEC(node *) node_list;

struct scan_builder {
  graph *g;
  int id;
  bool reverse;
  node *pack;
  const dim *active;
  node_list seq, init, seq_param, state_param, next, out;
};

static const char *scan_shape(graph *g, node *n) {
  (void)g;
  const scan_body *b = n->extra;
  n->type = REAL;
  if (n->n_in != 1 + b->n_seq + b->n_state + b->n_captured || b->pack->op != OP_PACK)
    return "operands must be packing, sequences, initial states, captured values";
  for (int k = 0; k < b->n_state; k++)
    if (!shape_equal(&b->next[k]->shape, &b->state_param[k]->shape) || b->next[k]->type != b->init[k]->type)
      return "the next state must be like the state";
  for (int k = 0; k < b->n_out; k++)
    if (b->out[k]->shape.rank < 1 || b->out[k]->shape.d[0] != b->active)
      return "an output must have one row for each active row";
  for (int k = 0; k < b->n_seq; k++)
    if (b->seq[k]->shape.rank < 1 || b->seq[k]->shape.d[0] != pack_valid(b->pack))
      return "a sequence must have one row for each valid step";
  for (int k = 0; k < b->n_state; k++)
    if (b->init[k]->shape.rank < 1 || b->init[k]->shape.d[0] != pack_batch(b->pack))
      return "a state must have one row for each example";
  return NULL;
}

const op_rules op_rules_scan = {.shape = scan_shape};

scan_builder *scan_begin(graph *g, node *pack, bool reverse) {
  INVARIANT(pack->op == OP_PACK);
  scan_builder *s = ARENA_NEW(g->mem, scan_builder);
  s->g = g;
  s->reverse = reverse;
  s->pack = pack;
  s->active = dim_runtime(g->dims, "active", pack_batch(pack));
  s->id = graph_new_scan_id(g, s->active);
  return s;
}

static node *parameter(scan_builder *s, op_code op, size_t position, const node *outer) {
  node n = {.op = op, .type = outer->type, .i = {s->id, (int64_t)position}};
  n.shape = shape_with(&outer->shape, 0, s->active);
  return graph_intern(s->g, &n);
}

node *scan_add_sequence(scan_builder *s, node *rows) {
  INVARIANT(rows->shape.rank > 0 && rows->shape.d[0] == pack_valid(s->pack));
  node *p = parameter(s, OP_SCAN_SEQ, s->seq.len, rows);
  vec_push(&s->seq, rows);
  vec_push(&s->seq_param, p);
  return p;
}

node *scan_add_state(scan_builder *s, node *initial) {
  INVARIANT(initial->shape.rank > 0 && initial->shape.d[0] == pack_batch(s->pack));
  node *p = parameter(s, OP_SCAN_STATE, s->init.len, initial);
  vec_push(&s->init, initial);
  vec_push(&s->state_param, p);
  vec_push(&s->next, p);
  return p;
}

void scan_set_next(scan_builder *s, int state, node *next) {
  INVARIANT(state >= 0 && (size_t)state < s->next.len);
  s->next.data[state] = next;
}

int scan_add_output(scan_builder *s, node *step_value) {
  vec_push(&s->out, step_value);
  return (int)s->out.len - 1;
}

const dim *scan_active(const scan_builder *s) {
  return s->active;
}

int scan_builder_id(const scan_builder *s) {
  return s->id;
}

static node **copy_nodes(graph *g, node *const *list, size_t n) {
  node **copy = ARENA_ARRAY(g->mem, node *, n);
  if (n)
    memcpy(copy, list, n * sizeof *copy);
  return copy;
}

// ---- the nodes of a body

static bool is_free_leaf(const node *n) {
  return n->op == OP_CONST || n->op == OP_EXTENT;
}

typedef struct body_members {
  node_list inside;   // constants and extents included
  node_list captured; // reached from inside
} body_members;

// What next and out reach, without going beyond what is captured; both lists by id.
static void find_members(const graph *g, const scan_body *b, body_members *m) {
  node_walk w;
  walk_begin(&w, g);
  walk_to_all(&w, b->next, b->n_state);
  walk_to_all(&w, b->state_param, b->n_state);
  walk_to_all(&w, b->out, b->n_out);
  walk_to_all(&w, b->seq_param, b->n_seq);
  while (w.stack.len) {
    node *n = vec_pop(&w.stack);
    if (node_scan_id(g, n) == b->id) {
      vec_push(&m->inside, n);
      walk_to_counts(&w, n);
      walk_to_all(&w, n->in, n->n_in);
    } else if (is_free_leaf(n)) {
      vec_push(&m->inside, n);
    } else if (n->op != OP_PACK &&
               n->op != OP_UNIQUE) { // those are reached by an extent that they give: no value
      vec_push(&m->captured, n);
    }
  }
  walk_end(&w);
  sort_by_id(m->inside.data, m->inside.len);
  sort_by_id(m->captured.data, m->captured.len);
}

size_t scan_body_nodes(const graph *g, const scan_body *b, node ***list) {
  body_members m = {0};
  find_members(g, b, &m);
  vec_free(&m.captured);
  vec_reserve(&m.inside, 1);
  *list = m.inside.data;
  return m.inside.len;
}

node *scan_from_body(graph *g, const scan_body *draft) {
  scan_body *b = ARENA_NEW(g->mem, scan_body);
  *b = *draft;
  body_members m = {0};
  find_members(g, b, &m);
  b->n_captured = (int)m.captured.len;
  b->captured = copy_nodes(g, m.captured.data, m.captured.len);
  vec_free(&m.inside);
  vec_free(&m.captured);
  int n_in = 0;
  node **in = xmalloc(sizeof *in * (size_t)(1 + b->n_seq + b->n_state + b->n_captured));
  in[n_in++] = b->pack;
  for (int k = 0; k < b->n_seq; k++)
    in[n_in++] = b->seq[k];
  for (int k = 0; k < b->n_state; k++)
    in[n_in++] = b->init[k];
  for (int k = 0; k < b->n_captured; k++)
    in[n_in++] = b->captured[k];
  node n = {.op = OP_SCAN, .n_in = n_in, .in = in, .i = {b->id, b->reverse}, .again = b->again, .extra = b};
  node *scan = graph_intern(g, &n);
  b->again = n.again;
  free(in);
  return scan;
}

node *scan_end(scan_builder *s) {
  graph *g = s->g;
  scan_body b = {.id = s->id, .reverse = s->reverse, .pack = s->pack, .active = s->active};
  b.n_seq = (int)s->seq.len;
  b.n_state = (int)s->init.len;
  b.n_out = (int)s->out.len;
  b.seq = copy_nodes(g, s->seq.data, s->seq.len);
  b.init = copy_nodes(g, s->init.data, s->init.len);
  b.seq_param = copy_nodes(g, s->seq_param.data, s->seq.len);
  b.state_param = copy_nodes(g, s->state_param.data, s->init.len);
  b.next = copy_nodes(g, s->next.data, s->next.len);
  b.out = copy_nodes(g, s->out.data, s->out.len);
  vec_free(&s->seq);
  vec_free(&s->init);
  vec_free(&s->seq_param);
  vec_free(&s->state_param);
  vec_free(&s->next);
  vec_free(&s->out);
  return scan_from_body(g, &b);
}

node *scan_with_outputs(graph *g, const node *scan, node *const *more, int n_more) {
  scan_body b = *scan_body_of(scan);
  node **out = ARENA_ARRAY(g->mem, node *, b.n_out + n_more);
  for (int k = 0; k < b.n_out; k++)
    out[k] = b.out[k];
  for (int k = 0; k < n_more; k++)
    out[b.n_out + k] = more[k];
  b.out = out;
  b.n_out += n_more;
  return scan_from_body(g, &b);
}

const scan_body *scan_body_of(const node *scan) {
  INVARIANT(scan->op == OP_SCAN);
  return scan->extra;
}

node *scan_final_state(graph *g, node *scan, int state) {
  INVARIANT(state >= 0 && state < scan_body_of(scan)->n_state);
  return g_part(g, scan, state);
}

node *scan_output(graph *g, node *scan, int output) {
  return g_part(g, scan, scan_body_of(scan)->n_state + output);
}
