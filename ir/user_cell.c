#include "ir/user_cell.h"
#include "ir/inner_graph.h"

// A definition of its own for each cell that is made, so that messages and paths bear the cell's name.
typedef struct user_cell_def {
  layer_def base;
  cell_recipe recipe;
} user_cell_def;

// The inner graph of one cell, made when its recurrence is first applied.
typedef struct cell_graph {
  tensor *x, **states, **next;
  inner_graph body;
} cell_graph;

static const cell_recipe *recipe_of(const layer *cell) {
  return &((const user_cell_def *)cell->def)->recipe;
}

static int state_count(const layer *cell) {
  return recipe_of(cell)->n_states;
}

static shape state_shape(const layer *cell, int k) {
  return recipe_of(cell)->states[k];
}

static tensor *state_tensor(layer_call *call, const tensor *x, int k) {
  shape one = state_shape(call->layer, k), s = {.rank = one.rank + 1};
  s.d[0] = x->shape.d[0];
  for (int i = 0; i < one.rank; i++)
    s.d[i + 1] = one.d[i];
  return call_inner_tensor(call, s, TENSOR_REAL);
}

static bool build(layer_call *call, tensor *x) {
  layer *cell = call->layer;
  arena *mem = call->model->unit->mem;
  int n = state_count(cell);
  cell_graph *inner = ARENA_NEW(mem, cell_graph);
  *inner =
      (cell_graph){.x = x, .states = ARENA_ARRAY(mem, tensor *, n), .next = ARENA_ARRAY(mem, tensor *, n)};
  for (int k = 0; k < n; k++)
    inner->states[k] = state_tensor(call, x, k);
  cell->data = inner;
  inner_scope before = inner_graph_begin(&inner->body, cell);
  bool good = recipe_of(cell)->apply(recipe_of(cell)->context, cell, x, inner->states, inner->next);
  inner_graph_end(&inner->body, before);
  return good;
}

bool user_cell_accepts(layer_call *call) {
  const layer_def *def = call->layer->def;
  if (def->traits & LAYER_IN_CELL)
    return true;
  diag *d = call_error(call, "%s cannot stand in a cell", def->name);
  diag_help(d, "a cell is one time step: layers that work on every row by itself may stand in it, as Dense, "
               "Activation, Dropout, LayerNormalization and merging layers, and operators and functions");
  return false;
}

static node *real_rows(graph *g, lowered v) {
  INVARIANT(v.layout == LAYOUT_DENSE);
  return v.data->type == INT ? g_cast(g, v.data, REAL) : v.data;
}

static void step(cell_step *s) {
  lowering *lw = s->lw;
  const cell_graph *inner = s->layer->data;
  cell_step *outer_step = lw->step;
  lw->step = s;
  lw->values[inner->x->id] = lowered_dense_value(s->x);
  for (int k = 0; k < state_count(s->layer); k++)
    lw->values[inner->states[k]->id] = lowered_dense_value(s->state[k]);
  inner_graph_lower(lw, &inner->body);
  for (int k = 0; k < state_count(s->layer); k++)
    s->next[k] = real_rows(lw->g, lower_value(lw, inner->next[k]));
  lw->step = outer_step;
}

static const cell_def cell = {
    .state_count = state_count, .state_shape = state_shape, .build = build, .step = step};

static const arg_spec no_args[] = {{0}};

layer *user_cell_make(model *m, const cell_recipe *recipe, span at, const char *scope) {
  INVARIANT(recipe->n_states >= 1 && recipe->n_states <= MAX_CELL_STATES);
  user_cell_def *def = ARENA_NEW(m->unit->mem, user_cell_def);
  def->recipe = *recipe;
  def->base = (layer_def){.name = recipe->name,
                          .snake = recipe->snake,
                          .doc = "a cell of the user's",
                          .group = "cells",
                          .args = no_args,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .traits = LAYER_CELL | LAYER_INTERNAL,
                          .build = cell_refuse_application,
                          .cell = &cell};
  return layer_new(m, &def->base, ARENA_ARRAY(m->unit->mem, value *, 1), at, scope);
}
