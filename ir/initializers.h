#ifndef NLM_IR_INITIALIZERS_H
#define NLM_IR_INITIALIZERS_H
// Initializers by Keras's names: functions (glorot_uniform) and classes with arguments (VarianceScaling(scale
// = 2.0)).
#include "ir/model.h"
#include "ir/train.h"

bool initializer_exists(const char *name); // a bare word or a class

// Entry k for `nlmc help`; false behind the last one.
bool initializer_entry(size_t k, registry_entry *out);

// Reads an initializer argument. false after reporting an unknown name or bad arguments; `what` names the
// owner ("Dense: kernel_initializer").
bool initializer_bind(arena *a, diags *d, const char *what, const value *v, initializer *out);

#endif
