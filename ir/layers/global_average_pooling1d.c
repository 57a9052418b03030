#include "ir/layers/global_pooling.h"

// Valid steps of each example as a real [B, 1], at least 1, so that a row without any gives zeros.
static node *valid_steps(graph *g, node *pack, const dim *batch) {
  node *offsets = g_part(g, pack, PACK_OFFSETS);
  node *count = g_sub(g, g_slice(g, offsets, 0, 1, batch, 1), g_slice(g, offsets, 0, 0, batch, 1));
  count = g_cast(g, g_binary(g, OP_MAX, count, g_int(g, 1)), REAL);
  return g_reshape(g, count, shape_of(2, batch, dim_const(g->dims, 1)));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *t = app->inputs[0];
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT)
    x.data = g_cast(g, x.data, REAL);
  if (x.layout == LAYOUT_DENSE && t->mask == MASK_VALID) {
    x.data = lower_to_rows(lw, x, t, LAYOUT_RM);
    x.pack = lower_pack(lw, t);
    x.layout = LAYOUT_RM;
  }
  node *sum = x.layout == LAYOUT_DENSE ? g_reduce_sum(g, x.data, 1u << 1)
                                       : global_pooling_segment(g, OP_SEGMENT_SUM, x, 0);
  bool whole = x.layout == LAYOUT_DENSE || pack_is_dense(x.pack);
  node *count = whole ? g_extent(g, t->shape.d[1], REAL) : valid_steps(g, x.pack, t->shape.d[0]);
  global_pooling_set_output(lw, app, g_div(g, sum, count));
}

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> GlobalAveragePooling1D() -> Dense(2)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> GlobalAveragePooling1D(keepdims = true)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Bidirectional(GRU(2, return_sequences = true)) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def global_average_pooling1d_layer = {
    .name = "GlobalAveragePooling1D",
    .snake = "global_average_pooling1d",
    .doc = "Mean over the time axis; masked steps do not count, and a row without a valid step gives zeros.",
    .shapes = "(batch, time, features) -> (batch, features)\n"
              "(batch, time, features) -> (batch, 1, features)    keepdims = true",
    .differs =
        "A row without a valid step gives zeros, where Keras gives NaN. data_format is channels_last only.",
    .group = "pooling",
    .args = global_pooling_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CONSUME,
    .build = global_pooling_build,
    .lower = lower,
    .examples = examples,
};
