#include "ir/layers/activated.h"
#include "ir/layers/pointwise.h"

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !axes_argument(call, "axis", x))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

static node *over(graph *g, op_code op, node *x, unsigned axes) {
  return spread_over(g, g_reduce(g, op, x, axes), &x->shape, axes);
}

static node *softmax(graph *g, node *x, unsigned axes) {
  node *e = g_unary(g, OP_EXP, g_sub(g, x, over(g, OP_REDUCE_MAX, x, axes)));
  return g_div(g, e, over(g, OP_REDUCE_SUM, e, axes));
}

// Over steps: masked ones take no part and get 0.
static node *masked_softmax(graph *g, node *x, node *mask, unsigned axes) {
  int first_two[MAX_RANK] = {0, 1, -1, -1, -1, -1};
  node *valid = g_broadcast(g, mask, x->shape, first_two);
  node *y = softmax(g, g_select(g, valid, x, g_broadcast_to(g, g_real(g, -1e9), x->shape)), axes);
  return g_select(g, valid, y, g_broadcast_to(g, g_real(g, 0), x->shape));
}

static node *over_features(lowering *lw, const application *app, node *x) {
  const layer *l = app->layer;
  const shape *s = &app->inputs[0]->shape;
  unsigned axes = axes_of(l, "axis", s->rank);
  return softmax(lw->g, x, x->shape.rank < s->rank ? axes >> 1 : axes);
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *t = app->inputs[0];
  int rank = t->shape.rank;
  unsigned axes = axes_of(app->layer, "axis", rank);
  lowered x = lower_input(lw, app, 0);
  if (axes == 1u << (rank - 1) && (rank > 2 || t->mask != MASK_VALID)) {
    if (x.data->type == INT) {
      x.data = g_cast(g, x.data, REAL);
      x.fill = x.fill ? g_cast(g, x.fill, REAL) : NULL;
    }
    lower_set_output(lw, app, 0, lower_activation(lw, x, t, "softmax"));
    return;
  }
  if (!(axes & 1u << 1)) {
    pointwise_lower(lw, app, over_features);
    return;
  }
  node *dense = lower_to_dense(lw, x, t), *mask = lower_mask(lw, t);
  dense = dense->type == INT ? g_cast(g, dense, REAL) : dense;
  lower_set_output(
      lw, app, 0, lowered_dense_value(mask ? masked_softmax(g, dense, mask, axes) : softmax(g, dense, axes)));
}

static const arg_spec args[] = {{.name = "axis",
                                 .kinds = ARG_INT | ARG_INTS,
                                 .default_text = "-1",
                                 .doc = "axis or axes over which results sum to 1"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = x -> Dense(4) -> Softmax()\n}\n",
    "model tiny {\n  input words: int[time]\n  e = words -> Embedding(7, 3, mask_zero = true)\n"
    "  output y = sum(e * (e -> Dense(1) -> Softmax(axis = 1)), axis = time)\n}\n",
    NULL};

const layer_def softmax_layer = {
    .name = "Softmax",
    .snake = "softmax",
    .doc = "e^x divided by its sum over an axis; over the time axis, masked steps take no part.",
    .shapes = "(batch, ...) -> (batch, ...)",
    .mask_doc = "Passed on. Over the time axis, masked steps take no part and get 0.",
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
