#include "ir/layers/recurrence.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

static node *drop(lowering *lw, const application *app, node *x, node *rows) {
  graph *g = lw->g;
  double rate = layer_arg_float(app->layer, "rate");
  if (rate >= 1)
    return g_broadcast_to(g, g_real(g, 0), x->shape);
  return g_mul(g, x, dropout_mask(g, layer_stream(app, "dropout"), x->shape, rows, rate));
}

// In a user's cell: one mask for all steps of an example.
static node *drop_in_step(cell_step *s, const application *app, node *x) {
  double rate = layer_arg_float(app->layer, "rate");
  graph *g = s->lw->g;
  if (rate >= 1)
    return g_broadcast_to(g, g_real(g, 0), x->shape);
  return step_dropout(s, x, rate, layer_stream(app, "dropout") ^ step_stream(s, "dropout"));
}

// Elements are numbered as in the padded tensor, so that packing changes no mask. Padding steps draw too:
// their fill is full, and computed only if somebody looks.
static void lower(lowering *lw, const application *app) {
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT) {
    x.data = g_cast(lw->g, x.data, REAL);
    x.fill = x.fill ? g_cast(lw->g, x.fill, REAL) : NULL;
  }
  if (!lw->training || layer_arg_float(app->layer, "rate") <= 0) {
    lower_set_output(lw, app, 0, x);
    return;
  }
  if (lw->step) {
    lower_set_output(lw, app, 0, lowered_dense_value(drop_in_step(lw->step, app, x.data)));
    return;
  }
  lowered y = {.data = drop(lw, app, x.data, lower_row_numbers(lw, x)), .layout = x.layout, .pack = x.pack};
  if (x.fill_kind != FILL_NONE) {
    y.fill_kind = FILL_FULL;
    y.fill = drop(lw, app, lower_to_all_rows(lw, x, app->inputs[0]), NULL);
  }
  lower_set_output(lw, app, 0, y);
}

static const arg_spec args[] = {
    {.name = "rate",
     .kinds = ARG_FLOAT,
     .min = 0,
     .max = 1,
     .doc = "share of the elements set to 0 in training"},
    {.name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> Dropout(0.5) -> Dense(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "Dropout(0.25)\n"
    "    -> LSTM(2)\n}\n",
    NULL};

const layer_def dropout_layer = {
    .name = "Dropout",
    .snake = "dropout",
    .doc = "In training, sets a share of the elements to 0 and divides the others by 1 - rate; in "
           "prediction, nothing. In a user's cell, the mask of an example is the same at every step.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .differs = "noise_shape is not there; SpatialDropout1D drops whole features.",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_TOKENWISE | LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
