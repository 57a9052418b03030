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

static node *smoothed(graph *g, node *target, double smoothing) {
  return g_add(g, g_mul(g, target, g_real(g, 1 - smoothing)), g_real(g, smoothing / 2));
}

// max(z, 0) - z y + log(1 + exp(-|z|)); with max(z, 0) as (z + |z|) / 2 the gradient at z = 0 is 1/2 - y, as
// it must be: a row without a valid step gives exactly that logit.
static node *of_logits(graph *g, node *z, node *y) {
  node *magnitude = g_unary(g, OP_ABS, z);
  node *positive = g_mul(g, g_add(g, z, magnitude), g_real(g, 0.5));
  node *tail = g_unary(g, OP_LOG1P, g_unary(g, OP_EXP, g_unary(g, OP_NEG, magnitude)));
  return g_add(g, g_sub(g, positive, g_mul(g, z, y)), tail);
}

static node *of_probabilities(graph *g, node *p, node *y) {
  node *one = g_real(g, 1);
  p = loss_clip_probability(g, p);
  node *yes = g_mul(g, y, g_unary(g, OP_LOG, p));
  node *no = g_mul(g, g_sub(g, one, y), g_unary(g, OP_LOG, g_sub(g, one, p)));
  return g_unary(g, OP_NEG, g_add(g, yes, no));
}

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  node *y = smoothed(g, target, bound[LABEL_SMOOTHING]->number);
  node *z = kind == LOGITS_SIGMOID ? logits : bound[FROM_LOGITS]->boolean ? predicted : NULL;
  return loss_mean_of_features(g, z ? of_logits(g, z, y) : of_probabilities(g, predicted, y));
}

const loss_def loss_binary_crossentropy = {
    .name = "binary_crossentropy",
    .class_name = "BinaryCrossentropy",
    .doc = "Cross-entropy of yes-or-no questions: one sigmoid unit for each, targets 0 and 1.",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_YES_OR_NO,
    .build = build,
};
