#include "ir/layer.h"
#include <math.h>

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  dim_table *dims = call->model->unit->dims;
  const dim *steps = dim_mul(dims, x->shape.d[1], dim_const(dims, layer_arg_int(call->layer, "size")));
  call_output(call, shape_of(3, x->shape.d[0], steps, x->shape.d[2]), x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const shape *in = &app->inputs[0]->shape;
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  shape split =
      shape_of(4, in->d[0], in->d[1], dim_const(g->dims, layer_arg_int(app->layer, "size")), in->d[2]);
  node *repeated = g_broadcast(g, x, split, (int[]){0, 1, -1, 2});
  lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(g, repeated, app->outputs[0]->shape)));
}

static const arg_spec args[] = {{.name = "size",
                                 .kinds = ARG_INT,
                                 .default_text = "2",
                                 .min = 1,
                                 .max = INFINITY,
                                 .doc = "how often each step stands"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> UpSampling1D(3) -> LSTM(2)\n}\n", NULL};

const layer_def up_sampling1d_layer = {
    .name = "UpSampling1D",
    .snake = "up_sampling1d",
    .doc = "Repeats every step.",
    .shapes = "(batch, time, features) -> (batch, size time, features)",
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
