#ifndef NLM_IR_LAYERS_STEPS_H
#define NLM_IR_LAYERS_STEPS_H
#include "ir/layer.h"

// Step numbers INT [V] of the rows of a packing, in RM order.
node *step_of_rows(graph *g, node *pack);

#endif
