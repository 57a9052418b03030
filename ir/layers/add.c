#include "ir/elementwise.h"

static bool build(layer_call *call) {
  return elementwise_build(call, RESULT_COMMON);
}

static node *combine(graph *g, node *const *x, int n) {
  return elementwise_fold(g, OP_ADD, x, n);
}

static void lower(lowering *lw, const application *app) {
  elementwise_lower(lw, app, combine, RESULT_COMMON);
}

static const arg_spec args[] = {{0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  a = x -> Dense(2)\n  b = x -> Dense(2, activation = tanh)\n  "
    "output y = Add()(a, b)\n}\n",
    "model tiny {\n  input words: int[time]\n  e = words -> Embedding(7, 3, mask_zero = true)\n"
    "  output y = Add()([e, e -> GRU(3, return_sequences = true)]) -> LSTM(2)\n}\n",
    NULL};

const layer_def add_layer = {
    .name = "Add",
    .snake = "add",
    .doc = "Sum of tensors, element by element; `a + b`.",
    .shapes = "(batch, ...), (batch, ...) -> (batch, ...)    any number of tensors; extents of 1, and axes "
              "missing in front, are repeated",
    .group = "merging",
    .args = args,
    .min_inputs = 2,
    .max_inputs = -1,
    .spreads_list = true,
    .masks = MASKS_MERGE,
    .mask_advice = "give masks to all operands or to none",
    .traits = LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
