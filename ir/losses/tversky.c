#include "ir/loss.h"
#include <math.h>

enum { ALPHA, BETA };

static const arg_spec args[] = {{.name = "alpha",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.5",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "weight of what is wrongly found"},
                                {.name = "beta",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.5",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "weight of what is wrongly missed"},
                                {0}};

static node *build(graph *g, value *const *bound, node *predicted, logits_kind kind, node *logits,
                   node *target) {
  (void)kind, (void)logits;
  node *one = g_real(g, 1);
  node *both = loss_sum_of_all(g, g_mul(g, predicted, target));
  node *found = loss_sum_of_all(g, g_mul(g, g_sub(g, one, target), predicted));
  node *missed = loss_sum_of_all(g, g_mul(g, target, g_sub(g, one, predicted)));
  node *wrong = g_add(g, g_mul(g, found, g_real(g, bound[ALPHA]->number)),
                      g_mul(g, missed, g_real(g, bound[BETA]->number)));
  node *all = g_add(g, g_add(g, both, wrong), g_real(g, LOSS_EPSILON));
  return loss_of_every_row(g, g_sub(g, one, g_div(g, both, all)), predicted);
}

const loss_def loss_tversky = {
    .name = "tversky",
    .class_name = "Tversky",
    .doc = "As dice, with weights for what is wrongly found (alpha) and wrongly missed (beta).",
    .args = args,
    .target = TARGET_LIKE_OUTPUT,
    .expects = EXPECTS_NONNEGATIVE,
    .build = build,
};
