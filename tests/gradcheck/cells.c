// Recurrences to check: the usual cells, and bodies that take the autodiff's less usual ways.
#include "tests/gradcheck/cells.h"

enum { UNITS = 2, FEATURES = 2 };

static node *weights(world *w, int64_t rows, int64_t columns) {
  return world_param(w, -1, 1, shape_of(2, world_const(w, rows), world_const(w, columns)));
}

static node *bias(world *w, int64_t n) {
  return world_param(w, -1, 1, shape_of(1, world_const(w, n)));
}

// An initial state in sorted order.
static node *initial(world *w, node *pack, cell_setting s) {
  shape all = shape_of(2, pack_batch(pack), world_const(w, UNITS));
  if (!s.given_state)
    return g_broadcast_to(w->g, g_real(w->g, 0), all);
  return g_gather(w->g, world_param(w, -1, 1, all), g_part(w->g, pack, PACK_ORDER),
                  g_part(w->g, pack, PACK_RANK));
}

static node *times(world *w, node *a, node *b) {
  return g_matmul(w->g, a, b, false, false);
}

static node *gate(world *w, op_code op, node *z, int k) {
  return g_unary(w->g, op, g_slice(w->g, z, 1, k * UNITS, world_const(w, UNITS), 1));
}

static node *one_minus(world *w, node *x) {
  return g_sub(w->g, g_real(w->g, 1), x);
}

static node *simple_rnn(world *w, node *pack, node *rows, cell_setting setting) {
  graph *g = w->g;
  node *kernel = weights(w, FEATURES, UNITS), *recurrent = weights(w, UNITS, UNITS), *b = bias(w, UNITS);
  scan_builder *s = scan_begin(g, pack, setting.reverse);
  node *x = scan_add_sequence(s, rows), *h = scan_add_state(s, initial(w, pack, setting));
  node *next = g_unary(g, OP_TANH, g_add(g, g_add(g, times(w, x, kernel), times(w, h, recurrent)), b));
  scan_set_next(s, 0, next);
  scan_add_output(s, next);
  return scan_end(s);
}

static node *lstm(world *w, node *pack, node *rows, cell_setting setting) {
  graph *g = w->g;
  node *recurrent = weights(w, UNITS, 4 * UNITS), *b = bias(w, 4 * UNITS);
  node *projected = times(w, rows, weights(w, FEATURES, 4 * UNITS));
  scan_builder *s = scan_begin(g, pack, setting.reverse);
  node *x = scan_add_sequence(s, projected);
  node *h = scan_add_state(s, initial(w, pack, setting)), *c = scan_add_state(s, initial(w, pack, setting));
  node *z = g_add(g, g_add(g, x, times(w, h, recurrent)), b);
  node *kept = g_mul(g, gate(w, OP_SIGMOID, z, 1), c);
  node *next_c = g_add(g, kept, g_mul(g, gate(w, OP_SIGMOID, z, 0), gate(w, OP_TANH, z, 2)));
  node *next_h = g_mul(g, gate(w, OP_SIGMOID, z, 3), g_unary(g, OP_TANH, next_c));
  scan_set_next(s, 0, next_h);
  scan_set_next(s, 1, next_c);
  scan_add_output(s, next_h);
  return scan_end(s);
}

// reset_after: the reset gate scales the product of the state, else the state before the product.
static node *gru(world *w, node *pack, node *rows, cell_setting setting, bool reset_after) {
  graph *g = w->g;
  const dim *u = world_const(w, UNITS);
  node *kernel = weights(w, FEATURES, 3 * UNITS), *recurrent = weights(w, UNITS, 3 * UNITS);
  node *b = bias(w, 3 * UNITS), *b_recurrent = bias(w, 3 * UNITS);
  scan_builder *s = scan_begin(g, pack, setting.reverse);
  node *x = scan_add_sequence(s, g_add(g, times(w, rows, kernel), b));
  node *h = scan_add_state(s, initial(w, pack, setting));
  node *inner = g_add(g, times(w, h, recurrent), b_recurrent), *sum = g_add(g, x, inner);
  node *z = gate(w, OP_SIGMOID, sum, 0), *r = gate(w, OP_SIGMOID, sum, 1);
  node *candidate = g_slice(g, x, 1, 2 * UNITS, u, 1);
  if (reset_after)
    candidate = g_add(g, candidate, g_mul(g, r, g_slice(g, inner, 1, 2 * UNITS, u, 1)));
  else
    candidate = g_add(g, candidate, times(w, g_mul(g, r, h), g_slice(g, recurrent, 1, 2 * UNITS, u, 1)));
  node *next = g_add(g, g_mul(g, z, h), g_mul(g, one_minus(w, z), g_unary(g, OP_TANH, candidate)));
  scan_set_next(s, 0, next);
  scan_add_output(s, next);
  return scan_end(s);
}

static node *gru_after(world *w, node *pack, node *rows, cell_setting setting) {
  return gru(w, pack, rows, setting, true);
}

static node *gru_before(world *w, node *pack, node *rows, cell_setting setting) {
  return gru(w, pack, rows, setting, false);
}

// relu, a state that nothing replaces (a mask over features), one that nothing reads, and an unused sequence.
static node *carried_mask(world *w, node *pack, node *rows, cell_setting setting) {
  graph *g = w->g;
  node *recurrent = weights(w, UNITS, UNITS);
  scan_builder *s = scan_begin(g, pack, setting.reverse);
  node *x = scan_add_sequence(s, rows);
  scan_add_sequence(s, g_mul(g, rows, rows));
  node *h = scan_add_state(s, initial(w, pack, setting)),
       *mask = scan_add_state(s, initial(w, pack, setting));
  node *idle = scan_add_state(s, initial(w, pack, setting));
  node *masked = g_mul(g, h, g_add(g, mask, g_real(g, 1)));
  node *next = g_binary(g, OP_MAX, g_real(g, 0), g_add(g, x, times(w, masked, recurrent)));
  next = g_add(g, next, g_mul(g, h, g_real(g, 0.25)));
  scan_set_next(s, 0, next);
  scan_set_next(s, 2, g_add(g, idle, g_unary(g, OP_EXP, x)));
  scan_add_output(s, next);
  return scan_end(s);
}

// Captured values used in every way: scaled, sliced, transposed, added to a product, through a sum over the
// active rows, and as a table of rows.
static node *captures(world *w, node *pack, node *rows, cell_setting setting) {
  graph *g = w->g;
  const dim *u = world_const(w, UNITS);
  node *square = weights(w, UNITS, UNITS), *wide = weights(w, UNITS, 2 * UNITS), *scale = bias(w, UNITS);
  node *scalar = world_param(w, 0.5, 1.5, (shape){0}), *table = weights(w, 3, UNITS);
  node *index = g_cast(
      g, g_mul(g, g_unary(g, OP_ABS, g_slice(g, rows, 1, 0, world_const(w, 1), 1)), g_real(g, 2.9)), INT);
  shape flat = shape_of(1, pack_valid(pack));
  scan_builder *s = scan_begin(g, pack, setting.reverse);
  node *x = scan_add_sequence(s, rows),
       *row = scan_add_sequence(s, g_sub(g, g_reshape(g, index, flat), g_int(g, 1)));
  node *h = scan_add_state(s, initial(w, pack, setting));
  node *sum = g_mul(g, g_reduce_sum(g, h, 1), scale); // over the active rows: not a function of one row alone
  node *mixed = g_mul(g, times(w, h, square), scalar);
  mixed = g_add(g, mixed, g_matmul(g, x, g_slice(g, wide, 1, 1, u, 1), false, true));
  mixed = g_add(g, mixed, g_gather(g, table, row, NULL));
  node *next = g_unary(g, OP_TANH, g_add(g, mixed, g_mul(g, sum, g_real(g, 0.1))));
  scan_set_next(s, 0, next);
  scan_add_output(s, next);
  return scan_end(s);
}

// Each state's next value is the other; the first output is not the state.
static node *swapped(world *w, node *pack, node *rows, cell_setting setting) {
  graph *g = w->g;
  scan_builder *s = scan_begin(g, pack, setting.reverse);
  node *x = scan_add_sequence(s, rows);
  node *a = scan_add_state(s, initial(w, pack, setting)), *b = scan_add_state(s, initial(w, pack, setting));
  scan_set_next(s, 0, g_add(g, b, x));
  scan_set_next(s, 1, g_mul(g, a, g_unary(g, OP_SIGMOID, x)));
  scan_add_output(s, a);
  scan_add_output(s, x);
  return scan_end(s);
}

const cell cells[] = {
    {"SimpleRNN", simple_rnn},       {"LSTM", lstm},
    {"GRU, reset after", gru_after}, {"GRU, reset before", gru_before},
    {"carried mask", carried_mask},  {"captures", captures},
    {"swapped states", swapped},     {0},
};
