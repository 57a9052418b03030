#ifndef NLM_IR_LAYERS_ACTIVATED_H
#define NLM_IR_LAYERS_ACTIVATED_H
#include "ir/layer.h"

// An activation (NULL: none) over the value x of tensor t, in any layout, and over its fill. Sigmoid and
// softmax remember what they were applied to, for losses that work on logits.
lowered lower_activation(lowering *lw, lowered x, const tensor *t, const char *name);

#endif
