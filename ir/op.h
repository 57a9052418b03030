#ifndef NLM_IR_OP_H
#define NLM_IR_OP_H
// What every op brings to L2, and what the rules share. One `op_rules_<name>` per row of ir/ops.def, defined
// in ir/ops/<family>.c: a missing one is a link error. Private to ir/.
#include "ir/graph.h"
#include "support/vec.h"

typedef struct adjoint adjoint; // ir/autodiff.h

typedef struct op_rules {
  // Completes a draft (type, shape, canonical operand order) from its operands and attributes; a shape that
  // the builder gives (reshape, broadcast, …) is checked. Returns NULL, or what is wrong.
  const char *(*shape)(graph *g, node *draft);
  // A simpler node equal to the completed draft, or NULL. May be NULL.
  node *(*fold)(graph *g, const node *draft);
  // Adds to the adjoints of n's operands, dy being the adjoint of n. NULL: no gradient passes through.
  void (*vjp)(adjoint *a, node *n, node *dy);
} op_rules;

#define OP(NAME, name, family, inputs, flags) extern const op_rules op_rules_##name;
#include "ir/ops.def"
#undef OP
const op_rules *op_rules_of(op_code op);

// The node equal to the draft: checked, folded, hash-consed. draft->in may be a caller's local array and may
// be reordered; draft->shape and type need not be set where the shape rule derives them.
node *graph_intern(graph *g, node *draft);
void graph_set_again(graph *g, int again); // the repetition that new nodes belong to, 0: none
void graph_restore_labels(graph *g, const char *const *labels, int n); // the set that new nodes get
const char *const *graph_labels(const graph *g, int *n);

// ---- values known while building
bool node_is_number(const node *n, double *value);             // CONST or a broadcast of one
bool node_is(const node *n, double value);                     // the same, compared
node *node_uniform(const node *n);                             // rank-0 source of a uniform node, or NULL
bool index_is_nonnegative(const node *index);                  // provably holds no -1
node *g_number_like(graph *g, const node *like, double value); // constant of like's type and shape
node *g_number(graph *g, double value, elem_type type, shape s);
node *g_zeros(graph *g, shape s); // REAL
// Adjoint of g_slice(x, axis, start, ., step), dy being the slice's and `size` the extent of x.
node *slice_adjoint(graph *g, node *dy, int axis, int64_t start, int64_t step, const dim *size);
shape shape_without(const shape *s, unsigned axes);       // axes removed
shape shape_with(const shape *s, int axis, const dim *d); // one extent replaced
shape shape_join(const shape *head, const shape *tail, int tail_from);
int dim_scan_id(const graph *g, const dim *d); // scan whose active rows (or counts inside) d mentions, or -1

// ---- scans and packings (ir/ops/scan.c, ir/ops/pack.c)
bool multi_find(graph *g, op_code op, node *const *in, int n_in, const int64_t *attrs, node **found);
int graph_new_scan_id(graph *g, const dim *active);
// A run-time count and the node that gives it. Whatever mentions the count comes after that node, and needs
// it.
void graph_set_origin(graph *g, const dim *count, const node *n);
const node *graph_origin(const graph *g, const dim *symbol); // NULL: none
void mark_counts(const graph *g, unsigned char *mark,
                 const node *n); // by node id: the origins that n mentions

// ---- maps from the nodes that there are to nodes or numbers. Taking one costs nothing by the size of the
// graph.
typedef struct node_map {
  uint32_t *of; // by id: `now` where the map holds something
  union {
    node *node;
    size_t number;
  } * to;
  size_t capacity;
  uint32_t now;
  struct node_map *next; // of those that are free
} node_map;
node_map *graph_take_map(const graph *g);
void graph_give_map(const graph *g, node_map *m); // it is no longer used

static inline bool node_map_has(const node_map *m, const node *n) {
  return n->id < m->capacity && m->of[n->id] == m->now;
}
static inline node *node_map_get(const node_map *m, const node *n) { // NULL: nothing
  return node_map_has(m, n) ? m->to[n->id].node : NULL;
}
static inline void node_map_set(node_map *m, const node *n, node *to) { // n existed when the map was taken
  m->of[n->id] = m->now;
  m->to[n->id].node = to;
}
static inline size_t node_map_number(const node_map *m, const node *n) { // 0: nothing
  return node_map_has(m, n) ? m->to[n->id].number : 0;
}
static inline void node_map_set_number(node_map *m, const node *n, size_t number) {
  m->of[n->id] = m->now;
  m->to[n->id].number = number;
}

// ---- walks from users to operands, each node once, in no particular order (ir/rewrite.c)
typedef struct node_walk {
  const graph *g;
  node_map *reached;
  VEC(node *) stack; // walked to, not yet taken
} node_walk;
void walk_begin(node_walk *w, const graph *g);
void walk_end(node_walk *w);
void walk_to(node_walk *w, node *n); // does nothing the second time
void walk_to_all(node_walk *w, node *const *list, int n);
void walk_to_counts(node_walk *w, const node *n); // to the origins that n mentions
void sort_by_id(node **list, size_t n);

// ---- rewriting in progress (ir/rewrite.c)
typedef struct rewriting rewriting;
rewriting **graph_rewriting(graph *g);
void rewriting_equate(graph *g, const dim *from, const dim *to);

#endif
