#include "ir/loss.h"

enum { FROM_LOGITS, LABEL_SMOOTHING };

static const arg_spec args[] = {
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
  return loss_cross_entropy(g, predicted, z, y);
}

const loss_def loss_categorical_crossentropy = {
    .name = "categorical_crossentropy",
    .class_name = "CategoricalCrossentropy",
    .doc = "Cross-entropy over classes, with a target of one number per class (one-hot).",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_CLASSES,
    .build = build,
};
