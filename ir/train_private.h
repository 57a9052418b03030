#ifndef NLM_IR_TRAIN_PRIVATE_H
#define NLM_IR_TRAIN_PRIVATE_H
// Whether a loss suits an output; weights of classes.
#include "ir/train.h"

// false after an error. A loss that works but is likely a slip gets a warning. Silent about poison.
bool loss_fits(const model *m, int output, const loss_def *loss, value *const *args, span at);
// The setting class_weight; losses are bound. false after an error.
bool bind_class_weights(const model *m, train_config *c, const value *v);
// The setting recompute. false after an error.
bool bind_recompute(const model *m, train_config *c, const value *v);
// What `crossentropy` is for such an output: binary for one unit and for sigmoids, else of class numbers.
const char *fitting_crossentropy(const tensor *t);
const char *fitting_loss(const tensor *t); // the name of the usual loss for such an output

#endif
