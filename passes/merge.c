// Requires: nothing. Guarantees: products in a scan body that have one left operand and weights of their own
// on the right are one product with the weights side by side, so that a cell written gate by gate costs what
// the built-in ones do. Changes: MATMUL(x, W1), MATMUL(x, W2), ... to slices of MATMUL(x, CONCAT(W1, W2,
// ...)); where each is added to a vector of its own, the vectors are joined too; a sum of equal slices
// becomes a slice of the sum. The weights are joined once, outside the loop. The bits stay: every column of a
// product is a chain of its own.
#include "ir/scan.h"
#include "passes/pass.h"

typedef struct member {
  node *product, *weight;
  node *sum, *bias; // product + bias, or NULL
} member;

typedef VEC(member) member_list;
typedef VEC(node *) node_list;

static bool is_weight(const node *n, int rank) {
  return n->op == OP_PARAM && n->shape.rank == rank && dim_is_const(n->shape.d[rank - 1], NULL);
}

static bool is_candidate(const graph *g, const node *n) {
  return n->op == OP_MATMUL && node_scan_id(g, n) >= 0 && !n->i[0] && !n->i[1] && n->shape.rank == 2 &&
         is_weight(n->in[1], 2);
}

// The vector that is added to every row of `product`, or NULL.
static node *added_bias(const node *sum, const node *product) {
  if (sum->op != OP_ADD || sum->in[0] == sum->in[1])
    return NULL;
  const node *other = sum->in[0] == product ? sum->in[1] : sum->in[0];
  bool vector =
      other->op == OP_BROADCAST && other->i[0] < 0 && other->i[1] == 0 && is_weight(other->in[0], 1);
  return vector ? other->in[0] : NULL;
}

typedef struct uses {
  int *count;
  node **last; // user, by id
} uses;

static void add_use(uses *u, const node *of, node *by) {
  u->count[of->id]++;
  u->last[of->id] = by;
}

static uses count_uses(const graph *g, node *const *live, size_t n) {
  uses u = {xcalloc(g->n_nodes + 1, sizeof(int)), xcalloc(g->n_nodes + 1, sizeof(node *))};
  for (size_t k = 0; k < n; k++) {
    for (int j = 0; j < live[k]->n_in; j++)
      add_use(&u, live[k]->in[j], live[k]);
    if (live[k]->op != OP_SCAN)
      continue;
    const scan_body *b = scan_body_of(live[k]);
    for (int j = 0; j < b->n_state; j++)
      add_use(&u, b->next[j], live[k]);
    for (int j = 0; j < b->n_out; j++)
      add_use(&u, b->out[j], live[k]);
  }
  return u;
}

static member member_of(const uses *u, node *product) {
  member m = {.product = product, .weight = product->in[1]};
  node *user = u->count[product->id] == 1 ? u->last[product->id] : NULL;
  m.bias = user ? added_bias(user, product) : NULL;
  m.sum = m.bias ? user : NULL;
  return m;
}

// The first group of at least two: products of one left operand, all with a bias or all without.
static bool find_group(const graph *g, node *const *live, size_t n, member_list *group) {
  uses u = count_uses(g, live, n);
  for (size_t first = 0; first < n && group->len < 2; first++) {
    if (!is_candidate(g, live[first]))
      continue;
    group->len = 0;
    member head = member_of(&u, live[first]);
    vec_push(group, head);
    for (size_t k = first + 1; k < n; k++) {
      if (!is_candidate(g, live[k]) || live[k]->in[0] != head.product->in[0])
        continue;
      member m = member_of(&u, live[k]);
      if ((m.bias != NULL) == (head.bias != NULL))
        vec_push(group, m);
    }
  }
  free(u.count);
  free(u.last);
  return group->len >= 2;
}

static void merge_group(graph *g, const member_list *group, node **roots, size_t n_roots) {
  node_list weights = {0}, biases = {0}, from = {0}, to = {0};
  bool biased = group->data[0].bias != NULL;
  for (size_t k = 0; k < group->len; k++) {
    const member *m = &group->data[k];
    vec_push(&weights, m->weight);
    vec_push(&from, biased ? m->sum : m->product);
    if (biased)
      vec_push(&biases, m->bias);
  }
  int n = (int)group->len;
  node *all = g_matmul(g, group->data[0].product->in[0], g_concat(g, weights.data, n, 1), false, false);
  if (biased)
    all = g_add(g, all, g_concat(g, biases.data, n, 0));
  int64_t start = 0;
  for (int k = 0; k < n; k++) {
    const dim *width = weights.data[k]->shape.d[1];
    vec_push(&to, g_slice(g, all, 1, start, width, 1));
    start += width->value;
  }
  graph_substitute(g, roots, n_roots, from.data, to.data, from.len);
  vec_free(&weights);
  vec_free(&biases);
  vec_free(&from);
  vec_free(&to);
}

static bool merge_one(program *p) {
  graph *g = p->g;
  node_list roots = {0};
  for (size_t k = 0; k < p->roots.len; k++)
    vec_push(&roots, p->roots.data[k].value);
  node **live;
  size_t n = graph_reachable(g, roots.data, roots.len, &live);
  member_list group = {0};
  bool found = find_group(g, live, n, &group);
  if (found)
    merge_group(g, &group, roots.data, roots.len);
  for (size_t k = 0; k < p->roots.len; k++)
    p->roots.data[k].value = roots.data[k];
  free(live);
  vec_free(&group);
  vec_free(&roots);
  return found;
}

// A merged product, with its bias or without.
static bool is_merged(const node *n) {
  if (n->op == OP_ADD)
    return is_merged(n->in[0]) || is_merged(n->in[1]);
  return n->op == OP_MATMUL && n->in[1]->op == OP_CONCAT;
}

static bool is_same_slice(const node *a, const node *b) {
  return a->op == OP_SLICE && b->op == OP_SLICE && a->i[0] == b->i[0] && a->i[1] == b->i[1] &&
         a->i[2] == b->i[2] && shape_equal(&a->shape, &b->shape) &&
         shape_equal(&a->in[0]->shape, &b->in[0]->shape);
}

// The gates of the input and of the state are added before they are taken apart, as the built-in cells do.
static node *add_whole(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  if (original->op != OP_ADD || node_scan_id(g, original) < 0 || !is_same_slice(new_in[0], new_in[1]))
    return NULL;
  node *a = new_in[0]->in[0], *b = new_in[1]->in[0];
  if (!is_merged(a) || !is_merged(b))
    return NULL;
  int axis = (int)new_in[0]->i[0];
  return g_slice(g, g_add(g, a, b), axis, new_in[0]->i[1], original->shape.d[axis], new_in[0]->i[2]);
}

static void run(compilation *c) {
  bool merged = false;
  while (merge_one(c->program))
    merged = true;
  if (merged)
    program_rewrite(c->program, add_whole, NULL);
}

const pass pass_merge = {
    .name = "merge",
    .doc = "a cell's products of one operand become one product",
    .run = run,
};
