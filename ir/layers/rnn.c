#include "ir/layers/recurrence.h"
#include "ir/layers/stacked_rnn_cells.h"

// The cell given is a recipe: a layer of this kind makes its own, whose weights bear the layer's path.
static bool check(layer *l) {
  const value *given = layer_arg(l, "cell");
  layer *cell = given->kind == VALUE_LIST ? stack_cells(l, given) : layer_clone(given->object);
  if (!cell)
    return false;
  layer_add_child(l, cell, NULL);
  return recurrent_check(l);
}

static const arg_spec args[] = {
    {.name = "cell",
     .kinds = ARG_CELL,
     .doc = "a cell, yours or SimpleRNNCell, LSTMCell, GRUCell; or a list of cells, one upon the other"},
    SEQUENCE_ARGS,
    {.name = "zero_output_for_mask",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "with return_sequences, zeros at masked steps instead of the last output"},
    {0}};

static const char *const examples[] = {
    "cell Decay(units)(x, h: [units]) {\n  z = sigmoid(Dense(units)(x) + Dense(units)(h))\n"
    "  return z * h + (1 - z) * Dense(units)(x)\n}\n"
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Bidirectional(RNN(Decay(2)))\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  y, h, c = x -> RNN([GRUCell(2), SimpleRNNCell(4)], "
    "return_sequences = "
    "true, return_state = true)\n  output z = x -> RNN([GRUCell(2), SimpleRNNCell(4)])(initial_state = [h, "
    "c])\n"
    "  output all = y\n}\n",
    NULL};

const layer_def rnn_layer = {
    .name = "RNN",
    .snake = "rnn",
    .doc = "Runs a cell over a sequence: the cell's output at the last step (batch, units), or every step's "
           "with "
           "return_sequences. Masked steps are skipped. Each RNN, and each direction of a Bidirectional, has "
           "weights "
           "of its own, also when they are made of one cell bound to a name.",
    .shapes = "(batch, time, features) -> (batch, units)\n"
              "(batch, time, features) -> (batch, time, units)    return_sequences = true\n"
              "(batch, time, features) -> (batch, units), (batch, state)    return_state = true: every state "
              "of the cell follows\n"
              "(batch, time, features) -> (batch, time, units), (batch, state), (batch, next_state)    both",
    .mask_doc = "Masked steps are skipped: the states stay as they are, and with return_sequences the output "
                "stands still (zeros before the first valid step). The result has the input's mask with "
                "return_sequences, else none. zero_output_for_mask puts zeros at masked steps instead.",
    .differs =
        "A mask counts beside initial_state too; a row without a valid step gives zeros and keeps the states "
        "it was given. A list of cells is a stack; cells may be written in the language (`cell`).",
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
    .examples = examples,
};
