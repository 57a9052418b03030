#include "ir/layers/pointwise.h"

// The axes along which one slope serves all steps.
static unsigned shared_axes(const layer *l, int rank) {
  return layer_arg_is_none(l, "shared_axes") ? 0 : axes_of(l, "shared_axes", rank);
}

static bool weights(layer_call *call, const tensor *x, unsigned shared) {
  dim_table *dims = call->model->unit->dims;
  shape s = {.rank = x->shape.rank - 1};
  for (int k = 0; k < s.rank; k++) {
    bool one = shared & 1u << (k + 1);
    int64_t extent;
    if (!one && !dim_is_const(x->shape.d[k + 1], &extent)) {
      strbuf symbol = {0};
      dim_print(x->shape.d[k + 1], &symbol);
      diag *d = call_error(call, "%s needs a slope for each step along '%s', which must be a number",
                           call->layer->def->name, strbuf_text(&symbol));
      diag_help(d, "shared_axes = [%d] gives all steps the same slopes", k + 1);
      strbuf_free(&symbol);
      return false;
    }
    s.d[k] = one ? dim_const(dims, 1) : x->shape.d[k + 1];
  }
  if (call->first) {
    call_weight(call, "alpha", s, layer_arg_initializer(call->layer, "alpha_initializer"));
    return true;
  }
  if (shape_equal(&s, &call->layer->weights.data[0]->shape))
    return true;
  call_error(call, "%s got a tensor of another shape than at its first use", call->layer->def->name);
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 2, -1, "(batch, ..., features)"))
    return false;
  bool given = !layer_arg_is_none(call->layer, "shared_axes");
  unsigned shared = given ? axes_argument(call, "shared_axes", x) : 0;
  if ((given && !shared) || !weights(call, x, shared))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

static node *positive(graph *g, node *x) {
  return g_select(g, g_binary(g, OP_LE, x, g_real(g, 0)), g_broadcast_to(g, g_real(g, 0), x->shape), x);
}

// The slopes bear the axes behind the batch (behind the time axis, when `rows` has lost that one).
static node *value_of(lowering *lw, const application *app, node *x) {
  graph *g = lw->g;
  const layer *l = app->layer;
  node *alpha = lower_weight(lw, l, "alpha");
  while (alpha->shape.rank >= x->shape.rank) {
    shape s = alpha->shape;
    s.rank--;
    for (int k = 0; k < s.rank; k++)
      s.d[k] = s.d[k + 1];
    alpha = g_reshape(g, alpha, s);
  }
  node *below = g_mul(g, alpha, positive(g, g_unary(g, OP_NEG, x)));
  return g_sub(g, positive(g, x), below);
}

static void lower(lowering *lw, const application *app) {
  const tensor *t = app->inputs[0];
  int rank = t->shape.rank;
  if (rank > 2 && (shared_axes(app->layer, rank) & 1u << 1)) {
    pointwise_lower(lw, app, value_of);
    return;
  }
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), t);
  x = x->type == INT ? g_cast(lw->g, x, REAL) : x;
  lower_set_output(lw, app, 0, lowered_dense_value(value_of(lw, app, x)));
}

static const arg_spec args[] = {
    {.name = "alpha_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of the slopes"},
    {.name = "shared_axes",
     .kinds = ARG_INT | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .doc = "axes along which one slope serves all; 1 is the time axis"},
    {0}};

static const char *const examples[] = {"model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> "
                                       "PReLU(alpha_initializer = Constant(0.25)) -> "
                                       "Dense(1)\n}\n",
                                       "model tiny {\n  input x: float[time, 3]\n  output y = x -> Masking() "
                                       "-> PReLU(shared_axes = [1]) -> LSTM(2)\n}\n",
                                       NULL};

const layer_def prelu_layer = {
    .name = "PReLU",
    .snake = "prelu",
    .doc = "x where it is positive, else a learned slope times x.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .weights = "alpha (...)    one slope for each element of an example\n"
               "alpha (...slopes)    shared_axes: 1 along these",
    .group = "activation",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .traits = LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
