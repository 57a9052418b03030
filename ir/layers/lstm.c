#include "ir/layers/recurrence.h"
#include <math.h>

enum { GATE_INPUT, GATE_FORGET, GATE_CELL, GATE_OUTPUT, GATES }; // Keras's order

static initializer bias_initializer(const layer *l) {
  initializer init = layer_arg_initializer(l, "bias_initializer");
  if (!layer_arg_bool(l, "unit_forget_bias"))
    return init;
  return (initializer){.kind = INIT_LSTM_BIAS};
}

static void weights(layer_call *call, int64_t features, int64_t units) {
  dim_table *d = call->model->unit->dims;
  const layer *l = call->layer;
  const dim *u = dim_const(d, units), *gates = dim_const(d, GATES * units);
  call_weight(call, "kernel", shape_of(2, dim_const(d, features), gates),
              layer_arg_initializer(l, "kernel_initializer"));
  call_weight(call, "recurrent_kernel", shape_of(2, u, gates),
              layer_arg_initializer(l, "recurrent_initializer"));
  if (layer_arg_bool(l, "use_bias"))
    call_weight(call, "bias", shape_of(1, gates), bias_initializer(l));
}

// c = f c + i tanh(..), h = o tanh(c)
static void step(cell_step *s) {
  graph *g = s->lw->g;
  node *x = step_input(s, lower_weight(s->lw, s->layer, "kernel"), step_bias(s));
  node *z = g_add(g, x, step_recurrent(s, s->state[0], lower_weight(s->lw, s->layer, "recurrent_kernel")));
  node *i = step_activation(s, "recurrent_activation", step_gate(s, z, GATE_INPUT));
  node *f = step_activation(s, "recurrent_activation", step_gate(s, z, GATE_FORGET));
  node *candidate = step_activation(s, "activation", step_gate(s, z, GATE_CELL));
  node *o = step_activation(s, "recurrent_activation", step_gate(s, z, GATE_OUTPUT));
  node *c = g_add(g, g_mul(g, f, s->state[1]), g_mul(g, i, candidate));
  s->next[0] = g_mul(g, o, step_activation(s, "activation", c));
  s->next[1] = c;
}

static const recurrent_cell cell = {.n_states = 2, .n_gates = GATES, .weights = weights, .step = step};

static bool build(layer_call *call) {
  return recurrent_build(call, &cell);
}

// Keras lets the forget gate's ones stand only on a bias of zeros.
static bool check(layer *l) {
  initializer init = layer_arg_initializer(l, "bias_initializer");
  if (layer_arg_bool(l, "use_bias") && layer_arg_bool(l, "unit_forget_bias") && init.kind != INIT_ZEROS) {
    diag *d =
        layer_error(l, "bias_initializer", "LSTM: unit_forget_bias = true needs bias_initializer = zeros");
    diag_help(d, "add unit_forget_bias = false");
    return false;
  }
  return recurrent_check(l);
}

static const arg_spec args[] = {
    {.name = "units",
     .kinds = ARG_INT,
     .min = 1,
     .max = INFINITY,
     .doc = "size of the states and of the output"},
    {.name = "activation",
     .kinds = ARG_ACTIVATION | ARG_NONE,
     .default_text = "tanh",
     .doc = "activation of candidate and cell"},
    {.name = "recurrent_activation",
     .kinds = ARG_ACTIVATION | ARG_NONE,
     .default_text = "sigmoid",
     .doc = "activation of the gates"},
    {.name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether a bias is added"},
    {.name = "kernel_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "glorot_uniform",
     .doc = "of the input kernel"},
    {.name = "recurrent_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "orthogonal",
     .doc = "of the recurrent kernel"},
    {.name = "bias_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of the bias"},
    {.name = "unit_forget_bias",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "the forget gate's bias begins at one"},
    RECURRENT_ARGS,
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "LSTM(2)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  y, h, c = x -> LSTM(2, return_sequences = true, return_state "
    "= true)\n"
    "  output z = x -> LSTM(2)(initial_state = [h, c])\n  output all = y\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> LSTM(2, go_backwards = true, "
    "return_sequences = true)\n}\n",
    NULL};

const layer_def lstm_layer = {
    .name = "LSTM",
    .snake = "lstm",
    .doc = "Long short-term memory, gates in the order input, forget, cell, output: c = f c + i tanh(..), h "
           "= o tanh(c). "
           "Gives the last output (batch, units), or every step's with return_sequences. Masked steps are "
           "skipped.",
    .group = "recurrent",
    .args = args,
    .call_args = recurrent_call_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_RECURRENT,
    .check = check,
    .build = build,
    .lower = recurrent_lower,
    .examples = examples,
};
