#include "ir/layers/activated.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

static void lower(lowering *lw, const application *app) {
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT) {
    x.data = g_cast(lw->g, x.data, REAL);
    x.fill = x.fill ? g_cast(lw->g, x.fill, REAL) : NULL;
  }
  lower_set_output(lw, app, 0,
                   lower_activation(lw, x, app->inputs[0], layer_arg_text(app->layer, "activation")));
}

static const arg_spec args[] = {
    {.name = "activation", .kinds = ARG_ACTIVATION, .doc = "the activation's name"}, {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> Activation(gelu)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Activation(softmax)\n}\n", NULL};

const layer_def activation_layer = {
    .name = "Activation",
    .snake = "activation",
    .doc = "Applies an activation to every element (softmax and log_softmax: along the last axis).",
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
