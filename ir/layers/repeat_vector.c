#include "ir/layer.h"
#include <math.h>

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 2, 2, "(batch, features)"))
    return false;
  const dim *n = dim_const(call->model->unit->dims, layer_arg_int(call->layer, "n"));
  call_output(call, shape_of(3, x->shape.d[0], n, x->shape.d[1]), x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  node *y = g_broadcast(lw->g, x, app->outputs[0]->shape, (int[]){0, -1, 1});
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}

static const arg_spec args[] = {
    {.name = "n", .kinds = ARG_INT, .min = 1, .max = INFINITY, .doc = "number of steps"}, {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(2) -> RepeatVector(4) -> LSTM(2)\n}\n", NULL};

const layer_def repeat_vector_layer = {
    .name = "RepeatVector",
    .snake = "repeat_vector",
    .doc = "A vector at each of n steps: (batch, features) becomes (batch, n, features).",
    .shapes = "(batch, features) -> (batch, n, features)",
    .group = "reshaping",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = "leave mask_zero out, or do this before the layer that makes the mask",
    .build = build,
    .lower = lower,
    .examples = examples,
};
