#ifndef NLM_IR_LOSS_H
#define NLM_IR_LOSS_H
// Losses, one file each in ir/losses/ and one line in losses.def. A loss is a graph of L2 ops, so that it fuses with
// the layer before it and is differentiated like everything else. Semantics: Keras (clipping at 1e-7, mean over
// the last axis); from logits where the output is a sigmoid or softmax, which agrees and is stable.
#include "ir/lower.h"

typedef enum { TARGET_LIKE_OUTPUT, TARGET_CLASS_IDS } target_form;

typedef struct loss_def {
  const char *name;       // "binary_crossentropy"
  const char *class_name; // "BinaryCrossentropy"
  const char *doc;
  const arg_spec *args;
  target_form target; // CLASS_IDS: INT with the output's last axis removed
  // Loss of each row: `predicted` rows [R, F] (or [R] when the output has no feature axis), target rows alike
  // (INT [R] for CLASS_IDS) -> [R]. `logits` NULL unless kind tells.
  node *(*build)(graph *g, value *const *args, node *predicted, logits_kind kind, node *logits, node *target);
} loss_def;

#define LOSS(symbol) extern const loss_def symbol;
#include "ir/losses.def"
#undef LOSS
extern const loss_def *const loss_table[]; // NULL-terminated
const loss_def *loss_find(const char *name_or_class);
const char *loss_suggest(const char *name);

#endif
