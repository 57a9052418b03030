#include "ir/layers/encoding.h"
#include <string.h>

const char *const encoding_modes[] = {"int", "one_hot", "multi_hot", "count", "tf_idf", NULL},
                  *const encoding_modes_of_hashing[] = {"int", "one_hot", "multi_hot", "count", NULL},
                  *const encoding_modes_of_numbers[] = {"one_hot", "multi_hot", "count", NULL};

encoding encoding_of(const layer *l) {
  const char *mode = layer_arg_text(l, "output_mode");
  for (int k = 0; encoding_modes[k]; k++)
    if (!strcmp(mode, encoding_modes[k]))
      return (encoding)k;
  ICE("unknown output mode '%s'", mode);
}

static bool is_single(const shape *s) {
  int64_t extent;
  return s->rank > 1 && dim_is_const(s->d[s->rank - 1], &extent) && extent == 1;
}

bool encoding_build(layer_call *call, encoding mode, int64_t depth) {
  const tensor *x = call->inputs[0];
  shape s = x->shape;
  if (mode == ENCODE_INT) {
    call_output(call, s, TENSOR_INT);
    return true;
  }
  if (mode == ENCODE_ONE_HOT) {
    if (!call_expect_rank(call, x, 1, MAX_RANK - 1, "(batch) or (batch, values)"))
      return false;
    s.rank -= is_single(&s);
  } else {
    if (!call_expect_rank(call, x, 1, 2, "(batch) or (batch, values of one sample)"))
      return false;
    s.rank = 1;
  }
  s.d[s.rank++] = dim_const(call->model->unit->dims, depth);
  call_output(call, s, TENSOR_REAL);
  return true;
}

// ---- vectors

static node *over_depth(graph *g, node *weights, shape s) {
  int axes[MAX_RANK];
  for (int k = 0; k < s.rank; k++)
    axes[k] = k + 1 < s.rank ? k : -1;
  return g_broadcast(g, weights, s, axes);
}

node *encoding_rows(graph *g, node *ids, node *weights, int64_t depth) {
  node *rows = g_one_hot(g, ids, dim_const(g->dims, depth));
  return weights ? g_mul(g, rows, over_depth(g, weights, rows->shape)) : rows;
}

node *encoding_sum(graph *g, node *ids, node *weights, int64_t depth) {
  return g_reduce_sum(g, encoding_rows(g, ids, weights, depth), 1u << (ids->shape.rank - 1));
}

node *encoding_first_of_equals(graph *g, node *ids) {
  const dim *n = ids->shape.d[1];
  shape pairs = shape_of(3, ids->shape.d[0], n, n);
  node *mine = g_broadcast(g, ids, pairs, (int[]){0, 1, -1}),
       *others = g_broadcast(g, ids, pairs, (int[]){0, -1, 1});
  node *earlier = g_binary(g, OP_LT, g_iota(g, pairs, 2), g_iota(g, pairs, 1));
  node *repeats = g_cast(g, g_binary(g, OP_AND, g_binary(g, OP_EQ, mine, others), earlier), REAL);
  node *count = g_reduce_sum(g, repeats, 1u << 2);
  return g_cast(g, g_binary(g, OP_EQ, g_binary(g, OP_LT, g_real(g, 0), count), g_int(g, 0)), REAL);
}

// ---- what the runtime makes

static bool has_mask_value(const layer *l) {
  int k = args_index(l->def->args, "mask_token");
  return k >= 0 && l->args[k]->kind != VALUE_NONE;
}

static bool splits_text(const layer *l) {
  return args_index(l->def->args, "split") >= 0;
}

// Distinct ids of a text: as many as it has tokens, at most.
static const dim *bag_axis(const application *app) {
  const tensor *x = app->inputs[0];
  const layer *l = app->layer;
  unit *u = l->model->unit;
  bool tokens = splits_text(l) && (x->shape.rank == 1 || !layer_arg_is_none(l, "ngrams"));
  if (tokens)
    return dim_named(u->dims, arena_printf(u->mem, "%s_tokens", x->name));
  return x->shape.rank == 1 ? dim_const(u->dims, 1) : x->shape.d[1];
}

pipeline_form encoding_pipeline(const application *app) {
  const tensor *x = app->inputs[0];
  switch (encoding_of(app->layer)) {
  case ENCODE_INT:
    return (pipeline_form){.ids = app->outputs[0]->shape};
  case ENCODE_ONE_HOT:
    return (pipeline_form){.ids = x->shape, .weights = has_mask_value(app->layer)};
  default:
    return (pipeline_form){.ids = shape_of(2, x->shape.d[0], bag_axis(app)), .weights = true};
  }
}

void encoding_lower_pipeline(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *y = app->outputs[0];
  int64_t depth = y->shape.d[y->shape.rank - 1]->value;
  node *weights;
  int input;
  node *given = lower_given(lw, app, &weights, &input);
  node *ids = g_check_ids(g, given, NULL, depth, input);
  if (encoding_of(app->layer) == ENCODE_ONE_HOT) {
    node *rows = encoding_rows(g, ids, weights, depth);
    lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(g, rows, y->shape)));
    return;
  }
  lower_set_output(lw, app, 0, lowered_dense_value(encoding_sum(g, ids, weights, depth)));
}
