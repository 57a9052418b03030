// Elementwise ops of one operand.
#include "ir/autodiff.h"
#include <math.h>

static const char *unary_shape(graph *g, node *n) {
  (void)g;
  n->shape = n->in[0]->shape;
  n->type = n->in[0]->type;
  if (n->type == INT && n->op != OP_NEG && n->op != OP_ABS && n->op != OP_SIGN && n->op != OP_COPY)
    return "needs real numbers";
  return NULL;
}

static double unary_value(op_code op, double x) {
  switch (op) {
  case OP_NEG:
    return -x;
  case OP_ABS:
    return fabs(x);
  case OP_SIGN:
    return (x > 0) - (x < 0);
  case OP_EXP:
    return exp(x);
  case OP_LOG:
    return log(x);
  case OP_LOG1P:
    return log1p(x);
  case OP_SQRT:
    return sqrt(x);
  case OP_TANH:
    return tanh(x);
  case OP_SIGMOID:
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
  case OP_ERF:
    return erf(x);
  case OP_SIN:
    return sin(x);
  case OP_COS:
    return cos(x);
  case OP_FLOOR:
    return floor(x);
  default:
    ICE("%s is not unary", op_name(op));
  }
}

static void axes_of(const node *broadcast, int *axes) {
  for (int k = 0; k < broadcast->shape.rank; k++)
    axes[k] = (int)broadcast->i[k];
}

static node *unary_fold(graph *g, const node *n) {
  node *x = n->in[0];
  if (x->op == OP_CONST)
    return g_number(g, unary_value(n->op, x->type == INT ? (double)x->i[0] : x->f), n->type, n->shape);
  if (x->op == OP_BROADCAST) { // the same number is computed once
    int axes[MAX_RANK];
    axes_of(x, axes);
    return g_broadcast(g, g_unary(g, n->op, x->in[0]), n->shape, axes);
  }
  if (n->op == OP_NEG && x->op == OP_NEG)
    return x->in[0];
  if (n->op == OP_NEG && x->op == OP_SUB)
    return g_sub(g, x->in[1], x->in[0]);
  if (n->op == OP_ABS && x->op == OP_NEG)
    return g_unary(g, OP_ABS, x->in[0]);
  if (n->op == x->op && (n->op == OP_ABS || n->op == OP_SIGN || n->op == OP_FLOOR))
    return x;
  return NULL;
}

static const char *copy_shape(graph *g, node *n) {
  (void)g;
  n->shape = n->in[0]->shape;
  n->type = n->in[0]->type;
  return NULL;
}

static void copy_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], dy);
}

static const char *cast_shape(graph *g, node *n) {
  (void)g;
  n->shape = n->in[0]->shape;
  return NULL;
}

static node *cast_fold(graph *g, const node *n) {
  node *x = n->in[0];
  if (x->type == n->type)
    return x;
  bool fits = x->type == INT || (x->f > -2147483649.0 && x->f < 2147483648.0);
  if (x->op == OP_CONST && fits)
    return n->type == INT ? g_int(g, (int64_t)x->f) : g_real(g, (double)x->i[0]);
  if (x->op == OP_EXTENT)
    return g_extent(g, x->extra, n->type);
  if (x->op != OP_BROADCAST)
    return NULL;
  int axes[MAX_RANK];
  axes_of(x, axes);
  return g_broadcast(g, g_cast(g, x->in[0], n->type), n->shape, axes);
}

node *g_unary(graph *g, op_code op, node *x) {
  INVARIANT(op_family_of(op) == FAMILY_UNARY && op != OP_CAST);
  node n = {.op = op, .n_in = 1, .in = &x};
  return graph_intern(g, &n);
}

node *g_cast(graph *g, node *x, elem_type type) {
  node n = {.op = OP_CAST, .type = type, .n_in = 1, .in = &x};
  return graph_intern(g, &n);
}

// ---- VJPs; y is the node itself, so saturating functions are differentiated through their results

static void neg_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_unary(a->g, OP_NEG, dy));
}

static void abs_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_mul(a->g, dy, g_unary(a->g, OP_SIGN, y->in[0])));
}

static void exp_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_mul(a->g, dy, y));
}

static void log_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_div(a->g, dy, y->in[0]));
}

static void log1p_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_div(a->g, dy, g_add(a->g, y->in[0], g_real(a->g, 1))));
}

static void sqrt_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_div(a->g, g_mul(a->g, dy, g_real(a->g, 0.5)), y));
}

static void tanh_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_mul(a->g, dy, g_sub(a->g, g_real(a->g, 1), g_mul(a->g, y, y))));
}

static void sigmoid_vjp(adjoint *a, node *y, node *dy) {
  node *slope = g_mul(a->g, y, g_sub(a->g, g_real(a->g, 1), y));
  adjoint_add(a, y->in[0], g_mul(a->g, dy, slope));
}

static void erf_vjp(adjoint *a, node *y, node *dy) {
  node *x = y->in[0], *bell = g_unary(a->g, OP_EXP, g_unary(a->g, OP_NEG, g_mul(a->g, x, x)));
  adjoint_add(a, x, g_mul(a->g, dy, g_mul(a->g, bell, g_real(a->g, 2 / sqrt(acos(-1))))));
}

static void sin_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_mul(a->g, dy, g_unary(a->g, OP_COS, y->in[0])));
}

static void cos_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add(a, y->in[0], g_unary(a->g, OP_NEG, g_mul(a->g, dy, g_unary(a->g, OP_SIN, y->in[0]))));
}

const op_rules op_rules_copy = {.shape = copy_shape, .vjp = copy_vjp}; // folding would defeat it
#define UNARY(name, rule)                                                                                    \
  const op_rules op_rules_##name = {.shape = unary_shape, .fold = unary_fold, .vjp = rule}
UNARY(neg, neg_vjp);
UNARY(abs, abs_vjp);
UNARY(sign, NULL); // flat
UNARY(exp, exp_vjp);
UNARY(log, log_vjp);
UNARY(log1p, log1p_vjp);
UNARY(sqrt, sqrt_vjp);
UNARY(tanh, tanh_vjp);
UNARY(sigmoid, sigmoid_vjp);
UNARY(erf, erf_vjp);
UNARY(sin, sin_vjp);
UNARY(cos, cos_vjp);
UNARY(floor, NULL);                                                      // flat
const op_rules op_rules_cast = {.shape = cast_shape, .fold = cast_fold}; // integers carry no gradient
