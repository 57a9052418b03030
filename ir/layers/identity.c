#include "ir/layer.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  call_output(call, x->shape, x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  lower_set_output(lw, app, 0, lower_input(lw, app, 0));
}

static const arg_spec args[] = {{0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(2) -> Identity()\n}\n", NULL};

const layer_def identity_layer = {
    .name = "Identity",
    .snake = "identity",
    .doc = "Its input, unchanged.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_TOKENWISE | LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
