#include "ir/layers/normalization.h"
#include <math.h>

// Inside TimeDistributed every step has a mean and a variance of its own.
static bool keeps_steps_apart(const layer *l) {
  return l->parent && l->parent->def == &time_distributed_layer;
}

static bool check_steps(layer_call *call) {
  const layer *l = call->layer;
  if (!keeps_steps_apart(l) || (layer_arg_int(l, "axis") == -1 && !l->parent->parent))
    return true;
  call_error(call, "BatchNormalization inside %s",
             l->parent->parent ? "two TimeDistributed cannot keep their steps apart"
                               : "TimeDistributed needs axis = -1, the features");
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  const layer *l = call->layer;
  if (!check_steps(call))
    return false;
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 2, -1, "(batch, ..., features)"))
    return false;
  unsigned axis = axes_argument(call, "axis", x);
  if (!axis)
    return false;
  int k = 0;
  while (!(axis & 1u << k))
    k++;
  if (call_static_dim(call, x, k) < 0)
    return false;
  shape s = shape_of_axes(&x->shape, axis);
  if (call->first) {
    normalization_weights(call, s);
    call_weight(call, "moving_mean", s, layer_arg_initializer(l, "moving_mean_initializer"))->trainable =
        false;
    call_weight(call, "moving_variance", s, layer_arg_initializer(l, "moving_variance_initializer"))
        ->trainable = false;
  } else if (!normalization_same_shape(call, &s)) {
    return false;
  }
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

// Per feature: y = (x - mean) factor + offset.
typedef struct statistics {
  node *mean, *factor, *offset; // [C]; offset may be NULL
  int from_end;                 // the features' axis: 1 is the last one
} statistics;

static node *normalized(lowering *lw, node *const *rows, int n, void *context) {
  (void)n;
  graph *g = lw->g;
  const statistics *s = context;
  node *x = rows[0]->type == INT ? g_cast(g, rows[0], REAL) : rows[0];
  unsigned others = ((1u << x->shape.rank) - 1) & ~(1u << (x->shape.rank - s->from_end));
  node *centred = g_sub(g, x, spread_over(g, s->mean, &x->shape, others));
  node *y = g_mul(g, centred, spread_over(g, s->factor, &x->shape, others));
  return s->offset ? g_add(g, y, spread_over(g, s->offset, &x->shape, others)) : y;
}

static void remember(lowering *lw, const layer *l, const char *local, node *now) {
  graph *g = lw->g;
  double momentum = layer_arg_float(l, "momentum");
  node *before = lower_state(lw, l, local);
  lower_assign(lw, l, local,
               g_add(g, g_mul(g, before, g_real(g, momentum)), g_mul(g, now, g_real(g, 1 - momentum))));
}

// Moments of the batch over x's axes but one. Rows of a masked sequence are the valid ones alone; Keras adds
// 1e-7 to their number.
static void batch_moments(lowering *lw, const layer *l, node *x, bool masked, int from_end, node **mean,
                          node **variance) {
  graph *g = lw->g;
  unsigned others = ((1u << x->shape.rank) - 1) & ~(1u << (x->shape.rank - from_end));
  node *count = NULL;
  if (masked) {
    const dim *n = dim_const(g->dims, 1);
    for (int k = 0; k < x->shape.rank; k++)
      n = others & 1u << k ? dim_mul(g->dims, n, x->shape.d[k]) : n;
    count = g_add(g, g_extent(g, n, REAL), g_real(g, 1e-7));
  }
  *mean = normalization_mean(g, x, others, count);
  node *centred = g_sub(g, x, spread_over(g, *mean, &x->shape, others));
  *variance = normalization_mean(g, g_mul(g, centred, centred), others, count);
  remember(lw, l, "moving_mean", *mean);
  remember(lw, l, "moving_variance", *variance);
}

// ---- inside TimeDistributed, in training

// The steps move the statistics one after the other: m' = momentum^T m + (1 - momentum) sum momentum^(T - 1 -
// t) of t.
static void remember_steps(lowering *lw, const layer *l, const char *local, node *steps) { // [T, C]
  graph *g = lw->g;
  double momentum = layer_arg_float(l, "momentum");
  const dim *time = steps->shape.d[0];
  node *age = g_sub(g, g_sub(g, g_extent(g, time, REAL), g_real(g, 1)),
                    g_cast(g, g_iota(g, shape_of(1, time), 0), REAL));
  node *share, *rest;
  if (momentum > 0) {
    share = g_unary(g, OP_EXP, g_mul(g, age, g_real(g, log(momentum))));
    rest = g_unary(g, OP_EXP, g_mul(g, g_extent(g, time, REAL), g_real(g, log(momentum))));
  } else {
    share = g_cast(g, g_binary(g, OP_EQ, age, g_real(g, 0)), REAL);
    rest = g_real(g, 0);
  }
  node *all = g_mul(g, steps, g_broadcast(g, share, steps->shape, (int[]){0, -1}));
  lower_assign(lw, l, local,
               g_add(g, g_mul(g, lower_state(lw, l, local), rest),
                     g_mul(g, g_reduce_sum(g, all, 1), g_real(g, 1 - momentum))));
}

// Rows that count at each step, times the other axes that are summed over: [T, C], 1e-7 more as in Keras.
static node *counts_of_steps(graph *g, node *valid, const shape *x, const shape *result) { // valid [B, T]
  const dim *n = dim_const(g->dims, 1);
  for (int k = 2; k < x->rank - 1; k++)
    n = dim_mul(g->dims, n, x->d[k]);
  node *count = g_mul(g, g_reduce_sum(g, valid, 1), g_extent(g, n, REAL));
  return g_broadcast(g, g_add(g, count, g_real(g, 1e-7)), *result, (int[]){0, -1});
}

static void lower_steps(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  const tensor *t = app->inputs[0];
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), t), *mask = lower_mask(lw, t);
  x = x->type == INT ? g_cast(g, x, REAL) : x;
  unsigned others = ((1u << x->shape.rank) - 1) & ~2u & ~(1u << (x->shape.rank - 1));
  shape of_steps = shape_of(2, x->shape.d[1], x->shape.d[x->shape.rank - 1]);
  node *valid = mask ? g_cast(g, mask, REAL) : NULL, *spread = NULL, *mean, *variance;
  if (mask) {
    int axes[MAX_RANK] = {0, 1};
    for (int k = 2; k < MAX_RANK; k++)
      axes[k] = -1;
    spread = g_broadcast(g, valid, x->shape, axes);
    node *counts = counts_of_steps(g, valid, &x->shape, &of_steps);
    mean = g_div(g, g_reduce_sum(g, g_mul(g, x, spread), others), counts);
    node *centred = g_sub(g, x, spread_over(g, mean, &x->shape, others));
    variance = g_div(g, g_reduce_sum(g, g_mul(g, spread, g_mul(g, centred, centred)), others), counts);
  } else {
    mean = normalization_mean(g, x, others, NULL);
    node *centred = g_sub(g, x, spread_over(g, mean, &x->shape, others));
    variance = normalization_mean(g, g_mul(g, centred, centred), others, NULL);
  }
  remember_steps(lw, l, "moving_mean", mean);
  remember_steps(lw, l, "moving_variance", variance);
  node *y = g_mul(g, g_sub(g, x, spread_over(g, mean, &x->shape, others)),
                  spread_over(g, normalization_inverse_root(g, variance, layer_arg_float(l, "epsilon")),
                              &x->shape, others));
  unsigned but_features = (1u << (x->shape.rank - 1)) - 1;
  if (layer_arg_bool(l, "scale"))
    y = g_mul(g, y, spread_over(g, lower_weight(lw, l, "gamma"), &x->shape, but_features));
  if (layer_arg_bool(l, "center"))
    y = g_add(g, y, spread_over(g, lower_weight(lw, l, "beta"), &x->shape, but_features));
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  if (keeps_steps_apart(l) && lw->training && l->trainable) {
    lower_steps(lw, app);
    return;
  }
  const tensor *t = app->inputs[0];
  int rank = t->shape.rank, axis = 0;
  while (!(axes_of(l, "axis", rank) & 1u << axis))
    axis++;
  lowered x = lower_input(lw, app, 0);
  if (axis == 1)
    x = lowered_dense_value(lower_to_dense(lw, x, t));
  else if (t->mask == MASK_VALID && x.layout == LAYOUT_DENSE)
    x = lowered_row_value(lower_to_rows(lw, x, t, LAYOUT_RM), LAYOUT_RM, lower_pack(lw, t), FILL_FULL,
                          lower_to_all_rows(lw, x, t));
  if (x.data->type == INT) {
    x.data = g_cast(g, x.data, REAL);
    x.fill = x.fill ? g_cast(g, x.fill, REAL) : NULL;
  }
  statistics s = {.from_end = rank - axis};
  node *variance;
  if (lw->training && l->trainable) {
    batch_moments(lw, l, x.data, x.pack && !pack_is_dense(x.pack), s.from_end, &s.mean, &variance);
  } else {
    s.mean = lower_state(lw, l, "moving_mean");
    variance = lower_state(lw, l, "moving_variance");
  }
  s.factor = normalization_inverse_root(g, variance, layer_arg_float(l, "epsilon"));
  if (layer_arg_bool(l, "scale"))
    s.factor = g_mul(g, s.factor, lower_weight(lw, l, "gamma"));
  s.offset = layer_arg_bool(l, "center") ? lower_weight(lw, l, "beta") : NULL;
  bool dense = axis == 1;
  lowered y = dense ? lowered_dense_value(normalized(lw, &x.data, 1, &s))
                    : lower_tokenwise(lw, app, &x, 1, normalized, &s);
  lower_set_output(lw, app, 0, y);
}

static const arg_spec args[] = {
    {.name = "axis", .kinds = ARG_INT, .default_text = "-1", .doc = "the axis of features"},
    {.name = "momentum",
     .kinds = ARG_FLOAT,
     .default_text = "0.99",
     .min = 0,
     .max = 1,
     .doc = "how much of the moving statistics is kept at each step"},
    NORMALIZATION_EPSILON_ARG("0.001"),
    NORMALIZATION_WEIGHT_ARGS,
    {.name = "moving_mean_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "zeros",
     .doc = "of the moving mean"},
    {.name = "moving_variance_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "ones",
     .doc = "of the moving variance"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> BatchNormalization() -> Dense(1)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "BatchNormalization()\n    -> LSTM(2)\n}\n",
    "model tiny {\n  input image: float[4, 5, 2]\n  output y = image -> Conv2D(3, 2) -> "
    "BatchNormalization(momentum = "
    "0.9, scale = false)\n    -> GlobalAveragePooling2D()\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> TimeDistributed(BatchNormalization(momentum = 0.75)) -> LSTM(2)\n}\n",
    NULL};

const layer_def batch_normalization_layer = {
    .name = "BatchNormalization",
    .snake = "batch_normalization",
    .doc = "Each feature less its mean, divided by its deviation: of the batch in training (valid steps "
           "only), of moving "
           "averages in prediction and where trainable = false.",
    .shapes = "(batch, ..., features) -> (batch, ..., features)\n"
              "(batch, features, ...) -> (batch, features, ...)    axis = 1",
    .weights = "gamma (features)    with scale\n"
               "beta (features)    with center\n"
               "moving_mean (features)    moved by training, by no gradient\n"
               "moving_variance (features)",
    .mask_doc =
        "Passed on; masked steps do not count in the batch's mean and variance. Inside TimeDistributed every "
        "step has its own mean and variance, and the steps move the averages one after the other.",
    .differs = "synchronized and renorm are not there.",
    .group = "normalization",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_BY_STEP,
    .build = build,
    .lower = lower,
    .examples = examples,
};
