// Leaves and elementwise ops of the reference interpreter.
#include "support/random.h"
#include "tests/reference/eval.h"
#include <math.h>

static void not_bound(const node *n) {
  ICE("%s %d has no value", op_name(n->op), (int)n->i[0]);
}

void reference_eval_input(reference *r, const node *n, array *out) {
  (void)r;
  (void)out;
  not_bound(n);
}

void reference_eval_param(reference *r, const node *n, array *out) {
  (void)r;
  (void)out;
  not_bound(n);
}

void reference_eval_const(reference *r, const node *n, array *out) {
  (void)r;
  out->data[0] = n->type == INT ? (double)n->i[0] : n->f;
}

void reference_eval_extent(reference *r, const node *n, array *out) {
  out->data[0] = (double)reference_dim(r, n->extra);
}

void reference_eval_iota(reference *r, const node *n, array *out) {
  (void)r;
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK];
    unravel(out, k, at);
    out->data[k] = (double)at[n->i[0]];
  }
}

void reference_eval_random(reference *r, const node *n, array *out) {
  uint64_t key = random_stream_key(r->session_key, (uint64_t)n->i[0]);
  size_t width = out->rank ? (size_t)row_elements(out) : 1;
  for (size_t k = 0; k < out->count; k++) {
    size_t row = n->n_in ? (size_t)operand(r, n, 0)->data[k / width] : k / width;
    out->data[k] = random_unit(key, row * width + k % width);
  }
}

#define UNARY(name, expression)                                                                              \
  void reference_eval_##name(reference *r, const node *n, array *out) {                                      \
    for (size_t k = 0; k < out->count; k++) {                                                                \
      double x = operand(r, n, 0)->data[k];                                                                  \
      out->data[k] = (expression);                                                                           \
    }                                                                                                        \
  }

UNARY(neg, -x)
UNARY(abs, fabs(x))
UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : 0)
UNARY(exp, exp(x))
UNARY(log, log(x))
UNARY(log1p, log1p(x))
UNARY(sqrt, sqrt(x))
UNARY(tanh, tanh(x))
UNARY(sigmoid, 1 / (1 + exp(-x)))
UNARY(erf, erf(x))
UNARY(sin, sin(x))
UNARY(cos, cos(x))
UNARY(floor, floor(x))
UNARY(cast, n->type == INT ? trunc(x) : x)
UNARY(copy, x)

#define BINARY(name, expression)                                                                             \
  void reference_eval_##name(reference *r, const node *n, array *out) {                                      \
    for (size_t k = 0; k < out->count; k++) {                                                                \
      double a = operand(r, n, 0)->data[k], b = operand(r, n, 1)->data[k];                                   \
      out->data[k] = (expression);                                                                           \
    }                                                                                                        \
  }

BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a *b)
BINARY(div, n->type == INT ? trunc(a / b) : a / b)
BINARY(pow, pow(a, b))
BINARY(min, a <= b ? a : b)
BINARY(max, a >= b ? a : b)
BINARY(lt, a < b)
BINARY(le, a <= b)
BINARY(eq, a == b)
BINARY(and, a != 0 && b != 0)
BINARY(or, a != 0 || b != 0)

void reference_eval_select(reference *r, const node *n, array *out) {
  for (size_t k = 0; k < out->count; k++)
    out->data[k] = operand(r, n, operand(r, n, 0)->data[k] != 0 ? 1 : 2)->data[k];
}
