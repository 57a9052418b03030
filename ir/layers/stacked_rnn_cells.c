#include "ir/layers/stacked_rnn_cells.h"

// The name of a cell in its stack: its own, or "gru_cell", "gru_cell_1", ... in order.
static const char *role_of(const layer *stack, const layer *cell) {
  if (cell->given_name)
    return cell->given_name;
  int same = 0;
  for (int k = 0; k < stack->n_children; k++)
    same += strcmp(stack->children[k]->def->snake, cell->def->snake) == 0;
  return same ? arena_printf(stack->model->unit->mem, "%s_%d", cell->def->snake, same) : cell->def->snake;
}

static bool add_cell(layer *l, const value *v) {
  layer *cell = layer_clone(v->object);
  const char *role = role_of(l, cell);
  for (int k = 0; k < l->n_children; k++)
    if (strcmp(l->children[k]->role, role) == 0) {
      diag_error(l->model->unit->diags, v->at, "the name '%s' is already taken by another cell of the stack",
                 role);
      return false;
    }
  layer_add_child(l, cell, role);
  return true;
}

static bool check(layer *l) {
  const value *cells = layer_arg(l, "cells");
  if (cells->kind != VALUE_LIST)
    return add_cell(l, cells);
  if (cells->count == 0) {
    layer_error(l, "cells", "%s needs at least one cell", l->def->name);
    return false;
  }
  for (size_t k = 0; k < cells->count; k++)
    if (!add_cell(l, cells->items[k]))
      return false;
  return true;
}

static int state_count(const layer *l) {
  int n = 0;
  for (int k = 0; k < l->n_children; k++)
    n += cell_state_count(l->children[k]);
  return n;
}

static shape state_shape(const layer *l, int k) {
  int child = 0;
  for (; k >= cell_state_count(l->children[child]); child++)
    k -= cell_state_count(l->children[child]);
  return cell_state_shape(l->children[child], k);
}

static int output_state(const layer *l) {
  const layer *last = l->children[l->n_children - 1];
  return state_count(l) - cell_state_count(last) + cell_output_state(last);
}

static bool build(layer_call *call, tensor *x) {
  layer *l = call->layer;
  for (int k = 0; k < l->n_children; k++) {
    if (x->shape.rank != 2) {
      call_error(call, "%s: the output of a cell below another one must be (batch, features)", l->def->name);
      return false;
    }
    if (!cell_build(call, l->children[k], x))
      return false;
    shape below = cell_state_shape(l->children[k], cell_output_state(l->children[k])),
          s = {.rank = below.rank + 1};
    s.d[0] = x->shape.d[0];
    for (int i = 0; i < below.rank; i++)
      s.d[i + 1] = below.d[i];
    x = call_inner_tensor(call, s, TENSOR_REAL);
  }
  return true;
}

static void step(cell_step *s) {
  node *x = s->x;
  int first = 0;
  for (int k = 0; k < s->layer->n_children; k++) {
    const layer *cell = s->layer->children[k];
    cell_run_step(s, cell, x, s->state + first, s->next + first);
    x = s->next[first + cell_output_state(cell)];
    first += cell_state_count(cell);
  }
}

static const cell_def cell = {.state_count = state_count,
                              .state_shape = state_shape,
                              .output_state = output_state,
                              .build = build,
                              .step = step};

static const arg_spec args[] = {
    {.name = "cells", .kinds = ARG_CELL, .doc = "the cells, from the one that reads the input upwards"}, {0}};

static const char *const examples[] = {"model tiny {\n  input x: float[time, 3]\n  output y = x -> "
                                       "RNN(StackedRNNCells([GRUCell(4), LSTMCell(2)]))\n}\n",
                                       NULL};

const layer_def stacked_rnn_cells_layer = {
    .name = "StackedRNNCells",
    .snake = "stacked_rnn_cells",
    .doc = "Cells one upon the other as one cell: at every step each reads the output of the one below. Its "
           "states "
           "are those of all cells, in order. RNN([a, b]) is RNN(StackedRNNCells([a, b])).",
    .shapes = "-> (batch, units)    of each step; given to RNN, not applied",
    .differs = "A cell is not applied by itself: RNN(cell) runs it.",
    .group = "cells",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .traits = LAYER_CELL,
    .check = check,
    .build = cell_refuse_application,
    .cell = &cell,
    .examples = examples,
};

layer *stack_cells(layer *owner, const value *list) {
  value **bound = ARENA_ARRAY(owner->model->unit->mem, value *, 1);
  bound[0] = (value *)list;
  layer *stack = layer_new(owner->model, &stacked_rnn_cells_layer, bound, list->at, owner->scope);
  return check(stack) ? stack : NULL;
}
