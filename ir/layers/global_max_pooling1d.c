#include "ir/layers/global_pooling.h"
#include <math.h>

// INT [B, 1]: whether some step of the example shows the fill. Of a carried fill that is the case when its
// first step is masked; the other masked steps repeat a valid one.
static node *shows_fill(graph *g, lowered x, const tensor *t) {
  const dim *batch = t->shape.d[0], *one = dim_const(g->dims, 1);
  if (x.fill_kind == FILL_CARRY) {
    node *carry = g_reshape(g, g_part(g, x.pack, PACK_CARRY), shape_of(2, batch, t->shape.d[1]));
    return g_binary(g, OP_LT, g_slice(g, carry, 1, 0, one, 1), g_int(g, 0));
  }
  node *offsets = g_part(g, x.pack, PACK_OFFSETS);
  node *count = g_sub(g, g_slice(g, offsets, 0, 1, batch, 1), g_slice(g, offsets, 0, 0, batch, 1));
  return g_reshape(g, g_binary(g, OP_LT, count, g_extent(g, t->shape.d[1], INT)), shape_of(2, batch, one));
}

// Padding takes part, as in Keras: the greatest of the valid rows and, where a step is masked, of the fill.
static node *masked_max(graph *g, lowered x, const tensor *t) {
  node *valid = global_pooling_segment(g, OP_SEGMENT_MAX, x, -INFINITY);
  node *fill = x.fill ? x.fill : g_real(g, 0);
  fill = g_broadcast_to(g, fill, valid->shape);
  node *shown = g_broadcast_to(g, shows_fill(g, x, t), valid->shape);
  node *nothing = g_broadcast_to(g, g_real(g, -INFINITY), valid->shape);
  return g_binary(g, OP_MAX, valid, g_select(g, shown, fill, nothing));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *t = app->inputs[0];
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT) {
    x.data = g_cast(g, x.data, REAL);
    x.fill = x.fill ? g_cast(g, x.fill, REAL) : NULL;
  }
  node *pooled = NULL;
  if (x.layout == LAYOUT_DENSE || x.fill_kind == FILL_FULL)
    pooled = g_reduce(g, OP_REDUCE_MAX, lower_to_dense(lw, x, t), 1u << 1);
  else if (pack_is_dense(x.pack))
    pooled = global_pooling_segment(g, OP_SEGMENT_MAX, x, -INFINITY);
  else
    pooled = masked_max(g, x, t);
  global_pooling_set_output(lw, app, pooled);
}

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Dense(4) -> GlobalMaxPooling1D() -> "
    "Dense(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> GRU(2, return_sequences = true) -> GlobalMaxPooling1D()\n}\n",
    NULL};

const layer_def global_max_pooling1d_layer = {
    .name = "GlobalMaxPooling1D",
    .snake = "global_max_pooling1d",
    .doc = "Largest value over the time axis, of each feature.",
    .shapes = "(batch, time, features) -> (batch, features)\n"
              "(batch, time, features) -> (batch, 1, features)    keepdims = true",
    .differs = "data_format is channels_last only.",
    .group = "pooling",
    .args = global_pooling_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = "GlobalAveragePooling1D skips padding; or leave mask_zero out",
    .build = global_pooling_build,
    .lower = lower,
    .examples = examples,
};
