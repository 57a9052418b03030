#include "ir/loss.h"
#include <math.h>

enum { DELTA };

static const arg_spec args[] = {{.name = "delta",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "1.0",
                                 .min = 0,
                                 .max = INFINITY,
                                 .open_min = true,
                                 .doc = "difference from which the loss is linear"},
                                {0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)kind, (void)logits;
  const double delta = bound[DELTA]->number;
  node *error = g_sub(g, predicted, target), *size = g_unary(g, OP_ABS, error);
  node *near = g_mul(g, g_mul(g, error, error), g_real(g, 0.5));
  node *far = g_sub(g, g_mul(g, size, g_real(g, delta)), g_real(g, delta * delta / 2));
  node *is_near = g_binary(g, OP_LE, size, g_real(g, delta));
  return loss_mean_of_features(g, g_select(g, is_near, near, far));
}

const loss_def loss_huber = {
    .name = "huber",
    .class_name = "Huber",
    .doc = "Half the squared difference where it is at most delta, linear beyond: for numbers with outliers.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NUMBERS,
    .build = build,
};
