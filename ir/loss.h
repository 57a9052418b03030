#ifndef NLM_IR_LOSS_H
#define NLM_IR_LOSS_H
// Losses, one file each in ir/losses/ and one line in losses.def. A loss is a graph of L2 ops, so that it
// fuses with the layer before it and is differentiated like everything else. Semantics: Keras (clipping at
// 1e-7, mean over the last axis); from logits where the output is a sigmoid or softmax, which agrees and is
// stable.
#include "ir/lower.h"

typedef enum { TARGET_LIKE_OUTPUT, TARGET_CLASS_IDS } target_form;

// What the loss takes an output's last axis for; the check of train blocks follows from it.
// PATHS: the result of a layer whose own loss it is (layer_def.loss). LABELS: logits of a sequence, whose
// targets are rows of class numbers of a length of their own, filled up with 0.
typedef enum {
  EXPECTS_NUMBERS,
  EXPECTS_NONNEGATIVE,
  EXPECTS_YES_OR_NO,
  EXPECTS_CLASSES,
  EXPECTS_PATHS,
  EXPECTS_LABELS
} loss_expectation;

typedef struct loss_def {
  const char *name;       // "binary_crossentropy"
  const char *alias;      // "mean_squared_error" for mse; NULL if there is none
  const char *class_name; // "BinaryCrossentropy"
  const char *doc;
  const arg_spec *args;
  target_form target; // CLASS_IDS: INT with the output's last axis removed, unless the output itself is INT
  loss_expectation expects;
  // Loss of each row: `predicted` rows [R, F] (or [R] when the output has no feature axis), target rows alike
  // (INT [R], already checked to be classes, for CLASS_IDS) -> [R]. `logits` NULL unless kind tells.
  node *(*build)(graph *g, value *const *args, node *predicted, logits_kind kind, node *logits, node *target);
  // EXPECTS_PATHS and EXPECTS_LABELS, in place of build: loss of each example [B] from scores of C classes in
  // valid rows [V, C] and target classes INT (checked), [V] in the same order or, of labels, [B, L]; `app`
  // made the output.
  node *(*build_examples)(lowering *lw, const application *app, lowered scores, node *target);
} loss_def;

#define LOSS(symbol) extern const loss_def symbol;
#include "ir/losses.def"
#undef LOSS
extern const loss_def *const loss_table[]; // NULL-terminated
const loss_def *loss_find(const char *name_or_class);
// `crossentropy` and `ce`: the cross-entropy that fits the output.
bool loss_is_general(const char *name);
const char *loss_suggest(const char *name);

// ---- shared by the losses (ir/loss.c, ir/loss_terms.c); x, p, logits: [R, F] or, without features, [R]
#define LOSS_EPSILON 1e-7                                   // Keras's
node *loss_mean_of_features(graph *g, node *x);             // [R, F] or [R] -> [R]
node *loss_sum_of_features(graph *g, node *x);              // [R, F] or [R] -> [R]
node *loss_sum_of_all(graph *g, node *x);                   // -> rank 0
node *loss_of_every_row(graph *g, node *whole, node *like); // rank 0 -> [R]
node *loss_along_row(graph *g, node *per_row, node *like);  // [R] -> the shape of like
node *loss_clip_probability(graph *g, node *p);             // to [1e-7, 1 - 1e-7]
node *loss_log_sum_exp(graph *g, node *logits); // -> [R]; its gradient is softmax(logits), without overflow
node *loss_log_probability(graph *g, node *p);  // of p / sum(p), clipped
// -sum target log p over features -> [R], from logits unless NULL.
node *loss_cross_entropy(graph *g, node *predicted, node *logits, node *target);
node *loss_smooth_flags(graph *g, node *target, double smoothing);   // y (1 - s) + s / 2
node *loss_smooth_classes(graph *g, node *target, double smoothing); // y (1 - s) + s / F
// Binary cross-entropy of each element.
node *loss_binary_of_logits(graph *g, node *z, node *y);
node *loss_binary_of_probabilities(graph *g, node *p, node *y); // p is clipped
// max(1 - y p, 0) of each element. Targets that are all 0 or 1 are taken for -1 and 1.
node *loss_short_of_margin(graph *g, node *p, node *y);
node *loss_focus(graph *g, node *x, double gamma); // x^gamma

#endif
