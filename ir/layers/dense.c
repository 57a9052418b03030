#include "ir/layers/activated.h"
#include <math.h>

static bool build(layer_call *call) {
  const layer *l = call->layer;
  const tensor *x = call->inputs[0];
  dim_table *dims = call->model->unit->dims;
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 2, -1, "(batch, ..., features)"))
    return false;
  int64_t features = call_static_dim(call, x, -1);
  if (features < 0)
    return false;
  const dim *u = dim_const(dims, layer_arg_int(l, "units"));
  if (call->first) {
    call_weight(call, "kernel", shape_of(2, dim_const(dims, features), u),
                layer_arg_initializer(l, "kernel_initializer"));
    if (layer_arg_bool(l, "use_bias"))
      call_weight(call, "bias", shape_of(1, u), layer_arg_initializer(l, "bias_initializer"));
  } else if (!call_same_features(call, x, l->weights.data[0]->shape.d[0]->value)) {
    return false;
  }
  shape s = x->shape;
  s.d[s.rank - 1] = u;
  tensor *y = call_output(call, s, TENSOR_REAL);
  if (x->mask != MASK_VALID)
    return true;
  if (s.rank > 2) {
    call_output_mask(y, MASK_VALID, x->mask_source);
  } else { // the steps themselves are the features
    call_output_mask(y, MASK_DESTROYED, NULL);
    call_warn_destroyed(call, x);
  }
  return true;
}

static node *affine(lowering *lw, node *const *rows, int n, void *context) {
  (void)n;
  graph *g = lw->g;
  const layer *l = context;
  node *x = rows[0]->type == INT ? g_cast(g, rows[0], REAL) : rows[0];
  node *y = g_matmul(g, x, lower_weight(lw, l, "kernel"), false, false);
  return layer_arg_bool(l, "use_bias") ? g_add(g, y, lower_weight(lw, l, "bias")) : y;
}

static void lower(lowering *lw, const application *app) {
  lowered x = lower_input(lw, app, 0);
  if (app->inputs[0]->shape.rank == 2)
    x = lowered_dense_value(lower_to_dense(lw, x, app->inputs[0]));
  lowered y = lower_tokenwise(lw, app, &x, 1, affine, app->layer);
  lower_set_output(lw, app, 0,
                   lower_activation(lw, y, app->outputs[0], layer_arg_text(app->layer, "activation")));
}

static const arg_spec args[] = {
    {.name = "units", .kinds = ARG_INT, .min = 1, .max = INFINITY, .doc = "size of the output's last axis"},
    {.name = "activation",
     .kinds = ARG_ACTIVATION | ARG_NONE,
     .default_text = "none",
     .doc = "applied to the result"},
    {.name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether a bias is added"},
    {.name = "kernel_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "glorot_uniform",
     .doc = "of the kernel"},
    {.name = "bias_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of the bias"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4, activation = relu) -> Dense(1, activation "
    "= sigmoid)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Dense(2, activation = softmax)\n}\n",
    NULL};

const layer_def dense_layer = {
    .name = "Dense",
    .snake = "dense",
    .doc = "activation(x W + b) over the last axis; every step of a sequence by itself.",
    .shapes = "(batch, ..., features) -> (batch, ..., units)",
    .weights = "kernel (features, units)\n"
               "bias (units)    with use_bias",
    .mask_doc = "The result has the input's mask; of (batch, features), where steps themselves are the "
                "features, it is destroyed with a warning.",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_TOKENWISE | LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
