#include "ir/inner_graph.h"
#include "ir/layers/recurrence.h"

static void wrong_noise_shape(layer_call *call, const value *v, const char *why) {
  diag *d = diag_error(call->model->unit->diags, v->at, "%s: noise_shape %s", call->layer->def->name, why);
  diag_help(d, "one entry for each axis, the batch too: none draws along it, 1 draws once for all of it; "
               "noise_shape = [none, 1, none] drops a feature at all steps of an example");
  call->failed = true;
}

// Each entry is none, 1, or the extent that the axis has anyway.
static bool check_noise_shape(layer_call *call, const tensor *x) {
  const value *v = layer_arg(call->layer, "noise_shape");
  if (v->kind == VALUE_NONE)
    return true;
  if (v->kind != VALUE_LIST)
    wrong_noise_shape(call, v, "must be a list");
  else if ((int)v->count != x->shape.rank)
    wrong_noise_shape(call, v, "must have an entry for each axis of the input");
  else if (inner_graph_cell(call->model))
    wrong_noise_shape(call, v, "has no meaning inside a cell");
  for (size_t k = 0; !call->failed && k < v->count; k++) {
    const value *item = v->items[k];
    int64_t extent = 0;
    bool fixed = dim_is_const(x->shape.d[k], &extent);
    if (item->kind != VALUE_NONE &&
        (item->kind != VALUE_INT || (item->integer != 1 && (!fixed || item->integer != extent))))
      wrong_noise_shape(call, item, "must hold none, 1, or the extent of its axis");
  }
  return !call->failed;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !check_noise_shape(call, x))
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

// One draw for all of the axes whose entry is 1.
static node *drop_along(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const value *entries = layer_arg(app->layer, "noise_shape");
  double rate = layer_arg_float(app->layer, "rate");
  shape drawn = {0};
  int axes[MAX_RANK];
  for (int k = 0; k < x->shape.rank; k++) {
    bool once = entries->items[k]->kind == VALUE_INT && entries->items[k]->integer == 1;
    axes[k] = once ? -1 : drawn.rank;
    if (!once)
      drawn.d[drawn.rank++] = x->shape.d[k];
  }
  shape one = shape_of(1, dim_const(g->dims, 1));
  node *mask = rate >= 1
                   ? g_broadcast_to(g, g_real(g, 0), drawn)
                   : dropout_mask(g, layer_stream(app, "dropout"), drawn.rank ? drawn : one, NULL, rate);
  return g_mul(g, x, g_broadcast(g, g_reshape(g, mask, drawn), x->shape, axes));
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
  if (!layer_arg_is_none(app->layer, "noise_shape")) {
    node *all = lower_to_dense(lw, x, app->inputs[0]);
    lower_set_output(lw, app, 0, lowered_dense_value(drop_along(lw, app, all)));
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
    {.name = "noise_shape",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "by axis, the batch first: none draws along it, 1 draws once for all of it"},
    {.name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> Dropout(0.5) -> Dense(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "Dropout(0.25)\n"
    "    -> LSTM(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Dropout(0.5, noise_shape = [none, 1, none]) -> LSTM(2)\n}\n",
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
