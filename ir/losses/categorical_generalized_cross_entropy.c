#include "ir/loss.h"

enum { Q };

static const arg_spec args[] = {{.name = "q",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.5",
                                 .min = 0,
                                 .max = 1,
                                 .open_min = true,
                                 .open_max = true,
                                 .doc = "0: cross-entropy, 1: mean absolute error"},
                                {0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)kind, (void)logits;
  node *one_hot = g_one_hot(g, target, predicted->shape.d[1]);
  node *p = g_reduce_sum(g, g_mul(g, predicted, one_hot), 1u << 1);
  p = g_binary(g, OP_MAX, p, g_real(g, LOSS_EPSILON)); // keeps the gradient finite
  const double q = bound[Q]->number;
  return g_div(g, g_sub(g, g_real(g, 1), g_binary(g, OP_POW, p, g_real(g, q))), g_real(g, q));
}

const loss_def loss_categorical_generalized_cross_entropy = {
    .name = "categorical_generalized_cross_entropy",
    .class_name = "CategoricalGeneralizedCrossEntropy",
    .doc = "(1 - p^q) / q for the probability p of the right class: between cross-entropy (q near 0) and "
           "mean absolute error (q near 1), for noisy labels.",
    .args = args,
    .target = TARGET_CLASS_IDS,
    .expects = EXPECTS_CLASSES,
    .build = build,
};
