#include "ir/layers/window.h"
#include <math.h>

static bool check(layer *l) {
  int64_t ends[2];
  return window_integers(l, "cropping", 2, 0, ends);
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  int64_t ends[2], steps;
  window_integers(call->layer, "cropping", 2, 0, ends);
  const dim *left = dim_sub_const(call->model->unit->dims, x->shape.d[1], ends[0] + ends[1]);
  if (dim_is_const(left, &steps) && steps <= 0) {
    call_error(call, "Cropping1D takes %lld steps away from %lld; none is left",
               (long long)(ends[0] + ends[1]), (long long)(steps + ends[0] + ends[1]));
    return false;
  }
  call_output(call, shape_of(3, x->shape.d[0], left, x->shape.d[2]), x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  int64_t ends[2];
  window_integers(app->layer, "cropping", 2, 0, ends);
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  node *y = g_slice(lw->g, x, 1, ends[0], app->outputs[0]->shape.d[1], 1);
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}

static const arg_spec args[] = {{.name = "cropping",
                                 .kinds = ARG_INT | ARG_INTS,
                                 .default_text = "[1, 1]",
                                 .min = 0,
                                 .max = ARG_LARGEST_SIZE,
                                 .doc = "steps taken away at either end, or [before, behind]"},
                                {0}};

static const char *const examples[] = {"model tiny {\n  input x: float[time, 3]\n  output y = x -> "
                                       "ZeroPadding1D(3) -> Cropping1D((1, 2)) -> LSTM(2)\n}\n",
                                       NULL};

const layer_def cropping1d_layer = {
    .name = "Cropping1D",
    .snake = "cropping1d",
    .doc = "Takes steps away at the ends of the time axis.",
    .shapes =
        "(batch, time, features) -> (batch, new_time, features)    time less the steps cropped on both sides",
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
