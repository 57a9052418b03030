#ifndef NLM_IR_ELEMENTWISE_H
#define NLM_IR_ELEMENTWISE_H
// What merging layers, operators and functions between tensors share: operands are tensors and numbers,
// broadcast as Keras's merging layers do (a tensor of fewer axes gets axes of extent 1 behind the batch).
#include "ir/layer.h"

typedef enum {
  RESULT_COMMON, // float if any operand is, else int
  RESULT_REAL,
  RESULT_INT, // of a comparison: operands are brought to their common type first
} result_type;

// x: the operands, numbers included (rank 0), of equal type (a RESULT_COMMON's or RESULT_REAL's own).
typedef node *(*elementwise_fn)(graph *g, node *const *x, int n);

bool elementwise_build(layer_call *call, result_type type);
void elementwise_lower(lowering *lw, const application *app, elementwise_fn f, result_type type);
// Where(condition, a, b): the condition keeps its own type.
void where_lower(lowering *lw, const application *app);

// Folds f over the operands from left to right.
node *elementwise_fold(graph *g, op_code op, node *const *x, int n);

#endif
