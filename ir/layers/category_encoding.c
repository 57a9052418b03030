#include "ir/layers/encoding.h"
#include <string.h>

static const char *const call_args[] = {"count_weights", NULL};

static const tensor *weights_of(const application *app) {
  const value *v = call_argument(app, "count_weights");
  return v && v->kind == VALUE_OBJECT && !v->object_kinds ? v->object : NULL;
}

static bool check_weights(layer_call *call) {
  const value *v = call_argument(call->app, "count_weights");
  const tensor *x = call->inputs[0], *w = weights_of(call->app);
  if (!v || v->kind == VALUE_NONE)
    return true;
  const char *needs = NULL;
  if (encoding_of(call->layer) != ENCODE_COUNT)
    needs = "output_mode = count";
  else if (!w || w->type == TENSOR_TEXT || !shape_equal(&w->shape, &x->shape))
    needs = "to be a tensor of numbers of the shape of the values";
  if (!needs)
    return true;
  call->failed = true;
  diag_error(call->model->unit->diags, v->at, "CategoryEncoding: count_weights needs %s", needs);
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (x->type == TENSOR_TEXT) {
    diag *d = call_error(call, "CategoryEncoding got text; it needs category numbers");
    diag_help(d, "StringLookup and Hashing turn text into numbers, and take output_mode themselves");
    return false;
  }
  if (x->type != TENSOR_INT) {
    diag *d = call_error(call, "CategoryEncoding got fractions; it needs category numbers (int)");
    diag_help(d, "declare the input as int");
    return false;
  }
  return check_weights(call) &&
         encoding_build(call, encoding_of(call->layer), layer_arg_int(call->layer, "num_tokens"));
}

static node *real(graph *g, node *x) {
  return x->type == INT ? g_cast(g, x, REAL) : x;
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *x = app->inputs[0], *y = app->outputs[0], *w = weights_of(app);
  int64_t depth = layer_arg_int(app->layer, "num_tokens");
  encoding mode = encoding_of(app->layer);
  node *ids =
      g_check_ids(g, lower_to_dense(lw, lower_input(lw, app, 0), x), NULL, depth, lower_input_index(lw, x));
  node *weights = w ? real(g, lower_to_dense(lw, lower_value(lw, w), w)) : NULL, *rows;
  if (mode == ENCODE_ONE_HOT || x->shape.rank == 1)
    rows = g_reshape(g, encoding_rows(g, ids, weights, depth), y->shape);
  else
    rows = encoding_sum(g, ids, mode == ENCODE_MULTI_HOT ? encoding_first_of_equals(g, ids) : weights, depth);
  lower_set_output(lw, app, 0, lowered_dense_value(rows));
}

static const arg_spec args[] = {
    {.name = "num_tokens",
     .kinds = ARG_INT,
     .min = 1,
     .max = INT32_MAX,
     .doc = "number of categories: values are below it"},
    {.name = "output_mode",
     .kinds = ARG_MODE,
     .modes = encoding_modes_of_numbers,
     .default_text = "multi_hot",
     .doc = "one_hot: a vector a value; multi_hot: 1 for each category of the sample; count: how often"},
    {.name = "sparse",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "no effect on results: vectors are never stored where a product follows"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input tags: int[3]\n  output y = tags -> CategoryEncoding(6) -> Dense(2)\n}\n",
    "model tiny {\n  input tags: int[3]\n  input weights: float[3]\n  c = CategoryEncoding(6, output_mode = "
    "count)(tags, count_weights = weights)\n  output y = c -> Dense(2)\n}\n",
    "model tiny {\n  input tags: int[tags]\n  x = CategoryEncoding(6, output_mode = multi_hot)(tags)\n"
    "  z = CategoryEncoding(6, output_mode = one_hot)(tags)\n  output y = x -> Dense(2)\n"
    "  output all = x\n  output each = z -> Dense(2) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def category_encoding_layer = {
    .name = "CategoryEncoding",
    .snake = "category_encoding",
    .doc = "Category numbers as vectors of num_tokens: (batch, values) becomes (batch, num_tokens), or "
           "(batch, values, num_tokens) with one_hot.",
    .shapes =
        "(batch, values) -> (batch, num_tokens)    multi_hot, count\n"
        "(batch, values) -> (batch, values, num_tokens)    one_hot; (batch, 1) becomes (batch, num_tokens)\n"
        "(batch) -> (batch, num_tokens)    one value of each row",
    .differs = "A number outside the categories is an error that names input, row and step. Padding of "
               "shorter rows is "
               "category 0, as in Keras: count texts with TextVectorization(output_mode = count) instead.",
    .group = "text",
    .args = args,
    .call_args = call_args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CONSUME,
    .build = build,
    .lower = lower,
    .examples = examples,
};
