// Terms that several losses are made of.
#include "ir/loss.h"

node *loss_smooth_flags(graph *g, node *target, double smoothing) {
  return g_add(g, g_mul(g, target, g_real(g, 1 - smoothing)), g_real(g, smoothing / 2));
}

node *loss_smooth_classes(graph *g, node *target, double smoothing) {
  if (smoothing == 0)
    return target;
  node *share = g_div(g, g_real(g, smoothing), g_extent(g, target->shape.d[1], REAL));
  return g_add(g, g_mul(g, target, g_real(g, 1 - smoothing)), share);
}

// max(z, 0) - z y + log(1 + exp(-|z|)); with max(z, 0) as (z + |z|) / 2 the gradient at z = 0 is 1/2 - y, as
// it must be: a row without a valid step gives exactly that logit.
node *loss_binary_of_logits(graph *g, node *z, node *y) {
  node *magnitude = g_unary(g, OP_ABS, z);
  node *positive = g_mul(g, g_add(g, z, magnitude), g_real(g, 0.5));
  node *tail = g_unary(g, OP_LOG1P, g_unary(g, OP_EXP, g_unary(g, OP_NEG, magnitude)));
  return g_add(g, g_sub(g, positive, g_mul(g, z, y)), tail);
}

node *loss_binary_of_probabilities(graph *g, node *p, node *y) {
  node *one = g_real(g, 1);
  p = loss_clip_probability(g, p);
  node *yes = g_mul(g, y, g_unary(g, OP_LOG, p));
  node *no = g_mul(g, g_sub(g, one, y), g_unary(g, OP_LOG, g_sub(g, one, p)));
  return g_unary(g, OP_NEG, g_add(g, yes, no));
}

node *loss_short_of_margin(graph *g, node *p, node *y) {
  node *one = g_real(g, 1), *zero = g_real(g, 0);
  node *flag = g_binary(g, OP_OR, g_binary(g, OP_EQ, y, zero), g_binary(g, OP_EQ, y, one));
  node *others = loss_sum_of_all(g, g_sub(g, one, g_cast(g, flag, REAL)));
  node *flags_only = g_broadcast_to(g, g_binary(g, OP_EQ, others, zero), y->shape);
  y = g_select(g, flags_only, g_sub(g, g_mul(g, y, g_real(g, 2)), one), y);
  return g_binary(g, OP_MAX, g_sub(g, one, g_mul(g, y, p)), zero);
}

node *loss_focus(graph *g, node *x, double gamma) {
  return gamma == 2 ? g_mul(g, x, x) : gamma == 1 ? x : g_binary(g, OP_POW, x, g_real(g, gamma));
}
