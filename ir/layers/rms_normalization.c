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
    call_weight(call, "scale", s, (initializer){.kind = INIT_ONES});
  else if (!normalization_same_shape(call, &s))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  const tensor *t = app->inputs[0];
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), t);
  x = x->type == INT ? g_cast(g, x, REAL) : x;
  unsigned axes = axes_of(l, "axis", t->shape.rank), others = ((1u << t->shape.rank) - 1) & ~axes;
  node *square = normalization_mean(g, g_mul(g, x, x), axes, NULL);
  node *factor = normalization_inverse_root(g, square, layer_arg_float(l, "epsilon"));
  node *y = g_mul(g, x, spread_over(g, factor, &x->shape, axes));
  y = g_mul(g, y, spread_over(g, lower_weight(lw, l, "scale"), &x->shape, others));
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}

static const arg_spec args[] = {{.name = "axis",
                                 .kinds = ARG_INT | ARG_INTS,
                                 .default_text = "-1",
                                 .doc = "axis or axes whose elements are normalized together"},
                                NORMALIZATION_EPSILON_ARG("1e-6"),
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> RMSNormalization() -> LSTM(2)\n}\n", NULL};

const layer_def rms_normalization_layer = {
    .name = "RMSNormalization",
    .snake = "rms_normalization",
    .doc = "x divided by the root of its mean square, times a learned scale.",
    .shapes = "(batch, ..., features) -> (batch, ..., features)",
    .weights = "scale (features)\n"
               "scale (...axes)    several axes: their extents",
    .group = "normalization",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = "LayerNormalization keeps masks",
    .traits = LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
