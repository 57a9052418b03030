#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *both = loss_sum_of_all(g, g_mul(g, target, predicted));
  node *each = g_add(g, loss_sum_of_all(g, target), loss_sum_of_all(g, predicted));
  node *share = g_div(g, g_mul(g, both, g_real(g, 2)), g_add(g, each, g_real(g, LOSS_EPSILON)));
  return loss_of_every_row(g, g_sub(g, g_real(g, 1), share), predicted);
}

const loss_def loss_dice = {
    .name = "dice",
    .class_name = "Dice",
    .doc = "1 - 2 sum(target * output) / (sum(target) + sum(output)), sums over the whole batch.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NONNEGATIVE,
    .build = build,
};
