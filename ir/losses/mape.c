#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *size = g_binary(g, OP_MAX, g_unary(g, OP_ABS, target), g_real(g, LOSS_EPSILON));
  node *share = g_unary(g, OP_ABS, g_div(g, g_sub(g, target, predicted), size));
  return g_mul(g, loss_mean_of_features(g, share), g_real(g, 100));
}

const loss_def loss_mape = {
    .name = "mape",
    .alias = "mean_absolute_percentage_error",
    .class_name = "MeanAbsolutePercentageError",
    .doc = "Mean of the absolute differences in percent of the target.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
