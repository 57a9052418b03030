#include "ir/layers/ids.h"

static bool build(layer_call *call) {
  return ids_build(call, dim_const(call->model->unit->dims, layer_arg_int(call->layer, "depth")));
}

// Never a matrix in memory where a product follows: a pass turns it into a row gather of the other factor.
static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  int64_t depth = layer_arg_int(app->layer, "depth");
  const dim *d = dim_const(g->dims, depth);
  checked_ids ids = ids_lower(lw, app, depth);
  ids_set_output(lw, app, &ids, g_one_hot(g, ids.ids, d), ids.pack ? g_one_hot(g, ids.zero, d) : NULL);
}

static const arg_spec args[] = {{.name = "depth",
                                 .kinds = ARG_INT,
                                 .min = 1,
                                 .max = INT32_MAX,
                                 .doc = "number of classes: ids are below it"},
                                {.name = "mask_zero",
                                 .kinds = ARG_BOOL,
                                 .default_text = "false",
                                 .doc = "id 0 is padding, which later layers skip"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> OneHot(5) -> LSTM(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> OneHot(5, mask_zero = true) -> Dense(3)\n"
    "    -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def one_hot_layer = {
    .name = "OneHot",
    .snake = "one_hot",
    .doc = "Word numbers as vectors with a single one: (batch, time) becomes (batch, time, depth), without "
           "ever being stored "
           "that wide.",
    .shapes = "(batch, ...) -> (batch, ..., depth)",
    .mask_doc = "With mask_zero = true, steps of id 0 are masked in the result; without, it has no mask.",
    .differs = "Keras writes CategoryEncoding(output_mode = \"one_hot\"), which makes no mask. An id outside "
               "the table is an error that names input, row and step.",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_TOKENWISE,
    .build = build,
    .lower = lower,
    .examples = examples,
};
