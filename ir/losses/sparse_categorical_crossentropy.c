#include "ir/loss.h"

enum { FROM_LOGITS };

static const arg_spec args[] = {
    {.name = "from_logits",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "the output is logits, without softmax"},
    {.name = "ignore_class",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .doc = "a target that does not count, such as -1 where there is no label"},
    {0},
};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  node *z = kind == LOGITS_SOFTMAX ? logits : bound[FROM_LOGITS]->boolean ? predicted : NULL;
  node *scores = z ? z : loss_log_probability(g, predicted);
  node *one_hot = g_one_hot(g, target, predicted->shape.d[1]);
  node *chosen = g_reduce_sum(g, g_mul(g, scores, one_hot), 1u << 1);
  return z ? g_sub(g, loss_log_sum_exp(g, z), chosen) : g_unary(g, OP_NEG, chosen);
}

const loss_def loss_sparse_categorical_crossentropy = {
    .name = "sparse_categorical_crossentropy",
    .class_name = "SparseCategoricalCrossentropy",
    .doc = "Cross-entropy over classes, with the number of the class as target.",
    .args = args,
    .target = TARGET_CLASS_IDS,
    .expects = EXPECTS_CLASSES,
    .build = build,
};
