// Weights as Keras lays them out: query/kernel [D, H, K], query/bias [H, K], key and value alike, and
// attention_output/kernel [H, V, O], attention_output/bias [O]. K key_dim, V value_dim, O output size.
#include "ir/layers/attention_core.h"
#include <math.h>

static int64_t value_dim(const layer *l) {
  return layer_arg_is_none(l, "value_dim") ? layer_arg_int(l, "key_dim") : layer_arg_int(l, "value_dim");
}

static bool check(layer *l) {
  if (layer_arg_is_none(l, "attention_axes"))
    return true;
  layer_error(l, "attention_axes",
              "MultiHeadAttention: attention_axes is not supported: attention is over the steps");
  return false;
}

// Size of the output's last axis, or -1 after reporting an error.
static int64_t output_size(layer_call *call) {
  const value *v = layer_arg(call->layer, "output_shape");
  if (v->kind == VALUE_NONE)
    return call_static_dim(call, call->inputs[ATTENTION_QUERY], -1);
  if (v->kind == VALUE_INT)
    return v->integer;
  if (v->count == 1)
    return v->items[0]->integer;
  call->failed = true;
  layer_error(call->layer, "output_shape", "MultiHeadAttention: output_shape must be the size of one axis");
  return -1;
}

static void projection_weights(layer_call *call, const char *kernel, const char *bias, int64_t features,
                               int64_t size) {
  const layer *l = call->layer;
  dim_table *dims = call->model->unit->dims;
  const dim *heads = dim_const(dims, layer_arg_int(l, "num_heads")), *width = dim_const(dims, size);
  call_weight(call, kernel, shape_of(3, dim_const(dims, features), heads, width),
              layer_arg_initializer(l, "kernel_initializer"));
  if (layer_arg_bool(l, "use_bias"))
    call_weight(call, bias, shape_of(2, heads, width), layer_arg_initializer(l, "bias_initializer"));
}

static void output_weights(layer_call *call, int64_t size) {
  const layer *l = call->layer;
  dim_table *dims = call->model->unit->dims;
  const dim *out = dim_const(dims, size);
  shape kernel =
      shape_of(3, dim_const(dims, layer_arg_int(l, "num_heads")), dim_const(dims, value_dim(l)), out);
  call_weight(call, "attention_output/kernel", kernel, layer_arg_initializer(l, "kernel_initializer"));
  if (layer_arg_bool(l, "use_bias"))
    call_weight(call, "attention_output/bias", shape_of(1, out),
                layer_arg_initializer(l, "bias_initializer"));
}

// Features that the weight number `k` of the first application was made for.
static int64_t made_for(const layer *l, int projection) {
  size_t per_projection = layer_arg_bool(l, "use_bias") ? 2 : 1;
  return l->weights.data[(size_t)projection * per_projection]->shape.d[0]->value;
}

static bool build(layer_call *call) {
  const layer *l = call->layer;
  if (!attention_check(call))
    return false;
  const tensor *query = call->inputs[ATTENTION_QUERY], *values = call->inputs[ATTENTION_VALUE],
               *key = attention_key(call->app);
  int64_t d_query = call_static_dim(call, query, -1), d_key = call_static_dim(call, key, -1),
          d_value = call_static_dim(call, values, -1);
  if (d_query < 0 || d_key < 0 || d_value < 0)
    return false;
  int64_t size = output_size(call);
  if (size < 0)
    return false;
  if (call->first) {
    int64_t key_dim = layer_arg_int(l, "key_dim");
    projection_weights(call, "query/kernel", "query/bias", d_query, key_dim);
    projection_weights(call, "key/kernel", "key/bias", d_key, key_dim);
    projection_weights(call, "value/kernel", "value/bias", d_value, value_dim(l));
    output_weights(call, size);
  } else if (!call_same_features(call, query, made_for(l, 0)) ||
             !call_same_features(call, key, made_for(l, 1)) ||
             !call_same_features(call, values, made_for(l, 2))) {
    return false;
  }
  attention_outputs(call, dim_const(call->model->unit->dims, size), layer_arg_int(l, "num_heads"));
  return true;
}

// x W + b over the last axis, W [D, ...] seen as a matrix, of rows or of a dense tensor.
static node *affine(lowering *lw, const layer *l, node *x, const char *kernel, const char *bias, int inputs) {
  graph *g = lw->g;
  node *w = lower_weight(lw, l, kernel);
  shape in = w->shape, out = w->shape;
  in.rank = inputs;
  out.rank -= inputs;
  for (int k = 0; k < out.rank; k++)
    out.d[k] = w->shape.d[inputs + k];
  shape flat = shape_of(1, shape_elements(g->dims, &out));
  x = x->type == INT ? g_cast(g, x, REAL) : x;
  node *y =
      g_matmul(g, x, g_reshape(g, w, shape_of(2, shape_elements(g->dims, &in), flat.d[0])), false, false);
  return layer_arg_bool(l, "use_bias") ? g_add(g, y, g_reshape(g, lower_weight(lw, l, bias), flat)) : y;
}

// One of the three projections as [B, H, T, K]: valid rows alone are multiplied.
static node *project(lowering *lw, const application *app, const tensor *t, const char *kernel,
                     const char *bias) {
  graph *g = lw->g;
  const layer *l = app->layer;
  lowered x = lower_value(lw, t);
  bool masked = t->mask == MASK_VALID;
  node *pack = masked ? lower_pack(lw, t) : NULL;
  node *y = affine(lw, l, masked ? lower_to_pack(lw, x, pack, LAYOUT_RM) : lower_to_dense(lw, x, t), kernel,
                   bias, 1);
  if (masked) {
    lowered rows = lowered_row_value(y, LAYOUT_RM, pack, FILL_UNIFORM, NULL);
    y = lower_to_dense(lw, rows, t);
  }
  static const int heads_first[MAX_RANK] = {0, 2, 1, 3};
  const shape *k = &lower_weight(lw, l, kernel)->shape;
  y = g_reshape(g, y, shape_of(4, t->shape.d[0], t->shape.d[1], k->d[1], k->d[2]));
  return g_transpose(g, y, heads_first);
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  const tensor *asked = app->inputs[ATTENTION_QUERY];
  node *query = project(lw, app, asked, "query/kernel", "query/bias");
  node *key = project(lw, app, attention_key(app), "key/kernel", "key/bias");
  node *values = project(lw, app, app->inputs[ATTENTION_VALUE], "value/kernel", "value/bias");
  query = g_mul(g, query, g_real(g, 1 / sqrt((double)layer_arg_int(l, "key_dim"))));
  node *scores = g_matmul(g, query, key, false, true);
  bool shown = app->n_outputs > 1; // else no one sees what stands at a masked query
  node *weights = attention_softmax(g, scores, attention_mask(lw, app, &scores->shape, true, shown));
  node *heads = g_matmul(g, attention_dropout(lw, app, weights), values, false, false);
  static const int steps_first[MAX_RANK] = {0, 2, 1, 3};
  const dim *width = dim_mul(g->dims, heads->shape.d[1], heads->shape.d[3]);
  node *joined = g_reshape(g, g_transpose(g, heads, steps_first),
                           shape_of(3, asked->shape.d[0], asked->shape.d[1], width));
  lowered y = attention_rows(lw, app, joined, NULL);
  y.data = affine(lw, l, y.data, "attention_output/kernel", "attention_output/bias", 2);
  if (y.fill_kind != FILL_NONE && layer_arg_bool(l, "use_bias"))
    y.fill = lower_weight(lw, l, "attention_output/bias");
  lower_set_output(lw, app, 0, y);
  attention_set_scores(lw, app, weights);
}

static const char *const call_args[] = {"attention_mask", "use_causal_mask", "return_attention_scores", NULL};

static const arg_spec args[] = {
    {.name = "num_heads", .kinds = ARG_INT, .min = 1, .max = INFINITY, .doc = "number of heads"},
    {.name = "key_dim",
     .kinds = ARG_INT,
     .min = 1,
     .max = INFINITY,
     .doc = "size of each head's query and key"},
    {.name = "value_dim",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 1,
     .max = INFINITY,
     .doc = "size of each head's value; none: key_dim"},
    {.name = "dropout",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .max = 1,
     .open_max = true,
     .doc = "share of the attention weights dropped in training"},
    {.name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether biases are added"},
    {.name = "output_shape",
     .kinds = ARG_INT | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .min = 1,
     .max = INFINITY,
     .doc = "size of the output's last axis; none: the query's"},
    {.name = "attention_axes",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "only none: attention is over the steps"},
    {.name = "kernel_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "glorot_uniform",
     .doc = "of the four kernels"},
    {.name = "bias_initializer",
     .kinds = ARG_INITIALIZER,
     .default_text = "zeros",
     .doc = "of the four biases"},
    {.name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(7, 4, mask_zero = true)\n"
    "  output y = x + MultiHeadAttention(2, key_dim = 3)(x, x)\n"
    "    -> GlobalAveragePooling1D() -> Dense(2)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n  input memory: float[steps, 5]\n"
    "  output y = MultiHeadAttention(2, 2, value_dim = 3, output_shape = 4)(query = x, value = memory)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n"
    "  output y = MultiHeadAttention(2, 2, dropout = 0.1)(x, x, use_causal_mask = true)\n}\n",
    NULL};

const layer_def multi_head_attention_layer = {
    .name = "MultiHeadAttention",
    .snake = "multi_head_attention",
    .doc = "Attention in several projections (heads) at once, joined by one more projection; scores are "
           "scaled by 1 "
           "/ sqrt(key_dim). Masked keys do not count; a query without any key gets zeros before the last "
           "projection.",
    .shapes = "(batch, queries, features), (batch, steps, values) -> (batch, queries, features)    "
              "output_shape instead of features if given\n"
              "(batch, queries, features), (batch, steps, values) -> (batch, queries, output_shape)\n"
              "(batch, queries, features), (batch, steps, values), (batch, steps, keys) -> (batch, queries, "
              "out)    query, value, key\n"
              "(batch, queries, features), (batch, steps, values) -> (batch, queries, out), (batch, "
              "num_heads, queries, steps)    return_attention_scores = true",
    .weights =
        "query/kernel (features, num_heads, key_dim)\n"
        "query/bias (num_heads, key_dim)    with use_bias, as all biases\n"
        "key/kernel (keys, num_heads, key_dim)    keys: features of the key, which is value unless given\n"
        "key/bias (num_heads, key_dim)\n"
        "value/kernel (values, num_heads, head_values)    head_values: value_dim, or key_dim\n"
        "value/bias (num_heads, head_values)\n"
        "attention_output/kernel (num_heads, head_values, out)\n"
        "attention_output/bias (out)",
    .mask_doc = "Masked keys take no part, nor those that attention_mask (batch, queries, steps) or "
                "use_causal_mask rule out. The result has the query's mask.",
    .differs = "A query whose keys are all masked gives zeros, where Keras gives the mean of padding. "
               "attention_axes is none only.",
    .group = "attention",
    .args = args,
    .call_args = call_args,
    .input_names = attention_input_names,
    .min_inputs = 2,
    .max_inputs = 3,
    .masks = MASKS_CUSTOM,
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
