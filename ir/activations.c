// Activations by Keras's names. Each keeps NaN a NaN and has gradient 0 where Keras gives 0 at a corner (relu
// at 0).
#include "ir/lower.h"
#include <string.h>

static node *real(graph *g, double v) {
  return g_real(g, v);
}

static node *scaled(graph *g, node *x, double by) {
  return g_mul(g, x, real(g, by));
}

static node *build_linear(graph *g, node *x) {
  (void)g;
  return x;
}

static node *build_relu(graph *g, node *x) {
  return g_select(g, g_binary(g, OP_LE, x, real(g, 0)), g_broadcast_to(g, real(g, 0), x->shape), x);
}

static node *clip(graph *g, node *x, double low, double high) {
  return g_binary(g, OP_MIN, g_binary(g, OP_MAX, x, real(g, low)), real(g, high));
}

static node *build_relu6(graph *g, node *x) {
  return g_binary(g, OP_MIN, build_relu(g, x), real(g, 6));
}

static node *build_sigmoid(graph *g, node *x) {
  return g_unary(g, OP_SIGMOID, x);
}

static node *build_tanh(graph *g, node *x) {
  return g_unary(g, OP_TANH, x);
}

static node *build_exponential(graph *g, node *x) {
  return g_unary(g, OP_EXP, x);
}

// exp(x) - 1 for x <= 0, without overflow for the others.
static node *exp_minus_1(graph *g, node *x) {
  return g_sub(g, g_unary(g, OP_EXP, g_binary(g, OP_MIN, x, real(g, 0))), real(g, 1));
}

static node *build_elu(graph *g, node *x) {
  return g_select(g, g_binary(g, OP_LT, x, real(g, 0)), exp_minus_1(g, x), x);
}

static node *build_selu(graph *g, node *x) {
  const double alpha = 1.6732632423543772848, scale = 1.0507009873554804934;
  node *low = scaled(g, exp_minus_1(g, x), alpha);
  return scaled(g, g_select(g, g_binary(g, OP_LT, x, real(g, 0)), low, x), scale);
}

static node *build_softplus(graph *g, node *x) {
  node *toward_zero = g_binary(g, OP_MIN, x, g_unary(g, OP_NEG, x)); // -|x|, but with slope 1 at 0
  return g_add(g, build_relu(g, x), g_unary(g, OP_LOG1P, g_unary(g, OP_EXP, toward_zero)));
}

static node *build_log_sigmoid(graph *g, node *x) {
  return g_unary(g, OP_NEG, build_softplus(g, g_unary(g, OP_NEG, x)));
}

static node *build_softsign(graph *g, node *x) {
  return g_div(g, x, g_add(g, real(g, 1), g_unary(g, OP_ABS, x)));
}

static node *build_silu(graph *g, node *x) {
  return g_mul(g, x, build_sigmoid(g, x));
}

static node *build_gelu(graph *g, node *x) {
  node *cdf = g_add(g, real(g, 1), g_unary(g, OP_ERF, scaled(g, x, 0.70710678118654752440)));
  return g_mul(g, scaled(g, x, 0.5), cdf);
}

static node *build_hard_sigmoid(graph *g, node *x) {
  return clip(g, g_add(g, g_div(g, x, real(g, 6)), real(g, 0.5)), 0, 1);
}

static node *build_hard_silu(graph *g, node *x) {
  return g_mul(g, x, build_hard_sigmoid(g, x));
}

static node *build_mish(graph *g, node *x) {
  return g_mul(g, x, g_unary(g, OP_TANH, build_softplus(g, x)));
}

static node *build_leaky_relu(graph *g, node *x) {
  return g_select(g, g_binary(g, OP_LE, x, real(g, 0)), scaled(g, x, 0.2), x);
}

// Reduced over the last axis, which stays with extent 1, repeated to the shape of x.
static node *over_last_axis(graph *g, op_code op, node *x) {
  int last = x->shape.rank - 1;
  INVARIANT(last >= 0);
  shape kept = x->shape;
  kept.d[last] = dim_const(g->dims, 1);
  return g_broadcast_to(g, g_reshape(g, g_reduce(g, op, x, 1u << last), kept), x->shape);
}

static node *minus_largest(graph *g, node *x) {
  return g_sub(g, x, over_last_axis(g, OP_REDUCE_MAX, x));
}

static node *build_softmax(graph *g, node *x) {
  node *e = g_unary(g, OP_EXP, minus_largest(g, x));
  return g_div(g, e, over_last_axis(g, OP_REDUCE_SUM, e));
}

static node *build_log_softmax(graph *g, node *x) {
  node *shifted = minus_largest(g, x);
  return g_sub(g, shifted, g_unary(g, OP_LOG, over_last_axis(g, OP_REDUCE_SUM, g_unary(g, OP_EXP, shifted))));
}

static node *build_swish(graph *g, node *x) {
  return build_silu(g, x);
}

static const struct {
  const char *name;
  node *(*build)(graph *g, node *x);
} table[] = {
#define ACTIVATION(name, type, text) {#name, build_##name},
#include "ir/activations.def"
#undef ACTIVATION
};
enum { ACTIVATIONS = sizeof table / sizeof *table };

static int find(const char *name) {
  for (int i = 0; i < ACTIVATIONS; i++)
    if (strcmp(table[i].name, name) == 0)
      return i;
  return -1;
}

bool activation_exists(const char *name) {
  return find(name) >= 0;
}

const char *const *activation_names(void) {
  static const char *const names[] = {
#define ACTIVATION(name, type, text) #name,
#include "ir/activations.def"
#undef ACTIVATION
      NULL};
  return names;
}

node *activation_build(graph *g, const char *name, node *x) {
  int k = find(name);
  if (k < 0)
    ICE("no activation '%s'", name);
  return table[k].build(g, x->type == INT ? g_cast(g, x, REAL) : x);
}
