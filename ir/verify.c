// Structural checks of an op graph: what every pass must leave true.
#include "ir/op.h"
#include "ir/scan.h"
#include <stdlib.h>
#include <string.h>

static const char *complain(graph *g, const node *n, const char *what) {
  return arena_printf(g->mem, "node %u (%s): %s", n->id, op_name(n->op), what);
}

// The shape rule, run again on a copy, must find nothing wrong and give the same result.
static const char *check_shape(graph *g, const node *n) {
  node copy = *n;
  node *local[4], **in = n->n_in > 4 ? xmalloc(sizeof *in * (size_t)n->n_in) : local;
  if (n->n_in)
    memcpy(in, n->in, sizeof *in * (size_t)n->n_in);
  copy.in = in;
  const char *wrong = op_rules_of(n->op)->shape(g, &copy);
  if (!wrong && (!shape_equal(&copy.shape, &n->shape) || copy.type != n->type))
    wrong = "shape or type does not follow from the operands";
  if (!wrong && n->n_in && memcmp(in, n->in, sizeof *in * (size_t)n->n_in) != 0)
    wrong = "operands are not in canonical order";
  if (in != local)
    free(in);
  return wrong;
}

static const char *check_order(const graph *g, const node *n) {
  if (n->id >= g->n_nodes || g->nodes[n->id] != n)
    return "is not a node of this graph";
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k]->id >= n->id)
      return "an operand comes after its user";
  return NULL;
}

static bool counted_before(const graph *g, const dim *d, const node *n) {
  for (; d->a; d = d->a)
    if (!counted_before(g, d->b, n))
      return false;
  const node *origin = d->kind == DIM_SYMBOL ? graph_origin(g, d) : NULL;
  return !origin || origin->id < n->id;
}

// What mentions a run-time count must come after the node that gives it.
static const char *check_counts(const graph *g, const node *n) {
  bool sound = n->op != OP_EXTENT || counted_before(g, n->extra, n);
  for (int k = 0; k < n->shape.rank; k++)
    sound &= counted_before(g, n->shape.d[k], n);
  return sound ? NULL : "mentions a count before the node that gives it";
}

static const char *check_members(const graph *g, const node *n) {
  int id = node_scan_id(g, n);
  if (n->op == OP_SCAN && id >= 0)
    return "a scan inside a scan";
  for (int k = 0; k < n->n_in; k++) {
    int of = node_scan_id(g, n->in[k]);
    if (of >= 0 && of != id)
      return "an operand belongs to the body of another scan";
  }
  return NULL;
}

static bool is_parameter(const scan_body *b, const node *n) {
  if (n->op == OP_SCAN_SEQ)
    return n->i[1] < b->n_seq && b->seq_param[n->i[1]] == n;
  return n->i[1] < b->n_state && b->state_param[n->i[1]] == n;
}

static const char *check_body(const graph *g, const node *scan) {
  const scan_body *b = scan_body_of(scan);
  node **list;
  size_t n = scan_body_nodes(g, b, &list);
  const char *wrong = NULL;
  for (size_t k = 0; k < n && !wrong; k++) {
    if (list[k]->id >= scan->id)
      wrong = "a body node comes after its scan";
    else if ((list[k]->op == OP_SCAN_SEQ || list[k]->op == OP_SCAN_STATE) && !is_parameter(b, list[k]))
      wrong = "the body reads a parameter that the scan does not have";
    else if (op_has_effect(list[k]->op))
      wrong = "a check inside a scan body";
  }
  free(list);
  for (int k = 0; k < b->n_state && !wrong; k++)
    if (node_scan_id(g, b->next[k]) != b->id)
      wrong = "a next state outside the body";
  for (int k = 0; k < b->n_out && !wrong; k++)
    if (node_scan_id(g, b->out[k]) != b->id)
      wrong = "an output outside the body";
  return wrong;
}

const char *graph_verify(const graph *g, node *const *roots, size_t n_roots) {
  graph *mutable_dims = (graph *)g; // shape rules make extents
  node **list;
  size_t n = graph_reachable(g, roots, n_roots, &list);
  const char *wrong = NULL;
  for (size_t k = 0; k < n && !wrong; k++) {
    const char *what = check_order(g, list[k]);
    what = what ? what : check_shape(mutable_dims, list[k]);
    what = what ? what : check_counts(g, list[k]);
    what = what ? what : check_members(g, list[k]);
    what = what || list[k]->op != OP_SCAN ? what : check_body(g, list[k]);
    if (what)
      wrong = complain(mutable_dims, list[k], what);
  }
  free(list);
  for (size_t k = 0; k < n_roots && !wrong; k++)
    if (roots[k] && node_scan_id(g, roots[k]) >= 0)
      wrong = complain(mutable_dims, roots[k], "a root inside a scan body");
  return wrong;
}
