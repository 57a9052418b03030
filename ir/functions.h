#ifndef NLM_IR_FUNCTIONS_H
#define NLM_IR_FUNCTIONS_H
// Functions of tensors that apply at once: relu(x), abs(x), Where(c, a, b), mean(x, axis = time); also what
// the operators that are no layers (/, <, ==, unary -) become. Each is a layer of the report named after
// itself.
#include "ir/layer.h"

extern const layer_def *const function_table[]; // NULL-terminated
const layer_def *function_find(const char *name);

#endif
