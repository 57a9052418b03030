#include "ir/layers/recurrence.h"
#include <stdlib.h>

typedef struct scan_run {
  scan_builder *scan;
  node *pack;
  const dim *batch;
  const application *app;
} scan_run;

node *dropout_mask(graph *g, uint64_t stream, shape s, node *rows, double rate) {
  node *draw = g_random(g, stream, s, rows);
  node *dropped = g_binary(g, OP_LT, draw, g_real(g, rate));
  node *zero = g_broadcast_to(g, g_real(g, 0), s);
  return g_select(g, dropped, zero, g_broadcast_to(g, g_real(g, 1 / (1 - rate)), s));
}

static shape batch_of(const dim *batch, shape one) {
  shape s = {.rank = one.rank + 1};
  s.d[0] = batch;
  for (int k = 0; k < one.rank; k++)
    s.d[k + 1] = one.d[k];
  return s;
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

// ---- dropout inside a step

static bool reaches_state(const graph *g, const node *x) {
  unsigned char *seen = xcalloc((size_t)x->id + 1, 1);
  bool reaches = false;
  seen[x->id] = 1;
  for (size_t id = (size_t)x->id + 1; id-- > 0 && !reaches;) { // operands stand before their users
    const node *n = g->nodes[id];
    if (!seen[id] || node_scan_id(g, n) < 0)
      continue;
    reaches = n->op == OP_SCAN_STATE;
    for (int k = 0; k < n->n_in; k++)
      seen[n->in[k]->id] = 1;
  }
  free(seen);
  return reaches;
}

// A mask over what comes from the sequence alone is read like a sequence, so that the product behind it can
// leave the loop; any other is carried as a state that never changes.
node *step_dropout(cell_step *s, node *x, double rate, uint64_t stream) {
  graph *g = s->lw->g;
  scan_run *r = s->run;
  shape of_mask = x->shape;
  of_mask.d[0] = r->batch;
  node *mask = dropout_mask(g, stream, of_mask, NULL, rate);
  if (reaches_state(g, x))
    return g_mul(g, x, scan_add_state(r->scan, to_sorted(g, mask, r->pack)));
  node *example = g_gather(g, g_part(g, r->pack, PACK_EXAMPLE), g_part(g, r->pack, PACK_TM_RM),
                           g_part(g, r->pack, PACK_RM_TM));
  return g_mul(g, x, scan_add_sequence(r->scan, g_gather(g, mask, example, NULL)));
}

uint64_t step_stream(const cell_step *s, const char *purpose) {
  return layer_stream_of(s->layer, s->run->app->number, purpose);
}

// ---- running over a sequence

recurrence recurrence_run(lowering *lw, const application *app, node *x, node *pack, bool reverse,
                          node *const *initial) {
  graph *g = lw->g;
  const layer *cell = recurrent_cell(app->layer);
  int n = cell_state_count(cell);
  scan_run run = {.scan = scan_begin(g, pack, reverse),
                  .pack = pack,
                  .batch = g_part(g, pack, PACK_ORDER)->shape.d[0],
                  .app = app};
  node **state = ARENA_ARRAY(g->mem, node *, n), **next = ARENA_ARRAY(g->mem, node *, n);
  cell_step step = {.lw = lw, .layer = cell, .run = &run, .x = scan_add_sequence(run.scan, x)};
  for (int k = 0; k < n; k++) {
    shape s = batch_of(run.batch, cell_state_shape(cell, k));
    node *begin = initial ? to_sorted(g, initial[k], pack) : zeros(g, s);
    state[k] = scan_add_state(run.scan, begin);
  }
  cell_run_step(&step, cell, step.x, state, next);
  for (int k = 0; k < n; k++)
    scan_set_next(run.scan, k, next[k]);
  recurrence result = {.states = ARENA_ARRAY(g->mem, node *, n), .output = cell_output_state(cell)};
  int out = scan_add_output(run.scan, next[result.output]);
  node *scan = scan_end(run.scan);
  result.outputs = scan_output(g, scan, out);
  for (int k = 0; k < n; k++)
    result.states[k] = to_batch(g, scan_final_state(g, scan, k), pack);
  return result;
}

node *recurrence_last(lowering *lw, const recurrence *r, node *pack, bool has_initial) {
  graph *g = lw->g;
  node *last = r->states[r->output];
  if (!has_initial || pack_is_dense(pack))
    return last;
  node *offsets = g_part(g, pack, PACK_OFFSETS);
  const dim *batch = last->shape.d[0];
  node *empty = g_binary(g, OP_EQ, g_slice(g, offsets, 0, 1, batch, 1), g_slice(g, offsets, 0, 0, batch, 1));
  int rows[MAX_RANK] = {0};
  for (int k = 1; k < MAX_RANK; k++)
    rows[k] = -1;
  return g_select(g, g_broadcast(g, empty, last->shape, rows), zeros(g, last->shape), last);
}

node **recurrent_carried(lowering *lw, const application *app) {
  node **states = ARENA_ARRAY(lw->g->mem, node *, app->n_carried + 1);
  for (int k = 0; k < app->n_carried; k++)
    states[k] = lower_carried(lw, app, k);
  return app->n_carried ? states : NULL;
}

void recurrent_carry(lowering *lw, const application *app, const recurrence *r) {
  for (int k = 0; k < app->n_carried; k++)
    lower_carry(lw, app, k, r->states[k]);
}

node **recurrent_initial(lowering *lw, const application *app, int count) {
  const value *v = call_argument(app, "initial_state");
  if (!v || v->kind == VALUE_NONE)
    return NULL;
  node **states = ARENA_ARRAY(lw->g->mem, node *, count);
  for (int k = 0; k < count; k++) {
    const value *item = v->kind == VALUE_LIST ? v->items[k] : v;
    const tensor *t = item->object;
    states[k] = lower_to_dense(lw, lower_value(lw, t), t);
  }
  return states;
}
