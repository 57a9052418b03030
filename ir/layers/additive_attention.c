#include "ir/initializers.h"
#include "ir/layers/attention_core.h"

static bool build(layer_call *call) {
  const layer *l = call->layer;
  if (!attention_check(call))
    return false;
  const tensor *query = call->inputs[ATTENTION_QUERY], *key = attention_key(call->app);
  int64_t features = call_static_dim(call, query, -1), key_features = call_static_dim(call, key, -1);
  if (features < 0 || key_features < 0)
    return false;
  if (features != key_features) {
    call_error(call, "AdditiveAttention got a query of %lld features and a key of %lld; they must be equal",
               (long long)features, (long long)key_features);
    return false;
  }
  bool scaled = layer_arg_bool(l, "use_scale");
  if (call->first && scaled)
    call_weight(call, "scale", shape_of(1, query->shape.d[2]),
                (initializer){.kind = INIT_VARIANCE_SCALING, .a = 1, .mode = 2}); // Glorot, uniform
  else if (scaled && !call_same_features(call, query, l->weights.data[0]->shape.d[0]->value))
    return false;
  attention_outputs(call, call->inputs[ATTENTION_VALUE]->shape.d[2], 0);
  return true;
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  node *query = attention_operand(lw, app, ATTENTION_QUERY), *key = attention_operand(lw, app, ATTENTION_KEY);
  node *x = g_unary(g, OP_TANH, attention_sums(g, query, key));
  if (layer_arg_bool(app->layer, "use_scale"))
    x = g_mul(g, x, lower_weight(lw, app->layer, "scale"));
  attention_finish(lw, app, g_reduce_sum(g, x, 1u << 3));
}

static const arg_spec args[] = {{.name = "use_scale",
                                 .kinds = ARG_BOOL,
                                 .default_text = "true",
                                 .doc = "whether features are multiplied by learned numbers"},
                                ATTENTION_DROPOUT_ARGS,
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(7, 3, mask_zero = true)\n"
    "  output y = AdditiveAttention()(x, x) -> GlobalAveragePooling1D() -> Dense(2)\n}\n",
    NULL};

const layer_def additive_attention_layer = {
    .name = "AdditiveAttention",
    .snake = "additive_attention",
    .doc =
        "Bahdanau's attention: scores are the sum over features of scale * tanh(query + key). Keys that are "
        "masked do not count; without any key the result is zeros.",
    .shapes = "(batch, queries, features), (batch, steps, values) -> (batch, queries, values)    query, "
              "value; key is value unless given\n"
              "(batch, queries, features), (batch, steps, values), (batch, steps, features) -> (batch, "
              "queries, values)    query, value, key\n"
              "(batch, queries, features), (batch, steps, values) -> (batch, queries, values), (batch, "
              "queries, steps)    return_attention_scores = true",
    .weights = "scale (features)    with use_scale",
    .mask_doc = "Masked keys (a mask on value, or on key) take no part. The result has the query's mask, and "
                "zeros at the query's masked steps.",
    .differs = "A query whose keys are all masked gives zeros, where Keras gives the mean of padding.",
    .group = "attention",
    .args = args,
    .call_args = attention_call_args,
    .input_names = attention_input_names,
    .min_inputs = 2,
    .max_inputs = 3,
    .spreads_list = true,
    .masks = MASKS_CUSTOM,
    .build = build,
    .lower = lower,
    .examples = examples,
};
