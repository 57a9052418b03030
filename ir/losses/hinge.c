#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  return loss_mean_of_features(g, loss_short_of_margin(g, predicted, target));
}

const loss_def loss_hinge = {
    .name = "hinge",
    .class_name = "Hinge",
    .doc = "Mean of max(1 - target * output, 0); targets -1 and 1, or 0 and 1, which are taken so.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
