// Ops without operands: inputs, parameters, constants, extents, index ramps, scan parameters, random numbers.
#include "ir/op.h"
#include <math.h>

// The shape is given by the builder.
static const char *given_shape(graph *g, node *n) {
  (void)g;
  (void)n;
  return NULL;
}

static const char *scalar_shape(graph *g, node *n) {
  (void)g;
  return n->shape.rank == 0 ? NULL : "must be a scalar";
}

const op_rules op_rules_input = {.shape = given_shape};
const op_rules op_rules_param = {.shape = given_shape};
const op_rules op_rules_const = {.shape = scalar_shape};
const op_rules op_rules_scan_seq = {.shape = given_shape};
const op_rules op_rules_scan_state = {.shape = given_shape};

node *g_input(graph *g, int index, elem_type type, shape s) {
  node n = {.op = OP_INPUT, .type = type, .shape = s, .i = {index}};
  return graph_intern(g, &n);
}

node *g_param(graph *g, int index, shape s) {
  node n = {.op = OP_PARAM, .type = REAL, .shape = s, .i = {index}};
  return graph_intern(g, &n);
}

node *g_real(graph *g, double value) {
  node n = {.op = OP_CONST, .type = REAL, .f = value};
  return graph_intern(g, &n);
}

node *g_int(graph *g, int64_t value) {
  INVARIANT(value >= INT32_MIN && value <= INT32_MAX);
  node n = {.op = OP_CONST, .type = INT, .i = {value}};
  return graph_intern(g, &n);
}

static node *extent_fold(graph *g, const node *n) {
  int64_t value;
  if (!dim_is_const(n->extra, &value))
    return NULL;
  return n->type == INT ? g_int(g, value) : g_real(g, (double)value);
}

const op_rules op_rules_extent = {.shape = scalar_shape, .fold = extent_fold};

node *g_extent(graph *g, const dim *d, elem_type type) {
  node n = {.op = OP_EXTENT, .type = type, .extra = d};
  return graph_intern(g, &n);
}

static const char *iota_shape(graph *g, node *n) {
  (void)g;
  return n->i[0] >= 0 && n->i[0] < n->shape.rank ? NULL : "axis out of range";
}

// Only the axis it counts along matters: the others are repetitions.
static node *iota_fold(graph *g, const node *n) {
  int64_t extent;
  int axis = (int)n->i[0];
  if (dim_is_const(n->shape.d[axis], &extent) && extent == 1)
    return g_number(g, 0, INT, n->shape);
  if (n->shape.rank == 1)
    return NULL;
  int axes[MAX_RANK];
  for (int k = 0; k < n->shape.rank; k++)
    axes[k] = k == axis ? 0 : -1;
  return g_broadcast(g, g_iota(g, shape_of(1, n->shape.d[axis]), 0), n->shape, axes);
}

const op_rules op_rules_iota = {.shape = iota_shape, .fold = iota_fold};

node *g_iota(graph *g, shape s, int axis) {
  node n = {.op = OP_IOTA, .type = INT, .shape = s, .i = {axis}};
  return graph_intern(g, &n);
}

static const char *random_shape(graph *g, node *n) {
  (void)g;
  if (n->n_in > 1)
    return "takes one operand at most";
  if (n->n_in == 0)
    return NULL;
  const node *rows = n->in[0];
  bool fits =
      rows->type == INT && rows->shape.rank == 1 && n->shape.rank > 0 && rows->shape.d[0] == n->shape.d[0];
  return fits ? NULL : "row numbers must be one integer for each row";
}

const op_rules op_rules_random = {.shape = random_shape};

node *g_random(graph *g, uint64_t stream, shape s, node *rows_or_null) {
  node n = {.op = OP_RANDOM, .type = REAL, .shape = s, .n_in = rows_or_null != NULL, .in = &rows_or_null};
  n.i[0] = (int64_t)stream;
  return graph_intern(g, &n);
}

// ---- values known while building

bool node_is_number(const node *n, double *value) {
  while (n->op == OP_BROADCAST)
    n = n->in[0];
  if (n->op != OP_CONST)
    return false;
  *value = n->type == INT ? (double)n->i[0] : n->f;
  return true;
}

bool node_is(const node *n, double value) {
  double found;
  return node_is_number(n, &found) && found == value;
}

node *node_uniform(const node *n) {
  if (n->op == OP_BROADCAST && n->in[0]->shape.rank == 0)
    return n->in[0];
  return n->op == OP_CONST ? (node *)n : NULL;
}

node *g_number(graph *g, double value, elem_type type, shape s) {
  node *scalar = type == INT ? g_int(g, (int64_t)value) : g_real(g, value);
  return g_broadcast_to(g, scalar, s);
}

node *g_number_like(graph *g, const node *like, double value) {
  return g_number(g, value, like->type, like->shape);
}

node *g_zeros(graph *g, shape s) {
  return g_number(g, 0, REAL, s);
}

shape shape_without(const shape *s, unsigned axes) {
  shape r = {0};
  for (int k = 0; k < s->rank; k++)
    if (!(axes >> k & 1))
      r.d[r.rank++] = s->d[k];
  return r;
}

shape shape_with(const shape *s, int axis, const dim *d) {
  shape r = *s;
  r.d[axis] = d;
  return r;
}

shape shape_join(const shape *head, const shape *tail, int tail_from) {
  shape r = *head;
  INVARIANT(head->rank + tail->rank - tail_from <= MAX_RANK);
  for (int k = tail_from; k < tail->rank; k++)
    r.d[r.rank++] = tail->d[k];
  return r;
}
