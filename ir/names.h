#ifndef NLM_IR_NAMES_H
#define NLM_IR_NAMES_H
// Names of layers in a model: Keras's snake case with numbers, in order of first application.
#include "ir/model.h"

// Names a layer at its first application, its wrapped layers before it. Reports a user's name that is taken.
void layer_take_name(layer *l);
// Reserves a name that is not to be given by number (a model input's). false if it is taken.
bool model_reserve_name(model *m, const char *name, span at);
struct names *names_new(void);
void names_free(struct names *n);

#endif
