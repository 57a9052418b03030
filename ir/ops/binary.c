// Elementwise ops of two and three operands. Operands of a node have equal shapes; the builders broadcast.
#include "ir/autodiff.h"
#include <math.h>

static bool is_comparison(op_code op) {
  return op == OP_LT || op == OP_LE || op == OP_EQ;
}

static bool is_logical(op_code op) {
  return op == OP_AND || op == OP_OR;
}

// MIN and MAX keep their order: at a tie the gradient goes to the first.
static bool commutes(op_code op) {
  return op == OP_ADD || op == OP_MUL || op == OP_EQ || is_logical(op);
}

static const char *binary_shape(graph *g, node *n) {
  (void)g;
  node *a = n->in[0], *b = n->in[1];
  if (!shape_equal(&a->shape, &b->shape))
    return "operands of different shapes";
  if (a->type != b->type || (is_logical(n->op) && a->type != INT) || (n->op == OP_POW && a->type != REAL))
    return "operands of unfit types";
  n->shape = a->shape;
  n->type = is_comparison(n->op) ? INT : a->type;
  bool swap = a->id > b->id;
  if (!node_uniform(a) != !node_uniform(b))
    swap = node_uniform(a) != NULL; // a uniform operand comes second
  if (commutes(n->op) && swap) {
    n->in[0] = b;
    n->in[1] = a;
  }
  return NULL;
}

static double binary_value(op_code op, double a, double b) {
  switch (op) {
  case OP_ADD:
    return a + b;
  case OP_SUB:
    return a - b;
  case OP_MUL:
    return a * b;
  case OP_DIV:
    return a / b;
  case OP_POW:
    return pow(a, b);
  case OP_MIN:
    return a <= b ? a : b;
  case OP_MAX:
    return a >= b ? a : b;
  case OP_LT:
    return a < b;
  case OP_LE:
    return a <= b;
  case OP_EQ:
    return a == b;
  case OP_AND:
    return a != 0 && b != 0;
  case OP_OR:
    return a != 0 || b != 0;
  default:
    ICE("%s is not binary", op_name(op));
  }
}

// INT arithmetic is that of int32, which wraps.
static int32_t integer_value(op_code op, int64_t a, int64_t b) {
  int64_t value;
  switch (op) {
  case OP_ADD:
    value = a + b;
    break;
  case OP_SUB:
    value = a - b;
    break;
  case OP_MUL:
    value = a * b;
    break;
  case OP_DIV:
    value = a / b;
    break;
  default:
    value = (int64_t)binary_value(op, (double)a, (double)b);
  }
  return (int32_t)(uint32_t)(uint64_t)value;
}

static node *fold_constants(graph *g, const node *n) {
  double a, b;
  elem_type type = n->in[0]->type;
  if (!node_is_number(n->in[0], &a) || !node_is_number(n->in[1], &b) ||
      (type == INT && n->op == OP_DIV && b == 0))
    return NULL;
  double value = type == INT ? integer_value(n->op, (int64_t)a, (int64_t)b) : binary_value(n->op, a, b);
  return g_number(g, value, n->type, n->shape);
}

static bool same_axes(const node *a, const node *b) {
  if (!shape_equal(&a->in[0]->shape, &b->in[0]->shape))
    return false;
  for (int k = 0; k < a->shape.rank; k++)
    if (a->i[k] != b->i[k])
      return false;
  return true;
}

// Broadcast operands that repeat alike (or are scalars): computed once, then broadcast. Fills `narrow` with
// the operands before broadcasting and returns the broadcast to repeat, or NULL.
static const node *common_broadcast(graph *g, node *const *in, int n, node **narrow) {
  const node *pattern = NULL;
  for (int k = 0; k < n; k++) {
    if (in[k]->op != OP_BROADCAST)
      return NULL;
    if (!node_uniform(in[k]) && pattern && !same_axes(in[k], pattern))
      return NULL;
    if (!pattern || !node_uniform(in[k]))
      pattern = in[k];
  }
  for (int k = 0; k < n; k++) {
    node *scalar = node_uniform(in[k]);
    narrow[k] = scalar ? g_broadcast_to(g, scalar, pattern->in[0]->shape) : in[k]->in[0];
  }
  return pattern;
}

static node *broadcast_like(graph *g, node *x, const node *pattern) {
  int axes[MAX_RANK];
  for (int k = 0; k < pattern->shape.rank; k++)
    axes[k] = (int)pattern->i[k];
  return g_broadcast(g, x, pattern->shape, axes);
}

static node *fold_sum(graph *g, const node *n) {
  node *a = n->in[0], *b = n->in[1];
  if (node_is(b, 0))
    return a;
  if (n->op == OP_ADD)
    return b->op == OP_NEG ? g_sub(g, a, b->in[0]) : a->op == OP_NEG ? g_sub(g, b, a->in[0]) : NULL;
  if (node_is(a, 0))
    return g_unary(g, OP_NEG, b);
  if (a == b && n->type == INT)
    return g_number_like(g, a, 0);
  return b->op == OP_NEG ? g_add(g, a, b->in[0]) : NULL;
}

// x * 0 stays for reals: it is NaN where x is not finite.
static node *fold_product(graph *g, const node *n) {
  node *a = n->in[0], *b = n->in[1];
  double c, d;
  if (node_is(b, 1))
    return a;
  if (node_is(b, -1))
    return g_unary(g, OP_NEG, a);
  if (n->op == OP_DIV)
    return a->op == OP_NEG && b->op == OP_NEG ? g_div(g, a->in[0], b->in[0]) : NULL;
  if (n->type == INT && node_is(b, 0))
    return b;
  if (a->op == OP_NEG && b->op == OP_NEG)
    return g_mul(g, a->in[0], b->in[0]);
  if (a->op == OP_NEG && node_is_number(b, &c))
    return g_mul(g, a->in[0], g_unary(g, OP_NEG, b));
  if (a->op == OP_MUL && node_is_number(b, &c) && node_is_number(a->in[1], &d))
    return g_mul(g, a->in[0], g_mul(g, a->in[1], b));
  return NULL;
}

static node *fold_power(graph *g, const node *n) {
  if (node_is(n->in[1], 1))
    return n->in[0];
  if (node_is(n->in[1], 2))
    return g_mul(g, n->in[0], n->in[0]);
  return node_is(n->in[1], 0) ? g_number_like(g, n, 1) : NULL;
}

static node *fold_logic(graph *g, const node *n) {
  node *a = n->in[0], *b = n->in[1];
  double c;
  if (n->op == OP_AND && node_is(b, 0))
    return b;
  if (n->op == OP_OR && node_is_number(b, &c) && c != 0)
    return g_number_like(g, n, 1);
  bool boolean = is_comparison(a->op) || is_logical(a->op);
  bool neutral = n->op == OP_AND ? node_is_number(b, &c) && c != 0 : node_is(b, 0);
  return boolean && (neutral || a == b) ? a : NULL;
}

static node *binary_fold(graph *g, const node *n) {
  node *folded = fold_constants(g, n), *narrow[2];
  if (folded)
    return folded;
  const node *pattern = common_broadcast(g, n->in, 2, narrow);
  if (pattern)
    return broadcast_like(g, g_binary(g, n->op, narrow[0], narrow[1]), pattern);
  switch (n->op) {
  case OP_ADD:
  case OP_SUB:
    return fold_sum(g, n);
  case OP_MUL:
  case OP_DIV:
    return fold_product(g, n);
  case OP_POW:
    return fold_power(g, n);
  case OP_MIN:
  case OP_MAX:
    return n->in[0] == n->in[1] ? n->in[0] : NULL;
  case OP_AND:
  case OP_OR:
    return fold_logic(g, n);
  default: // comparisons: x == x is false for NaN, so only integers fold
    return n->in[0] == n->in[1] && n->in[0]->type == INT ? g_number_like(g, n, n->op != OP_LT) : NULL;
  }
}

static bool is_one(const dim *d) {
  int64_t c;
  return dim_is_const(d, &c) && c == 1;
}

// numpy's rule: aligned from the right, an extent of 1 stretches.
static shape common_shape(const shape *a, const shape *b) {
  const shape *longer = a->rank >= b->rank ? a : b, *other = longer == a ? b : a;
  shape s = *longer;
  int skip = longer->rank - other->rank;
  for (int k = 0; k < other->rank; k++)
    if (is_one(s.d[k + skip]))
      s.d[k + skip] = other->d[k];
  return s;
}

node *g_binary(graph *g, op_code op, node *a, node *b) {
  INVARIANT(op_family_of(op) == FAMILY_BINARY);
  shape s = common_shape(&a->shape, &b->shape);
  node *in[2] = {g_broadcast_to(g, a, s), g_broadcast_to(g, b, s)};
  node n = {.op = op, .n_in = 2, .in = in};
  return graph_intern(g, &n);
}

static const char *select_shape(graph *g, node *n) {
  (void)g;
  const node *c = n->in[0], *a = n->in[1], *b = n->in[2];
  if (!shape_equal(&c->shape, &a->shape) || !shape_equal(&a->shape, &b->shape))
    return "operands of different shapes";
  if (c->type != INT || a->type != b->type)
    return "operands of unfit types";
  n->shape = a->shape;
  n->type = a->type;
  return NULL;
}

static node *select_fold(graph *g, const node *n) {
  double c;
  node *narrow[3];
  if (node_is_number(n->in[0], &c))
    return n->in[c != 0 ? 1 : 2];
  if (n->in[1] == n->in[2])
    return n->in[1];
  const node *pattern = common_broadcast(g, n->in, 3, narrow);
  return pattern ? broadcast_like(g, g_select(g, narrow[0], narrow[1], narrow[2]), pattern) : NULL;
}

node *g_select(graph *g, node *condition, node *a, node *b) {
  shape s = common_shape(&a->shape, &b->shape);
  s = common_shape(&condition->shape, &s);
  node *in[3] = {g_broadcast_to(g, condition, s), g_broadcast_to(g, a, s), g_broadcast_to(g, b, s)};
  node n = {.op = OP_SELECT, .n_in = 3, .in = in};
  return graph_intern(g, &n);
}

// ---- VJPs

static void add_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], dy);
  adjoint_add(a, y->in[1], dy);
}

static void sub_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], dy);
  if (adjoint_wanted(a, y->in[1]))
    adjoint_add(a, y->in[1], g_unary(a->g, OP_NEG, dy));
}

static void mul_vjp(adjoint *a, node *y, node *dy) {
  for (int k = 0; k < 2; k++)
    if (adjoint_wanted(a, y->in[k]))
      adjoint_add(a, y->in[k], g_mul(a->g, dy, y->in[1 - k]));
}

static void div_vjp(adjoint *a, node *y, node *dy) {
  node *quotient = g_div(a->g, dy, y->in[1]);
  adjoint_add(a, y->in[0], quotient);
  if (adjoint_wanted(a, y->in[1]))
    adjoint_add(a, y->in[1], g_unary(a->g, OP_NEG, g_mul(a->g, quotient, y)));
}

// x^p: by x, p x^(p-1) and 0 where p is 0; by p, x^p log x and 0 where x is not positive (TensorFlow's rule).
static void pow_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  node *x = y->in[0], *p = y->in[1], *zero = g_real(g, 0), *one = g_real(g, 1);
  if (adjoint_wanted(a, x)) {
    node *slope = g_mul(g, p, g_binary(g, OP_POW, x, g_sub(g, p, one)));
    slope = g_select(g, g_binary(g, OP_EQ, p, zero), zero, slope);
    adjoint_add(a, x, g_mul(g, dy, slope));
  }
  if (adjoint_wanted(a, p)) {
    node *positive = g_binary(g, OP_LT, zero, x);
    node *log_x = g_select(g, positive, g_unary(g, OP_LOG, g_select(g, positive, x, one)), zero);
    adjoint_add(a, p, g_mul(g, dy, g_mul(g, y, log_x)));
  }
}

// All to the operand that was taken; at a tie that is the first.
static void extreme_vjp(adjoint *a, node *y, node *dy) {
  graph *g = a->g;
  bool max = y->op == OP_MAX;
  node *first = g_binary(g, OP_LE, y->in[max ? 1 : 0], y->in[max ? 0 : 1]), *zero = g_real(g, 0);
  if (adjoint_wanted(a, y->in[0]))
    adjoint_add(a, y->in[0], g_select(g, first, dy, zero));
  if (adjoint_wanted(a, y->in[1]))
    adjoint_add(a, y->in[1], g_select(g, first, zero, dy));
}

static void select_vjp(adjoint *a, node *y, node *dy) {
  node *zero = g_real(a->g, 0);
  if (adjoint_wanted(a, y->in[1]))
    adjoint_add(a, y->in[1], g_select(a->g, y->in[0], dy, zero));
  if (adjoint_wanted(a, y->in[2]))
    adjoint_add(a, y->in[2], g_select(a->g, y->in[0], zero, dy));
}

#define BINARY(name, rule)                                                                                   \
  const op_rules op_rules_##name = {.shape = binary_shape, .fold = binary_fold, .vjp = rule}
BINARY(add, add_vjp);
BINARY(sub, sub_vjp);
BINARY(mul, mul_vjp);
BINARY(div, div_vjp);
BINARY(pow, pow_vjp);
BINARY(min, extreme_vjp);
BINARY(max, extreme_vjp);
BINARY(lt, NULL); // integers carry no gradient
BINARY(le, NULL);
BINARY(eq, NULL);
BINARY(and, NULL);
BINARY(or, NULL);
const op_rules op_rules_select = {.shape = select_shape, .fold = select_fold, .vjp = select_vjp};
