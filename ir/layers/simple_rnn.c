#include "ir/layers/recurrence.h"
#include <math.h>

static bool weights(layer_call *call, tensor *x) {
  const layer *l = call->layer;
  const dim *u = dim_const(call->model->unit->dims, cell_units(l));
  call_weight(call, "kernel", shape_of(2, x->shape.d[1], u), layer_arg_initializer(l, "kernel_initializer"));
  call_weight(call, "recurrent_kernel", shape_of(2, u, u), layer_arg_initializer(l, "recurrent_initializer"));
  if (layer_arg_bool(l, "use_bias"))
    call_weight(call, "bias", shape_of(1, u), layer_arg_initializer(l, "bias_initializer"));
  return true;
}

// h = activation(x W + b + h U)
static void step(cell_step *s) {
  node *x = step_input(s, lower_weight(s->lw, s->layer, "kernel"), step_bias(s));
  node *h = step_recurrent(s, s->state[0], lower_weight(s->lw, s->layer, "recurrent_kernel"));
  s->next[0] = step_activation(s, "activation", g_add(s->lw->g, x, h));
}

static const cell_def cell = {.n_gates = 1, .n_states = 1, .build = weights, .step = step};

// Arguments of layer and cell in front of dropout.
#define SIMPLE_RNN_ARGS                                                                                      \
  {.name = "units",                                                                                          \
   .kinds = ARG_INT,                                                                                         \
   .min = 1,                                                                                                 \
   .max = INFINITY,                                                                                          \
   .doc = "size of the state and of the output"},                                                            \
      {.name = "activation",                                                                                 \
       .kinds = ARG_ACTIVATION | ARG_NONE,                                                                   \
       .default_text = "tanh",                                                                               \
       .doc = "activation of the state"},                                                                    \
      {.name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether a bias is added"},     \
      {.name = "kernel_initializer",                                                                         \
       .kinds = ARG_INITIALIZER,                                                                             \
       .default_text = "glorot_uniform",                                                                     \
       .doc = "of the input kernel"},                                                                        \
      {.name = "recurrent_initializer",                                                                      \
       .kinds = ARG_INITIALIZER,                                                                             \
       .default_text = "orthogonal",                                                                         \
       .doc = "of the recurrent kernel"},                                                                    \
  {                                                                                                          \
    .name = "bias_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of the bias"      \
  }

static const arg_spec args[] = {SIMPLE_RNN_ARGS, CELL_DROPOUT_ARG, CELL_RECURRENT_DROPOUT_ARG,
                                CELL_SEED_ARG,   SEQUENCE_ARGS,    {0}};

static const arg_spec cell_args[] = {
    SIMPLE_RNN_ARGS, CELL_DROPOUT_ARG, CELL_RECURRENT_DROPOUT_ARG, CELL_SEED_ARG, {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> SimpleRNN(4)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> SimpleRNN(4, return_sequences = true) -> SimpleRNN(2)\n}\n",
    NULL};

const layer_def simple_rnn_layer = {
    .name = "SimpleRNN",
    .snake = "simple_rnn",
    .doc = "Fully connected recurrence: h = activation(x W + b + h U). Gives the last output (batch, units), "
           "or every "
           "step's with return_sequences. Masked steps are skipped.",
    .shapes = "(batch, time, features) -> (batch, units)\n"
              "(batch, time, features) -> (batch, time, units)    return_sequences = true\n"
              "(batch, time, features) -> (batch, units), (batch, units)    return_state = true\n"
              "(batch, time, features) -> (batch, time, units), (batch, units)    return_sequences and "
              "return_state",
    .weights = "kernel (features, units)\n"
               "recurrent_kernel (units, units)\n"
               "bias (units)    with use_bias",
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
    .check = recurrent_check,
    .build = recurrent_build,
    .lower = recurrent_lower,
    .cell = &cell,
    .examples = examples,
};

static const char *const cell_examples[] = {"model tiny {\n  input words: int[time]\n  output y = words -> "
                                            "Embedding(7, 3, mask_zero = true) -> RNN(SimpleRNNCell(2))\n}\n",
                                            "model tiny {\n  input x: float[time, 3]\n  output y = x -> "
                                            "Bidirectional(RNN([SimpleRNNCell(4), LSTMCell(2)]))\n}\n",
                                            NULL};

const layer_def simple_rnn_cell_layer = {
    .name = "SimpleRNNCell",
    .snake = "simple_rnn_cell",
    .doc = "One step of SimpleRNN, to be given to RNN: h = tanh(x W + h U + b).",
    .shapes = "-> (batch, units)    of each step; given to RNN, not applied",
    .weights = "kernel (features, units)\n"
               "recurrent_kernel (units, units)\n"
               "bias (units)    with use_bias",
    .differs = "A cell is not applied by itself: RNN(cell) runs it.",
    .group = "cells",
    .args = cell_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .traits = LAYER_CELL,
    .build = cell_refuse_application,
    .cell = &cell,
    .examples = cell_examples,
};
