// -log p(y) of the target path y: log of the sum over all paths of exp(score), less the target's score.
//
// Along a sequence, a[j] is the log of the sum over all paths that end in class j, less what the target's
// path has scored so far. So the numbers stay as small as the loss is, and single precision keeps it. A step
// is a product: log(exp(a - shift) E) + shift with E = exp(chain - largest). E is kept above e^-64: with a
// sum that loses only what is below e^-87 of its largest term, no state becomes log 0, and what is lost is
// below e^-23 of the result.
#include "ir/layers/crf.h"
#include "ir/loss.h"

static const double least_exponent = -64;

static const arg_spec args[] = {{0}};

// INT [V], in scan order: the class one step before; anything in first rows.
static node *classes_before(graph *g, node *target, node *pack) {
  node *tm_rm = g_part(g, pack, PACK_TM_RM), *rm_tm = g_part(g, pack, PACK_RM_TM);
  node *in_order = g_gather(g, target, rm_tm, tm_rm);
  node *row_before = g_sub(g, g_iota(g, target->shape, 0), g_int(g, 1));
  return g_gather(g, g_gather(g, in_order, row_before, NULL), tm_rm, rm_tm);
}

// chain[before, after] of each row: [V].
static node *pair_scores(graph *g, node *chain, node *before, node *after) {
  const dim *classes = chain->shape.d[0];
  node *pair = g_add(g, g_mul(g, before, g_extent(g, classes, INT)), after);
  node *flat = g_reshape(g, chain, shape_of(1, dim_mul(g->dims, classes, classes)));
  return g_gather(g, flat, g_binary(g, OP_MAX, pair, g_int(g, 0)), NULL);
}

// What the target's path scores at each row, with the way there: [V].
static node *target_scores(graph *g, const crf_chain *c, node *scores, node *target, node *first,
                           node *pack) {
  node *with_left = crf_add_by_place(g, scores, first, c->left, g_real(g, 0));
  node *chosen = g_one_hot(g, target, scores->shape.d[1]);
  node *here = g_reduce_sum(g, g_mul(g, with_left, chosen), 1u << 1);
  node *way = pair_scores(g, c->chain, classes_before(g, target, pack), target);
  return g_add(g, here, g_select(g, first, g_broadcast_to(g, g_real(g, 0), way->shape), way));
}

// a [B, C], in the order of the batch, behind the last step.
static node *sum_over_paths(graph *g, const crf_chain *c, node *scores, node *target_score, node *first,
                            node *pack) {
  node *zero = g_real(g, 0);
  node *largest = g_unary(g, OP_FLOOR, g_reduce(g, OP_REDUCE_MAX, c->chain, 3));
  node *exponent = g_binary(g, OP_MAX, g_sub(g, c->chain, largest), g_real(g, least_exponent));
  node *ways = g_unary(g, OP_EXP, exponent);
  node *gain = crf_add_by_place(g, scores, first, c->left, largest);
  gain = g_sub(g, gain, crf_along_rows(g, target_score, &gain->shape));
  scan_builder *s = scan_begin(g, pack, false);
  node *step = scan_add_sequence(s, gain), *is_first = scan_add_sequence(s, first);
  shape states = shape_of(2, pack_batch(pack), scores->shape.d[1]);
  node *a = scan_add_state(s, g_broadcast_to(g, zero, states));
  // The shift cancels whatever it is; FLOOR makes it a constant to differentiation.
  node *shift = g_unary(g, OP_FLOOR, g_reduce(g, OP_REDUCE_MAX, a, 1u << 1));
  shift = crf_along_rows(g, shift, &a->shape);
  node *sums = g_matmul(g, g_unary(g, OP_EXP, g_sub(g, a, shift)), ways, false, false);
  node *went_on = g_add(g, g_unary(g, OP_LOG, sums), shift);
  node *begun =
      g_select(g, crf_along_rows(g, is_first, &a->shape), g_broadcast_to(g, zero, a->shape), went_on);
  scan_set_next(s, 0, g_add(g, begun, step));
  return crf_to_batch_order(g, scan_final_state(g, scan_end(s), 0), pack);
}

static node *build_examples(lowering *lw, const application *app, lowered scores, node *target) {
  graph *g = lw->g;
  node *pack = scores.pack;
  INVARIANT(scores.layout == LAYOUT_TM);
  crf_chain c = crf_weights(lw, app->layer);
  node *first = crf_first_rows(g, pack);
  node *target_score = target_scores(g, &c, scores.data, target, first, pack);
  node *a = sum_over_paths(g, &c, scores.data, target_score, first, pack);
  const dim *batch = pack_batch(pack);
  node *offsets = g_part(g, pack, PACK_OFFSETS);
  node *end = g_slice(g, offsets, 0, 1, batch, 1);
  node *empty = g_binary(g, OP_EQ, end, g_slice(g, offsets, 0, 0, batch, 1));
  node *none = g_broadcast_to(g, g_int(g, -1), empty->shape);
  node *last_row = g_select(g, empty, none, g_sub(g, end, g_int(g, 1)));
  node *in_order = g_gather(g, target, g_part(g, pack, PACK_RM_TM), g_part(g, pack, PACK_TM_RM));
  node *last = g_one_hot(g, g_gather(g, in_order, last_row, NULL), scores.data->shape.d[1]);
  node *right = g_reduce_sum(g, g_mul(g, last, g_broadcast_to(g, c.right, last->shape)), 1u << 1);
  node *loss = g_sub(g, loss_log_sum_exp(g, g_add(g, a, c.right)), right);
  return g_select(g, empty, g_broadcast_to(g, g_real(g, 0), loss->shape), loss);
}

const loss_def loss_crf_nll = {
    .name = "crf_nll",
    .class_name = "CRFNegativeLogLikelihood",
    .doc = "-log of the probability of the whole target path, for a CRF layer: of each example the sum over "
           "its valid steps, then the mean over the examples of the batch.",
    .args = args,
    .target = TARGET_CLASS_IDS,
    .expects = EXPECTS_PATHS,
    .build_examples = build_examples,
};
