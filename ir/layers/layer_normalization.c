#include "ir/layers/normalization.h"
#include <math.h>

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 2, -1, "(batch, ..., features)"))
    return false;
  unsigned axes = axes_argument(call, "axis", x);
  if (!axes)
    return false;
  for (int k = 1; k < x->shape.rank; k++)
    if ((axes & 1u << k) && call_static_dim(call, x, k) < 0)
      return false;
  shape s = shape_of_axes(&x->shape, axes);
  if (call->first)
    normalization_weights(call, s);
  else if (!normalization_same_shape(call, &s))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

// The axes as they are in x, which lacks the time axis where it holds rows.
static node *normalized(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  int rank = app->inputs[0]->shape.rank;
  unsigned axes = axes_of(l, "axis", rank) >> (rank - x->shape.rank),
           others = ((1u << x->shape.rank) - 1) & ~axes;
  node *mean = spread_over(g, normalization_mean(g, x, axes, NULL), &x->shape, axes);
  node *centred = g_sub(g, x, mean);
  node *variance = normalization_mean(g, g_mul(g, centred, centred), axes, NULL);
  node *factor = normalization_inverse_root(g, variance, layer_arg_float(l, "epsilon"));
  node *y = g_mul(g, centred, spread_over(g, factor, &x->shape, axes));
  if (layer_arg_bool(l, "scale"))
    y = g_mul(g, y, spread_over(g, lower_weight(lw, l, "gamma"), &x->shape, others));
  if (layer_arg_bool(l, "center"))
    y = g_add(g, y, spread_over(g, lower_weight(lw, l, "beta"), &x->shape, others));
  return y;
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
                                 .doc = "axis or axes whose elements are normalized together"},
                                NORMALIZATION_EPSILON_ARG("0.001"),
                                NORMALIZATION_WEIGHT_ARGS,
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "LayerNormalization()\n    -> LSTM(2)\n}\n",
    "model tiny {\n  input x: float[4, 3]\n  output y = x -> LayerNormalization(axis = [1, 2]) -> Flatten() "
    "-> "
    "Dense(1)\n}\n",
    NULL};

const layer_def layer_normalization_layer = {
    .name = "LayerNormalization",
    .snake = "layer_normalization",
    .doc = "The elements of each step less their mean, divided by their deviation, times gamma plus beta.",
    .shapes = "(batch, ..., features) -> (batch, ..., features)",
    .weights = "gamma (features)    with scale\n"
               "beta (features)    with center\n"
               "gamma (...axes)    several axes: their extents; beta alike\n"
               "beta (...axes)",
    .differs = "rms_scaling is RMSNormalization.",
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
