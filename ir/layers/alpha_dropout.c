#include "ir/layers/noise.h"
#include "ir/layers/pointwise.h"
#include <math.h>

static node *with_noise(lowering *lw, const application *app, node *x, node *rows) {
  graph *g = lw->g;
  const double lowest = -1.6732632423543772848 * 1.0507009873554804934; // selu far below 0
  double rate = layer_arg_float(app->layer, "rate");
  double factor = 1 / sqrt((1 - rate) * (1 + rate * lowest * lowest)), added = -factor * lowest * rate;
  node *draw = g_random(g, layer_stream(app, "dropout"), x->shape, rows);
  node *dropped = g_binary(g, OP_LT, draw, g_real(g, rate));
  node *kept = g_select(g, dropped, g_broadcast_to(g, g_real(g, lowest), x->shape), x);
  return g_add(g, g_mul(g, kept, g_real(g, factor)), g_real(g, added));
}

static void lower(lowering *lw, const application *app) {
  noise_lower(lw, app, "rate", with_noise);
}

static const arg_spec args[] = {{.name = "rate",
                                 .kinds = ARG_FLOAT,
                                 .min = 0,
                                 .max = 1,
                                 .open_max = true,
                                 .doc = "share of the elements set to selu's lowest value in training"},
                                NOISE_SEED_ARG,
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> AlphaDropout(0.25) -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "AlphaDropout(0.5)\n"
    "    -> LSTM(2)\n}\n",
    NULL};

const layer_def alpha_dropout_layer = {
    .name = "AlphaDropout",
    .snake = "alpha_dropout",
    .doc = "Dropout that keeps mean and deviation behind selu; in prediction, nothing.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_TOKENWISE,
    .build = pointwise_build,
    .lower = lower,
    .examples = examples,
};
