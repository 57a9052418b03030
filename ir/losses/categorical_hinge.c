#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *right = loss_sum_of_features(g, g_mul(g, target, predicted));
  node *wrong = g_mul(g, g_sub(g, g_real(g, 1), target), predicted);
  if (wrong->shape.rank > 1)
    wrong = g_reduce(g, OP_REDUCE_MAX, wrong, 1u << 1);
  return g_binary(g, OP_MAX, g_add(g, g_sub(g, wrong, right), g_real(g, 1)), g_real(g, 0));
}

const loss_def loss_categorical_hinge = {
    .name = "categorical_hinge",
    .class_name = "CategoricalHinge",
    .doc = "How much the best wrong class comes within 1 of the right one; one-hot targets.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
