#ifndef NLM_IR_LAYERS_STACKED_RNN_CELLS_H
#define NLM_IR_LAYERS_STACKED_RNN_CELLS_H
#include "ir/cell.h"
#include <string.h>

// The stack that `owner` makes of a list of cells; NULL after an error was reported.
layer *stack_cells(layer *owner, const value *list);

#endif
