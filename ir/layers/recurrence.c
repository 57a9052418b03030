#include "ir/layers/recurrence.h"
#include <string.h>

// ---- one step

static const recurrent_cell *cell_of(const layer *l) {
  return l->data;
}

int64_t recurrent_units(const layer *l) {
  return layer_arg_int(l, "units");
}

int recurrent_state_count(const layer *l) {
  return cell_of(l)->n_states;
}

static node *columns(cell_step *s, node *x, int gate) {
  graph *g = s->lw->g;
  int64_t units = recurrent_units(s->layer);
  return g_slice(g, x, x->shape.rank - 1, gate * units, dim_const(g->dims, units), 1);
}

node *step_gate(cell_step *s, node *z, int gate) {
  return columns(s, z, gate);
}

node *step_weight_gate(cell_step *s, node *kernel, int gate) {
  return columns(s, kernel, gate);
}

node *step_dropped_state(cell_step *s, node *state, int gate) {
  return s->has_recurrent_mask ? g_mul(s->lw->g, state, s->recurrent_mask[gate]) : state;
}

node *step_input(cell_step *s, node *kernel, node *bias) {
  graph *g = s->lw->g;
  node *z = NULL;
  if (s->n_x == 1) {
    z = g_matmul(g, s->x[0], kernel, false, false);
  } else {
    node *parts[MAX_CELL_GATES];
    for (int k = 0; k < s->n_x; k++)
      parts[k] = g_matmul(g, s->x[k], step_weight_gate(s, kernel, k), false, false);
    z = g_concat(g, parts, s->n_x, 1);
  }
  return bias ? g_add(g, z, bias) : z;
}

node *step_recurrent(cell_step *s, node *state, node *kernel) {
  graph *g = s->lw->g;
  if (!s->has_recurrent_mask)
    return g_matmul(g, state, kernel, false, false);
  int gates = cell_of(s->layer)->n_gates;
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

// ---- running over a sequence

node *dropout_mask(graph *g, uint64_t stream, shape s, node *rows, double rate) {
  node *draw = g_random(g, stream, s, rows);
  node *dropped = g_binary(g, OP_LT, draw, g_real(g, rate));
  node *zero = g_broadcast_to(g, g_real(g, 0), s);
  return g_select(g, dropped, zero, g_broadcast_to(g, g_real(g, 1 / (1 - rate)), s));
}

static node *zeros(graph *g, shape s) {
  return g_broadcast_to(g, g_real(g, 0), s);
}

// Rows of a tensor in batch order, put in the order in which a scan holds its states; and back.
static node *to_sorted(graph *g, node *rows, node *pack) {
  return g_gather(g, rows, g_part(g, pack, PACK_ORDER), g_part(g, pack, PACK_RANK));
}

static node *to_batch(graph *g, node *rows, node *pack) {
  return g_gather(g, rows, g_part(g, pack, PACK_RANK), g_part(g, pack, PACK_ORDER));
}

static const char *gate_purpose(const char *of, int gate) {
  static const char *const input[] = {"input", "input.1", "input.2", "input.3"};
  static const char *const recurrent[] = {"recurrent", "recurrent.1", "recurrent.2", "recurrent.3"};
  return strcmp(of, "input") == 0 ? input[gate] : recurrent[gate];
}

// One mask [B, I] for all steps of an example, at the example of each row of x.
static node *drop_input(lowering *lw, const application *app, node *x, node *pack, const dim *batch,
                        double rate, int gate) {
  graph *g = lw->g;
  node *mask = dropout_mask(g, layer_stream(app, gate_purpose("input", gate)),
                            shape_of(2, batch, x->shape.d[1]), NULL, rate);
  node *example =
      g_gather(g, g_part(g, pack, PACK_EXAMPLE), g_part(g, pack, PACK_TM_RM), g_part(g, pack, PACK_RM_TM));
  return g_mul(g, x, g_gather(g, mask, example, NULL));
}

typedef struct run {
  scan_builder *scan;
  cell_step step;
  node *pack;
  const dim *batch, *units;
  const application *app;
} run;

static void add_inputs(run *r, node *x) {
  cell_step *s = &r->step;
  const layer *l = s->layer;
  double rate = layer_arg_float(l, "dropout");
  bool dropped = s->lw->training && rate > 0;
  s->n_x = dropped && layer_arg_float(l, "recurrent_dropout") > 0 ? cell_of(l)->n_gates : 1;
  for (int k = 0; k < s->n_x; k++) {
    node *rows = dropped ? drop_input(s->lw, r->app, x, r->pack, r->batch, rate, k) : x;
    s->x[k] = scan_add_sequence(r->scan, rows);
  }
}

// A mask for each gate, [B, U], the same at every step: carried as states that never change.
static void add_recurrent_masks(run *r) {
  cell_step *s = &r->step;
  graph *g = s->lw->g;
  double rate = layer_arg_float(s->layer, "recurrent_dropout");
  s->has_recurrent_mask = s->lw->training && rate > 0;
  if (!s->has_recurrent_mask)
    return;
  const recurrent_cell *cell = cell_of(s->layer);
  for (int k = 0; k < cell->n_gates; k++) {
    shape of_mask = shape_of(2, r->batch, r->units);
    node *mask = dropout_mask(g, layer_stream(r->app, gate_purpose("recurrent", k)), of_mask, NULL, rate);
    s->recurrent_mask[k] = scan_add_state(r->scan, to_sorted(g, mask, r->pack));
    scan_set_next(r->scan, cell->n_states + k, s->recurrent_mask[k]);
  }
}

recurrence recurrence_run(lowering *lw, const application *app, node *x, node *pack, bool reverse,
                          node *const *initial) {
  graph *g = lw->g;
  const layer *l = app->layer;
  const recurrent_cell *cell = cell_of(l);
  run r = {.scan = scan_begin(g, pack, reverse),
           .step = {.lw = lw, .layer = l},
           .pack = pack,
           .batch = g_part(g, pack, PACK_ORDER)->shape.d[0],
           .units = dim_const(g->dims, recurrent_units(l)),
           .app = app};
  add_inputs(&r, x);
  shape of_state = shape_of(2, r.batch, r.units);
  for (int k = 0; k < cell->n_states; k++)
    r.step.state[k] = scan_add_state(r.scan, initial ? to_sorted(g, initial[k], pack) : zeros(g, of_state));
  add_recurrent_masks(&r);
  cell->step(&r.step);
  for (int k = 0; k < cell->n_states; k++)
    scan_set_next(r.scan, k, r.step.next[k]);
  int out = scan_add_output(r.scan, r.step.next[0]);
  node *scan = scan_end(r.scan);
  recurrence result = {.outputs = scan_output(g, scan, out)};
  for (int k = 0; k < cell->n_states; k++)
    result.states[k] = to_batch(g, scan_final_state(g, scan, k), pack);
  return result;
}

node *recurrence_last(lowering *lw, const recurrence *r, node *pack, bool has_initial) {
  graph *g = lw->g;
  node *last = r->states[0];
  if (!has_initial || pack_is_dense(pack))
    return last;
  node *offsets = g_part(g, pack, PACK_OFFSETS);
  const dim *batch = last->shape.d[0];
  node *empty = g_binary(g, OP_EQ, g_slice(g, offsets, 0, 1, batch, 1), g_slice(g, offsets, 0, 0, batch, 1));
  int rows[] = {0, -1};
  return g_select(g, g_broadcast(g, empty, last->shape, rows), zeros(g, last->shape), last);
}

bool recurrent_initial(lowering *lw, const application *app, int count, node **states) {
  const value *v = call_argument(app, "initial_state");
  if (!v || v->kind == VALUE_NONE)
    return false;
  for (int k = 0; k < count; k++) {
    const value *item = v->kind == VALUE_LIST ? v->items[k] : v;
    const tensor *t = item->object;
    states[k] = lower_to_dense(lw, lower_value(lw, t), t);
  }
  return true;
}
