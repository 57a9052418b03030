#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *error = g_sub(g, predicted, target);
  return loss_mean_of_features(g, g_mul(g, error, error));
}

const loss_def loss_mse = {
    .name = "mse",
    .alias = "mean_squared_error",
    .class_name = "MeanSquaredError",
    .doc = "Mean of the squared differences between output and target: for numbers.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
