#include "ir/layers/convolution.h"
#include <math.h>

static bool check(layer *l) {
  return convolution_check(l, 1);
}

static const arg_spec args[] = {
    CONVOLUTION_FILTERS_ARG,
    CONVOLUTION_WINDOW_ARGS,
    CONVOLUTION_PADDING_ARG(convolution_paddings_causal),
    DATA_FORMAT_ARG,
    CONVOLUTION_DILATION_ARG,
    {.name = "groups",
     .kinds = ARG_INT,
     .default_text = "1",
     .min = 1,
     .max = INFINITY,
     .doc = "parts of the features that are convolved by themselves"},
    CONVOLUTION_RESULT_ARGS,
    CONVOLUTION_INITIALIZER_ARG("kernel_initializer", "glorot_uniform", "of the kernel"),
    CONVOLUTION_INITIALIZER_ARG("bias_initializer", "zeros", "of the bias"),
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3) -> Conv1D(4, 3, padding = "
    "same, "
    "activation = relu) -> GlobalMaxPooling1D()\n"
    "    -> Dense(1)\n}\n",
    "model tiny {\n  input x: float[8, 4]\n  output y = x -> Conv1D(6, 3, strides = 2, padding = same, "
    "groups = 2) -> Flatten() -> Dense(1)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Conv1D(2, 2, padding = causal, dilation_rate "
    "= 2, use_bias = false)\n"
    "    -> GlobalAveragePooling1D()\n}\n",
    "model tiny {\n  input words: int[9]\n  output y = words -> Embedding(7, 3) -> Conv1D(4, 5) -> Flatten() "
    "-> "
    "Dense(1)\n}\n",
    NULL};

const layer_def conv1d_layer = {
    .name = "Conv1D",
    .snake = "conv1d",
    .doc = "Convolution along the time axis: every output step is a product of the steps in a window with "
           "the kernel (size, features, filters).",
    .shapes =
        "(batch, time, features) -> (batch, new_time, filters)    padding = valid: (time - dilation_rate * "
        "(kernel_size - 1) - 1) // strides + 1 steps; same and causal: (time - 1) // strides + 1",
    .weights = "kernel (kernel_size, features / groups, filters)\n"
               "bias (filters)    with use_bias",
    .differs = "data_format is channels_last only.",
    .group = "convolution",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = convolution_mask_advice,
    .check = check,
    .build = convolution_build,
    .lower = convolution_lower,
    .examples = examples,
};
