#include "ir/layers/recurrence.h"
#include <math.h>

enum { GATE_INPUT, GATE_FORGET, GATE_CELL, GATE_OUTPUT, GATES }; // Keras's order

static initializer bias_initializer(const layer *l) {
  initializer init = layer_arg_initializer(l, "bias_initializer");
  if (!layer_arg_bool(l, "unit_forget_bias"))
    return init;
  return (initializer){.kind = INIT_LSTM_BIAS};
}

static bool weights(layer_call *call, tensor *x) {
  dim_table *d = call->model->unit->dims;
  const layer *l = call->layer;
  const dim *u = dim_const(d, cell_units(l)), *gates = dim_const(d, GATES * cell_units(l));
  call_weight(call, "kernel", shape_of(2, x->shape.d[1], gates),
              layer_arg_initializer(l, "kernel_initializer"));
  call_weight(call, "recurrent_kernel", shape_of(2, u, gates),
              layer_arg_initializer(l, "recurrent_initializer"));
  if (layer_arg_bool(l, "use_bias"))
    call_weight(call, "bias", shape_of(1, gates), bias_initializer(l));
  return true;
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

static const cell_def cell = {.n_gates = GATES, .n_states = 2, .build = weights, .step = step};

// Keras lets the forget gate's ones stand only on a bias of zeros.
static bool check_bias(layer *l) {
  initializer init = layer_arg_initializer(l, "bias_initializer");
  if (layer_arg_bool(l, "use_bias") && layer_arg_bool(l, "unit_forget_bias") && init.kind != INIT_ZEROS) {
    diag *d = layer_error(l, "bias_initializer", "%s: unit_forget_bias = true needs bias_initializer = zeros",
                          l->def->name);
    diag_help(d, "add unit_forget_bias = false");
    return false;
  }
  return true;
}

static bool check(layer *l) {
  return check_bias(l) && recurrent_check(l);
}

// Arguments of layer and cell in front of dropout.
#define LSTM_ARGS                                                                                            \
  {.name = "units",                                                                                          \
   .kinds = ARG_INT,                                                                                         \
   .min = 1,                                                                                                 \
   .max = INFINITY,                                                                                          \
   .doc = "size of the states and of the output"},                                                           \
      {.name = "activation",                                                                                 \
       .kinds = ARG_ACTIVATION | ARG_NONE,                                                                   \
       .default_text = "tanh",                                                                               \
       .doc = "activation of candidate and cell"},                                                           \
      {.name = "recurrent_activation",                                                                       \
       .kinds = ARG_ACTIVATION | ARG_NONE,                                                                   \
       .default_text = "sigmoid",                                                                            \
       .doc = "activation of the gates"},                                                                    \
      {.name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether a bias is added"},     \
      {.name = "kernel_initializer",                                                                         \
       .kinds = ARG_INITIALIZER,                                                                             \
       .default_text = "glorot_uniform",                                                                     \
       .doc = "of the input kernel"},                                                                        \
      {.name = "recurrent_initializer",                                                                      \
       .kinds = ARG_INITIALIZER,                                                                             \
       .default_text = "orthogonal",                                                                         \
       .doc = "of the recurrent kernel"},                                                                    \
      {.name = "bias_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of the bias"}, \
  {                                                                                                          \
    .name = "unit_forget_bias", .kinds = ARG_BOOL, .default_text = "true",                                   \
    .doc = "the forget gate's bias begins at one"                                                            \
  }

static const arg_spec args[] = {LSTM_ARGS,     CELL_DROPOUT_ARG, CELL_RECURRENT_DROPOUT_ARG,
                                CELL_SEED_ARG, SEQUENCE_ARGS,    {0}};

static const arg_spec cell_args[] = {
    LSTM_ARGS, CELL_DROPOUT_ARG, CELL_RECURRENT_DROPOUT_ARG, CELL_SEED_ARG, {0}};

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
    .shapes =
        "(batch, time, features) -> (batch, units)\n"
        "(batch, time, features) -> (batch, time, units)    return_sequences = true\n"
        "(batch, time, features) -> (batch, units), (batch, units), (batch, units)    return_state = true\n"
        "(batch, time, features) -> (batch, time, units), (batch, units), (batch, units)    return_sequences "
        "and return_state",
    .weights = "kernel (features, 4 units)    gates in the order input, forget, cell, output\n"
               "recurrent_kernel (units, 4 units)\n"
               "bias (4 units)    with use_bias; unit_forget_bias starts the second quarter at 1",
    .mask_doc = "Masked steps are skipped: the states stay as they are, and with return_sequences the output "
                "stands still (zeros before the first valid step). The result has the input's mask with "
                "return_sequences, else none.",
    .differs = "A mask counts beside initial_state too; a row without a valid step gives zeros and keeps the "
               "states it was given.",
    .group = "recurrent",
    .args = args,
    .call_args = recurrent_call_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_RECURRENT,
    .check = check,
    .build = recurrent_build,
    .lower = recurrent_lower,
    .cell = &cell,
    .examples = examples,
};

static const char *const cell_examples[] = {"model tiny {\n  input words: int[time]\n  output y = words -> "
                                            "Embedding(7, 3, mask_zero = true) -> RNN(LSTMCell(2))\n}\n",
                                            "model tiny {\n  input x: float[time, 3]\n  output y = x -> "
                                            "RNN([LSTMCell(2), LSTMCell(4)], return_sequences = true)\n}\n",
                                            NULL};

const layer_def lstm_cell_layer = {
    .name = "LSTMCell",
    .snake = "lstm_cell",
    .doc = "One step of LSTM, to be given to RNN: gates in the order input, forget, cell, output; c = f c + "
           "i tanh(..), h = o tanh(c).",
    .shapes = "-> (batch, units)    of each step; given to RNN, not applied",
    .weights = "kernel (features, 4 units)    gates in the order input, forget, cell, output\n"
               "recurrent_kernel (units, 4 units)\n"
               "bias (4 units)    with use_bias; unit_forget_bias starts the second quarter at 1",
    .differs = "A cell is not applied by itself: RNN(cell) runs it.",
    .group = "cells",
    .args = cell_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .traits = LAYER_CELL,
    .check = check_bias,
    .build = cell_refuse_application,
    .cell = &cell,
    .examples = cell_examples,
};
