// Reachability, rewriting and substitution. Lists of nodes are by id, which is a topological order.
#include "ir/op.h"
#include "ir/scan.h"
#include "support/vec.h"
#include <stdlib.h>
#include <string.h>

struct rewriting {
  node_map *map;             // of originals; nothing: not reached
  VEC(const dim *) from, to; // dims that became others
};

// ---- reachability

void walk_begin(node_walk *w, const graph *g) {
  *w = (node_walk){.g = g, .reached = graph_take_map(g)};
}

void walk_end(node_walk *w) {
  graph_give_map(w->g, w->reached);
  vec_free(&w->stack);
}

void walk_to(node_walk *w, node *n) {
  if (node_map_has(w->reached, n))
    return;
  node_map_set(w->reached, n, n);
  vec_push(&w->stack, n);
}

void walk_to_all(node_walk *w, node *const *list, int n) {
  for (int k = 0; k < n; k++)
    walk_to(w, list[k]);
}

typedef void origin_visit(void *context, const node *origin);

// The nodes that count what an extent mentions.
static void visit_origins(const graph *g, const dim *d, origin_visit *visit, void *context) {
  for (; d->a; d = d->a)
    visit_origins(g, d->b, visit, context);
  if (d->kind == DIM_SYMBOL && graph_origin(g, d))
    visit(context, graph_origin(g, d));
}

static void visit_counts(const graph *g, const node *n, origin_visit *visit, void *context) {
  for (int k = 0; k < n->shape.rank; k++)
    visit_origins(g, n->shape.d[k], visit, context);
  if (n->op == OP_EXTENT)
    visit_origins(g, n->extra, visit, context);
}

static void mark_origin(void *mark, const node *origin) {
  ((unsigned char *)mark)[origin->id] = 1;
}

void mark_counts(const graph *g, unsigned char *mark, const node *n) {
  visit_counts(g, n, mark_origin, mark);
}

static void walk_to_origin(void *walk, const node *origin) {
  const node_walk *w = walk;
  walk_to(walk, w->g->nodes[origin->id]);
}

void walk_to_counts(node_walk *w, const node *n) {
  visit_counts(w->g, n, walk_to_origin, w);
}

static void walk_to_operands(node_walk *w, const node *n) {
  walk_to_all(w, n->in, n->n_in);
  walk_to_counts(w, n);
  if (n->op != OP_SCAN)
    return;
  const scan_body *b = scan_body_of(n);
  walk_to_all(w, b->next, b->n_state);
  walk_to_all(w, b->out, b->n_out);
  walk_to_all(w, b->seq_param, b->n_seq);
  walk_to_all(w, b->state_param, b->n_state);
}

static int by_id(const void *a, const void *b) {
  uint32_t x = (*(node *const *)a)->id, y = (*(node *const *)b)->id;
  return x < y ? -1 : x > y;
}

void sort_by_id(node **list, size_t n) {
  if (n)
    qsort(list, n, sizeof *list, by_id);
}

// As graph_reachable, but not through the nodes that have a replacement in `stop` (may be NULL).
// Few nodes of a large graph cost little.
static size_t reach(const graph *g, node *const *roots, size_t n_roots, const node_map *stop, node ***list) {
  node_walk w;
  VEC(node *) found = {0};
  walk_begin(&w, g);
  for (size_t k = 0; k < n_roots; k++)
    if (roots[k])
      walk_to(&w, roots[k]);
  while (w.stack.len) {
    node *n = vec_pop(&w.stack);
    vec_push(&found, n);
    if (!stop || !node_map_get(stop, n))
      walk_to_operands(&w, n);
  }
  if (found.len < g->n_nodes / 16) {
    sort_by_id(found.data, found.len);
  } else {
    found.len = 0;
    for (size_t id = 0; id < g->n_nodes; id++)
      if (node_map_has(w.reached, g->nodes[id]))
        vec_push(&found, g->nodes[id]);
  }
  walk_end(&w);
  vec_reserve(&found, 1);
  *list = found.data;
  return found.len;
}

size_t graph_reachable(const graph *g, node *const *roots, size_t n_roots, node ***list) {
  return reach(g, roots, n_roots, NULL, list);
}

// ---- rebuilding

const dim *graph_rewritten_dim(graph *g, const dim *d) {
  const rewriting *r = *graph_rewriting(g);
  return r && r->from.len ? dim_substitute(g->dims, d, r->from.data, r->to.data, r->from.len) : d;
}

shape graph_rewritten_shape(graph *g, const shape *s) {
  shape result = *s;
  for (int k = 0; k < s->rank; k++)
    result.d[k] = graph_rewritten_dim(g, s->d[k]);
  return result;
}

void rewriting_equate(graph *g, const dim *from, const dim *to) {
  rewriting *r = *graph_rewriting(g);
  if (from == to)
    return;
  if (!r || from->kind == DIM_CONST)
    ICE("an extent changes that cannot");
  for (size_t k = 0; k < r->from.len; k++)
    if (r->from.data[k] == from && r->to.data[k] == to)
      return;
  vec_push(&r->from, from);
  vec_push(&r->to, to);
}

node *graph_rewritten(graph *g, node *original) {
  const rewriting *r = *graph_rewriting(g);
  node *mapped = r ? node_map_get(r->map, original) : NULL;
  return mapped ? mapped : original;
}

// A packing or unique on new operands is another node and counts under other names; what mentioned the old
// counts is rebuilt with the new ones, and so comes after the new node.
static node *rebuild_counted(graph *g, const node *original, node *const *new_in) {
  node *now;
  if (original->op == OP_UNIQUE) {
    now = g_unique_dim(g, new_in[0], graph_rewritten_dim(g, unique_bound(original)));
    rewriting_equate(g, unique_count(original), unique_count(now));
    return now;
  }
  const dim *batch = graph_rewritten_dim(g, pack_batch(original)),
            *time = graph_rewritten_dim(g, pack_time(original));
  now = g_pack(g, original->n_in ? new_in[0] : NULL, batch, time);
  if (pack_is_dense(original))
    return now; // its counts are no names of their own
  rewriting_equate(g, pack_valid(original), pack_valid(now));
  rewriting_equate(g, pack_steps(original), pack_steps(now));
  return now;
}

static node **rewritten_list(graph *g, node *const *list, int n) {
  node **result = ARENA_ARRAY(g->mem, node *, n);
  for (int k = 0; k < n; k++)
    result[k] = graph_rewritten(g, list[k]);
  return result;
}

static node *rebuild_scan(graph *g, const node *original, node *const *new_in) {
  scan_body b = *scan_body_of(original);
  b.pack = new_in[0];
  b.seq = ARENA_ARRAY(g->mem, node *, b.n_seq);
  b.init = ARENA_ARRAY(g->mem, node *, b.n_state);
  for (int k = 0; k < b.n_seq; k++)
    b.seq[k] = new_in[1 + k];
  for (int k = 0; k < b.n_state; k++)
    b.init[k] = new_in[1 + b.n_seq + k];
  b.seq_param = rewritten_list(g, b.seq_param, b.n_seq);
  b.state_param = rewritten_list(g, b.state_param, b.n_state);
  b.next = rewritten_list(g, b.next, b.n_state);
  b.out = rewritten_list(g, b.out, b.n_out);
  return scan_from_body(g, &b);
}

static bool shape_changes(graph *g, const node *n) {
  const rewriting *r = *graph_rewriting(g);
  if (!r || !r->from.len)
    return false;
  shape s = graph_rewritten_shape(g, &n->shape);
  return !shape_equal(&s, &n->shape) || (n->op == OP_EXTENT && graph_rewritten_dim(g, n->extra) != n->extra);
}

static bool body_changes(graph *g, const node *n) {
  if (n->op != OP_SCAN)
    return false;
  const scan_body *b = scan_body_of(n);
  bool changes = false;
  for (int k = 0; k < b->n_state; k++)
    changes |= graph_rewritten(g, b->next[k]) != b->next[k] ||
               graph_rewritten(g, b->state_param[k]) != b->state_param[k];
  for (int k = 0; k < b->n_out; k++)
    changes |= graph_rewritten(g, b->out[k]) != b->out[k];
  for (int k = 0; k < b->n_seq; k++)
    changes |= graph_rewritten(g, b->seq_param[k]) != b->seq_param[k];
  return changes;
}

node *graph_rebuild(graph *g, const node *original, node *const *new_in) {
  bool same = !shape_changes(g, original) && !body_changes(g, original);
  for (int k = 0; k < original->n_in && same; k++)
    same = new_in[k] == original->in[k];
  if (same)
    return (node *)original;
  if (original->op == OP_PACK || original->op == OP_UNIQUE)
    return rebuild_counted(g, original, new_in);
  if (original->op == OP_SCAN)
    return rebuild_scan(g, original, new_in);
  node draft = *original;
  draft.shape = graph_rewritten_shape(g, &original->shape);
  if (original->op == OP_EXTENT)
    draft.extra = graph_rewritten_dim(g, original->extra);
  node *local[4], **in = original->n_in > 4 ? xmalloc(sizeof *in * (size_t)original->n_in) : local;
  for (int k = 0; k < original->n_in; k++)
    in[k] = new_in[k];
  draft.in = in;
  node *result = graph_intern(g, &draft);
  if (in != local)
    free(in);
  return result;
}

// ---- rewriting

static void begin_rewriting(graph *g, rewriting *r) {
  *r = (rewriting){.map = graph_take_map(g)};
}

static void end_rewriting(graph *g, rewriting *r) {
  graph_give_map(g, r->map);
  vec_free(&r->from);
  vec_free(&r->to);
}

static void map_operands(graph *g, const node *n, node **in) {
  for (int k = 0; k < n->n_in; k++)
    in[k] = graph_rewritten(g, n->in[k]);
}

static int most_operands(node *const *list, size_t n) {
  int most = 1;
  for (size_t k = 0; k < n; k++)
    most = list[k]->n_in > most ? list[k]->n_in : most;
  return most;
}

void graph_rewrite(graph *g, node **roots, size_t n_roots, rewrite_rule rule, void *context) {
  rewriting r, *outer = *graph_rewriting(g);
  node **list;
  size_t n = graph_reachable(g, roots, n_roots, &list);
  node **in = xmalloc(sizeof *in * (size_t)most_operands(list, n));
  int n_labels;
  const char *const *labels = graph_labels(g, &n_labels);
  begin_rewriting(g, &r);
  *graph_rewriting(g) = &r;
  for (size_t k = 0; k < n; k++) {
    node *original = list[k];
    map_operands(g, original, in);
    graph_restore_labels(g, original->labels, original->n_labels);
    node *result = rule ? rule(g, original, in, context) : NULL;
    node_map_set(r.map, original, result ? result : graph_rebuild(g, original, in));
  }
  for (size_t k = 0; k < n_roots; k++)
    if (roots[k])
      roots[k] = node_map_get(r.map, roots[k]);
  *graph_rewriting(g) = outer;
  graph_restore_labels(g, labels, n_labels);
  end_rewriting(g, &r);
  free(in);
  free(list);
}

// Which of the listed nodes depend on a replaced node or mention a replaced dim.
static bool depends(graph *g, const node *n) {
  bool changed = shape_changes(g, n) || body_changes(g, n);
  for (int k = 0; k < n->n_in && !changed; k++)
    changed = graph_rewritten(g, n->in[k]) != n->in[k];
  return changed;
}

void graph_substitute(graph *g, node **values, size_t n_values, node *const *from, node *const *to,
                      size_t n_from) {
  rewriting r, *outer = *graph_rewriting(g);
  int n_labels;
  const char *const *labels = graph_labels(g, &n_labels);
  begin_rewriting(g, &r);
  *graph_rewriting(g) = &r;
  for (size_t k = 0; k < n_from; k++) {
    node_map_set(r.map, from[k], to[k]);
    if (from[k]->shape.rank > 0 && to[k]->shape.rank > 0)
      rewriting_equate(g, from[k]->shape.d[0], to[k]->shape.d[0]);
  }
  node **list;
  size_t n = reach(g, values, n_values, r.map, &list);
  node **in = xmalloc(sizeof *in * (size_t)most_operands(list, n));
  for (size_t k = 0; k < n; k++) {
    if (node_map_get(r.map, list[k]) || !depends(g, list[k]))
      continue;
    map_operands(g, list[k], in);
    graph_restore_labels(g, list[k]->labels, list[k]->n_labels);
    node_map_set(r.map, list[k], graph_rebuild(g, list[k], in));
  }
  for (size_t k = 0; k < n_values; k++)
    if (values[k])
      values[k] = graph_rewritten(g, values[k]);
  *graph_rewriting(g) = outer;
  graph_restore_labels(g, labels, n_labels);
  end_rewriting(g, &r);
  free(in);
  free(list);
}
