#ifndef NLM_TESTS_HAND_MODEL_H
#define NLM_TESTS_HAND_MODEL_H
// Compiled models written by hand in C, so that the runtime is tested without the compiler. The vocabulary is
// "",
// "[UNK]", good, bad, fine, dull, but for the last model: "", "[UNK]", a, b, c, d.
//
//   MOOD        text -> mean of word vectors -> one sigmoid unit, classes "neg", "pos"; any length of text
//   MOOD_FIXED  the same, texts cut and padded to 4 tokens
//   MOOD_F64    the same as MOOD in double
//   TAGGER      text[time] -> for each word its row of a table of three numbers; classes "A", "B", "C"
//   SPELLER     text[time], words split into characters -> for each word the sum of ids * (1 + place in the
//   word)
#include "nlm/nlm.h"
#include "support/strbuf.h"

typedef enum { MOOD, MOOD_FIXED, MOOD_F64, TAGGER, SPELLER, HAND_MODELS } hand_kind;

// Table rows of words by id, [6, 2] and [6, 3]; mood = sigmoid(mean . kernel + bias).
extern const double hand_table[6][2], hand_kernel[2], hand_bias, hand_tags[6][3];

// Static; weights are inside once hand_image was given to hand_embed.
const struct nlm_abi_model *hand_model(hand_kind kind);
void hand_embed(hand_kind kind, const strbuf *image);
// A safetensors image of its weights, with vocabulary and class names unless `bare`.
void hand_image(hand_kind kind, int bare, strbuf *image);

#endif
