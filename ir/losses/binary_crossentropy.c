#include "ir/loss.h"

enum { FROM_LOGITS, LABEL_SMOOTHING };

static const arg_spec args[] = {
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
  node *y = loss_smooth_flags(g, target, bound[LABEL_SMOOTHING]->number);
  node *z = kind == LOGITS_SIGMOID ? logits : bound[FROM_LOGITS]->boolean ? predicted : NULL;
  return loss_mean_of_features(g, z ? loss_binary_of_logits(g, z, y)
                                    : loss_binary_of_probabilities(g, predicted, y));
}

const loss_def loss_binary_crossentropy = {
    .name = "binary_crossentropy",
    .alias = "bce",
    .class_name = "BinaryCrossentropy",
    .doc = "Cross-entropy of yes-or-no questions: one sigmoid unit for each, targets 0 and 1.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_YES_OR_NO,
    .build = build,
};
