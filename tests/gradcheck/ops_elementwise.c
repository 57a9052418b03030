// Gradient checks of leaves and elementwise ops.
#include "tests/gradcheck/ops_cases.h"

shape matrix_shape(world *w, int64_t rows, int64_t columns) {
  return shape_of(2, world_const(w, rows), world_const(w, columns));
}

shape vector_shape(world *w, int64_t n) {
  return shape_of(1, world_const(w, n));
}

static node *matrix(world *w, double low, double high) {
  return world_param(w, low, high, matrix_shape(w, 3, 4));
}

// ---- leaves, each times a parameter

node *gradcheck_input(world *w) {
  return g_mul(w->g, matrix(w, -1, 1), world_fixed(w, -1, 1, matrix_shape(w, 3, 4)));
}

node *gradcheck_param(world *w) {
  return g_mul(w->g, matrix(w, -1, 1), matrix(w, -1, 1));
}

node *gradcheck_const(world *w) {
  return g_mul(w->g, matrix(w, -1, 1), g_real(w->g, 3.5));
}

node *gradcheck_iota(world *w) {
  node *x = matrix(w, -1, 1);
  return g_mul(w->g, x, g_cast(w->g, g_iota(w->g, x->shape, 1), REAL));
}

node *gradcheck_extent(world *w) {
  return g_div(w->g, matrix(w, -1, 1), g_extent(w->g, world_dim(w, "batch", 5), REAL));
}

node *gradcheck_random(world *w) {
  node *x = matrix(w, -1, 1);
  const int rows[] = {7, 2, 9};
  node *plain = g_random(w->g, 11, x->shape, NULL);
  node *numbered = g_random(w->g, 11, x->shape, world_ints(w, vector_shape(w, 3), rows));
  return g_add(w->g, g_mul(w->g, x, plain), g_mul(w->g, g_mul(w->g, x, x), numbered));
}

// ---- one operand

#define UNARY(name, NAME, low, high)                                                                         \
  node *gradcheck_##name(world *w) {                                                                         \
    return g_unary(w->g, OP_##NAME, matrix(w, low, high));                                                   \
  }

UNARY(neg, NEG, -1, 1)
UNARY(abs, ABS, -1, 1)
UNARY(exp, EXP, -2, 2)
UNARY(log, LOG, 0.3, 4)
UNARY(log1p, LOG1P, -0.6, 3)
UNARY(sqrt, SQRT, 0.3, 4)
UNARY(tanh, TANH, -2, 2)
UNARY(sigmoid, SIGMOID, -3, 3)
UNARY(erf, ERF, -2, 2)
UNARY(sin, SIN, -3, 3)
UNARY(cos, COS, -3, 3)
UNARY(copy, COPY, -1, 1)

node *gradcheck_sign(world *w) {
  node *x = matrix(w, -1, 1);
  return g_add(w->g, g_unary(w->g, OP_SIGN, x), g_mul(w->g, x, x));
}

node *gradcheck_floor(world *w) {
  node *x = matrix(w, 0.1, 0.9);
  return g_mul(w->g, x, g_unary(w->g, OP_FLOOR, g_mul(w->g, x, g_real(w->g, 7.1))));
}

node *gradcheck_cast(world *w) {
  node *x = matrix(w, 0.1, 3.9);
  return g_mul(w->g, x, g_cast(w->g, g_cast(w->g, x, INT), REAL));
}

// ---- two operands, one of them broadcast

static node *row(world *w, double low, double high) {
  return world_param(w, low, high, shape_of(2, world_const(w, 1), world_const(w, 4)));
}

#define BINARY(name, NAME, low, high)                                                                        \
  node *gradcheck_##name(world *w) {                                                                         \
    node *a = matrix(w, low, high), *b = row(w, low, high);                                                  \
    return g_add(w->g, g_binary(w->g, OP_##NAME, a, b), g_binary(w->g, OP_##NAME, g_mul(w->g, b, b), a));    \
  }

BINARY(add, ADD, -1, 1)
BINARY(sub, SUB, -1, 1)
BINARY(mul, MUL, -1, 1)
BINARY(div, DIV, 0.4, 2)
BINARY(pow, POW, 0.4, 2)
BINARY(min, MIN, -1, 1)
BINARY(max, MAX, -1, 1)

// Integers carry no gradient: the comparison decides what the gradient passes through.
static node *choose(world *w, op_code op) {
  node *a = matrix(w, -1, 1), *b = row(w, -1, 1);
  node *condition = g_binary(w->g, op, a, b);
  return g_select(w->g, condition, g_mul(w->g, a, a), g_mul(w->g, b, g_real(w->g, 3)));
}

node *gradcheck_lt(world *w) {
  return choose(w, OP_LT);
}

node *gradcheck_le(world *w) {
  return choose(w, OP_LE);
}

node *gradcheck_eq(world *w) {
  return choose(w, OP_EQ);
}

static node *choose_by_two(world *w, op_code op) {
  node *a = matrix(w, -1, 1), *b = matrix(w, -1, 1), *zero = g_real(w->g, 0);
  node *condition = g_binary(w->g, op, g_binary(w->g, OP_LT, a, zero), g_binary(w->g, OP_LT, b, zero));
  return g_select(w->g, condition, g_mul(w->g, a, b), b);
}

node *gradcheck_and(world *w) {
  return choose_by_two(w, OP_AND);
}

node *gradcheck_or(world *w) {
  return choose_by_two(w, OP_OR);
}

node *gradcheck_select(world *w) {
  const int condition[] = {1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 5};
  node *c = world_ints(w, matrix_shape(w, 3, 4), condition);
  return g_select(w->g, c, matrix(w, -1, 1), row(w, -1, 1));
}
