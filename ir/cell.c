// Cells in general, and what the built-in ones share.
#include "ir/cell.h"
#include <string.h>

bool layer_is_cell(const layer *l) {
  return (l->def->traits & LAYER_CELL) != 0;
}

int cell_state_count(const layer *cell) {
  const cell_def *c = cell->def->cell;
  return c->n_states ? c->n_states : c->state_count(cell);
}

shape cell_state_shape(const layer *cell, int k) {
  const cell_def *c = cell->def->cell;
  if (c->state_shape)
    return c->state_shape(cell, k);
  return shape_of(1, dim_const(cell->model->unit->dims, cell_units(cell)));
}

int cell_output_state(const layer *cell) {
  const cell_def *c = cell->def->cell;
  return c->output_state ? c->output_state(cell) : 0;
}

bool cell_build(layer_call *call, layer *cell, tensor *x) {
  layer_call inner = *call;
  inner.layer = cell;
  bool good = cell->def->cell->build(&inner, x) && !inner.failed;
  call->failed = call->failed || !good;
  return good;
}

void cell_run_step(const cell_step *s, const layer *cell, node *x, node *const *state, node **next) {
  cell_step inner = *s;
  inner.layer = cell;
  inner.x = x;
  inner.state = state;
  inner.next = next;
  cell->def->cell->step(&inner);
}

tensor *cell_input(layer_call *call, const tensor *x) {
  return call_inner_tensor(call, shape_of(2, x->shape.d[0], x->shape.d[x->shape.rank - 1]), TENSOR_REAL);
}

bool cell_refuse_application(layer_call *call) {
  diag *d = call_error(call, "%s is a cell, one step of a recurrence", call->layer->def->name);
  diag_help(d, "write RNN(%s(...)) to run it over a sequence", call->layer->def->name);
  return false;
}

// ---- built-in cells

int64_t cell_units(const layer *l) {
  return layer_arg_int(l, "units");
}

static node *columns(const cell_step *s, node *x, int gate) {
  graph *g = s->lw->g;
  int64_t units = cell_units(s->layer);
  return g_slice(g, x, x->shape.rank - 1, gate * units, dim_const(g->dims, units), 1);
}

node *step_gate(cell_step *s, node *z, int gate) {
  return columns(s, z, gate);
}

node *step_weight_gate(cell_step *s, node *kernel, int gate) {
  return columns(s, kernel, gate);
}

static const char *gate_purpose(const char *of, int gate) {
  static const char *const input[] = {"input", "input.1", "input.2", "input.3"};
  static const char *const recurrent[] = {"recurrent", "recurrent.1", "recurrent.2", "recurrent.3"};
  return strcmp(of, "input") == 0 ? input[gate] : recurrent[gate];
}

static node *dropped(cell_step *s, node *x, const char *arg, const char *of, int gate) {
  return step_dropout(s, x, layer_arg_float(s->layer, arg), step_stream(s, gate_purpose(of, gate)));
}

static bool is_live(const cell_step *s, const char *arg) {
  return s->lw->training && layer_arg_float(s->layer, arg) > 0;
}

node *step_dropped_state(cell_step *s, node *state, int gate) {
  if (!is_live(s, "recurrent_dropout"))
    return state;
  return dropped(s, state, "recurrent_dropout", "recurrent", gate);
}

static node *plus_bias(graph *g, node *z, node *bias) {
  return bias ? g_add(g, z, bias) : z;
}

node *step_input(cell_step *s, node *kernel, node *bias) {
  graph *g = s->lw->g;
  int gates = s->layer->def->cell->n_gates;
  if (!is_live(s, "dropout"))
    return plus_bias(g, g_matmul(g, s->x, kernel, false, false), bias);
  if (gates == 1 || !is_live(s, "recurrent_dropout")) {
    node *x = dropped(s, s->x, "dropout", "input", 0);
    return plus_bias(g, g_matmul(g, x, kernel, false, false), bias);
  }
  node *parts[MAX_CELL_GATES];
  for (int k = 0; k < gates; k++) {
    node *x = dropped(s, s->x, "dropout", "input", k);
    parts[k] = g_matmul(g, x, step_weight_gate(s, kernel, k), false, false);
  }
  return plus_bias(g, g_concat(g, parts, gates, 1), bias);
}

node *step_recurrent(cell_step *s, node *state, node *kernel) {
  graph *g = s->lw->g;
  if (!is_live(s, "recurrent_dropout"))
    return g_matmul(g, state, kernel, false, false);
  int gates = s->layer->def->cell->n_gates;
  node *parts[MAX_CELL_GATES];
  for (int k = 0; k < gates; k++) {
    node *part = gates == 1 ? kernel : step_weight_gate(s, kernel, k);
    parts[k] = g_matmul(g, step_dropped_state(s, state, k), part, false, false);
  }
  return gates == 1 ? parts[0] : g_concat(g, parts, gates, 1);
}

node *step_activation(cell_step *s, const char *arg, node *x) {
  const char *name = layer_arg_text(s->layer, arg);
  return name ? activation_build(s->lw->g, name, x) : x;
}

node *step_bias(cell_step *s) {
  return layer_arg_bool(s->layer, "use_bias") ? lower_weight(s->lw, s->layer, "bias") : NULL;
}
