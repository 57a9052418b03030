#include "ir/layers/pointwise.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !axes_argument(call, "axis", x))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

// Of zeros: zeros, with slope 0.
static node *normalized(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  int rank = app->inputs[0]->shape.rank;
  unsigned axes = axes_of(l, "axis", rank) >> (rank - x->shape.rank);
  node *square = g_binary(g, OP_MAX, g_reduce_sum(g, g_mul(g, x, x), axes), g_real(g, 1e-24));
  return g_div(g, x, spread_over(g, g_unary(g, OP_SQRT, square), &x->shape, axes));
}

static void lower(lowering *lw, const application *app) {
  const tensor *t = app->inputs[0];
  if (!(axes_of(app->layer, "axis", t->shape.rank) & 1u << 1)) {
    pointwise_lower(lw, app, normalized);
    return;
  }
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), t);
  x = x->type == INT ? g_cast(lw->g, x, REAL) : x;
  lower_set_output(lw, app, 0, lowered_dense_value(normalized(lw, app, x)));
}

static const arg_spec args[] = {{.name = "axis",
                                 .kinds = ARG_INT | ARG_INTS,
                                 .default_text = "-1",
                                 .doc = "axis or axes over which squares sum to 1"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> UnitNormalization() -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "UnitNormalization()\n    -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def unit_normalization_layer = {
    .name = "UnitNormalization",
    .snake = "unit_normalization",
    .doc = "x divided by its length, the root of its sum of squares.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .group = "normalization",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
