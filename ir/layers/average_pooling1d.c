#include "ir/layers/pooling.h"
#include <math.h>

static const arg_spec args[] = {POOLING_ARGS(NULL)};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Dense(4) -> AveragePooling1D(3, strides = 2, "
    "padding = same) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def average_pooling1d_layer = {
    .name = "AveragePooling1D",
    .snake = "average_pooling1d",
    .doc = "Mean of each feature over windows along the time axis; padding does not count.",
    .shapes = "(batch, time, features) -> (batch, new_time, features)    padding = valid: (time - pool_size) "
              "// strides + 1 steps; same: (time - 1) // strides + 1",
    .differs = "data_format is channels_last only.",
    .group = "pooling",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = pooling_mask_advice,
    .check = pooling_check_1d,
    .build = pooling_build,
    .lower = pooling_lower_average,
    .examples = examples,
};
