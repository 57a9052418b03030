#ifndef NLM_IR_REGULARIZATION_H
#define NLM_IR_REGULARIZATION_H
// Regularizers and constraints by Keras's names. Every layer takes them for its weights: where it has an
// argument kernel_initializer, it has kernel_regularizer and kernel_constraint too. A regularizer is a term
// of the loss; a constraint is applied by the runtime after each step (runtime/optim/constraint.h).
#include "ir/layer.h"
#include "ir/train.h"

typedef struct constraint_def {
  const char *name;       // "max_norm"
  const char *class_name; // "MaxNorm"
  const char *doc;
  const arg_spec *args;
} constraint_def;
extern const constraint_def constraint_table[]; // ended by name == NULL

// Entry k for `nlmc help`; false behind the last one (k at most one past it).
bool regularizer_entry(size_t k, registry_entry *out);
bool constraint_entry(size_t k, registry_entry *out);

// Appends the arguments to `to` (room for two for each of the layer's own, one more, and the end).
void regularization_args(arena *mem, const layer_def *def, arg_spec *to);
// Binds their values, in the same order, into layer.rules and layer.activity. False after errors.
bool regularization_bind(layer *l, value *const *values);
// Gives a new weight what its layer's arguments say of it. False after an error: an axis that it lacks.
bool regularization_apply(const layer *l, weight *w);

#endif
