#include "ir/layers/ids.h"

static bool build(layer_call *call) {
  const layer *l = call->layer;
  dim_table *dims = call->model->unit->dims;
  const dim *rows = dim_const(dims, layer_arg_int(l, "input_dim")),
            *features = dim_const(dims, layer_arg_int(l, "output_dim"));
  if (!ids_build(call, features))
    return false;
  if (call->first) {
    weight *w = call_weight(call, "embeddings", shape_of(2, rows, features),
                            layer_arg_initializer(l, "embeddings_initializer"));
    w->pretrained = layer_arg_text(l, "weights");
    w->pretrained_at = layer_arg(l, "weights")->at;
  }
  return true;
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  node *table = lower_weight(lw, app->layer, "embeddings");
  checked_ids ids = ids_lower(lw, app, layer_arg_int(app->layer, "input_dim"));
  // The value at masked steps is a gather too, so that the table's gradient stays sparse.
  ids_set_output(lw, app, &ids, g_gather(g, table, ids.ids, NULL),
                 ids.pack ? g_gather(g, table, ids.zero, NULL) : NULL);
}

static const arg_spec args[] = {
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
    {.name = "embeddings_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "uniform",
     .doc = "of the table"},
    {.name = "mask_zero",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "id 0 is padding, which later layers skip"},
    {.name = "weights",
     .kinds = ARG_STRING | ARG_NONE,
     .default_text = "none",
     .is_path = true,
     .doc = "file of pretrained vectors, relative to the source file, read when training starts"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
    "    -> GlobalAveragePooling1D() -> Dense(2)\n}\n",
    "model tiny {\n  input words: int[4]\n  output y = words -> Embedding(7, 3) -> Flatten() -> "
    "Dense(2)\n}\n",
    NULL};

const layer_def embedding_layer = {
    .name = "Embedding",
    .snake = "embedding",
    .doc = "A table of vectors, one row a word: (batch, time) word numbers become (batch, time, output_dim). "
           "In training, only the rows of the words that occur are touched.",
    .shapes = "(batch, ...) -> (batch, ..., output_dim)",
    .weights = "embeddings (input_dim, output_dim)",
    .mask_doc = "With mask_zero = true, steps of id 0 are masked in the result; without, it has no mask.",
    .differs = "An id outside the table is an error that names input, row and step. weights is the path of a "
               "file (.vec, .txt, .npy, safetensors), not an array.",
    .group = "core",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_TOKENWISE,
    .build = build,
    .lower = lower,
    .examples = examples,
};
