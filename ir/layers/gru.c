#include "ir/layers/recurrence.h"
#include <math.h>

enum { GATE_UPDATE, GATE_RESET, GATE_CANDIDATE, GATES }; // Keras's order

static bool weights(layer_call *call, tensor *x) {
  dim_table *d = call->model->unit->dims;
  const layer *l = call->layer;
  const dim *u = dim_const(d, cell_units(l)), *gates = dim_const(d, GATES * cell_units(l));
  call_weight(call, "kernel", shape_of(2, x->shape.d[1], gates),
              layer_arg_initializer(l, "kernel_initializer"));
  call_weight(call, "recurrent_kernel", shape_of(2, u, gates),
              layer_arg_initializer(l, "recurrent_initializer"));
  if (!layer_arg_bool(l, "use_bias"))
    return true;
  shape bias = layer_arg_bool(l, "reset_after") ? shape_of(2, dim_const(d, 2), gates) : shape_of(1, gates);
  call_weight(call, "bias", bias, layer_arg_initializer(l, "bias_initializer"));
  return true;
}

// Row 0 of the bias belongs to the input, row 1 to the state (reset_after).
static node *bias_row(cell_step *s, node *bias, int row) {
  graph *g = s->lw->g;
  if (!bias || bias->shape.rank == 1)
    return row == 0 ? bias : NULL;
  node *one = g_slice(g, bias, 0, row, dim_const(g->dims, 1), 1);
  return g_reshape(g, one, shape_of(1, bias->shape.d[1]));
}

static node *gate(cell_step *s, node *x, node *h, int k) {
  return step_activation(s, "recurrent_activation", g_add(s->lw->g, step_gate(s, x, k), h));
}

// Candidate's share of the state with the reset gate behind the product: r (h U + b).
static void step_reset_after(cell_step *s, node *x, node *kernel, node *bias) {
  graph *g = s->lw->g;
  node *h = step_recurrent(s, s->state[0], kernel);
  if (bias)
    h = g_add(g, h, bias);
  node *z = gate(s, x, step_gate(s, h, GATE_UPDATE), GATE_UPDATE);
  node *r = gate(s, x, step_gate(s, h, GATE_RESET), GATE_RESET);
  node *share = g_mul(g, r, step_gate(s, h, GATE_CANDIDATE));
  node *candidate = step_activation(s, "activation", g_add(g, step_gate(s, x, GATE_CANDIDATE), share));
  s->next[0] = g_add(g, g_mul(g, z, s->state[0]), g_mul(g, g_sub(g, g_real(g, 1), z), candidate));
}

static node *state_gate(cell_step *s, node *state, node *kernel, int k) {
  return g_matmul(s->lw->g, state, step_weight_gate(s, kernel, k), false, false);
}

// The reset gate before the product: (r h) U.
static void step_reset_before(cell_step *s, node *x, node *kernel) {
  graph *g = s->lw->g;
  node *z = gate(s, x, state_gate(s, step_dropped_state(s, s->state[0], GATE_UPDATE), kernel, GATE_UPDATE),
                 GATE_UPDATE);
  node *r = gate(s, x, state_gate(s, step_dropped_state(s, s->state[0], GATE_RESET), kernel, GATE_RESET),
                 GATE_RESET);
  node *reset = g_mul(g, r, step_dropped_state(s, s->state[0], GATE_CANDIDATE));
  node *share = state_gate(s, reset, kernel, GATE_CANDIDATE);
  node *candidate = step_activation(s, "activation", g_add(g, step_gate(s, x, GATE_CANDIDATE), share));
  s->next[0] = g_add(g, g_mul(g, z, s->state[0]), g_mul(g, g_sub(g, g_real(g, 1), z), candidate));
}

static void step(cell_step *s) {
  node *bias = step_bias(s);
  node *x = step_input(s, lower_weight(s->lw, s->layer, "kernel"), bias_row(s, bias, 0));
  node *kernel = lower_weight(s->lw, s->layer, "recurrent_kernel");
  if (layer_arg_bool(s->layer, "reset_after"))
    step_reset_after(s, x, kernel, bias_row(s, bias, 1));
  else
    step_reset_before(s, x, kernel);
}

static const cell_def cell = {.n_gates = GATES, .n_states = 1, .build = weights, .step = step};

// Arguments of layer and cell in front of dropout.
#define GRU_ARGS                                                                                             \
  {.name = "units",                                                                                          \
   .kinds = ARG_INT,                                                                                         \
   .min = 1,                                                                                                 \
   .max = INFINITY,                                                                                          \
   .doc = "size of the state and of the output"},                                                            \
      {.name = "activation",                                                                                 \
       .kinds = ARG_ACTIVATION | ARG_NONE,                                                                   \
       .default_text = "tanh",                                                                               \
       .doc = "activation of the candidate"},                                                                \
      {.name = "recurrent_activation",                                                                       \
       .kinds = ARG_ACTIVATION | ARG_NONE,                                                                   \
       .default_text = "sigmoid",                                                                            \
       .doc = "activation of the gates"},                                                                    \
      {.name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether biases are added"},    \
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

#define RESET_AFTER_ARG                                                                                      \
  {                                                                                                          \
    .name = "reset_after", .kinds = ARG_BOOL, .default_text = "true",                                        \
    .doc = "reset gate behind the recurrent product (two biases)"                                            \
  }

static const arg_spec args[] = {
    GRU_ARGS, CELL_DROPOUT_ARG, CELL_RECURRENT_DROPOUT_ARG, CELL_SEED_ARG, SEQUENCE_ARGS, RESET_AFTER_ARG,
    {0}};

static const arg_spec cell_args[] = {GRU_ARGS,        CELL_DROPOUT_ARG, CELL_RECURRENT_DROPOUT_ARG,
                                     RESET_AFTER_ARG, CELL_SEED_ARG,    {0}};

static const char *const examples[] = {"model tiny {\n  input words: int[time]\n  output y = words -> "
                                       "Embedding(7, 3, mask_zero = true) -> GRU(2)\n}\n",
                                       "model tiny {\n  input x: float[time, 3]\n  output y = x -> GRU(2, "
                                       "reset_after = false, return_sequences = true)\n}\n",
                                       NULL};

const layer_def gru_layer = {
    .name = "GRU",
    .snake = "gru",
    .doc = "Gated recurrent unit, gates in the order update, reset, candidate: h = z h + (1 - z) tanh(..). "
           "Gives the last "
           "output (batch, units), or every step's with return_sequences. Masked steps are skipped.",
    .shapes = "(batch, time, features) -> (batch, units)\n"
              "(batch, time, features) -> (batch, time, units)    return_sequences = true\n"
              "(batch, time, features) -> (batch, units), (batch, units)    return_state = true\n"
              "(batch, time, features) -> (batch, time, units), (batch, units)    return_sequences and "
              "return_state",
    .weights = "kernel (features, 3 units)    gates in the order update, reset, candidate\n"
               "recurrent_kernel (units, 3 units)\n"
               "bias (2, 3 units)    with use_bias: of the input, and of the recurrent product\n"
               "bias (3 units)    with use_bias and reset_after = false",
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

static const char *const cell_examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true) -> "
    "RNN(GRUCell(2))\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> RNN([GRUCell(4, dropout = 0.5), GRUCell(2, "
    "reset_after = false)])\n}\n",
    NULL};

const layer_def gru_cell_layer = {
    .name = "GRUCell",
    .snake = "gru_cell",
    .doc = "One step of GRU, to be given to RNN: gates in the order update, reset, candidate; h = z h + (1 - "
           "z) tanh(..).",
    .shapes = "-> (batch, units)    of each step; given to RNN, not applied",
    .weights = "kernel (features, 3 units)    gates in the order update, reset, candidate\n"
               "recurrent_kernel (units, 3 units)\n"
               "bias (2, 3 units)    with use_bias: of the input, and of the recurrent product\n"
               "bias (3 units)    with use_bias and reset_after = false",
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
