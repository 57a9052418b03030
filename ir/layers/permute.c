#include "ir/layer.h"

static bool check(layer *l) {
  const value *v = layer_arg(l, "dims");
  unsigned seen = 0;
  for (size_t k = 0; k < v->count; k++)
    seen |= 1u << v->items[k]->integer;
  if (v->count && v->count < MAX_RANK && seen == (1u << (v->count + 1)) - 2)
    return true;
  layer_error(l, "dims", "Permute: dims must hold each number from 1 to the number of axes once");
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  const value *v = layer_arg(call->layer, "dims");
  int rank = (int)v->count + 1;
  const char *needs = arena_printf(call->model->unit->mem, "the batch and %d ax%cs, as dims says", rank - 1,
                                   rank == 2 ? 'i' : 'e');
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, rank, rank, needs))
    return false;
  shape s = x->shape;
  for (int k = 1; k < rank; k++)
    s.d[k] = x->shape.d[v->items[k - 1]->integer];
  call_output(call, s, x->type);
  return true;
}

static void lower(lowering *lw, const application *app) {
  const value *v = layer_arg(app->layer, "dims");
  int order[MAX_RANK] = {0};
  for (size_t k = 0; k < v->count; k++)
    order[k + 1] = (int)v->items[k]->integer;
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  lower_set_output(lw, app, 0, lowered_dense_value(g_transpose(lw->g, x, order)));
}

static const arg_spec args[] = {{.name = "dims",
                                 .kinds = ARG_INTS,
                                 .min = 1,
                                 .max = 5,
                                 .doc = "which input axis each axis of the result is, counted from 1"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[4, 3]\n  output y = x -> Permute([2, 1]) -> LSTM(2)\n}\n", NULL};

const layer_def permute_layer = {
    .name = "Permute",
    .snake = "permute",
    .doc = "The axes behind the batch in another order: dims = [2, 1] exchanges the first two, which are 1 "
           "and 2.",
    .shapes = "(batch, ...) -> (batch, ...permuted)    the same extents in the order dims",
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
