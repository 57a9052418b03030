#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *x = loss_short_of_margin(g, predicted, target);
  return loss_mean_of_features(g, g_mul(g, x, x));
}

const loss_def loss_squared_hinge = {
    .name = "squared_hinge",
    .class_name = "SquaredHinge",
    .doc = "Mean of the square of max(1 - target * output, 0); targets -1 and 1, or 0 and 1, which are taken "
           "so.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
