#ifndef NLM_IR_LAYERS_IDS_H
#define NLM_IR_LAYERS_IDS_H
// What Embedding and OneHot share: checked word numbers, and a mask where they are 0.
#include "ir/layer.h"

// Checks the ids, declares the output ids.shape + [features] and its mask (argument mask_zero): where the id
// of the step is 0, or, with characters of steps (batch, time, characters), where all of them are.
// TimeDistributed gives its layer the mask of the characters themselves.
bool ids_build(layer_call *call, const dim *features);

typedef struct checked_ids {
  node *ids;  // INT [V] in RM order of `pack`, or with the tensor's own shape; checked against the bound
  node *pack; // NULL: the ids are dense
  node *zero; // INT [1]: the id at masked steps
} checked_ids;

checked_ids ids_lower(lowering *lw, const application *app, int64_t bound);
// The output: rows [V, F] (or dense), with fill_row [1, F] at masked steps.
void ids_set_output(lowering *lw, const application *app, const checked_ids *ids, node *data, node *fill_row);

#endif
