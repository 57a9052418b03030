#ifndef NLM_IR_LAYERS_RECURRENCE_H
#define NLM_IR_LAYERS_RECURRENCE_H
// The one mechanism behind SimpleRNN, LSTM, GRU and Bidirectional: a scan over the valid steps of a sequence.
// What differs between the layers is a cell: its weights and one step. Legend: B batch, T time, V valid rows,
// N rows active at a step, I input features, U units.
#include "ir/layer.h"

enum { MAX_CELL_STATES = 2, MAX_CELL_GATES = 4 };

// One time step being built inside a scan's body.
typedef struct cell_step {
  lowering *lw;
  const layer *layer;
  node *x[MAX_CELL_GATES]; // [N, I]; one, or one for each gate when dropout draws a mask for each
  int n_x;
  node *recurrent_mask[MAX_CELL_GATES]; // [N, U] of recurrent dropout, by gate
  bool has_recurrent_mask;
  node *state[MAX_CELL_STATES]; // [N, U] before the step
  node *next[MAX_CELL_STATES];  // set by step(); next[0] is the output
} cell_step;

typedef struct recurrent_cell {
  int n_states, n_gates;
  void (*weights)(layer_call *call, int64_t features, int64_t units);
  void (*step)(cell_step *s);
} recurrent_cell;

// ---- for cells
// x · kernel[I, gates * U] + bias[gates * U] (NULL: none) -> [N, gates * U].
node *step_input(cell_step *s, node *kernel, node *bias);
// state · kernel[U, gates * U] -> [N, gates * U], under recurrent dropout if there is one.
node *step_recurrent(cell_step *s, node *state, node *kernel);
// The state as gate `gate` sees it under recurrent dropout.
node *step_dropped_state(cell_step *s, node *state, int gate);
node *step_gate(cell_step *s, node *z, int gate); // [N, U] of [N, gates * U]
node *step_weight_gate(cell_step *s, node *kernel, int gate);
node *step_activation(cell_step *s, const char *arg, node *x);
node *step_bias(cell_step *s); // the weight "bias", or NULL without use_bias

// ---- for layers
extern const char *const recurrent_call_args[];
// Arguments that all recurrent layers have behind their initializers.
#define RECURRENT_ARGS                                                                                       \
  {.name = "dropout",                                                                                        \
   .kinds = ARG_FLOAT,                                                                                       \
   .default_text = "0.0",                                                                                    \
   .max = 1,                                                                                                 \
   .open_max = true,                                                                                         \
   .doc = "share of input features dropped in training, the same at every step"},                            \
      {.name = "recurrent_dropout",                                                                          \
       .kinds = ARG_FLOAT,                                                                                   \
       .default_text = "0.0",                                                                                \
       .max = 1,                                                                                             \
       .open_max = true,                                                                                     \
       .doc = "share of state features dropped in training; not 0: a mask for each gate"},                   \
      {.name = "seed",                                                                                       \
       .kinds = ARG_INT | ARG_NONE,                                                                          \
       .default_text = "none",                                                                               \
       .doc = "varies the random numbers"},                                                                  \
      {.name = "return_sequences",                                                                           \
       .kinds = ARG_BOOL,                                                                                    \
       .default_text = "false",                                                                              \
       .doc = "every step's output"},                                                                        \
      {.name = "return_state", .kinds = ARG_BOOL, .default_text = "false", .doc = "the last states too"},    \
      {.name = "go_backwards",                                                                               \
       .kinds = ARG_BOOL,                                                                                    \
       .default_text = "false",                                                                              \
       .doc = "from the last step to the first"},                                                            \
      {.name = "stateful", .kinds = ARG_BOOL, .default_text = "false", .doc = "only false is supported"}, {  \
    .name = "unroll", .kinds = ARG_BOOL, .default_text = "false", .doc = "accepted; changes no result"       \
  }
int64_t recurrent_units(const layer *l);
bool recurrent_check(layer *l);
bool recurrent_build(layer_call *call, const recurrent_cell *cell);
void recurrent_lower(lowering *lw, const application *app);

typedef struct recurrence {
  node *outputs;                 // [V, U], TM order
  node *states[MAX_CELL_STATES]; // [B, U], batch order
} recurrence;

// Runs the layer of `app` over rows x [V, I] in the TM order of `pack`. `initial`: states [B, U] in batch
// order, or NULL for zeros.
recurrence recurrence_run(lowering *lw, const application *app, node *x, node *pack, bool reverse,
                          node *const *initial);
// Last output [B, U]: the first state, but 0 for rows without a valid step when initial states were given.
node *recurrence_last(lowering *lw, const recurrence *r, node *pack, bool has_initial);
int recurrent_state_count(const layer *l);
// Checks a call's initial_state: a list of `count` tensors (batch, units); a single tensor where count is 1.
bool recurrent_check_initial(layer_call *call, int count, int64_t units);
// Its tensors, lowered; false if there is none.
bool recurrent_initial(lowering *lw, const application *app, int count, node **states);

// ---- shared
// Mask of inverted dropout: 0 with probability `rate`, else 1 / (1 - rate). `rows`: logical row numbers or
// NULL.
node *dropout_mask(graph *g, uint64_t stream, shape s, node *rows, double rate);

#endif
