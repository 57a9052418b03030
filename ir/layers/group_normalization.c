#include "ir/layers/normalization.h"
#include <math.h>

static int features_axis(const layer *l, int rank) {
  unsigned axis = axes_of(l, "axis", rank);
  int k = 1;
  while (!(axis & 1u << k))
    k++;
  return k;
}

static int64_t group_count(const layer *l, int64_t features) {
  int64_t groups = layer_arg_int(l, "groups");
  return groups == -1 ? features : groups;
}

static bool check(layer *l) {
  int64_t groups = layer_arg_int(l, "groups");
  if (groups > 0 || groups == -1)
    return true;
  layer_error(l, "groups", "%s: groups must be at least 1, or -1 for one group a feature; found %lld",
              l->def->name, (long long)groups);
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) ||
      !call_expect_rank(call, x, 2, MAX_RANK - 1, "(batch, ..., features)") ||
      !axes_argument(call, "axis", x))
    return false;
  int axis = features_axis(call->layer, x->shape.rank);
  int64_t features = call_static_dim(call, x, axis);
  if (features < 0)
    return false;
  int64_t groups = group_count(call->layer, features);
  if (features % groups) {
    diag *d = call_error(call, "%s cannot divide %lld features into %lld groups", call->layer->def->name,
                         (long long)features, (long long)groups);
    diag_help(d, "groups must divide the number of features; the default is 32");
    return false;
  }
  shape s = shape_of(1, x->shape.d[axis]);
  if (call->first)
    normalization_weights(call, s);
  else if (!normalization_same_shape(call, &s))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

// gamma or beta [C] as [groups, C / groups], at every place of x.
static node *spread_weight(lowering *lw, const layer *l, const char *local, const shape *like, int axis) {
  graph *g = lw->g;
  node *w = g_reshape(g, lower_weight(lw, l, local), shape_of(2, like->d[axis], like->d[axis + 1]));
  return spread_over(g, w, like, ((1u << like->rank) - 1) & ~(3u << axis));
}

// Padding takes part, as in Keras.
static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  const tensor *t = app->inputs[0];
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), t);
  x = x->type == INT ? g_cast(g, x, REAL) : x;
  int axis = features_axis(l, t->shape.rank);
  int64_t features = t->shape.d[axis]->value, groups = group_count(l, features);
  shape split = t->shape;
  split.rank++;
  for (int k = t->shape.rank; k > axis + 1; k--)
    split.d[k] = t->shape.d[k - 1];
  split.d[axis] = dim_const(g->dims, groups);
  split.d[axis + 1] = dim_const(g->dims, features / groups);
  node *by_group = g_reshape(g, x, split);
  unsigned axes = ((1u << split.rank) - 1) & ~1u & ~(1u << axis);
  node *centred =
      g_sub(g, by_group, spread_over(g, normalization_mean(g, by_group, axes, NULL), &split, axes));
  node *variance = normalization_mean(g, g_mul(g, centred, centred), axes, NULL);
  node *factor = normalization_inverse_root(g, variance, layer_arg_float(l, "epsilon"));
  node *y = g_mul(g, centred, spread_over(g, factor, &split, axes));
  if (layer_arg_bool(l, "scale"))
    y = g_mul(g, y, spread_weight(lw, l, "gamma", &split, axis));
  if (layer_arg_bool(l, "center"))
    y = g_add(g, y, spread_weight(lw, l, "beta", &split, axis));
  lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(g, y, t->shape)));
}

static const arg_spec args[] = {
    {.name = "groups",
     .kinds = ARG_INT,
     .default_text = "32",
     .doc = "groups of features that are normalized together; -1: each by itself"},
    {.name = "axis", .kinds = ARG_INT, .default_text = "-1", .doc = "the axis of features"},
    NORMALIZATION_EPSILON_ARG("0.001"),
    NORMALIZATION_WEIGHT_ARGS,
    {0}};

static const char *const examples[] = {"model tiny {\n  input x: float[time, 4]\n  output y = x -> "
                                       "GroupNormalization(groups = 2) -> LSTM(2)\n}\n",
                                       "model tiny {\n  input image: float[3, 3, 4]\n  output y = image -> "
                                       "GroupNormalization(groups = -1) -> Flatten() -> "
                                       "Dense(1)\n}\n",
                                       NULL};

const layer_def group_normalization_layer = {
    .name = "GroupNormalization",
    .snake = "group_normalization",
    .doc = "The features of each group, over all places of an example, less their mean, divided by their "
           "deviation.",
    .shapes = "(batch, ..., features) -> (batch, ..., features)\n"
              "(batch, features, ...) -> (batch, features, ...)    axis = 1",
    .weights = "gamma (features)    with scale\n"
               "beta (features)    with center",
    .group = "normalization",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
