#include "ir/layer.h"

static bool check(layer *l) {
  layer *inner = layer_arg(l, "layer")->object;
  layer_add_wrapped(l, inner);
  layer_add_child(l, inner, NULL);
  return true;
}

// A layer that treats every step by itself is applied as it is, unless an argument speaks of a step's axes.
static bool is_direct(const layer *l) {
  const layer *inner = l->children[0];
  if (args_index(inner->def->args, "noise_shape") >= 0 && !layer_arg_is_none(inner, "noise_shape"))
    return false;
  return (inner->def->traits & (LAYER_TOKENWISE | LAYER_BY_STEP)) != 0;
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

// The ids (batch, time, characters) whose zeros mask the steps of the inner layer, or NULL: x is their
// embedding, perhaps after layers that pass masks on.
static const tensor *inner_ids(const tensor *x) {
  if (x->mask != MASK_VALID || x->shape.rank < 4)
    return NULL;
  const application *maker = x->mask_source->source;
  const tensor *ids = maker && maker->n_inputs == 1 ? maker->inputs[0] : NULL;
  bool fits = ids && ids->type == TENSOR_INT && ids->shape.rank == 3 && ids->shape.d[2] == x->shape.d[2];
  return fits ? ids : NULL;
}

static void mask_inner(tensor *inner, const tensor *x) {
  if (!inner_ids(x))
    return;
  inner->source = x->mask_source->source; // who made the mask, for warnings
  inner->at = x->mask_source->at;
  call_output_mask(inner, MASK_VALID, inner);
}

// Steps keep their mask. Once the inner layer has used the mask of the characters, or could not, no later one
// may take it up: the mask is then this layer's own.
static void mask_output(tensor *out, const tensor *x, const tensor *inner_out) {
  if (x->mask != MASK_VALID)
    return;
  bool used = inner_ids(x) && out->shape.rank >= 4 && inner_out->mask != MASK_VALID;
  call_output_mask(out, MASK_VALID, used ? out : x->mask_source);
}

static bool build(layer_call *call) {
  tensor *x = call->inputs[0];
  layer *child = call->layer->children[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, -1, "(batch, time, ...)"))
    return false;
  bool direct = is_direct(call->layer);
  tensor *inner = direct ? x : merged_input(call, x);
  if (!direct)
    mask_inner(inner, x);
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
    mask_output(out, x, y);
  }
  return true;
}

static void lower(lowering *lw, const application *app) {
  const application *inner = app->inner[0], *outer = lw->current;
  bool direct = is_direct(app->layer);
  if (!direct) {
    node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
    const tensor *steps = inner->inputs[0], *ids = inner_ids(app->inputs[0]);
    lw->values[steps->id] = lowered_dense_value(g_reshape(lw->g, x, steps->shape));
    if (ids)
      lower_set_mask(
          lw, steps,
          g_reshape(lw->g, lower_nonzero_ids(lw, ids), shape_of(2, steps->shape.d[0], steps->shape.d[1])));
  }
  for (int k = 0; k < app->n_outputs; k++)
    if (app->outputs[k]->mask_source == app->outputs[k])
      lower_set_mask(lw, app->outputs[k], lower_mask(lw, app->inputs[0]));
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
    {.name = "layer", .kinds = ARG_LAYER, .doc = "the layer, or block, applied to every step"}, {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> TimeDistributed(Dense(2, activation = softmax))\n}\n",
    "model tiny {\n  input x: float[time, 4, 3]\n  output y = x -> TimeDistributed(LSTM(2))\n}\n",
    "block Words(units)(x) {\n  return x -> Conv1D(units, 2) -> GlobalMaxPooling1D() -> Dense(units)\n}\n"
    "model tiny {\n  input letters: int[time, 3]\n  output y = letters -> Embedding(7, 3) -> "
    "TimeDistributed(Words(2))\n}\n",
    NULL};

const layer_def time_distributed_layer = {
    .name = "TimeDistributed",
    .snake = "time_distributed",
    .doc =
        "Applies a layer to every step of a sequence, with the same weights. A Dense does so by itself; "
        "layers that need a sequence (LSTM over the characters of every word) are wrapped, and blocks, which "
        "make one encoder serve words, sentences and texts.",
    .shapes = "(batch, time, ...step) -> (batch, time, ...result)    where the layer inside makes (batch, "
              "...result) of (batch, ...step)",
    .mask_doc = "The result has the input's mask; a mask of the characters of words is used inside.",
    .differs =
        "All steps are computed at once. The weights are those of the layer inside: `<name>/kernel`; a "
        "block's, `<name>/dense/kernel`. A BatchNormalization within a block has the statistics of all "
        "steps at once.",
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
