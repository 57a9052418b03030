// Connectionist temporal classification: -log of the probability of a row of labels under all ways to spread
// it over the valid steps, where class 0 (blank) may stand anywhere and a label repeats as long as its class
// does.
//
// A row of L labels becomes S = 2 L + 1 places: blank, label, blank, ..., label, blank. a[s] is the log of
// the sum over all ways that stand at place s after the steps so far; a step comes from s, s - 1 or, between
// different labels, s - 2. `never` takes the place of log 0: it stays finite, and no sum of logs comes near
// it. Legend: B batch, V valid rows in scan order, C classes, L places for labels in the batch.
#include "ir/loss.h"
#include <math.h>

static const double never = -1e30;

static const arg_spec args[] = {{.name = "max_labels",
                                 .kinds = ARG_INT,
                                 .default_text = "64",
                                 .min = 1,
                                 .max = 10000,
                                 .doc = "the most labels that a row may have"},
                                {0}};

static node *filled(graph *g, double number, const dim *rows, const dim *columns) {
  return g_broadcast_to(g, g_real(g, number), shape_of(2, rows, columns));
}

static node *filled_int(graph *g, int64_t number, const dim *rows, const dim *columns) {
  return g_broadcast_to(g, g_int(g, number), shape_of(2, rows, columns));
}

// x [R, N] moved to the right by `by` places: the new ones hold `fill` [R, by].
static node *moved(graph *g, node *x, int64_t by, node *fill) {
  const dim *kept = dim_sub_const(g->dims, x->shape.d[1], by);
  node *parts[] = {fill, g_slice(g, x, 1, 0, kept, 1)};
  return g_concat(g, parts, 2, 1);
}

// Of every label [B, L] and of the blanks around them: [B, S].
static node *interleaved(graph *g, node *labels, node *blanks, node *last_blank) {
  const dim *batch = labels->shape.d[0], *n = labels->shape.d[1], *one = dim_const(g->dims, 1);
  const dim *two = dim_const(g->dims, 2);
  node *pair[] = {g_reshape(g, blanks, shape_of(3, batch, n, one)),
                  g_reshape(g, labels, shape_of(3, batch, n, one))};
  node *row = g_reshape(g, g_concat(g, pair, 2, 2), shape_of(2, batch, dim_mul(g->dims, n, two)));
  node *all[] = {row, last_blank};
  return g_concat(g, all, 2, 1);
}

// 0 where place s may be reached from s - 2, else never: [B, S].
static node *skips(graph *g, node *labels) {
  const dim *batch = labels->shape.d[0], *n = labels->shape.d[1], *one = dim_const(g->dims, 1);
  node *before = moved(g, labels, 1, filled_int(g, 0, batch, one));
  node *zero = filled(g, 0, batch, n), *not_here = filled(g, never, batch, n);
  node *differs = g_select(g, g_binary(g, OP_EQ, labels, before), not_here, zero);
  return interleaved(g, differs, not_here, filled(g, never, batch, one));
}

// log(e^a + e^b + e^c); the shift cancels whatever it is, FLOOR makes it a constant to differentiation.
static node *log_sum(graph *g, node *a, node *b, node *c) {
  node *shift = g_unary(g, OP_FLOOR, g_binary(g, OP_MAX, a, g_binary(g, OP_MAX, b, c)));
  node *sum = g_unary(g, OP_EXP, g_sub(g, a, shift));
  sum = g_add(g, sum, g_unary(g, OP_EXP, g_sub(g, b, shift)));
  sum = g_add(g, sum, g_unary(g, OP_EXP, g_sub(g, c, shift)));
  return g_add(g, g_unary(g, OP_LOG, sum), shift);
}

// scores of the places at every step: log_p [V, C] at the classes of `places` [V, S].
static node *taken(graph *g, node *log_p, node *places) {
  const dim *rows = log_p->shape.d[0], *classes = log_p->shape.d[1];
  node *first = g_mul(g, g_iota(g, places->shape, 0), g_extent(g, classes, INT));
  node *flat = g_reshape(g, log_p, shape_of(1, dim_mul(g->dims, rows, classes)));
  return g_gather(g, flat, g_add(g, first, places), NULL);
}

// a [B, S] behind the last valid step, in the order of the batch.
static node *run(graph *g, node *scores, node *skip, node *pack) {
  const dim *batch = pack_batch(pack), *places = scores->shape.d[1], *one = dim_const(g->dims, 1);
  scan_builder *s = scan_begin(g, pack, false);
  node *step = scan_add_sequence(s, scores), *skipping = scan_add_sequence(s, skip);
  shape all = shape_of(2, batch, places);
  node *is_first = g_binary(g, OP_EQ, g_iota(g, all, 1), g_broadcast_to(g, g_int(g, 0), all));
  node *begin = g_select(g, is_first, filled(g, 0, batch, places), filled(g, never, batch, places));
  node *a = scan_add_state(s, begin);
  const dim *active = a->shape.d[0];
  node *from_one = moved(g, a, 1, filled(g, never, active, one));
  node *from_two = moved(g, from_one, 1, filled(g, never, active, one));
  scan_set_next(s, 0, g_add(g, log_sum(g, a, from_one, g_add(g, from_two, skipping)), step));
  node *end = scan_final_state(g, scan_end(s), 0);
  return g_gather(g, end, g_part(g, pack, PACK_RANK), g_part(g, pack, PACK_ORDER));
}

static node *is_no_label(graph *g, node *target) {
  return g_binary(g, OP_EQ, target, g_broadcast_to(g, g_int(g, 0), target->shape));
}

// How many of each row are 1: [B].
static node *counted(graph *g, node *flags) {
  return g_cast(g, g_reduce_sum(g, g_cast(g, flags, REAL), 1u << 1), INT);
}

// Labels are counted as Keras does: those that are not 0.
static node *label_counts(graph *g, node *target) {
  return counted(g, is_no_label(g, is_no_label(g, target)));
}

// Whether a row's labels, and the blanks between equal neighbours, fit into its valid steps: [B].
static node *fits(graph *g, node *target, node *pack) {
  const dim *batch = target->shape.d[0], *one = dim_const(g->dims, 1);
  node *before = moved(g, target, 1, filled_int(g, 0, batch, one));
  node *is_label = is_no_label(g, is_no_label(g, target));
  node *repeats = counted(g, g_binary(g, OP_AND, is_label, g_binary(g, OP_EQ, target, before)));
  node *offsets = g_part(g, pack, PACK_OFFSETS);
  node *steps = g_sub(g, g_slice(g, offsets, 0, 1, batch, 1), g_slice(g, offsets, 0, 0, batch, 1));
  return g_binary(g, OP_LE, g_add(g, label_counts(g, target), repeats), steps);
}

// Paths that come near `never` cannot be told from none: infinite, and what is no number stays none.
static node *overflowed(graph *g, node *loss) {
  node *near = g_binary(g, OP_LT, loss, g_broadcast_to(g, g_real(g, -never / 2), loss->shape));
  node *infinite = g_add(g, loss, g_broadcast_to(g, g_real(g, INFINITY), loss->shape));
  return g_select(g, near, loss, infinite);
}

static node *build_examples(lowering *lw, const application *app, lowered scores, node *target) {
  graph *g = lw->g;
  node *pack = scores.pack, *z = scores.data;
  const dim *batch = target->shape.d[0], *one = dim_const(g->dims, 1);
  (void)app;
  INVARIANT(scores.layout == LAYOUT_TM);
  node *log_p = g_sub(g, z, loss_along_row(g, loss_log_sum_exp(g, z), z));
  node *zeros = g_broadcast_to(g, g_int(g, 0), target->shape);
  node *places = interleaved(g, target, zeros, filled_int(g, 0, batch, one));
  node *example = g_gather(g, g_part(g, pack, PACK_EXAMPLE), g_part(g, pack, PACK_TM_RM), NULL);
  node *here = taken(g, log_p, g_gather(g, places, example, NULL));
  node *a = run(g, here, g_gather(g, skips(g, target), example, NULL), pack);
  int axes[MAX_RANK] = {0, -1};
  node *last = g_mul(g, label_counts(g, target), g_int(g, 2));
  node *behind = g_sub(g, g_iota(g, a->shape, 1), g_broadcast(g, last, a->shape, axes)); // 0: the last blank
  node *ends = g_binary(g, OP_AND, g_binary(g, OP_LT, g_broadcast_to(g, g_int(g, -2), a->shape), behind),
                        g_binary(g, OP_LE, behind, g_broadcast_to(g, g_int(g, 0), a->shape)));
  node *loss = g_unary(
      g, OP_NEG, loss_log_sum_exp(g, g_select(g, ends, a, g_broadcast_to(g, g_real(g, never), a->shape))));
  return g_select(g, fits(g, target, pack), overflowed(g, loss),
                  g_broadcast_to(g, g_real(g, 0), loss->shape));
}

const loss_def loss_ctc = {
    .name = "ctc",
    .class_name = "CTC",
    .doc = "Connectionist temporal classification: rows of labels (class numbers from 1; 0 is the blank, and "
           "what "
           "fills a row up) without places, from logits at every step. Of each example; then the mean over "
           "the batch.",
    .args = args,
    .target = TARGET_CLASS_IDS,
    .expects = EXPECTS_LABELS,
    .build_examples = build_examples,
};
