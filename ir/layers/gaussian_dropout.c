#include "ir/layers/noise.h"
#include "ir/layers/pointwise.h"
#include <math.h>

static node *with_noise(lowering *lw, const application *app, node *x, node *rows) {
  graph *g = lw->g;
  double rate = layer_arg_float(app->layer, "rate");
  node *noise = g_mul(g, noise_normal(g, app, x->shape, rows), g_real(g, sqrt(rate / (1 - rate))));
  return g_mul(g, x, g_add(g, noise, g_real(g, 1)));
}

static void lower(lowering *lw, const application *app) {
  noise_lower(lw, app, "rate", with_noise);
}

static const arg_spec args[] = {{.name = "rate",
                                 .kinds = ARG_FLOAT,
                                 .min = 0,
                                 .max = 1,
                                 .open_max = true,
                                 .doc = "the noise has the deviation sqrt(rate / (1 - rate))"},
                                NOISE_SEED_ARG,
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> GaussianDropout(0.25) -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "GaussianDropout(0.5)\n"
    "    -> LSTM(2)\n}\n",
    NULL};

const layer_def gaussian_dropout_layer = {
    .name = "GaussianDropout",
    .snake = "gaussian_dropout",
    .doc = "In training, multiplies by normal noise of mean 1; in prediction, nothing.",
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
