// A linear-chain conditional random field over the valid steps of a sequence. Its result is decided: the
// path of classes of the highest score, found by Viterbi's algorithm in two scans. What it was decided from,
// the scores of classes at each step, is what the loss crf_nll trains and `predict --layer` shows.
#include "ir/layers/crf.h"
#include <math.h>

// ---- shared with the loss

crf_chain crf_weights(lowering *lw, const layer *l) {
  graph *g = lw->g;
  crf_chain c = {.chain = lower_weight(lw, l, "chain_kernel")};
  shape side = shape_of(1, c.chain->shape.d[0]);
  bool boundary = layer_arg_bool(l, "use_boundary");
  c.left = boundary ? lower_weight(lw, l, "left_boundary") : g_broadcast_to(g, g_real(g, 0), side);
  c.right = boundary ? lower_weight(lw, l, "right_boundary") : g_broadcast_to(g, g_real(g, 0), side);
  return c;
}

// In scan order they are the rows of the first step.
node *crf_first_rows(graph *g, node *pack) {
  shape rows = shape_of(1, pack_valid(pack)), number = {.rank = 0};
  node *offsets = g_part(g, pack, PACK_STEP_OFFSETS);
  node *behind = g_reshape(g, g_slice(g, offsets, 0, 1, dim_const(g->dims, 1), 1), number);
  return g_binary(g, OP_LT, g_iota(g, rows, 0), behind);
}

node *crf_along_rows(graph *g, node *per_row, const shape *like) {
  int axes[MAX_RANK] = {0, -1};
  return g_broadcast(g, per_row, *like, axes);
}

node *crf_add_by_place(graph *g, node *x, node *is_first, node *first, node *later) {
  node *which = crf_along_rows(g, is_first, &x->shape);
  return g_add(g, x,
               g_select(g, which, g_broadcast_to(g, first, x->shape), g_broadcast_to(g, later, x->shape)));
}

node *crf_to_batch_order(graph *g, node *rows, node *pack) {
  return g_gather(g, rows, g_part(g, pack, PACK_RANK), g_part(g, pack, PACK_ORDER));
}

// ---- making

typedef struct crf_data {
  int64_t features; // of the first application
} crf_data;

static void make_weights(layer_call *call, int64_t features, const dim *classes) {
  const layer *l = call->layer;
  if (layer_arg_bool(l, "use_kernel")) {
    call_weight(call, "kernel", shape_of(2, dim_const(call->model->unit->dims, features), classes),
                layer_arg_initializer(l, "kernel_initializer"));
    call_weight(call, "bias", shape_of(1, classes), layer_arg_initializer(l, "bias_initializer"));
  }
  call_weight(call, "chain_kernel", shape_of(2, classes, classes),
              layer_arg_initializer(l, "chain_initializer"));
  if (layer_arg_bool(l, "use_boundary")) {
    initializer sides = layer_arg_initializer(l, "boundary_initializer");
    call_weight(call, "left_boundary", shape_of(1, classes), sides);
    call_weight(call, "right_boundary", shape_of(1, classes), sides);
  }
}

static bool is_as_wide(layer_call *call, int64_t features, int64_t units) {
  if (layer_arg_bool(call->layer, "use_kernel") || features == units)
    return true;
  diag *d = call_error(call,
                       "CRF with use_kernel = false takes its input as the scores of %lld classes, but "
                       "the input has %lld features",
                       (long long)units, (long long)features);
  diag_help(d, "put Dense(%lld) in front of it, or leave use_kernel out", (long long)units);
  return false;
}

static bool build(layer_call *call) {
  layer *l = call->layer;
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  int64_t features = call_static_dim(call, x, 2), units = layer_arg_int(l, "units");
  if (features < 0 || !is_as_wide(call, features, units))
    return false;
  const dim *classes = dim_const(call->model->unit->dims, units);
  if (call->first) {
    crf_data *data = ARENA_NEW(call->model->unit->mem, crf_data);
    data->features = features;
    l->data = data;
    make_weights(call, features, classes);
  } else if (!call_same_features(call, x, ((const crf_data *)l->data)->features)) {
    return false;
  }
  call_output(call, shape_of(2, x->shape.d[0], x->shape.d[1]), TENSOR_INT);
  tensor *scores = call_scores(call, shape_of(3, x->shape.d[0], x->shape.d[1], classes));
  if (x->mask == MASK_VALID)
    call_output_mask(scores, MASK_VALID, x->mask_source);
  return true;
}

// ---- the best path

// [R, C, C]: element (r, i, j) is x[r, i] or, with `to`, x[r, j].
static node *spread(graph *g, node *x, const shape *pairs, bool to) {
  int axes[MAX_RANK] = {0, to ? -1 : 1, to ? 1 : -1};
  return g_broadcast(g, x, *pairs, axes);
}

// The smallest index along `axis` at which x is its maximum there: INT, the axis removed. `best`: the maxima,
// in the shape of x. Maxima of C - 1 - index find the smallest one.
static node *smallest_best(graph *g, node *x, node *best, int axis) {
  node *last = g_sub(g, g_extent(g, x->shape.d[axis], INT), g_int(g, 1));
  node *from_end = g_sub(g, last, g_iota(g, x->shape, axis));
  node *is_best = g_binary(g, OP_EQ, x, best);
  node *place = g_select(g, is_best, from_end, g_broadcast_to(g, g_int(g, 0), x->shape));
  return g_sub(g, last, g_reduce(g, OP_REDUCE_MAX, place, 1u << axis));
}

typedef struct viterbi {
  node *before; // INT [V, C]: the class before, on the best path that ends in each class at each row
  node *last;   // INT [B], in the scan's order: the class at the end of the best path
} viterbi;

// Only differences of a step's totals matter: they are counted from the largest one, so that no rounding
// grows along a sequence.
static viterbi run_forward(lowering *lw, const layer *l, node *scores, node *pack) {
  graph *g = lw->g;
  crf_chain c = crf_weights(lw, l);
  node *first = crf_first_rows(g, pack), *zero = g_real(g, 0);
  scan_builder *s = scan_begin(g, pack, false);
  node *score = scan_add_sequence(s, crf_add_by_place(g, scores, first, c.left, zero));
  node *is_first = scan_add_sequence(s, first);
  shape states = shape_of(2, pack_batch(pack), c.chain->shape.d[0]);
  node *total = scan_add_state(s, g_broadcast_to(g, zero, states));
  node *most = crf_along_rows(g, g_reduce(g, OP_REDUCE_MAX, total, 1u << 1), &total->shape);
  shape pairs = shape_of(3, total->shape.d[0], states.d[1], states.d[1]);
  int chain_axes[MAX_RANK] = {-1, 0, 1};
  node *ways =
      g_add(g, spread(g, g_sub(g, total, most), &pairs, false), g_broadcast(g, c.chain, pairs, chain_axes));
  node *best = g_reduce(g, OP_REDUCE_MAX, ways, 1u << 1);
  node *begun =
      g_select(g, crf_along_rows(g, is_first, &total->shape), g_broadcast_to(g, zero, total->shape), best);
  scan_set_next(s, 0, g_add(g, begun, score));
  int before = scan_add_output(s, smallest_best(g, ways, spread(g, best, &pairs, true), 1));
  node *scan = scan_end(s);
  node *end = g_add(g, scan_final_state(g, scan, 0), c.right);
  node *highest = crf_along_rows(g, g_reduce(g, OP_REDUCE_MAX, end, 1u << 1), &end->shape);
  return (viterbi){scan_output(g, scan, before), smallest_best(g, end, highest, 1)};
}

// INT [V]: from the last class of each example back along the classes before.
static node *run_back(graph *g, viterbi v, node *pack) {
  scan_builder *s = scan_begin(g, pack, true);
  node *before = scan_add_sequence(s, v.before), *here = scan_add_state(s, v.last);
  node *chosen = g_binary(g, OP_EQ, g_iota(g, before->shape, 1), crf_along_rows(g, here, &before->shape));
  node *next = g_select(g, chosen, before, g_broadcast_to(g, g_int(g, 0), before->shape));
  scan_set_next(s, 0, g_reduce(g, OP_REDUCE_MAX, next, 1u << 1));
  int path = scan_add_output(s, here);
  return scan_output(g, scan_end(s), path);
}

// ---- lowering

static node *scores_of_rows(lowering *lw, node *const *rows, int n, void *context) {
  (void)n;
  graph *g = lw->g;
  const layer *l = context;
  node *x = rows[0]->type == INT ? g_cast(g, rows[0], REAL) : rows[0];
  if (!layer_arg_bool(l, "use_kernel"))
    return x;
  return g_add(g, g_matmul(g, x, lower_weight(lw, l, "kernel"), false, false), lower_weight(lw, l, "bias"));
}

static void lower(lowering *lw, const application *app) {
  lowered x = lower_input(lw, app, 0);
  lowered scores = lower_tokenwise(lw, app, &x, 1, scores_of_rows, app->layer);
  node *pack = lower_pack(lw, app->outputs[0]);
  node *rows = lower_to_pack(lw, scores, pack, LAYOUT_TM);
  lw->values[app->scores->id] = lowered_row_value(rows, LAYOUT_TM, pack, scores.fill_kind, scores.fill);
  node *path = run_back(lw->g, run_forward(lw, app->layer, rows, pack), pack);
  lower_set_output(lw, app, 0, lowered_row_value(path, LAYOUT_TM, pack, FILL_UNIFORM, NULL));
}

static const arg_spec args[] = {
    {.name = "units", .kinds = ARG_INT, .min = 2, .max = INFINITY, .doc = "number of classes"},
    {.name = "use_kernel",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "scores are x W + b; false: the input itself, units wide"},
    {.name = "use_boundary",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "whether beginning and ending in a class have scores"},
    {.name = "kernel_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "glorot_uniform",
     .doc = "of the kernel"},
    {.name = "bias_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of the bias"},
    {.name = "chain_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "orthogonal",
     .doc = "of the scores of one class after another"},
    {.name = "boundary_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "zeros",
     .doc = "of the scores of the first and the last class"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> Bidirectional(GRU(2, return_sequences = true)) -> CRF(4)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> CRF(3, use_boundary = false)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  output y = x -> Masking() -> Dense(5) -> CRF(5, use_kernel = "
    "false)\n}\n",
    NULL};

const layer_def crf_layer = {
    .name = "CRF",
    .snake = "crf",
    .doc = "A linear-chain conditional random field for tagging: the best path of classes (batch, time), "
           "decided by Viterbi's algorithm from scores of classes at each step, of one class after another "
           "and of the first and the last one. Trained with loss = crf_nll.",
    .shapes = "(batch, time, features) -> (batch, time)    class numbers",
    .weights = "kernel (features, units)    with use_kernel\n"
               "bias (units)    with use_kernel\n"
               "chain_kernel (units, units)    from row to column\n"
               "left_boundary (units)    with use_boundary\n"
               "right_boundary (units)    with use_boundary",
    .differs =
        "Keras has no such layer; names of weights are those of TensorFlow Addons, whose layer gives several "
        "results and needs its masked steps at the end.",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .mask_doc =
        "Masked steps are skipped: the valid steps around them are neighbours. They are tagged 0, and the "
        "result has the input's mask.",
    .loss = "crf_nll",
    .build = build,
    .lower = lower,
    .examples = examples,
};
