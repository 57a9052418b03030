#include "ir/layer.h"

static bool check(layer *l) {
  layer *inner = layer_arg(l, "layer")->object;
  layer_add_wrapped(l, inner);
  layer_add_child(l, inner, NULL);
  return true;
}

// A layer that treats every step by itself is applied as it is.
static bool is_direct(const layer *l) {
  return (l->children[0]->def->traits & LAYER_TOKENWISE) != 0;
}

// Else the steps of all examples are the inner layer's batch: (batch * time, ...).
static tensor *merged_input(layer_call *call, const tensor *x) {
  dim_table *dims = call->model->unit->dims;
  shape s = {.rank = x->shape.rank - 1};
  s.d[0] = dim_mul(dims, x->shape.d[0], x->shape.d[1]);
  for (int k = 1; k < s.rank; k++)
    s.d[k] = x->shape.d[k + 1];
  return call_inner_tensor(call, s, x->type);
}

static bool build(layer_call *call) {
  tensor *x = call->inputs[0];
  layer *child = call->layer->children[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, -1, "(batch, time, ...)"))
    return false;
  bool direct = is_direct(call->layer);
  tensor *inner = direct ? x : merged_input(call, x);
  application *app = call_child(call, child, &inner, 1);
  if (!app)
    return false;
  for (int k = 0; k < app->n_outputs; k++) {
    const tensor *y = app->outputs[k];
    shape s = y->shape;
    if (!direct) {
      if (s.rank == MAX_RANK || s.d[0] != inner->shape.d[0]) {
        call_error(call, "TimeDistributed cannot wrap this %s: its result has no axis for the steps",
                   child->def->name);
        return false;
      }
      s = (shape){.rank = y->shape.rank + 1, .d = {x->shape.d[0], x->shape.d[1]}};
      for (int i = 1; i < y->shape.rank; i++)
        s.d[i + 1] = y->shape.d[i];
    }
    tensor *out = call_output(call, s, y->type);
    if (x->mask == MASK_VALID)
      call_output_mask(out, MASK_VALID, x->mask_source);
  }
  return true;
}

static void lower(lowering *lw, const application *app) {
  const application *inner = app->inner[0], *outer = lw->current;
  bool direct = is_direct(app->layer);
  if (!direct) {
    node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
    lw->values[inner->inputs[0]->id] = lowered_dense_value(g_reshape(lw->g, x, inner->inputs[0]->shape));
  }
  lw->current = inner;
  inner->layer->def->lower(lw, inner);
  lw->current = outer;
  for (int k = 0; k < app->n_outputs; k++) {
    lowered y = lower_value(lw, inner->outputs[k]);
    if (!direct)
      y = lowered_dense_value(
          g_reshape(lw->g, lower_to_dense(lw, y, inner->outputs[k]), app->outputs[k]->shape));
    lower_set_output(lw, app, k, y);
  }
}

static const arg_spec args[] = {
    {.name = "layer", .kinds = ARG_LAYER, .doc = "the layer applied to every step"}, {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> TimeDistributed(Dense(2, activation = softmax))\n}\n",
    "model tiny {\n  input x: float[time, 4, 3]\n  output y = x -> TimeDistributed(LSTM(2))\n}\n", NULL};

const layer_def time_distributed_layer = {
    .name = "TimeDistributed",
    .snake = "time_distributed",
    .doc = "Applies a layer to every step of a sequence, with the same weights.",
    .group = "recurrent",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
