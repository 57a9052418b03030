#include "ir/layers/window.h"
#include <math.h>

static bool check(layer *l) {
  int64_t ends[2];
  return window_integers(l, "padding", 2, 0, ends);
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  int64_t ends[2];
  window_integers(call->layer, "padding", 2, 0, ends);
  dim_table *dims = call->model->unit->dims;
  const dim *steps = dim_add(dims, x->shape.d[1], dim_const(dims, ends[0] + ends[1]));
  call_output(call, shape_of(3, x->shape.d[0], steps, x->shape.d[2]), x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  int64_t ends[2];
  window_integers(app->layer, "padding", 2, 0, ends);
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  node *y = g_pad(lw->g, x, 1, ends[0], app->outputs[0]->shape.d[1], 0);
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}

static const arg_spec args[] = {{.name = "padding",
                                 .kinds = ARG_INT | ARG_INTS,
                                 .default_text = "1",
                                 .min = 0,
                                 .max = ARG_LARGEST_SIZE,
                                 .doc = "steps added at either end, or [before, behind]"},
                                DATA_FORMAT_ARG,
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> ZeroPadding1D((0, 2)) -> Conv1D(2, 2) -> "
    "GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def zero_padding1d_layer = {
    .name = "ZeroPadding1D",
    .snake = "zero_padding1d",
    .doc = "Adds steps of zeros at the ends of the time axis.",
    .shapes =
        "(batch, time, features) -> (batch, new_time, features)    time and the steps added on both sides",
    .differs = "data_format is channels_last only.",
    .group = "reshaping",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = "leave mask_zero out, or do this before the layer that makes the mask",
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
