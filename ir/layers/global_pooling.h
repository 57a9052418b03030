#ifndef NLM_IR_LAYERS_GLOBAL_POOLING_H
#define NLM_IR_LAYERS_GLOBAL_POOLING_H
// What the poolings over whole axes share. (batch, time, features) -> (batch, features), or (batch, 1,
// features) with keepdims; 2D: (batch, height, width, channels) -> (batch, channels).
#include "ir/layer.h"

extern const arg_spec global_pooling_args[];

bool global_pooling_build(layer_call *call);
bool global_pooling_build_2d(layer_call *call);
// Rows of a sequence (any layout with a packing) reduced over each example: [V, F] -> [B, F].
node *global_pooling_segment(graph *g, op_code op, lowered x, double empty);
void global_pooling_set_output(lowering *lw, const application *app, node *pooled);

#endif
