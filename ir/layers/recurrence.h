#ifndef NLM_IR_LAYERS_RECURRENCE_H
#define NLM_IR_LAYERS_RECURRENCE_H
// The one mechanism behind SimpleRNN, LSTM, GRU, RNN and Bidirectional: a scan over the valid steps of a
// sequence, whose body is a cell's step (ir/cell.h). Legend: B batch, T time, V valid rows, F input features,
// U units.
#include "ir/cell.h"

extern const char *const recurrent_call_args[];
// Arguments that all recurrent layers have at their end.
#define SEQUENCE_ARGS                                                                                        \
  {.name = "return_sequences", .kinds = ARG_BOOL, .default_text = "false", .doc = "every step's output"},    \
      {.name = "return_state", .kinds = ARG_BOOL, .default_text = "false", .doc = "the last states too"},    \
      {.name = "go_backwards",                                                                               \
       .kinds = ARG_BOOL,                                                                                    \
       .default_text = "false",                                                                              \
       .doc = "from the last step to the first"},                                                            \
      {.name = "stateful",                                                                                   \
       .kinds = ARG_BOOL,                                                                                    \
       .default_text = "false",                                                                              \
       .doc = "begins where the batch before ended, row by row"},                                            \
  {                                                                                                          \
    .name = "unroll", .kinds = ARG_BOOL, .default_text = "false", .doc = "accepted; changes no result"       \
  }

// ---- a layer definition's check, build and lower; the layer is its own cell or has one child, its cell
bool recurrent_check(layer *l);
bool recurrent_build(layer_call *call);
void recurrent_lower(lowering *lw, const application *app);

layer *recurrent_cell(const layer *l);
int recurrent_state_count(const layer *l);
shape recurrent_output_shape(const layer *l); // of one step, without the batch

typedef struct recurrence {
  node *outputs; // [V, U...], TM order
  node **states; // [B, U...], batch order
  int output;    // the state that is the output
} recurrence;

// Runs the layer of `app` over rows x [V, F] in the TM order of `pack`. `initial`: states [B, U...] in batch
// order, or NULL for zeros.
recurrence recurrence_run(lowering *lw, const application *app, node *x, node *pack, bool reverse,
                          node *const *initial);
// Last output [B, U...]: a state, but 0 for rows without a valid step when initial states were given.
node *recurrence_last(lowering *lw, const recurrence *r, node *pack, bool has_initial);
// Checks a call's initial_state for these recurrent layers, one after the other: a list of all their states
// (batch, ...); a single tensor where there is one state.
bool recurrent_check_initial(layer_call *call, layer *const *layers, int n_layers);
// Its `count` tensors, lowered; NULL if there is none.
node **recurrent_initial(lowering *lw, const application *app, int count);
// The states of the batch before, and what the next one will begin with; NULL, and nothing, unless stateful.
node **recurrent_carried(lowering *lw, const application *app);
void recurrent_carry(lowering *lw, const application *app, const recurrence *r);

// ---- shared
// Mask of inverted dropout: 0 with probability `rate`, else 1 / (1 - rate). `rows`: logical row numbers or
// NULL.
node *dropout_mask(graph *g, uint64_t stream, shape s, node *rows, double rate);

#endif
