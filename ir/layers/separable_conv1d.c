#include "ir/layers/convolution.h"
#include <math.h>

static bool check(layer *l) {
  return convolution_check(l, 1);
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

static const char *const examples[] = {"model tiny {\n  input x: float[time, 3]\n  output y = x -> "
                                       "SeparableConv1D(4, 3, padding = same, activation = relu) -> "
                                       "GlobalMaxPooling1D() -> Dense(1)\n}\n",
                                       NULL};

const layer_def separable_conv1d_layer = {
    .name = "SeparableConv1D",
    .snake = "separable_conv1d",
    .doc = "A depthwise convolution, then a product over the features of each step.",
    .shapes = "(batch, time, features) -> (batch, new_time, filters)    steps as Conv1D's",
    .weights = "depthwise_kernel (kernel_size, features, depth_multiplier)\n"
               "pointwise_kernel (1, depth_multiplier features, filters)\n"
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
