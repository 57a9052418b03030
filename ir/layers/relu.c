#include "ir/layers/pointwise.h"
#include <math.h>

static node *positive_part(graph *g, node *x, double threshold) {
  node *below = g_binary(g, OP_LE, x, g_real(g, threshold));
  return g_select(g, below, g_broadcast_to(g, g_real(g, 0), x->shape), x);
}

static node *value_of(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  double threshold = layer_arg_float(l, "threshold"), slope = layer_arg_float(l, "negative_slope");
  node *y = positive_part(g, x, threshold);
  if (!layer_arg_is_none(l, "max_value"))
    y = g_binary(g, OP_MIN, y, g_real(g, layer_arg_float(l, "max_value")));
  if (slope == 0)
    return y;
  node *under = positive_part(g, g_sub(g, g_real(g, threshold), x), 0);
  return g_sub(g, y, g_mul(g, under, g_real(g, slope)));
}

static void lower(lowering *lw, const application *app) {
  pointwise_lower(lw, app, value_of);
}

static const arg_spec args[] = {{.name = "max_value",
                                 .kinds = ARG_FLOAT | ARG_NONE,
                                 .default_text = "none",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "largest value; none: no bound"},
                                {.name = "negative_slope",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.0",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "slope below the threshold"},
                                {.name = "threshold",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.0",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "where the slope begins"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> ReLU(max_value = 1.5, negative_slope = "
    "0.1) -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "ReLU(max_value = 1.5, negative_slope = 0.1)\n    -> LSTM(2)\n}\n",
    NULL};

const layer_def relu_layer = {
    .name = "ReLU",
    .snake = "relu",
    .doc = "x above the threshold, cut at max_value; below it negative_slope (x - threshold).",
    .shapes = "(batch, ...) -> (batch, ...)",
    .group = "activation",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_TOKENWISE | LAYER_IN_CELL,
    .build = pointwise_build,
    .lower = lower,
    .examples = examples,
};
