#ifndef NLM_TESTS_SMALL_MODEL_H
#define NLM_TESTS_SMALL_MODEL_H
// Models made by hand, without the frontend: layers are written as literals ("Bidirectional(LSTM(32))") and
// applied to tensors. A mistake in the literal or in the model fails the test with the diagnostics.
#include "ir/layer.h"
#include "ir/train.h"
#include "tests/unit/unit.h"

typedef struct small_model {
  diags *d;
  unit *u;
  model *m;
} small_model;

void small_model_begin(small_model *s, const char *name);
void small_model_end(small_model *s);
// dims without the batch, by comma: "time, 16"; "" for none
tensor *small_input(small_model *s, const char *name, tensor_type type, const char *dims);
layer *small_layer(small_model *s, const char *literal);
tensor *small_apply(small_model *s, layer *l, int n, ...); // n tensors
tensor *small_chain(small_model *s, tensor *x, ...);       // literals, ended by NULL
void small_output(small_model *s, const char *name, tensor *t);
// "loss = mse, epochs = 3" as the model's train block; binds it with tables of a few optimizers, metrics and
// callbacks. NULL when that reports errors.
train_config *small_train(small_model *s, const char *settings);
// All diagnostics so far, one a line: "error: ...", "help: ..."; valid until the next call.
const char *small_diagnostics(small_model *s);

#endif
