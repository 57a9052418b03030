#include "ir/layers/attention_core.h"
#include <string.h>

static bool is_concat(const layer *l) {
  return strcmp(layer_arg_text(l, "score_mode"), "concat") == 0;
}

static bool build(layer_call *call) {
  const layer *l = call->layer;
  if (!attention_check(call))
    return false;
  const tensor *query = call->inputs[ATTENTION_QUERY], *key = attention_key(call->app);
  if (query->shape.d[2] != key->shape.d[2]) {
    strbuf a = {0}, b = {0};
    shape_print(&query->shape, &a);
    shape_print(&key->shape, &b);
    diag *d = call_error(
        call, "Attention got a query of shape %s and a key of shape %s; they need the same features",
        strbuf_text(&a), strbuf_text(&b));
    diag_help(d, "MultiHeadAttention projects both to one size");
    strbuf_free(&a);
    strbuf_free(&b);
    return false;
  }
  initializer one = {.kind = INIT_ONES};
  if (call->first && layer_arg_bool(l, "use_scale"))
    call_weight(call, "scale", shape_of(0), one);
  if (call->first && is_concat(l))
    call_weight(call, "concat_score_weight", shape_of(0), one);
  attention_outputs(call, call->inputs[ATTENTION_VALUE]->shape.d[2], 0);
  return true;
}

static node *concat_scores(lowering *lw, const layer *l, node *query, node *key) {
  graph *g = lw->g;
  node *x = attention_sums(g, query, key);
  if (layer_arg_bool(l, "use_scale"))
    x = g_mul(g, x, lower_weight(lw, l, "scale"));
  node *sum = g_reduce_sum(g, g_unary(g, OP_TANH, x), 1u << 3);
  return g_mul(g, sum, lower_weight(lw, l, "concat_score_weight"));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  node *query = attention_operand(lw, app, ATTENTION_QUERY), *key = attention_operand(lw, app, ATTENTION_KEY);
  node *scores;
  if (is_concat(l)) {
    scores = concat_scores(lw, l, query, key);
  } else {
    scores = g_matmul(g, query, key, false, true);
    if (layer_arg_bool(l, "use_scale"))
      scores = g_mul(g, scores, lower_weight(lw, l, "scale"));
  }
  attention_finish(lw, app, scores);
}

static const char *const modes[] = {"dot", "concat", NULL};
static const arg_spec args[] = {{.name = "use_scale",
                                 .kinds = ARG_BOOL,
                                 .default_text = "false",
                                 .doc = "whether scores are multiplied by a learned number"},
                                {.name = "score_mode",
                                 .kinds = ARG_MODE,
                                 .modes = modes,
                                 .default_text = "dot",
                                 .doc = "dot: product of query and key; concat: sum of tanh(query + key)"},
                                ATTENTION_DROPOUT_ARGS,
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  input other: int[steps]\n"
    "  q = words -> Embedding(7, 3, mask_zero = true)\n  v = other -> Embedding(7, 3, mask_zero = true)\n"
    "  output y = Attention()(q, v) -> GlobalAveragePooling1D() -> Dense(2)\n}\n",
    "model tiny {\n  input x: float[time, 3]\n"
    "  output y = Attention(use_scale = true, score_mode = concat)([x, x])\n}\n",
    NULL};

const layer_def attention_layer = {
    .name = "Attention",
    .snake = "attention",
    .doc = "For each step of the query, the mean of the values, weighted by the softmax of query times key. "
           "Keys "
           "that are masked do not count; without any key the result is zeros.",
    .shapes = "(batch, queries, features), (batch, steps, values) -> (batch, queries, values)    query, "
              "value; key is value unless given\n"
              "(batch, queries, features), (batch, steps, values), (batch, steps, features) -> (batch, "
              "queries, values)    query, value, key\n"
              "(batch, queries, features), (batch, steps, values) -> (batch, queries, values), (batch, "
              "queries, steps)    return_attention_scores = true",
    .weights = "scale ()    with use_scale\n"
               "concat_score_weight ()    with score_mode = concat",
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
