#ifndef NLM_IR_LAYERS_ATTENTION_CORE_H
#define NLM_IR_LAYERS_ATTENTION_CORE_H
// What the attention layers share: checks of (query, value, key), masks, and a softmax that leaves out masked
// keys. Legend: B batch, T query steps, S key steps, D features, H heads.
#include "ir/layer.h"

enum { ATTENTION_QUERY, ATTENTION_VALUE, ATTENTION_KEY };
extern const char *const attention_input_names[]; // query, value, key
extern const char *const attention_call_args[];   // use_causal_mask, return_attention_scores
#define ATTENTION_DROPOUT_ARGS                                                                               \
  {.name = "dropout",                                                                                        \
   .kinds = ARG_FLOAT,                                                                                       \
   .default_text = "0.0",                                                                                    \
   .max = 1,                                                                                                 \
   .open_max = true,                                                                                         \
   .doc = "share of the attention weights dropped in training"},                                             \
  {                                                                                                          \
    .name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers"  \
  }

// The key tensor: the value where no key is given.
tensor *attention_key(const application *app);
// Three numeric tensors (batch, steps, features), value and key of the same steps; call arguments of the
// right kinds.
bool attention_check(layer_call *call);
// Declares the result of this many features, with the query's mask, and the weights where the call asks for
// them (H heads; 0: without an axis of heads).
void attention_outputs(layer_call *call, const dim *features, int64_t heads);
bool attention_call_flag(const application *app, const char *name);

// A sequence as [B, T, F], zeros at masked steps. Gradients go the same way back.
node *attention_dense(lowering *lw, lowered x, const tensor *t);
node *attention_operand(lowering *lw, const application *app, int which); // the value for a missing key
node *attention_sums(graph *g, node *query, node *key); // [B, T, D], [B, S, D] -> [B, T, S, D]
// Which keys each query may see, INT of the shape of the scores ([B, T, S] or [B, H, T, S]), or NULL: all of
// them. The mask of the values, a given one, the causal one; with of_keys and of_queries theirs too.
node *attention_mask(lowering *lw, const application *app, const shape *scores, bool of_keys,
                     bool of_queries);
// Softmax over the last axis among the keys that `mask` (or NULL) lets through; zeros where it lets none.
node *attention_softmax(graph *g, node *scores, node *mask);
node *attention_dropout(lowering *lw, const application *app, node *weights);
// Result [B, T, F] as rows of the query's packing, `fill` [F] (NULL: zeros) at masked steps; dense without a
// mask.
lowered attention_rows(lowering *lw, const application *app, node *dense, node *fill);
// Of a layer without projections: softmax, dropout and mean of the values, from scores [B, T, S].
void attention_finish(lowering *lw, const application *app, node *scores);
void attention_set_scores(lowering *lw, const application *app, node *weights);

#endif
