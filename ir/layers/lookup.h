#ifndef NLM_IR_LAYERS_LOOKUP_H
#define NLM_IR_LAYERS_LOOKUP_H
// Vocabularies: what TextVectorization, StringLookup and IntegerLookup have in common.
#include "ir/layers/encoding.h"

// Words that the source gives, in a list or a file; without the entries of mask and unknown values.
typedef struct lookup_words {
  const char *const *words; // integers in digits
  size_t count;
  const double *idf; // tf_idf: by column of the output, unknown values' first; NULL otherwise
  size_t columns;
} lookup_words;

// NULL: the vocabulary is learned from the training data.
const lookup_words *lookup_words_of(const layer *l);

// For check(): reads `vocabulary` and `idf_weights`, and checks max_tokens, pad_to_max_tokens, sparse and the
// other arguments of all three against output_mode. `mask`: the word of padding, or NULL.
bool lookup_check(layer *l, const char *mask, const char *unknown, int64_t unknown_ids);
// Width of the output vectors; 1 with output_mode = int.
int64_t lookup_depth(const layer *l);

// Refuses an argument with a value that has no meaning in a compiled model.
bool lookup_refuse(const layer *l, const char *arg, const char *accepted, const char *why);
// Whether x is an input of the model of this type; reports otherwise, with what is needed and an advice.
bool lookup_expect_input(layer_call *call, tensor_type type, const char *needs, const char *advice);

#endif
