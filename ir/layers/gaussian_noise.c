#include "ir/layers/noise.h"
#include "ir/layers/pointwise.h"
#include <math.h>

static node *with_noise(lowering *lw, const application *app, node *x, node *rows) {
  graph *g = lw->g;
  node *noise = noise_normal(g, app, x->shape, rows);
  return g_add(g, x, g_mul(g, noise, g_real(g, layer_arg_float(app->layer, "stddev"))));
}

static void lower(lowering *lw, const application *app) {
  noise_lower(lw, app, "stddev", with_noise);
}

static const arg_spec args[] = {
    {.name = "stddev", .kinds = ARG_FLOAT, .min = 0, .max = 1, .doc = "standard deviation of the noise"},
    NOISE_SEED_ARG,
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> GaussianNoise(0.25) -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "GaussianNoise(0.5)\n"
    "    -> LSTM(2)\n}\n",
    NULL};

const layer_def gaussian_noise_layer = {
    .name = "GaussianNoise",
    .snake = "gaussian_noise",
    .doc = "In training, adds normal noise of mean 0; in prediction, nothing.",
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
