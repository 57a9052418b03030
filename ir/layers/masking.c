#include "ir/layer.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  tensor *y = call_output(call, x->shape, x->type);
  call_output_mask(y, MASK_VALID, y);
  return true;
}

// A step is valid when one of its features differs from the value. Masked steps are set to zero, which is
// their fill.
static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *y = app->outputs[0];
  lowered in = lower_input(lw, app, 0);
  node *x = lower_to_dense(lw, in, app->inputs[0]);
  double v = layer_arg_float(app->layer, "mask_value");
  node *number = x->type == REAL ? g_real(g, v) : g_cast(g, g_real(g, v), INT);
  node *equal = g_binary(g, OP_EQ, x, number);
  node *differs = g_binary(g, OP_EQ, equal, g_int(g, 0));
  node *count = g_reduce_sum(g, g_cast(g, differs, REAL), 1u << 2);
  lower_set_mask(lw, y, g_binary(g, OP_LT, g_real(g, 0), count));
  node *pack = lower_pack(lw, y);
  node *rows = lower_to_pack(lw, lowered_dense_value(x), pack, LAYOUT_RM);
  lower_set_output(lw, app, 0, lowered_row_value(rows, LAYOUT_RM, pack, FILL_UNIFORM, NULL));
}

static const arg_spec args[] = {{.name = "mask_value",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.0",
                                 .doc = "a step of this value alone is padding"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Masking() -> LSTM(2)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3) -> Masking() -> "
    "LSTM(2)\n}\n",
    NULL};

const layer_def masking_layer = {
    .name = "Masking",
    .snake = "masking",
    .doc = "Masks the steps whose features all equal a value, and sets them to zero.",
    .shapes = "(batch, time, ...) -> (batch, time, ...)",
    .mask_doc = "The result has a mask: a step is valid when any of its features differs from mask_value.",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .build = build,
    .lower = lower,
    .examples = examples,
};
