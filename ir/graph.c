// The hash-consed store of L2 nodes: creation, identity, labels, membership in scan bodies.
#include "ir/graph.h"
#include "ir/op.h"
#include <stdlib.h>
#include <string.h>

struct graph_private {
  node **slots; // open addressing, capacity a power of two
  size_t capacity, node_capacity;
  uint64_t *hash; // by node id
  int *scan_id;   // by node id
  struct symbol_origin {
    const node *node; // the PACK or UNIQUE that counts it, or NULL
    int scan;         // the scan whose body it belongs to (active rows, counts inside), or -1
  } * origin;         // by dim symbol
  int n_origin, n_scans;
  struct scan_members { // nodes of its body, in order
    node **of;
    size_t n, capacity;
  } * members;               // by scan
  const char *const *labels; // of new nodes
  int n_labels;
  int again; // of new nodes
  rewriting *rewriting;
  node_map *maps; // that are free
};

static const struct {
  const char *name;
  op_family family;
  int inputs;
  unsigned flags;
  const op_rules *rules;
} ops[OP_COUNT] = {
#define COSTLY 1u
#define EFFECT 2u
#define OP(NAME, name, family, inputs, flags) {#name, FAMILY_##family, inputs, flags, &op_rules_##name},
#include "ir/ops.def"
#undef OP
};

const char *op_name(op_code op) {
  return ops[op].name;
}

op_family op_family_of(op_code op) {
  return ops[op].family;
}

bool op_is_elementwise(op_code op) {
  op_family f = ops[op].family;
  return f == FAMILY_UNARY || f == FAMILY_BINARY || f == FAMILY_TERNARY;
}

bool op_is_costly(op_code op) {
  return ops[op].flags & COSTLY;
}

bool op_has_effect(op_code op) {
  return ops[op].flags & EFFECT;
}

const op_rules *op_rules_of(op_code op) {
  return ops[op].rules;
}

graph *graph_new(arena *mem, dim_table *dims) {
  graph *g = ARENA_NEW(mem, graph);
  g->mem = mem;
  g->dims = dims;
  g->p = ARENA_NEW(mem, struct graph_private);
  g->p->capacity = 256;
  g->p->slots = xcalloc(g->p->capacity, sizeof(node *));
  return g;
}

static void free_maps(node_map *m) {
  while (m) {
    node_map *next = m->next;
    free(m->of);
    free(m->to);
    free(m);
    m = next;
  }
}

void graph_free(graph *g) {
  if (!g)
    return;
  free(g->p->slots);
  free(g->p->hash);
  free(g->p->scan_id);
  free(g->p->origin);
  free_maps(g->p->maps);
  for (int k = 0; k < g->p->n_scans; k++)
    free(g->p->members[k].of);
  free(g->p->members);
  free(g->nodes);
}

rewriting **graph_rewriting(graph *g) {
  return &g->p->rewriting;
}

// ---- maps

node_map *graph_take_map(const graph *g) {
  node_map *m = g->p->maps;
  if (m)
    g->p->maps = m->next;
  else
    m = xcalloc(1, sizeof *m);
  if (m->capacity < g->n_nodes || m->now == UINT32_MAX) {
    free(m->of);
    free(m->to);
    m->capacity = 2 * g->n_nodes + 1;
    m->of = xcalloc(m->capacity, sizeof *m->of);
    m->to = xmalloc(m->capacity * sizeof *m->to);
    m->now = 0;
  }
  m->now++;
  return m;
}

void graph_give_map(const graph *g, node_map *m) {
  m->next = g->p->maps;
  g->p->maps = m;
}

// ---- labels

void graph_set_label(graph *g, const char *name) {
  const char **one = NULL;
  if (name) {
    one = ARENA_ARRAY(g->mem, const char *, 1);
    one[0] = name;
  }
  g->p->labels = one;
  g->p->n_labels = name != NULL;
}

void graph_restore_labels(graph *g, const char *const *labels, int n) {
  g->p->labels = labels;
  g->p->n_labels = n;
}

const char *const *graph_labels(const graph *g, int *n) {
  *n = g->p->n_labels;
  return g->p->labels;
}

void graph_set_again(graph *g, int again) {
  g->p->again = again;
}

void graph_add_label(graph *g, node *n, const char *name) {
  int at = 0;
  if (n->n_labels >= MOST_LABELS)
    return;
  while (at < n->n_labels && strcmp(n->labels[at], name) < 0)
    at++;
  if (at < n->n_labels && strcmp(n->labels[at], name) == 0)
    return;
  const char **grown = ARENA_ARRAY(g->mem, const char *, n->n_labels + 1);
  for (int k = 0; k < at; k++)
    grown[k] = n->labels[k];
  grown[at] = name;
  for (int k = at; k < n->n_labels; k++)
    grown[k + 1] = n->labels[k];
  n->labels = grown;
  n->n_labels++;
}

static void add_current_labels(graph *g, node *n) {
  if (n->n_labels == 0) {
    n->labels = g->p->labels;
    n->n_labels = g->p->n_labels;
    return;
  }
  for (int k = 0; k < g->p->n_labels; k++)
    graph_add_label(g, n, g->p->labels[k]);
}

// ---- identity

static uint64_t hash_step(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ (h >> 29);
}

static uint64_t hash_nodes(uint64_t h, node *const *list, int n) {
  h = hash_step(h, (uint64_t)n);
  for (int k = 0; k < n; k++)
    h = hash_step(h, list[k]->id);
  return h;
}

static uint64_t hash_node(const node *n) {
  uint64_t h = hash_step((uint64_t)n->op + 1, (uint64_t)n->type);
  for (int k = 0; k < n->shape.rank; k++)
    h = hash_step(h, n->shape.d[k]->id);
  for (int k = 0; k < NODE_ATTRS; k++)
    h = hash_step(h, (uint64_t)n->i[k]);
  uint64_t bits;
  memcpy(&bits, &n->f, sizeof bits);
  h = hash_nodes(hash_step(h, bits), n->in, n->n_in);
  if (n->again)
    h = hash_step(h, (uint64_t)n->again);
  if (n->op == OP_EXTENT)
    h = hash_step(h, ((const dim *)n->extra)->id);
  if (n->op == OP_SCAN) {
    const scan_body *b = n->extra;
    h = hash_nodes(hash_nodes(h, b->next, b->n_state), b->out, b->n_out);
  }
  return h;
}

static bool same_nodes(node *const *a, int n, node *const *b, int m) {
  return n == m && (n == 0 || memcmp(a, b, sizeof *a * (size_t)n) == 0);
}

static bool same_extra(const node *a, const node *b) {
  if (a->op == OP_EXTENT)
    return a->extra == b->extra;
  if (a->op != OP_SCAN)
    return true; // run-time dims of PACK and UNIQUE follow from the operands
  const scan_body *x = a->extra, *y = b->extra;
  return same_nodes(x->next, x->n_state, y->next, y->n_state) &&
         same_nodes(x->out, x->n_out, y->out, y->n_out);
}

static bool same_node(const node *a, const node *b) {
  return a->op == b->op && a->type == b->type && a->again == b->again &&
         memcmp(&a->f, &b->f, sizeof a->f) == 0 && memcmp(a->i, b->i, sizeof a->i) == 0 &&
         shape_equal(&a->shape, &b->shape) && same_nodes(a->in, a->n_in, b->in, b->n_in) && same_extra(a, b);
}

static node *find(const graph *g, const node *draft, uint64_t h) {
  const struct graph_private *p = g->p;
  for (size_t k = h & (p->capacity - 1); p->slots[k]; k = (k + 1) & (p->capacity - 1))
    if (p->hash[p->slots[k]->id] == h && same_node(p->slots[k], draft))
      return p->slots[k];
  return NULL;
}

static void insert(struct graph_private *p, node *n) {
  size_t k = p->hash[n->id] & (p->capacity - 1);
  while (p->slots[k])
    k = (k + 1) & (p->capacity - 1);
  p->slots[k] = n;
}

bool multi_find(graph *g, op_code op, node *const *in, int n_in, const int64_t *attrs, node **found) {
  node draft = {.op = op, .type = INT, .n_in = n_in, .in = (node **)in};
  memcpy(draft.i, attrs, sizeof draft.i);
  *found = find(g, &draft, hash_node(&draft));
  if (*found)
    add_current_labels(g, *found);
  return *found != NULL;
}

// ---- membership in scan bodies

static struct symbol_origin *origin_of(struct graph_private *p, const dim *symbol) {
  INVARIANT(symbol->kind == DIM_SYMBOL);
  if (symbol->symbol >= p->n_origin) {
    p->origin = xrealloc(p->origin, sizeof *p->origin * (size_t)(symbol->symbol + 1));
    while (p->n_origin <= symbol->symbol)
      p->origin[p->n_origin++] = (struct symbol_origin){NULL, -1};
  }
  return &p->origin[symbol->symbol];
}

int graph_new_scan_id(graph *g, const dim *active) {
  int n = g->p->n_scans + 1;
  g->p->members = xrealloc(g->p->members, sizeof *g->p->members * (size_t)n);
  g->p->members[g->p->n_scans] = (struct scan_members){0};
  return origin_of(g->p, active)->scan = g->p->n_scans++;
}

void graph_set_origin(graph *g, const dim *count, const node *n) {
  if (count->kind == DIM_SYMBOL && count->bound)
    *origin_of(g->p, count) = (struct symbol_origin){n, node_scan_id(g, n)};
}

const node *graph_origin(const graph *g, const dim *symbol) {
  return symbol->symbol < g->p->n_origin ? g->p->origin[symbol->symbol].node : NULL;
}

static int join_scans(int a, int b) {
  if (a >= 0 && b >= 0 && a != b)
    ICE("a node reaches the parameters of scans %d and %d", a, b);
  return a >= 0 ? a : b;
}

int dim_scan_id(const graph *g, const dim *d) {
  if (d->kind == DIM_CONST)
    return -1;
  if (d->kind == DIM_SYMBOL)
    return d->symbol < g->p->n_origin ? g->p->origin[d->symbol].scan : -1;
  return join_scans(dim_scan_id(g, d->a), dim_scan_id(g, d->b));
}

static int scan_id_of_draft(const graph *g, const node *n) {
  if (n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE)
    return (int)n->i[0];
  int id = -1;
  for (int k = 0; k < n->n_in; k++)
    id = join_scans(id, g->p->scan_id[n->in[k]->id]);
  for (int k = 0; k < n->shape.rank; k++)
    id = join_scans(id, dim_scan_id(g, n->shape.d[k]));
  if (n->op == OP_EXTENT)
    id = join_scans(id, dim_scan_id(g, n->extra));
  if (n->op == OP_SCAN && id >= 0)
    ICE("scan %d takes an operand from inside scan %d", (int)n->i[0], id);
  return id;
}

int node_scan_id(const graph *g, const node *n) {
  return g->p->scan_id[n->id];
}

// ---- creation

static void grow(graph *g) {
  struct graph_private *p = g->p;
  p->node_capacity = p->node_capacity ? 2 * p->node_capacity : 128;
  g->nodes = xrealloc(g->nodes, p->node_capacity * sizeof *g->nodes);
  p->hash = xrealloc(p->hash, p->node_capacity * sizeof *p->hash);
  p->scan_id = xrealloc(p->scan_id, p->node_capacity * sizeof *p->scan_id);
  if (2 * p->node_capacity <= p->capacity)
    return;
  while (2 * p->node_capacity > p->capacity)
    p->capacity *= 2;
  free(p->slots);
  p->slots = xcalloc(p->capacity, sizeof *p->slots);
  for (size_t k = 0; k < g->n_nodes; k++)
    insert(p, g->nodes[k]);
}

node *const *scan_nodes(const graph *g, int scan, size_t *n) {
  *n = g->p->members[scan].n;
  return g->p->members[scan].of;
}

static void add_member(struct scan_members *m, node *n) {
  if (m->n == m->capacity) {
    m->capacity = m->capacity ? 2 * m->capacity : 32;
    m->of = xrealloc(m->of, m->capacity * sizeof *m->of);
  }
  m->of[m->n++] = n;
}

static node *add_node(graph *g, const node *draft, uint64_t h) {
  int scan = scan_id_of_draft(g, draft);
  if (g->n_nodes == g->p->node_capacity)
    grow(g);
  node *n = ARENA_NEW(g->mem, node);
  *n = *draft;
  n->id = (uint32_t)g->n_nodes++;
  n->in = ARENA_ARRAY(g->mem, node *, draft->n_in);
  if (draft->n_in)
    memcpy(n->in, draft->in, sizeof *n->in * (size_t)draft->n_in);
  n->labels = NULL;
  n->n_labels = 0;
  add_current_labels(g, n);
  g->nodes[n->id] = n;
  g->p->hash[n->id] = h;
  g->p->scan_id[n->id] = scan;
  if (scan >= 0)
    add_member(&g->p->members[scan], n);
  insert(g->p, n);
  return n;
}

static _Noreturn void bad_operands(const node *draft, const char *reason) {
  strbuf text = {0};
  for (int k = 0; k < draft->n_in; k++) {
    strbuf_printf(&text, k ? ", %s%%%u " : "%s%%%u ", draft->in[k]->type == INT ? "int " : "",
                  draft->in[k]->id);
    shape_print(&draft->in[k]->shape, &text);
  }
  strbuf_puts(&text, " -> ");
  shape_print(&draft->shape, &text);
  ICE("%s: %s; operands %s", op_name(draft->op), reason, strbuf_text(&text));
}

// Leaves have nothing to repeat; a PART and a RESHAPE are the memory of their operand, which tells them
// apart.
static bool may_repeat(const node *draft) {
  return ops[draft->op].family != FAMILY_LEAF && draft->op != OP_PART && draft->op != OP_RESHAPE;
}

node *graph_intern(graph *g, node *draft) {
  const op_rules *rules = ops[draft->op].rules;
  if (g->p->again && may_repeat(draft))
    draft->again = g->p->again;
  if (ops[draft->op].inputs >= 0 && draft->n_in != ops[draft->op].inputs)
    bad_operands(draft, "wrong number of operands");
  const char *wrong = rules->shape(g, draft);
  if (wrong)
    bad_operands(draft, wrong);
  node *simpler = rules->fold ? rules->fold(g, draft) : NULL;
  if (simpler) {
    if (!shape_equal(&simpler->shape, &draft->shape) || simpler->type != draft->type)
      bad_operands(draft, "folds to another shape or type");
    return simpler;
  }
  uint64_t h = hash_node(draft);
  node *known = find(g, draft, h);
  if (known) {
    add_current_labels(g, known);
    return known;
  }
  return add_node(g, draft, h);
}
