#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  return loss_mean_of_features(g, g_unary(g, OP_ABS, g_sub(g, predicted, target)));
}

const loss_def loss_mae = {
    .name = "mae",
    .alias = "mean_absolute_error",
    .class_name = "MeanAbsoluteError",
    .doc = "Mean of the absolute differences between output and target: for numbers.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
