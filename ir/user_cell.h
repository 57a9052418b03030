#ifndef NLM_IR_USER_CELL_H
#define NLM_IR_USER_CELL_H
// A cell that a user defines: an inner graph of layers applied to one step's tensors. Name resolution makes
// the cell with a recipe; each RNN that is given it has the recipe carried out once, when its layer is first
// applied, and lowers the inner graph inside its scan. Layers inside bear the path of the recurrence
// ("rnn/dense") and belong to the cell (ir/inner_graph.h).
// Dropout inside a cell keeps one mask for all steps of an example, as the dropout of Keras's cells does.
#include "ir/cell.h"

typedef struct cell_recipe {
  const char *name, *snake; // "LightGRU", "light_gru"
  int n_states;             // 1 to MAX_CELL_STATES; the first one is the output
  const shape *states;      // without the batch, static
  // Applies the cell's layers once, in scope `cell->path`, to x [B, F] and states [B, U...]; sets the states
  // after the step, checked against `states`. False after an error was reported.
  bool (*apply)(void *context, const layer *cell, tensor *x, tensor *const *states, tensor **next);
  void *context; // lives as long as models are being built
} cell_recipe;

// `recipe` is copied.
layer *user_cell_make(model *m, const cell_recipe *recipe, span at, const char *scope);

// For layer_apply, inside a cell: reports a layer that may not stand in one.
bool user_cell_accepts(layer_call *call);

#endif
