#include "ir/layers/convolution.h"
#include <math.h>

static bool check(layer *l) {
  return convolution_check(l, 2);
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
    "model tiny {\n  input image: float[5, 6, 2]\n  output y = image -> DepthwiseConv2D((2, 3), strides = 2, "
    "activation = relu) -> Flatten() -> Dense(1)\n}\n",
    NULL};

const layer_def depthwise_conv2d_layer = {
    .name = "DepthwiseConv2D",
    .snake = "depthwise_conv2d",
    .doc = "Convolution of every channel by itself over height and width.",
    .shapes = "(batch, height, width, channels) -> (batch, new_height, new_width, depth_multiplier channels) "
              "   extents as Conv1D's steps",
    .weights = "kernel (kernel_height, kernel_width, channels, depth_multiplier)\n"
               "bias (depth_multiplier channels)    with use_bias",
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
