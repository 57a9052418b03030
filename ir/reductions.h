#ifndef NLM_IR_REDUCTIONS_H
#define NLM_IR_REDUCTIONS_H
// Functions that reduce an axis: mean(x, axis = time), sum, max, min. The axis is a number or a dimension's
// name.
#include "ir/layer.h"

extern const layer_def mean_function, sum_function, max_function, min_function;

#endif
