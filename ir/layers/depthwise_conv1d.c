#include "ir/layers/convolution.h"
#include <math.h>

static bool check(layer *l) {
  return convolution_check(l, 1);
}

static const arg_spec args[] = {
    CONVOLUTION_WINDOW_ARGS,
    CONVOLUTION_PADDING_ARG(convolution_paddings),
    CONVOLUTION_MULTIPLIER_ARG,
    DATA_FORMAT_ARG,
    CONVOLUTION_DILATION_ARG,
    CONVOLUTION_RESULT_ARGS,
    CONVOLUTION_INITIALIZER_ARG("depthwise_initializer", "glorot_uniform", "of the kernel"),
    CONVOLUTION_INITIALIZER_ARG("bias_initializer", "zeros", "of the bias"),
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> DepthwiseConv1D(3, depth_multiplier = 2, "
    "padding = same) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def depthwise_conv1d_layer = {
    .name = "DepthwiseConv1D",
    .snake = "depthwise_conv1d",
    .doc = "Convolution of every feature by itself along the time axis; feature c gives outputs c * "
           "depth_multiplier and the next.",
    .shapes = "(batch, time, features) -> (batch, new_time, depth_multiplier features)    steps as Conv1D's",
    .weights = "kernel (kernel_size, features, depth_multiplier)\n"
               "bias (depth_multiplier features)    with use_bias",
    .differs = "data_format is channels_last only.",
    .group = "convolution",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = convolution_mask_advice,
    .check = check,
    .build = depthwise_build,
    .lower = depthwise_lower,
    .examples = examples,
};
