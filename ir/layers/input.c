#include "ir/layer.h"

// Made by model_add_input; never applied.
static bool build(layer_call *call) {
  ICE("input '%s' is applied", call->layer->name);
}

static const arg_spec args[] = {{0}};
static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(5, 2)\n}\n", NULL};

const layer_def input_layer = {
    .name = "Input",
    .snake = "input",
    .doc = "An input of the model, written `input name: type[dimensions]`; the batch axis is implicit. "
           "Types: float, int "
           "(word numbers), text.",
    .shapes = "-> (batch, ...)",
    .mask_doc = "There is none; Embedding, OneHot and Masking make masks.",
    .differs = "Written `input NAME: TYPE[EXTENTS]` instead of called.",
    .group = "core",
    .args = args,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_INTERNAL,
    .build = build,
    .examples = examples,
};
