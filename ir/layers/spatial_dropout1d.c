#include "ir/layers/recurrence.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

// Example of each row of x [V, F].
static node *example_of_rows(graph *g, const lowered *x) {
  node *example = g_part(g, x->pack, PACK_EXAMPLE);
  if (x->layout == LAYOUT_RM)
    return example;
  return g_gather(g, example, g_part(g, x->pack, PACK_TM_RM), g_part(g, x->pack, PACK_RM_TM));
}

static node *dropped_steps(graph *g, node *x, node *mask) { // x [B, T, F], mask [B, F]
  return g_mul(g, x, g_broadcast(g, mask, x->shape, (int[]){0, -1, 1}));
}

static node *dropped_fill(lowering *lw, const tensor *t, lowered x, node *mask) {
  graph *g = lw->g;
  node *all = lower_to_all_rows(lw, x, t);
  return g_reshape(g, dropped_steps(g, g_reshape(g, all, t->shape), mask), all->shape);
}

// One draw for all steps of a feature.
static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *t = app->inputs[0];
  double rate = layer_arg_float(app->layer, "rate");
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT) {
    x.data = g_cast(g, x.data, REAL);
    x.fill = x.fill ? g_cast(g, x.fill, REAL) : NULL;
  }
  if (!lw->training || rate <= 0) {
    lower_set_output(lw, app, 0, x);
    return;
  }
  shape s = shape_of(2, t->shape.d[0], t->shape.d[2]);
  node *mask = rate >= 1 ? g_broadcast_to(g, g_real(g, 0), s)
                         : dropout_mask(g, layer_stream(app, "dropout"), s, NULL, rate);
  lowered y = {.layout = x.layout, .pack = x.pack};
  if (x.layout == LAYOUT_DENSE)
    y.data = dropped_steps(g, x.data, mask);
  else
    y.data = g_mul(g, x.data, g_gather(g, mask, example_of_rows(g, &x), NULL));
  if (x.fill_kind != FILL_NONE) {
    y.fill_kind = FILL_FULL;
    y.fill = dropped_fill(lw, t, x, mask);
  }
  lower_set_output(lw, app, 0, y);
}

static const arg_spec args[] = {
    {.name = "rate",
     .kinds = ARG_FLOAT,
     .min = 0,
     .max = 1,
     .doc = "share of the features set to 0 in training, the same at every step"},
    {.name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "SpatialDropout1D(0.25)\n    -> LSTM(2)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> SpatialDropout1D(0.5) -> Conv1D(2, 2, "
    "padding = causal)\n    "
    "-> "
    "GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def spatial_dropout1d_layer = {
    .name = "SpatialDropout1D",
    .snake = "spatial_dropout1d",
    .doc = "Dropout of whole features: in training, a feature is 0 at every step or at none.",
    .shapes = "(batch, time, features) -> (batch, time, features)",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .build = build,
    .lower = lower,
    .examples = examples,
};
