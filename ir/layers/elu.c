#include "ir/layers/pointwise.h"
#include <math.h>

static node *value_of(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  node *zero = g_real(g, 0), *low = g_sub(g, g_unary(g, OP_EXP, g_binary(g, OP_MIN, x, zero)), g_real(g, 1));
  node *scaled = g_mul(g, low, g_real(g, layer_arg_float(l, "alpha")));
  return g_select(g, g_binary(g, OP_LT, x, zero), scaled, x);
}

static void lower(lowering *lw, const application *app) {
  pointwise_lower(lw, app, value_of);
}

static const arg_spec args[] = {{.name = "alpha",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "1.0",
                                 .min = -INFINITY,
                                 .max = INFINITY,
                                 .doc = "slope far below 0"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> ELU(alpha = 0.5) -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "ELU(alpha = 0.5)\n    -> LSTM(2)\n}\n",
    NULL};

const layer_def elu_layer = {
    .name = "ELU",
    .snake = "elu",
    .doc = "x where it is positive, else alpha (e^x - 1).",
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
