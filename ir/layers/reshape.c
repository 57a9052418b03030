#include "ir/layer.h"

static bool check(layer *l) {
  const value *v = layer_arg(l, "target_shape");
  int left_open = 0;
  for (size_t k = 0; k < v->count; k++) {
    left_open += v->items[k]->integer == -1;
    if (v->items[k]->integer == 0) {
      layer_error(l, "target_shape", "Reshape: an extent cannot be 0");
      return false;
    }
  }
  if (left_open <= 1 && v->count >= 1 && v->count < MAX_RANK)
    return true;
  if (left_open > 1)
    layer_error(l, "target_shape", "Reshape: only one extent may be -1");
  else
    layer_error(l, "target_shape", "Reshape: target_shape must have 1 to %d extents", MAX_RANK - 1);
  return false;
}

static bool wrong_size(layer_call *call, const tensor *x) {
  strbuf found = {0}, wanted = {0};
  shape_print(&x->shape, &found);
  value_print(layer_arg(call->layer, "target_shape"), &wanted);
  call_error(call, "Reshape got a tensor of shape %s, whose elements do not make up %s", strbuf_text(&found),
             strbuf_text(&wanted));
  strbuf_free(&found);
  strbuf_free(&wanted);
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  dim_table *dims = call->model->unit->dims;
  const value *v = layer_arg(call->layer, "target_shape");
  const dim *elements = dim_const(dims, 1), *known = dim_const(dims, 1);
  for (int k = 1; k < x->shape.rank; k++)
    elements = dim_mul(dims, elements, x->shape.d[k]);
  shape s = {.rank = (int)v->count + 1, .d = {x->shape.d[0]}};
  int left_open = -1;
  for (size_t k = 0; k < v->count; k++) {
    s.d[k + 1] = dim_const(dims, v->items[k]->integer);
    if (v->items[k]->integer == -1)
      left_open = (int)k + 1;
    else
      known = dim_mul(dims, known, s.d[k + 1]);
  }
  if (left_open > 0)
    s.d[left_open] = dim_floordiv(dims, elements, known);
  if ((left_open > 0 ? dim_mul(dims, s.d[left_open], known) : known) != elements)
    return wrong_size(call, x);
  call_output(call, s, x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(lw->g, x, app->outputs[0]->shape)));
}

static const arg_spec args[] = {
    {.name = "target_shape",
     .kinds = ARG_INTS,
     .min = -1,
     .max = ARG_LARGEST_SIZE,
     .doc = "the shape behind the batch; -1 for an extent that follows from the others"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[12]\n  output y = x -> Reshape([4, 3]) -> LSTM(2)\n}\n",
    "model tiny {\n  input x: float[time, 4]\n  output y = x -> Reshape((-1, 2)) -> "
    "GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def reshape_layer = {
    .name = "Reshape",
    .snake = "reshape",
    .doc = "The same elements in another shape; one extent may be -1, which takes what is left.",
    .shapes = "(batch, ...) -> (batch, ...target)    target is target_shape",
    .group = "reshaping",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = "leave mask_zero out, or do this before the layer that makes the mask",
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
