#include "ir/layers/attention_core.h"
#include "ir/layers/recurrence.h"
#include <string.h>

const char *const attention_input_names[] = {"query", "value", "key", NULL};
const char *const attention_call_args[] = {"use_causal_mask", "return_attention_scores", NULL};

tensor *attention_key(const application *app) {
  return app->inputs[app->n_inputs > ATTENTION_KEY ? ATTENTION_KEY : ATTENTION_VALUE];
}

// ---- checks

static void report_steps(layer_call *call, const tensor *a, const tensor *b, const char *which) {
  strbuf sa = {0}, sb = {0};
  shape_print(&a->shape, &sa);
  shape_print(&b->shape, &sb);
  diag *d = call_error(call, "%s got %s of shapes %s and %s; they need the same number of steps",
                       call->layer->def->name, which, strbuf_text(&sa), strbuf_text(&sb));
  diag_note(d, a->at, "the first one was made here");
  diag_note(d, b->at, "the other one was made here");
  strbuf_free(&sa);
  strbuf_free(&sb);
}

static bool check_flag(layer_call *call, const char *name) {
  const value *v = call_argument(call->app, name);
  if (!v || v->kind == VALUE_BOOL)
    return true;
  call->failed = true;
  diag_error(call->model->unit->diags, v->at, "%s: %s must be true or false, found %s",
             call->layer->def->name, name, value_kind_name(v));
  return false;
}

static const tensor *given_mask(const application *app) {
  const value *v = call_argument(app, "attention_mask");
  return v && v->kind == VALUE_OBJECT && !v->object_kinds ? v->object : NULL;
}

static bool check_given_mask(layer_call *call) {
  const value *v = call_argument(call->app, "attention_mask");
  if (!v || v->kind == VALUE_NONE)
    return true;
  const tensor *mask = given_mask(call->app), *query = call->inputs[ATTENTION_QUERY],
               *values = call->inputs[ATTENTION_VALUE];
  if (mask && mask->type != TENSOR_TEXT && mask->shape.rank == 3 && mask->shape.d[0] == query->shape.d[0] &&
      mask->shape.d[1] == query->shape.d[1] && mask->shape.d[2] == values->shape.d[1])
    return true;
  call->failed = true;
  strbuf found = {0};
  if (mask)
    shape_print(&mask->shape, &found);
  diag_error(call->model->unit->diags, v->at,
             "%s: attention_mask must be a tensor (batch, query steps, key steps) of numbers, found %s",
             call->layer->def->name, mask ? strbuf_text(&found) : value_kind_name(v));
  strbuf_free(&found);
  return false;
}

bool attention_check(layer_call *call) {
  for (int k = 0; k < call->n_inputs; k++)
    if (!call_expect_numbers(call, call->inputs[k]) ||
        !call_expect_rank(call, call->inputs[k], 3, 3, "(batch, steps, features)"))
      return false;
  const tensor *values = call->inputs[ATTENTION_VALUE], *key = attention_key(call->app);
  if (values->shape.d[1] != key->shape.d[1]) {
    report_steps(call, values, key, "value and key");
    return false;
  }
  return check_flag(call, "use_causal_mask") && check_flag(call, "return_attention_scores") &&
         check_given_mask(call);
}

void attention_outputs(layer_call *call, const dim *features, int64_t heads) {
  const tensor *query = call->inputs[ATTENTION_QUERY];
  const dim *keys = attention_key(call->app)->shape.d[1], *batch = query->shape.d[0],
            *steps = query->shape.d[1];
  tensor *y = call_output(call, shape_of(3, batch, steps, features), TENSOR_REAL);
  if (query->mask == MASK_VALID)
    call_output_mask(y, MASK_VALID, query->mask_source);
  if (!attention_call_flag(call->app, "return_attention_scores"))
    return;
  const dim *h = heads ? dim_const(call->model->unit->dims, heads) : NULL;
  call_output(call, h ? shape_of(4, batch, h, steps, keys) : shape_of(3, batch, steps, keys), TENSOR_REAL);
}

bool attention_call_flag(const application *app, const char *name) {
  const value *v = call_argument(app, name);
  return v && v->kind == VALUE_BOOL && v->boolean;
}

// ---- lowering

node *attention_dense(lowering *lw, lowered x, const tensor *t) {
  if (t->mask == MASK_VALID) {
    node *pack = lower_pack(lw, t);
    x = lowered_row_value(lower_to_pack(lw, x, pack, LAYOUT_RM), LAYOUT_RM, pack, FILL_UNIFORM, NULL);
  }
  node *dense = lower_to_dense(lw, x, t);
  return dense->type == INT ? g_cast(lw->g, dense, REAL) : dense;
}

static node *both(graph *g, node *a, node *b) {
  return a && b ? g_binary(g, OP_AND, a, b) : a ? a : b;
}

// x [B, ...] repeated over the scores' axes that it lacks; its axis k is number from_end[k] of theirs,
// counted from the last one (1).
static node *over_scores(graph *g, node *x, const shape *scores, const int *from_end) {
  int axes[MAX_RANK];
  for (int k = 0; k < scores->rank; k++)
    axes[k] = k == 0 ? 0 : -1;
  for (int k = 1; k < x->shape.rank; k++)
    axes[scores->rank - from_end[k]] = k;
  return g_broadcast(g, x, *scores, axes);
}

static node *causal(graph *g, const shape *scores) {
  node *query = g_iota(g, *scores, scores->rank - 2), *key = g_iota(g, *scores, scores->rank - 1);
  return g_binary(g, OP_LE, key, query);
}

static node *is_nonzero(graph *g, node *x) {
  node *zero = g_binary(g, OP_EQ, x, x->type == REAL ? g_real(g, 0) : g_int(g, 0));
  return g_binary(g, OP_EQ, zero, g_int(g, 0));
}

node *attention_mask(lowering *lw, const application *app, const shape *scores, bool of_keys,
                     bool of_queries) {
  graph *g = lw->g;
  static const int key_axis[] = {0, 1}, query_axis[] = {0, 2}, both_axes[] = {0, 2, 1};
  node *mask = lower_mask(lw, app->inputs[ATTENTION_VALUE]);
  node *r = mask ? over_scores(g, mask, scores, key_axis) : NULL;
  node *keys = of_keys ? lower_mask(lw, attention_key(app)) : NULL;
  node *queries = of_queries ? lower_mask(lw, app->inputs[ATTENTION_QUERY]) : NULL;
  if (keys && keys != mask)
    r = both(g, r, over_scores(g, keys, scores, key_axis));
  if (queries)
    r = both(g, r, over_scores(g, queries, scores, query_axis));
  const tensor *given = given_mask(app);
  if (given)
    r = both(
        g, r,
        over_scores(g, is_nonzero(g, lower_to_dense(lw, lower_value(lw, given), given)), scores, both_axes));
  if (attention_call_flag(app, "use_causal_mask"))
    r = both(g, r, causal(g, scores));
  return r;
}

// The shift goes through FLOOR: a constant to differentiation, as it cancels for any value.
node *attention_softmax(graph *g, node *scores, node *mask) {
  int last = scores->shape.rank - 1, axes[MAX_RANK];
  for (int k = 0; k <= last; k++)
    axes[k] = k < last ? k : -1;
  const double far_below = -1e9;
  if (mask)
    scores = g_select(g, mask, scores, g_broadcast_to(g, g_real(g, far_below), scores->shape));
  node *shift = g_unary(g, OP_FLOOR, g_reduce(g, OP_REDUCE_MAX, scores, 1u << last));
  node *e = g_unary(g, OP_EXP, g_sub(g, scores, g_broadcast(g, shift, scores->shape, axes)));
  if (mask)
    e = g_select(g, mask, e, g_broadcast_to(g, g_real(g, 0), e->shape));
  node *sum = g_reduce_sum(g, e, 1u << last);
  if (mask) // at least 1 where a key is let through
    sum =
        g_select(g, g_binary(g, OP_EQ, sum, g_real(g, 0)), g_broadcast_to(g, g_real(g, 1), sum->shape), sum);
  return g_div(g, e, g_broadcast(g, sum, e->shape, axes));
}

node *attention_dropout(lowering *lw, const application *app, node *weights) {
  double rate = layer_arg_float(app->layer, "dropout");
  if (!lw->training || rate <= 0)
    return weights;
  return g_mul(lw->g, weights, dropout_mask(lw->g, layer_stream(app, "dropout"), weights->shape, NULL, rate));
}

lowered attention_rows(lowering *lw, const application *app, node *dense, node *fill) {
  const tensor *y = app->outputs[0];
  if (y->mask != MASK_VALID)
    return lowered_dense_value(dense);
  node *pack = lower_pack(lw, y);
  return lowered_row_value(lower_to_pack(lw, lowered_dense_value(dense), pack, LAYOUT_RM), LAYOUT_RM, pack,
                           FILL_UNIFORM, fill);
}

void attention_set_scores(lowering *lw, const application *app, node *weights) {
  if (app->n_outputs > 1)
    lower_set_output(lw, app, 1, lowered_dense_value(weights));
}

// ---- layers without projections

node *attention_operand(lowering *lw, const application *app, int which) {
  int k = which < app->n_inputs ? which : ATTENTION_VALUE;
  return attention_dense(lw, lower_input(lw, app, k), app->inputs[k]);
}

node *attention_sums(graph *g, node *query, node *key) {
  static const int query_axes[MAX_RANK] = {0, 1, -1, 2}, key_axes[MAX_RANK] = {0, -1, 1, 2};
  shape s = shape_of(4, query->shape.d[0], query->shape.d[1], key->shape.d[1], query->shape.d[2]);
  return g_add(g, g_broadcast(g, query, s, query_axes), g_broadcast(g, key, s, key_axes));
}

void attention_finish(lowering *lw, const application *app, node *scores) {
  graph *g = lw->g;
  node *mask = attention_mask(lw, app, &scores->shape, false, false);
  node *weights = attention_dropout(lw, app, attention_softmax(g, scores, mask));
  node *y = g_matmul(g, weights, attention_operand(lw, app, ATTENTION_VALUE), false, false);
  lower_set_output(lw, app, 0, attention_rows(lw, app, y, NULL));
  attention_set_scores(lw, app, weights);
}
