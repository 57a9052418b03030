// Arithmetic of a program, counted on its ops.
#include "ir/lower.h"
#include "ir/report.h"
#include <string.h>

static double elements(const shape *s, const int64_t *extents) {
  double n = 1;
  for (int k = 0; k < s->rank; k++)
    n *= (double)dim_eval(s->d[k], extents);
  return n;
}

static double matmul_flops(const node *n, const int64_t *extents) {
  const shape *a = &n->in[0]->shape;
  if (n->in[0]->op == OP_ONE_HOT || n->in[1]->op == OP_ONE_HOT)
    return 0;
  const dim *depth = a->d[a->rank - (n->i[0] ? 2 : 1)];
  return 2 * elements(&n->shape, extents) * (double)dim_eval(depth, extents);
}

static double node_flops(const node *n, const int64_t *extents) {
  if (n->op == OP_MATMUL)
    return matmul_flops(n, extents);
  if (op_family_of(n->op) == FAMILY_REDUCE)
    return elements(&n->in[0]->shape, extents);
  if (!op_is_elementwise(n->op) || n->op == OP_CAST || n->op == OP_COPY)
    return 0;
  return elements(&n->shape, extents);
}

// Extents of all symbols: given ones, then run-time counts at their bounds, which are older symbols. The
// active rows of a scan's body, summed over its steps, are the valid rows of its packing.
static int64_t *all_extents(const program *p, node *const *nodes, size_t n, const int64_t *given,
                            int n_given) {
  const dim_table *dims = p->g->dims;
  int count = dim_symbol_count(dims);
  int64_t *extents = xcalloc((size_t)count + 1, sizeof *extents);
  for (int s = 0; s < count; s++) {
    const dim *d = dim_symbol_at(dims, s);
    extents[s] = d->bound ? dim_eval(d->bound, extents) : s < n_given && given[s] >= 0 ? given[s] : 1;
  }
  for (size_t k = 0; k < n; k++)
    if (nodes[k]->op == OP_SCAN) {
      const scan_body *b = scan_body_of(nodes[k]);
      extents[b->active->symbol] = dim_eval(pack_valid(b->pack), extents);
    }
  return extents;
}

// The name that a label belongs to: itself, or its longest prefix that ends before a '/'.
static int owner_of(const char *label, const char *const *names, size_t n) {
  int best = -1;
  size_t best_length = 0;
  for (size_t i = 0; i < n; i++) {
    size_t length = strlen(names[i]);
    if (length >= best_length && strncmp(label, names[i], length) == 0 &&
        (!label[length] || label[length] == '/')) {
      best = (int)i;
      best_length = length;
    }
  }
  return best;
}

void program_flops(const program *p, const int64_t *extents, int n_extents, const char *const *names,
                   size_t n_names, double *flops) {
  VEC(node *) roots = {0};
  for (size_t i = 0; i < p->roots.len; i++)
    vec_push(&roots, p->roots.data[i].value);
  node **nodes;
  size_t n = graph_reachable(p->g, roots.data, roots.len, &nodes);
  int64_t *all = all_extents(p, nodes, n, extents, n_extents);
  memset(flops, 0, n_names * sizeof *flops);
  for (size_t k = 0; k < n; k++) {
    int owner = nodes[k]->n_labels ? owner_of(nodes[k]->labels[0], names, n_names) : -1;
    if (owner >= 0)
      flops[owner] += node_flops(nodes[k], all);
  }
  free(all);
  free(nodes);
  vec_free(&roots);
}
