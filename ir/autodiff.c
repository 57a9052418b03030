// Reverse-mode differentiation as a transformation of graphs: one sweep from the loss to its inputs, in which
// every node hands its adjoint to its operands by its op's VJP. Sums of contributions are in the order of the
// sweep, so the result is the same every time.
#include "ir/autodiff.h"
#include <stdlib.h>

void adjoint_begin(adjoint *a, graph *g) {
  *a = (adjoint){.g = g, .n = g->n_nodes};
  a->wanted = graph_take_map(g);
  a->lists = graph_take_map(g);
}

void adjoint_end(adjoint *a) {
  for (size_t k = 0; k < a->terms.len; k++)
    vec_free(&a->terms.data[k]);
  vec_free(&a->terms);
  vec_free(&a->parts);
  graph_give_map(a->g, a->wanted);
  graph_give_map(a->g, a->lists);
}

bool adjoint_wanted(const adjoint *a, const node *x) {
  return x->id < a->n && node_map_has(a->wanted, x);
}

void adjoint_want(adjoint *a, const node *x) {
  node_map_set_number(a->wanted, x, 1);
}

adjoint_terms adjoint_terms_of(const adjoint *a, const node *x) {
  size_t number = x->id < a->n ? node_map_number(a->lists, x) : 0;
  return number ? a->terms.data[number - 1] : (adjoint_terms){0};
}

void adjoint_add(adjoint *a, node *x, node *dx) {
  if (!adjoint_wanted(a, x))
    return;
  if (!shape_equal(&x->shape, &dx->shape))
    ICE("the adjoint of %s has another shape", op_name(x->op));
  size_t number = node_map_number(a->lists, x);
  if (!number) {
    vec_push(&a->terms, (adjoint_terms){0});
    number = a->terms.len;
    node_map_set_number(a->lists, x, number);
  }
  vec_push(&a->terms.data[number - 1], dx);
}

void adjoint_add_part(adjoint *a, node *scan, int part, node *dy) {
  part_adjoint p = {scan, part, dy};
  vec_push(&a->parts, p);
}

// ---- sums of slices' adjoints: pads side by side are one concat

typedef struct piece {
  int64_t start, size;
  node *value;
} piece;

static bool is_piece(const node *n, int axis, piece *p) {
  int64_t size;
  if (n->op != OP_PAD || n->f != 0 || n->i[0] != axis || !dim_is_const(n->in[0]->shape.d[axis], &size))
    return false;
  *p = (piece){n->i[1], size, n->in[0]};
  return true;
}

static int compare_pieces(const void *x, const void *y) {
  const piece *a = x, *b = y;
  return a->start < b->start ? -1 : a->start > b->start;
}

static node *zero_gap(graph *g, const node *like, int axis, const dim *size) {
  return g_zeros(g, shape_with(&like->shape, axis, size));
}

// Disjoint pieces, sorted, with zeros between and after them.
static node *join_pieces(graph *g, const piece *pieces, size_t n, int axis, const shape *whole) {
  VEC(node *) parts = {0};
  int64_t at = 0, total;
  for (size_t k = 0; k < n; k++) {
    if (pieces[k].start > at)
      vec_push(&parts, zero_gap(g, pieces[k].value, axis, dim_const(g->dims, pieces[k].start - at)));
    vec_push(&parts, pieces[k].value);
    at = pieces[k].start + pieces[k].size;
  }
  if (!dim_is_const(whole->d[axis], &total) || total > at)
    vec_push(&parts, zero_gap(g, pieces[0].value, axis, dim_sub_const(g->dims, whole->d[axis], at)));
  node *joined = g_concat(g, parts.data, (int)parts.len, axis);
  vec_free(&parts);
  return joined;
}

// Replaces the pads along the first pad's axis by one concat, if no two of them overlap.
static void merge_pads(graph *g, adjoint_terms *terms) {
  int axis = -1;
  for (size_t k = 0; k < terms->len && axis < 0; k++)
    if (terms->data[k]->op == OP_PAD)
      axis = (int)terms->data[k]->i[0];
  if (axis < 0 || terms->len < 2)
    return;
  VEC(piece) pieces = {0};
  adjoint_terms rest = {0};
  for (size_t k = 0; k < terms->len; k++) {
    piece p;
    if (is_piece(terms->data[k], axis, &p))
      vec_push(&pieces, p);
    else
      vec_push(&rest, terms->data[k]);
  }
  if (pieces.len > 1)
    qsort(pieces.data, pieces.len, sizeof *pieces.data, compare_pieces);
  bool disjoint = pieces.len > 1;
  for (size_t k = 1; k < pieces.len; k++)
    disjoint &= pieces.data[k - 1].start + pieces.data[k - 1].size <= pieces.data[k].start;
  if (disjoint) {
    shape whole = terms->data[0]->shape;
    vec_push(&rest, join_pieces(g, pieces.data, pieces.len, axis, &whole));
    vec_free(terms);
    *terms = rest;
  } else {
    vec_free(&rest);
  }
  vec_free(&pieces);
}

node *adjoint_total(adjoint *a, const node *x) {
  size_t number = x->id < a->n ? node_map_number(a->lists, x) : 0;
  if (!number)
    return NULL;
  adjoint_terms *terms = &a->terms.data[number - 1];
  merge_pads(a->g, terms);
  node *sum = terms->data[0];
  for (size_t k = 1; k < terms->len; k++)
    sum = g_add(a->g, sum, terms->data[k]);
  terms->data[0] = sum;
  terms->len = 1;
  return sum;
}

// ---- the sweep

static void mark_wanted(adjoint *a, node *const *list, size_t n, node *const *wrt, size_t n_wrt) {
  for (size_t k = 0; k < n_wrt; k++) {
    INVARIANT(wrt[k]->type == REAL);
    adjoint_want(a, wrt[k]);
  }
  for (size_t k = 0; k < n; k++) {
    const node *x = list[k];
    for (int j = 0; j < x->n_in && x->type == REAL; j++)
      if (adjoint_wanted(a, x->in[j]))
        adjoint_want(a, x);
  }
}

static void sweep_node(adjoint *a, node *x) {
  if (x->op == OP_SCAN) {
    scan_vjp(a, x);
    return;
  }
  node *dy = adjoint_total(a, x);
  const op_rules *rules = op_rules_of(x->op);
  if (dy && rules->vjp)
    rules->vjp(a, x, dy);
}

void graph_gradients(graph *g, node *loss, node *const *wrt, size_t n_wrt, node **grads,
                     const struct recompute *r) {
  INVARIANT(loss->shape.rank == 0 && loss->type == REAL);
  node **list;
  size_t n = graph_reachable(g, &loss, 1, &list);
  int n_labels;
  const char *const *labels = graph_labels(g, &n_labels);
  adjoint a;
  adjoint_begin(&a, g);
  a.recompute = r;
  mark_wanted(&a, list, n, wrt, n_wrt);
  adjoint_add(&a, loss, g_real(g, 1));
  for (size_t k = n; k-- > 0;) {
    if (!adjoint_wanted(&a, list[k]) || node_scan_id(g, list[k]) >= 0)
      continue; // bodies are swept with their scan
    graph_restore_labels(g, list[k]->labels, list[k]->n_labels);
    sweep_node(&a, list[k]);
  }
  graph_restore_labels(g, labels, n_labels);
  for (size_t k = 0; k < n_wrt; k++)
    grads[k] = adjoint_total(&a, wrt[k]);
  adjoint_end(&a);
  free(list);
}
