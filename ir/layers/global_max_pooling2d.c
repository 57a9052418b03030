#include "ir/layers/global_pooling.h"

static bool build(layer_call *call) {
  return global_pooling_build_2d(call);
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *t = app->inputs[0];
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), t);
  if (x->type == INT)
    x = g_cast(g, x, REAL);
  global_pooling_set_output(lw, app, g_reduce(g, OP_REDUCE_MAX, x, 1u << 1 | 1u << 2));
}

static const char *const examples[] = {"model tiny {\n  input image: float[4, 5, 2]\n  output y = image -> "
                                       "Conv2D(3, 2) -> GlobalMaxPooling2D()\n}\n",
                                       NULL};

const layer_def global_max_pooling2d_layer = {
    .name = "GlobalMaxPooling2D",
    .snake = "global_max_pooling2d",
    .doc = "Largest value of each channel over height and width.",
    .shapes = "(batch, height, width, channels) -> (batch, channels)\n"
              "(batch, height, width, channels) -> (batch, 1, 1, channels)    keepdims = true",
    .differs = "data_format is channels_last only.",
    .group = "pooling",
    .args = global_pooling_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice =
        "leave mask_zero out, or pool each sequence with GlobalAveragePooling1D, which skips padding",
    .build = build,
    .lower = lower,
    .examples = examples,
};
