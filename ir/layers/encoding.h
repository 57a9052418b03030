#ifndef NLM_IR_LAYERS_ENCODING_H
#define NLM_IR_LAYERS_ENCODING_H
// What CategoryEncoding, the lookups, Hashing and TextVectorization share: numbers of categories as vectors
// as wide as there are categories. A vector is never stored where a product follows (passes/bag.c,
// one_hot.c).
#include "ir/layer.h"

typedef enum { ENCODE_INT, ENCODE_ONE_HOT, ENCODE_MULTI_HOT, ENCODE_COUNT, ENCODE_TF_IDF } encoding;
// Modes by name, in the order of `encoding`; NULL-terminated. All but the first, for CategoryEncoding.
extern const char *const encoding_modes[], *const encoding_modes_of_hashing[],
                                               *const encoding_modes_of_numbers[];
encoding encoding_of(const layer *l); // its argument output_mode

// Declares the output for values x [B] or [B, n...]: their shape for ENCODE_INT; one_hot adds the axis
// `depth` (in place of a last axis of 1), the others have it in place of the axis of the sample, [B, n] ->
// [B, depth].
bool encoding_build(layer_call *call, encoding mode, int64_t depth);

// One-hot rows of ids [I...] times weights [I...] (NULL: 1) -> [I..., depth].
node *encoding_rows(graph *g, node *ids, node *weights, int64_t depth);
// Sum of them over the last axis of ids [B, n] -> [B, depth].
node *encoding_sum(graph *g, node *ids, node *weights, int64_t depth);
// REAL [B, n]: 1 where ids [B, n] holds the first of equal ids, else 0.
node *encoding_first_of_equals(graph *g, node *ids);

// `pipeline` and `lower` of layers that run in the runtime, by their output_mode. Width of the vectors is the
// output's last extent.
pipeline_form encoding_pipeline(const application *app);
void encoding_lower_pipeline(lowering *lw, const application *app);

#endif
