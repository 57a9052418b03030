#include "ir/layers/convolution.h"
#include <math.h>

static bool check(layer *l) {
  return convolution_check(l, 2);
}

static const arg_spec args[] = {
    CONVOLUTION_FILTERS_ARG,
    CONVOLUTION_WINDOW_ARGS,
    CONVOLUTION_PADDING_ARG(convolution_paddings),
    DATA_FORMAT_ARG,
    CONVOLUTION_DILATION_ARG,
    CONVOLUTION_MULTIPLIER_ARG,
    CONVOLUTION_RESULT_ARGS,
    CONVOLUTION_INITIALIZER_ARG("depthwise_initializer", "glorot_uniform", "of the depthwise kernel"),
    CONVOLUTION_INITIALIZER_ARG("pointwise_initializer", "glorot_uniform", "of the pointwise kernel"),
    CONVOLUTION_INITIALIZER_ARG("bias_initializer", "zeros", "of the bias"),
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input image: float[5, 5, 2]\n  output y = image -> SeparableConv2D(3, 3, padding = "
    "same, depth_multiplier = 2) -> Flatten() -> Dense(1)\n}\n",
    NULL};

const layer_def separable_conv2d_layer = {
    .name = "SeparableConv2D",
    .snake = "separable_conv2d",
    .doc = "A depthwise convolution over height and width, then a product over the channels of each place.",
    .shapes = "(batch, height, width, channels) -> (batch, new_height, new_width, filters)    extents as "
              "Conv1D's steps",
    .weights = "depthwise_kernel (kernel_height, kernel_width, channels, depth_multiplier)\n"
               "pointwise_kernel (1, 1, depth_multiplier channels, filters)\n"
               "bias (filters)    with use_bias",
    .differs = "data_format is channels_last only.",
    .group = "convolution",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = convolution_mask_advice,
    .check = check,
    .build = separable_build,
    .lower = separable_lower,
    .examples = examples,
};
