#include "ir/layers/recurrence.h"
#include <string.h>

enum { FORWARD, BACKWARD };

static layer *wrapped_layer(const layer *l, const char *arg) {
  const value *v = layer_arg(l, arg);
  return v->kind == VALUE_NONE ? NULL : v->object;
}

static bool check_recurrent(layer *l, const char *arg, const layer *inner, bool backwards) {
  if (!(inner->def->traits & LAYER_RECURRENT)) {
    diag *d =
        layer_error(l, arg, "Bidirectional: %s must be a recurrent layer, found %s", arg, inner->def->name);
    diag_help(d, "LSTM, GRU, SimpleRNN and RNN are recurrent layers");
    return false;
  }
  if (layer_arg_bool(inner, "go_backwards") != backwards) {
    layer_error(l, arg, "Bidirectional: %s must have go_backwards = %s", arg, backwards ? "true" : "false");
    return false;
  }
  return true;
}

static bool check_agreement(layer *l, const layer *forward, const layer *backward) {
  static const char *const same[] = {"return_sequences", "return_state"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    if (layer_arg_bool(forward, same[i]) != layer_arg_bool(backward, same[i])) {
      layer_error(l, "backward_layer", "Bidirectional: both directions must have the same %s", same[i]);
      return false;
    }
  return true;
}

// Other modes than concat need outputs of one shape; concat joins their last axes.
static bool check_merge(layer *l, const layer *forward, const layer *backward) {
  const char *merge = layer_arg_text(l, "merge_mode");
  shape f = recurrent_output_shape(forward), b = recurrent_output_shape(backward);
  bool alike = f.rank == b.rank, concat = merge && strcmp(merge, "concat") == 0;
  for (int k = 0; alike && k < f.rank - concat; k++)
    alike = f.d[k] == b.d[k];
  if (!merge || alike)
    return true;
  strbuf text = {0};
  shape_print(&f, &text);
  strbuf_puts(&text, " and ");
  shape_print(&b, &text);
  layer_error(l, "backward_layer", "Bidirectional: merge_mode %s needs directions of equal size, found %s",
              merge, strbuf_text(&text));
  strbuf_free(&text);
  return false;
}

static bool check(layer *l) {
  layer *inner = wrapped_layer(l, "layer"), *other = wrapped_layer(l, "backward_layer");
  if (!check_recurrent(l, "layer", inner, false) ||
      (other && !check_recurrent(l, "backward_layer", other, true)))
    return false;
  if (other && (!check_agreement(l, inner, other) || !check_merge(l, inner, other)))
    return false;
  layer_add_wrapped(l, inner);
  if (other)
    layer_add_wrapped(l, other);
  layer *forward = layer_clone(inner), *backward = layer_clone(other ? other : inner);
  if (!other)
    layer_set_bool(backward, "go_backwards", true);
  layer_add_child(l, forward, "forward");
  layer_add_child(l, backward, "backward");
  return true;
}

// Call arguments go to the wrapper, not to its children: initial_state holds the forward states, then the
// backward.
static bool build_children(layer_call *call) {
  for (int k = 0; k < 2; k++)
    if (!call_child(call, call->layer->children[k], call->inputs, 1))
      return false;
  return true;
}

static void declare_outputs(layer_call *call) {
  const application *const *inner = (const application *const *)call->app->inner;
  const tensor *x = call->inputs[0], *f = inner[FORWARD]->outputs[0], *b = inner[BACKWARD]->outputs[0];
  const char *merge = layer_arg_text(call->layer, "merge_mode");
  bool sequences = f->shape.rank == 3;
  int last = f->shape.rank - 1;
  shape s = f->shape;
  if (merge && strcmp(merge, "concat") == 0)
    s.d[last] = dim_add(call->model->unit->dims, f->shape.d[last], b->shape.d[last]);
  for (int k = 0; k < (merge ? 1 : 2); k++) {
    tensor *y = call_output(call, k ? b->shape : s, TENSOR_REAL);
    if (sequences && x->mask == MASK_VALID)
      call_output_mask(y, MASK_VALID, x->mask_source);
  }
  for (int k = 0; k < 2; k++)
    for (int i = 1; i < inner[k]->n_outputs; i++)
      call_output(call, inner[k]->outputs[i]->shape, TENSOR_REAL);
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  if (!build_children(call) || !recurrent_check_initial(call, call->layer->children, 2))
    return false;
  declare_outputs(call);
  return true;
}

static node *merge_directions(graph *g, const char *mode, node *f, node *b) {
  if (strcmp(mode, "concat") == 0) {
    node *both[] = {f, b};
    return g_concat(g, both, 2, f->shape.rank - 1);
  }
  if (strcmp(mode, "mul") == 0)
    return g_mul(g, f, b);
  node *sum = g_add(g, f, b);
  return strcmp(mode, "ave") == 0 ? g_mul(g, sum, g_real(g, 0.5)) : sum;
}

// The backward direction reads the packed steps from last to first; its outputs stand at their own steps
// already, so that nothing is reversed. Masked steps hold zeros.
static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *forward = app->layer->children[FORWARD];
  const char *mode = layer_arg_text(app->layer, "merge_mode");
  int n_states = recurrent_state_count(forward);
  bool sequences = layer_arg_bool(forward, "return_sequences"),
       with_states = layer_arg_bool(forward, "return_state");
  const layer *backward = app->layer->children[BACKWARD];
  node *const *initial = recurrent_initial(lw, app, n_states + recurrent_state_count(backward));
  node *pack = lower_pack(lw, app->inputs[0]);
  node *x = lower_to_pack(lw, lower_input(lw, app, 0), pack, LAYOUT_TM);
  if (x->type == INT)
    x = g_cast(g, x, REAL);
  node *y[2];
  int state_output = mode ? 1 : 2;
  for (int k = 0; k < 2; k++) {
    graph_set_label(g, app->layer->children[k]->name);
    node *const *from = initial ? initial + k * n_states : recurrent_carried(lw, app->inner[k]);
    recurrence r = recurrence_run(lw, app->inner[k], x, pack, k == BACKWARD, from);
    recurrent_carry(lw, app->inner[k], &r);
    y[k] = sequences ? r.outputs : recurrence_last(lw, &r, pack, from != NULL);
    for (int i = 0; with_states && i < recurrent_state_count(app->layer->children[k]); i++)
      lower_set_output(lw, app, state_output++, lowered_dense_value(r.states[i]));
  }
  graph_set_label(g, app->layer->name);
  if (mode)
    y[0] = merge_directions(g, mode, y[0], y[1]);
  for (int k = 0; k < (mode ? 1 : 2); k++)
    lower_set_output(lw, app, k,
                     sequences ? lowered_row_value(y[k], LAYOUT_TM, pack, FILL_UNIFORM, NULL)
                               : lowered_dense_value(y[k]));
}

static const char *const merge_modes[] = {"concat", "sum", "mul", "ave", NULL};

static const arg_spec args[] = {
    {.name = "layer", .kinds = ARG_LAYER, .doc = "a recurrent layer; each direction is a copy of it"},
    {.name = "merge_mode",
     .kinds = ARG_MODE | ARG_NONE,
     .modes = merge_modes,
     .default_text = "concat",
     .doc = "how the two outputs are combined; none gives both"},
    {.name = "backward_layer",
     .kinds = ARG_LAYER | ARG_NONE,
     .default_text = "none",
     .doc = "a layer for the other direction, with go_backwards = true"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Bidirectional(LSTM(2))\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Bidirectional(GRU(2, return_sequences = true), merge_mode = sum)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Bidirectional(SimpleRNN(2),\n"
    "    backward_layer = SimpleRNN(3, go_backwards = true))\n}\n",
    NULL};

const layer_def bidirectional_layer = {
    .name = "Bidirectional",
    .snake = "bidirectional",
    .doc = "Runs a recurrent layer over the sequence in both directions and merges the two outputs. The "
           "backward direction's outputs stand in the order of the input. The weights are those of the "
           "layer, twice: `<name>/forward/kernel`, `<name>/backward/kernel` and so on.",
    .shapes =
        "(batch, time, features) -> (batch, 2 units)    merge_mode = concat\n"
        "(batch, time, features) -> (batch, units)    merge_mode = sum, mul or ave\n"
        "(batch, time, features) -> (batch, units), (batch, units)    merge_mode = none\n"
        "(batch, time, features) -> (batch, time, 2 units)    return_sequences = true; merge_mode as above\n"
        "(batch, time, features) -> (batch, time, units)\n"
        "(batch, time, features) -> (batch, time, units), (batch, time, units)\n"
        "(batch, time, features) -> (batch, merged), (batch, states)    return_state = true: the states of "
        "both directions follow\n"
        "(batch, time, features) -> (batch, time, merged), (batch, states)",
    .mask_doc = "Both directions skip masked steps, the backward one from the end; with return_sequences, "
                "masked steps are zeros and the result has the input's mask, else none.",
    .differs = "A mask counts beside initial_state too; a row without a valid step gives zeros and keeps the "
               "states it was given. With a backward_layer of another size, the shape shown is the true one.",
    .group = "recurrent",
    .args = args,
    .call_args = recurrent_call_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
