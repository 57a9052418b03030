#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *up_to_1(graph *g, node *x) {
  return g_binary(g, OP_MIN, g_binary(g, OP_MAX, x, g_real(g, LOSS_EPSILON)), g_real(g, 1));
}

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *p = up_to_1(g, predicted), *y = up_to_1(g, target);
  return loss_sum_of_features(g, g_mul(g, y, g_unary(g, OP_LOG, g_div(g, y, p))));
}

const loss_def loss_kl_divergence = {
    .name = "kl_divergence",
    .alias = "kld",
    .class_name = "KLDivergence",
    .doc = "Sum of target * log(target / output): how far one distribution is from another.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NONNEGATIVE,
    .build = build,
};
