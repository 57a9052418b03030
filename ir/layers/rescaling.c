#include "ir/layers/pointwise.h"
#include <math.h>

static node *value_of(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  node *scaled = g_mul(g, x, g_real(g, layer_arg_float(l, "scale")));
  return g_add(g, scaled, g_real(g, layer_arg_float(l, "offset")));
}

static void lower(lowering *lw, const application *app) {
  pointwise_lower(lw, app, value_of);
}

static const arg_spec args[] = {
    {.name = "scale", .kinds = ARG_FLOAT, .min = -INFINITY, .max = INFINITY, .doc = "factor"},
    {.name = "offset",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = -INFINITY,
     .max = INFINITY,
     .doc = "added"},
    {0}};

static const char *const examples[] = {"model tiny {\n  input image: int[4, 4, 1]\n  output y = image -> "
                                       "Rescaling(1 / 255) -> Flatten() -> Dense(2)\n}\n",
                                       NULL};

const layer_def rescaling_layer = {
    .name = "Rescaling",
    .snake = "rescaling",
    .doc = "x scale + offset.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .group = "preprocessing",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_TOKENWISE | LAYER_IN_CELL,
    .build = pointwise_build,
    .lower = lower,
    .examples = examples,
};
