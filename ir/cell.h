#ifndef NLM_IR_CELL_H
#define NLM_IR_CELL_H
// Cells: one time step of a recurrence. SimpleRNN, LSTM and GRU layers, SimpleRNNCell, LSTMCell, GRUCell,
// StackedRNNCells and a user's `cell` all are bodies behind this one interface; ir/layers/recurrence.h runs
// any of them over a sequence. A cell is a layer whose definition has `cell`: a recurrent layer of one kind
// is its own cell, RNN has its cell as its only child. A cell given to RNN is a recipe: each RNN, and each
// direction of a Bidirectional, makes a cell with weights of its own. Legend: B batch, N rows active at a
// step, F input features, U units.
#include "ir/layer.h"

enum { MAX_CELL_GATES = 4, MAX_CELL_STATES = 32 };

// One time step being built inside a scan's body.
typedef struct cell_step {
  lowering *lw;
  const layer *layer;   // the cell
  struct scan_run *run; // private to ir/layers/recurrence.c
  node *x;              // [N, F]
  node *const *state;   // [N, U...] before the step
  node **next;          // set by step()
} cell_step;

typedef struct cell_def {
  int n_gates;  // of a built-in cell: how many masks recurrent dropout draws
  int n_states; // 0: ask state_count
  int (*state_count)(const layer *cell);
  shape (*state_shape)(const layer *cell, int k); // without the batch; NULL: [units]
  int (*output_state)(const layer *cell);         // the state that is the cell's output; NULL: the first
  // Declares weights for steps x [B, F] (real). call->layer is the cell, call->first is true. False after an
  // error was reported.
  bool (*build)(layer_call *call, tensor *x);
  void (*step)(cell_step *s);
} cell_def;

// ---- of any cell
bool layer_is_cell(const layer *l); // to be given to RNN
int cell_state_count(const layer *cell);
shape cell_state_shape(const layer *cell, int k);
int cell_output_state(const layer *cell);
// Builds a child cell on x [B, F] at the place of `call`.
bool cell_build(layer_call *call, layer *cell, tensor *x);
// Runs `cell` for one step; the other fields of s are those of the cell around it.
void cell_run_step(const cell_step *s, const layer *cell, node *x, node *const *state, node **next);
// Steps of a layer over x [B, T, F]: the tensor [B, F] that a cell is built on.
tensor *cell_input(layer_call *call, const tensor *x);
// Layer-table entries of cells: a cell is never applied by itself.
bool cell_refuse_application(layer_call *call);

// ---- for built-in cells: arguments units, use_bias, dropout, recurrent_dropout; weights of all gates side
// by side
#define CELL_DROPOUT_ARG                                                                                     \
  {                                                                                                          \
    .name = "dropout", .kinds = ARG_FLOAT, .default_text = "0.0", .max = 1, .open_max = true,                \
    .doc = "share of input features dropped in training, the same at every step"                             \
  }
#define CELL_RECURRENT_DROPOUT_ARG                                                                           \
  {                                                                                                          \
    .name = "recurrent_dropout", .kinds = ARG_FLOAT, .default_text = "0.0", .max = 1, .open_max = true,      \
    .doc = "share of state features dropped in training; not 0: a mask for each gate"                        \
  }
#define CELL_SEED_ARG                                                                                        \
  { .name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers" }
int64_t cell_units(const layer *l);
// x · kernel[F, gates * U] + bias[gates * U] (NULL: none) -> [N, gates * U], under dropout if there is one.
node *step_input(cell_step *s, node *kernel, node *bias);
// state · kernel[U, gates * U] -> [N, gates * U], under recurrent dropout if there is one.
node *step_recurrent(cell_step *s, node *state, node *kernel);
// The state as gate `gate` sees it under recurrent dropout; to be called once for a gate.
node *step_dropped_state(cell_step *s, node *state, int gate);
node *step_gate(cell_step *s, node *z, int gate); // [N, U] of [N, gates * U]
node *step_weight_gate(cell_step *s, node *kernel, int gate);
node *step_activation(cell_step *s, const char *arg, node *x);
node *step_bias(cell_step *s); // the weight "bias", or NULL without use_bias

// x [N, F...] under inverted dropout (ir/layers/recurrence.c): one mask [B, F...] for all steps, drawn once
// for each example of each use of the recurrence.
node *step_dropout(cell_step *s, node *x, double rate, uint64_t stream);
uint64_t step_stream(const cell_step *s, const char *purpose);

#endif
