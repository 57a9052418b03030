#include "ir/layers/pointwise.h"
#include <math.h>

static node *value_of(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  node *low = g_mul(g, x, g_real(g, layer_arg_float(l, "negative_slope")));
  return g_select(g, g_binary(g, OP_LE, x, g_real(g, 0)), low, x);
}

static void lower(lowering *lw, const application *app) {
  pointwise_lower(lw, app, value_of);
}

static const arg_spec args[] = {{.name = "negative_slope",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.3",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "slope below 0"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> LeakyReLU() -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "LeakyReLU()\n    -> LSTM(2)\n}\n",
    NULL};

const layer_def leaky_relu_layer = {
    .name = "LeakyReLU",
    .snake = "leaky_relu",
    .doc = "x where it is positive, else negative_slope x.",
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
