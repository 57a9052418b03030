#include "ir/layers/pooling.h"
#include <math.h>

static const arg_spec args[] = {POOLING_ARGS("[2, 2]")};

static const char *const examples[] = {"model tiny {\n  input image: float[6, 5, 2]\n  output y = image -> "
                                       "Conv2D(2, 2) -> MaxPooling2D() -> Flatten() -> Dense(1)\n}\n",
                                       NULL};

const layer_def max_pooling2d_layer = {
    .name = "MaxPooling2D",
    .snake = "max_pooling2d",
    .doc = "Largest value of each feature over windows of height and width.",
    .shapes = "(batch, height, width, channels) -> (batch, new_height, new_width, channels)    extents as "
              "MaxPooling1D's steps, along each axis",
    .differs = "data_format is channels_last only.",
    .group = "pooling",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = pooling_mask_advice,
    .check = pooling_check_2d,
    .build = pooling_build,
    .lower = pooling_lower_max,
    .examples = examples,
};
