#include "ir/layers/pointwise.h"

// The contracted axis of each operand; false when there is none such.
static bool contracted(const application *app, int axes[2]) {
  const value *v = layer_arg(app->layer, "axes");
  for (int k = 0; k < 2; k++) {
    int rank = app->inputs[k]->shape.rank;
    int64_t axis = v->kind == VALUE_INT ? v->integer : v->items[k]->integer;
    axis += axis < 0 ? rank : 0;
    if (axis < 1 || axis >= rank)
      return false;
    axes[k] = (int)axis;
  }
  return true;
}

static bool check(layer *l) {
  const value *v = layer_arg(l, "axes");
  if (v->kind == VALUE_INT || v->count == 2)
    return true;
  layer_error(l, "axes", "Dot: axes must be an integer or a list of 2, found a list of %zu", v->count);
  return false;
}

static bool misfit(layer_call *call) {
  strbuf a = {0}, b = {0}, axes = {0};
  shape_print(&call->inputs[0]->shape, &a);
  shape_print(&call->inputs[1]->shape, &b);
  value_print(layer_arg(call->layer, "axes"), &axes);
  diag *d =
      call_error(call, "Dot got tensors of shapes %s and %s; axes = %s must name axes of one extent in both",
                 strbuf_text(&a), strbuf_text(&b), strbuf_text(&axes));
  diag_help(d, "an axis is counted from 0, the batch, which cannot be summed over; or from -1 backwards");
  strbuf_free(&a);
  strbuf_free(&b);
  strbuf_free(&axes);
  return false;
}

static bool build(layer_call *call) {
  int axes[2];
  for (int k = 0; k < 2; k++)
    if (!call_expect_numbers(call, call->inputs[k]) ||
        !call_expect_rank(call, call->inputs[k], 2, -1, "(batch, ..., features)"))
      return false;
  const shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
  if (!contracted(call->app, axes) || a->d[axes[0]] != b->d[axes[1]] || a->rank + b->rank - 3 > MAX_RANK)
    return misfit(call);
  shape s = {.rank = 0};
  for (int k = 0; k < a->rank; k++)
    if (k != axes[0])
      s.d[s.rank++] = a->d[k];
  for (int k = 1; k < b->rank; k++)
    if (k != axes[1])
      s.d[s.rank++] = b->d[k];
  if (s.rank == 1)
    s.d[s.rank++] = dim_const(call->model->unit->dims, 1);
  call_output(call, s, TENSOR_REAL);
  return true;
}

// [B, ..., K] with the contracted axis last, as [B, the others, K]; lengths 1 along it if asked for.
static node *operand(lowering *lw, const application *app, int k, int axis) {
  graph *g = lw->g;
  const tensor *t = app->inputs[k];
  node *x = lower_to_dense(lw, lower_input(lw, app, k), t);
  x = x->type == INT ? g_cast(g, x, REAL) : x;
  if (layer_arg_bool(app->layer, "normalize")) {
    node *square = g_binary(g, OP_MAX, g_reduce_sum(g, g_mul(g, x, x), 1u << axis), g_real(g, 1e-14));
    x = g_div(g, x, spread_over(g, g_unary(g, OP_SQRT, square), &x->shape, 1u << axis));
  }
  int order[MAX_RANK], n = 0;
  const dim *others = dim_const(g->dims, 1);
  for (int j = 0; j < t->shape.rank; j++)
    if (j != axis) {
      order[n++] = j;
      others = j ? dim_mul(g->dims, others, t->shape.d[j]) : others;
    }
  order[n] = axis;
  return g_reshape(g, g_transpose(g, x, order), shape_of(3, t->shape.d[0], others, t->shape.d[axis]));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  int axes[2];
  bool found = contracted(app, axes);
  INVARIANT(found);
  node *a = operand(lw, app, 0, axes[0]), *b = operand(lw, app, 1, axes[1]), *y = NULL;
  if (app->inputs[0]->shape.rank == 2 && app->inputs[1]->shape.rank == 2)
    y = g_reduce_sum(g, g_mul(g, a, b), 1u << 2);
  else
    y = g_matmul(g, a, b, false, true);
  lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(g, y, app->outputs[0]->shape)));
}

static const arg_spec args[] = {
    {.name = "axes",
     .kinds = ARG_INT | ARG_INTS,
     .doc = "the axis summed over, in both tensors or [in the first, in the second]; 0 is the batch"},
    {.name = "normalize",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "divide by lengths along the axis first: cosines"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  a = x -> Dense(4)\n  b = x -> Dense(4, activation = tanh)\n"
    "  output y = Dot(axes = 1, normalize = true)(a, b)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  a = x -> Dense(4)\n  b = x -> Dense(4)\n"
    "  output y = Dot(axes = (2, 2))([a, b]) -> Activation(softmax)\n}\n",
    NULL};

const layer_def dot_layer = {
    .name = "Dot",
    .snake = "dot",
    .doc = "Products of two tensors summed over an axis of each, example by example.",
    .shapes = "(batch, ...), (batch, ...) -> (batch, ...rest)    the extents that are left of both; (batch, "
              "1) if none is",
    .group = "merging",
    .args = args,
    .min_inputs = 2,
    .max_inputs = 2,
    .spreads_list = true,
    .masks = MASKS_CONSUME,
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
