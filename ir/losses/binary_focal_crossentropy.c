#include "ir/loss.h"
#include <math.h>

enum { BALANCING, ALPHA, GAMMA, FROM_LOGITS, LABEL_SMOOTHING };

static const arg_spec args[] = {
    {.name = "apply_class_balancing",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "weights targets 1 by alpha and targets 0 by 1 - alpha"},
    {.name = "alpha",
     .kinds = ARG_FLOAT,
     .default_text = "0.25",
     .min = 0,
     .max = 1,
     .doc = "weight of targets 1 with apply_class_balancing"},
    {.name = "gamma",
     .kinds = ARG_FLOAT,
     .default_text = "2.0",
     .min = 0,
     .max = INFINITY,
     .doc = "how much easy examples count less"},
    {.name = "from_logits",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "the output is a logit, without sigmoid"},
    {.name = "label_smoothing",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = 0,
     .max = 1,
     .doc = "moves targets this far towards one half"},
    {0},
};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {

  node *y = loss_smooth_flags(g, target, bound[LABEL_SMOOTHING]->number), *one = g_real(g, 1);
  node *z = kind == LOGITS_SIGMOID ? logits : bound[FROM_LOGITS]->boolean ? predicted : NULL;
  node *p = kind != LOGITS_SIGMOID && z ? g_unary(g, OP_SIGMOID, z) : predicted;
  node *entropy = z ? loss_binary_of_logits(g, z, y) : loss_binary_of_probabilities(g, p, y);
  node *right = g_add(g, g_mul(g, y, p), g_mul(g, g_sub(g, one, y), g_sub(g, one, p)));
  node *x = g_mul(g, loss_focus(g, g_sub(g, one, right), bound[GAMMA]->number), entropy);
  if (bound[BALANCING]->boolean) {
    const double alpha = bound[ALPHA]->number; // y alpha + (1 - y) (1 - alpha)
    x = g_mul(g, x, g_add(g, g_mul(g, y, g_real(g, 2 * alpha - 1)), g_real(g, 1 - alpha)));
  }
  return loss_mean_of_features(g, x);
}

const loss_def loss_binary_focal_crossentropy = {
    .name = "binary_focal_crossentropy",
    .class_name = "BinaryFocalCrossentropy",
    .doc = "binary_crossentropy in which well-answered questions count less.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_YES_OR_NO,
    .build = build,
};
