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
  const dim *places = dim_mul(g->dims, t->shape.d[1], t->shape.d[2]);
  node *sum = g_reduce_sum(g, x, 1u << 1 | 1u << 2);
  global_pooling_set_output(lw, app, g_div(g, sum, g_extent(g, places, REAL)));
}

static const char *const examples[] = {"model tiny {\n  input image: float[4, 5, 2]\n  output y = image -> "
                                       "Conv2D(3, 2) -> GlobalAveragePooling2D(keepdims = true)\n}\n",
                                       NULL};

const layer_def global_average_pooling2d_layer = {
    .name = "GlobalAveragePooling2D",
    .snake = "global_average_pooling2d",
    .doc = "Mean of each channel over height and width.",
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
