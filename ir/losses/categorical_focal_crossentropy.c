#include "ir/loss.h"
#include <math.h>

enum { ALPHA, GAMMA, FROM_LOGITS, LABEL_SMOOTHING };

static const arg_spec args[] = {
    {.name = "alpha",
     .kinds = ARG_FLOAT,
     .default_text = "0.25",
     .min = 0,
     .max = 1,
     .doc = "weight of the whole loss"},
    {.name = "gamma",
     .kinds = ARG_FLOAT,
     .default_text = "2.0",
     .min = 0,
     .max = INFINITY,
     .doc = "how much easy examples count less"},
    {.name = "from_logits",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "the output is logits, without softmax"},
    {.name = "label_smoothing",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = 0,
     .max = 1,
     .doc = "spreads this share of each target evenly over the classes"},
    {0},
};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {

  node *y = loss_smooth_classes(g, target, bound[LABEL_SMOOTHING]->number);
  node *z = kind == LOGITS_SOFTMAX ? logits : bound[FROM_LOGITS]->boolean ? predicted : NULL;
  node *log_p =
      z ? g_sub(g, z, loss_along_row(g, loss_log_sum_exp(g, z), z)) : loss_log_probability(g, predicted);
  node *focus = loss_focus(g, g_sub(g, g_real(g, 1), g_unary(g, OP_EXP, log_p)), bound[GAMMA]->number);
  node *x = g_mul(g, g_mul(g, focus, g_real(g, -bound[ALPHA]->number)), g_mul(g, y, log_p));
  return loss_sum_of_features(g, x);
}

const loss_def loss_categorical_focal_crossentropy = {
    .name = "categorical_focal_crossentropy",
    .class_name = "CategoricalFocalCrossentropy",
    .doc = "categorical_crossentropy in which well-answered examples count less; one-hot targets.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_CLASSES,
    .build = build,
};
