#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *x = g_sub(g, predicted, target);
  node *tail = activation_build(g, "softplus", g_mul(g, x, g_real(g, -2)));
  return loss_mean_of_features(g, g_sub(g, g_add(g, x, tail), g_real(g, 0.69314718055994530942)));
}

const loss_def loss_log_cosh = {
    .name = "log_cosh",
    .alias = "logcosh",
    .class_name = "LogCosh",
    .doc = "Mean of log(cosh(difference)): squared near 0, linear far out.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
