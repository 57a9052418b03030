#include "ir/layer.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  dim_table *dims = call->model->unit->dims;
  const dim *features = dim_const(dims, 1);
  for (int k = 1; k < x->shape.rank; k++)
    features = dim_mul(dims, features, x->shape.d[k]);
  call_output(call, shape_of(2, x->shape.d[0], features), x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(lw->g, x, app->outputs[0]->shape)));
}

static const arg_spec args[] = {{0}};

static const char *const examples[] = {"model tiny {\n  input words: int[4]\n  output y = words -> "
                                       "Embedding(7, 3) -> Flatten() -> Dense(2)\n}\n",
                                       "model tiny {\n  input words: int[4]\n  output y = words -> "
                                       "Embedding(7, 3, mask_zero = true) -> LSTM(2, return_sequences = "
                                       "true)\n    -> Flatten() -> Dense(2)\n}\n",
                                       NULL};

const layer_def flatten_layer = {
    .name = "Flatten",
    .snake = "flatten",
    .doc = "All axes but the batch become one: (batch, 4, 3) becomes (batch, 12).",
    .shapes = "(batch, ...) -> (batch, elements)    elements: the product of the extents",
    .differs = "An input of (batch) becomes (batch, 1); data_format is not there.",
    .group = "reshaping",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = "pool with GlobalAveragePooling1D, which skips padding, or leave mask_zero out",
    .build = build,
    .lower = lower,
    .examples = examples,
};
