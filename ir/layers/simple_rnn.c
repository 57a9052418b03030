#include "ir/layers/recurrence.h"
#include <math.h>

static void weights(layer_call *call, int64_t features, int64_t units) {
  dim_table *d = call->model->unit->dims;
  const layer *l = call->layer;
  const dim *u = dim_const(d, units);
  call_weight(call, "kernel", shape_of(2, dim_const(d, features), u),
              layer_arg_initializer(l, "kernel_initializer"));
  call_weight(call, "recurrent_kernel", shape_of(2, u, u), layer_arg_initializer(l, "recurrent_initializer"));
  if (layer_arg_bool(l, "use_bias"))
    call_weight(call, "bias", shape_of(1, u), layer_arg_initializer(l, "bias_initializer"));
}

// h = activation(x W + b + h U)
static void step(cell_step *s) {
  node *x = step_input(s, lower_weight(s->lw, s->layer, "kernel"), step_bias(s));
  node *h = step_recurrent(s, s->state[0], lower_weight(s->lw, s->layer, "recurrent_kernel"));
  s->next[0] = step_activation(s, "activation", g_add(s->lw->g, x, h));
}

static const recurrent_cell cell = {.n_states = 1, .n_gates = 1, .weights = weights, .step = step};

static bool build(layer_call *call) {
  return recurrent_build(call, &cell);
}

static const arg_spec args[] = {
    {.name = "units",
     .kinds = ARG_INT,
     .min = 1,
     .max = INFINITY,
     .doc = "size of the state and of the output"},
    {.name = "activation",
     .kinds = ARG_ACTIVATION | ARG_NONE,
     .default_text = "tanh",
     .doc = "activation of the state"},
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
    RECURRENT_ARGS,
    {0}};

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
    .group = "recurrent",
    .args = args,
    .call_args = recurrent_call_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_RECURRENT,
    .check = recurrent_check,
    .build = build,
    .lower = recurrent_lower,
    .examples = examples,
};
