#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *log_rate = g_unary(g, OP_LOG, g_add(g, predicted, g_real(g, LOSS_EPSILON)));
  return loss_mean_of_features(g, g_sub(g, predicted, g_mul(g, target, log_rate)));
}

const loss_def loss_poisson = {
    .name = "poisson",
    .class_name = "Poisson",
    .doc = "Mean of output - target * log(output): for counts.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NONNEGATIVE,
    .build = build,
};
