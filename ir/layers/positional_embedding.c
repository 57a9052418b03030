#include "ir/layers/ids.h"
#include "ir/layers/steps.h"

static bool check_length(layer_call *call) {
  const tensor *x = call->inputs[0];
  int64_t steps, most = layer_arg_int(call->layer, "sequence_length");
  if (x->shape.rank != 2) {
    call_shape_error(call, x, "word numbers (batch, time)");
    return false;
  }
  if (!dim_is_const(x->shape.d[1], &steps) || steps <= most)
    return true;
  diag *d = call_error(call, "PositionalEmbedding has positions for %lld steps; its input has %lld",
                       (long long)most, (long long)steps);
  diag_help(d, "PositionalEmbedding(%lld, ...)", (long long)steps);
  return false;
}

static bool build(layer_call *call) {
  const layer *l = call->layer;
  dim_table *dims = call->model->unit->dims;
  const dim *features = dim_const(dims, layer_arg_int(l, "output_dim"));
  if (!ids_build(call, features) || !check_length(call))
    return false;
  if (call->first) {
    initializer init = layer_arg_initializer(l, "embeddings_initializer");
    const dim *words = dim_const(dims, layer_arg_int(l, "input_dim")),
              *steps = dim_const(dims, layer_arg_int(l, "sequence_length"));
    call_weight(call, "token_embeddings", shape_of(2, words, features), init);
    call_weight(call, "position_embeddings", shape_of(2, steps, features), init);
  }
  return true;
}

// The positions of the input's steps [T, F]. Where their number is known when a call starts only, it is
// checked: a place -1 - t tells the runtime that a sequence is too long.
static node *positions(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *x = app->inputs[0];
  const dim *time = x->shape.d[1];
  int64_t most = layer_arg_int(app->layer, "sequence_length");
  node *table = lower_weight(lw, app->layer, "position_embeddings");
  if (dim_is_const(time, NULL))
    return g_slice(g, table, 0, 0, time, 1);
  node *steps = g_iota(g, shape_of(1, time), 0);
  node *places = g_sub(g, g_int(g, -1), steps);
  return g_gather(g, table, g_check_ids(g, steps, places, most, lower_input_index(lw, x)), NULL);
}

static node *over_batch(graph *g, node *rows, const dim *batch) { // [T, F] -> [B, T, F]
  static const int axes[MAX_RANK] = {-1, 0, 1};
  return g_broadcast(g, rows, shape_of(3, batch, rows->shape.d[0], rows->shape.d[1]), axes);
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *y = app->outputs[0];
  node *tokens = lower_weight(lw, app->layer, "token_embeddings"), *places = positions(lw, app);
  checked_ids ids = ids_lower(lw, app, layer_arg_int(app->layer, "input_dim"));
  node *words = g_gather(g, tokens, ids.ids, NULL), *everywhere = over_batch(g, places, y->shape.d[0]);
  if (!ids.pack) {
    lower_set_output(lw, app, 0, lowered_dense_value(g_add(g, words, everywhere)));
    return;
  }
  node *rows = g_add(g, words, g_gather(g, places, step_of_rows(g, ids.pack), NULL));
  node *padding = g_reshape(g, g_gather(g, tokens, ids.zero, NULL), shape_of(1, y->shape.d[2]));
  shape all = shape_of(2, dim_mul(g->dims, y->shape.d[0], y->shape.d[1]), y->shape.d[2]);
  node *fill = g_add(g, g_reshape(g, everywhere, all), padding);
  lower_set_output(lw, app, 0, lowered_row_value(rows, LAYOUT_RM, ids.pack, FILL_FULL, fill));
}

static const arg_spec args[] = {{.name = "sequence_length",
                                 .kinds = ARG_INT,
                                 .min = 1,
                                 .max = INT32_MAX,
                                 .doc = "number of positions: the most steps an input may have"},
                                {.name = "input_dim",
                                 .kinds = ARG_INT,
                                 .min = 1,
                                 .max = INT32_MAX,
                                 .doc = "size of the vocabulary: ids are below it"},
                                {.name = "output_dim",
                                 .kinds = ARG_INT,
                                 .min = 1,
                                 .max = INT32_MAX,
                                 .doc = "length of each word's vector"},
                                {.name = "mask_zero",
                                 .kinds = ARG_BOOL,
                                 .default_text = "false",
                                 .doc = "id 0 is padding, which later layers skip"},
                                {.name = "embeddings_initializer",
                                 .kinds = ARG_INITIALIZER,
                                 .default_text = "uniform",
                                 .doc = "of both tables"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> PositionalEmbedding(40, 7, 4, mask_zero = "
    "true)\n"
    "    -> GlobalAveragePooling1D() -> Dense(2)\n}\n",
    "model tiny {\n  input words: int[5]\n  output y = words -> PositionalEmbedding(6, 7, 3) -> "
    "GlobalMaxPooling1D()\n}\n",
    "model tiny {\n  input words: int[5]\n  x = words -> PositionalEmbedding(5, 7, 3)\n"
    "  output y = x + Dense(3)(x) -> GlobalMaxPooling1D()\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> PositionalEmbedding(40, 7, 3, mask_zero = "
    "true)"
    "\n    -> Dense(2) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def positional_embedding_layer = {
    .name = "PositionalEmbedding",
    .snake = "positional_embedding",
    .doc = "The sum of two learned vectors: the word's and its step's. A longer sequence than "
           "sequence_length is an "
           "error.",
    .shapes = "(batch, time) -> (batch, time, output_dim)",
    .weights = "token_embeddings (input_dim, output_dim)\n"
               "position_embeddings (sequence_length, output_dim)",
    .mask_doc = "With mask_zero = true, steps of id 0 are masked in the result; without, it has no mask.",
    .differs =
        "Keras itself has none; it is the layer of its text examples (KerasHub's TokenAndPositionEmbedding).",
    .group = "attention",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .build = build,
    .lower = lower,
    .examples = examples,
};
