#include "ir/loss.h"

static const arg_spec args[] = {{0}};

static node *log_of(graph *g, node *x) {
  return g_unary(g, OP_LOG, g_add(g, g_binary(g, OP_MAX, x, g_real(g, LOSS_EPSILON)), g_real(g, 1)));
}

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)bound, (void)kind, (void)logits;
  node *error = g_sub(g, log_of(g, predicted), log_of(g, target));
  return loss_mean_of_features(g, g_mul(g, error, error));
}

const loss_def loss_msle = {
    .name = "msle",
    .alias = "mean_squared_logarithmic_error",
    .class_name = "MeanSquaredLogarithmicError",
    .doc = "Mean of the squared differences of log(1 + value): for numbers from 0 on, whose ratio counts.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NONNEGATIVE,
    .build = build,
};
