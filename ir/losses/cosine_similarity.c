#include "ir/loss.h"

static const arg_spec args[] = {{0}};

// x / max(|x|, 1e-7), with a gradient of 0 at x = 0.
static node *of_length_1(graph *g, node *x) {
  node *square = loss_sum_of_features(g, g_mul(g, x, x));
  node *size = g_unary(g, OP_SQRT, g_binary(g, OP_MAX, square, g_real(g, LOSS_EPSILON * LOSS_EPSILON)));
  return g_div(g, x, loss_along_row(g, size, x));
}

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  return g_unary(g, OP_NEG,
                 loss_sum_of_features(g, g_mul(g, of_length_1(g, predicted), of_length_1(g, target))));
}

const loss_def loss_cosine_similarity = {
    .name = "cosine_similarity",
    .class_name = "CosineSimilarity",
    .doc = "Minus the cosine of the angle between output and target: -1 for the same direction.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
