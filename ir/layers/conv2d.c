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
    "model tiny {\n  input image: float[6, 5, 1]\n  output y = image -> Conv2D(3, 3, activation = relu) -> "
    "MaxPooling2D() -> Flatten() -> Dense(2)\n}\n",
    "model tiny {\n  input image: float[5, 4, 8]\n  output y = image -> Conv2D(2, (3, 3), padding = same) -> "
    "GlobalAveragePooling2D()\n}\n",
    "model tiny {\n  input image: float[6, 6, 4]\n  output y = image -> Conv2D(4, (2, 3), strides = (2, 1), "
    "groups = 2) -> Flatten() -> Dense(1)\n}\n",
    NULL};

const layer_def conv2d_layer = {
    .name = "Conv2D",
    .snake = "conv2d",
    .doc = "Convolution over height and width, with a kernel (height, width, channels, filters).",
    .shapes = "(batch, height, width, channels) -> (batch, new_height, new_width, filters)    extents as "
              "Conv1D's steps, along each axis",
    .weights = "kernel (kernel_height, kernel_width, channels / groups, filters)\n"
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
