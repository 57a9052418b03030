#ifndef NLM_RUNTIME_TEXT_VECTORIZE_H
#define NLM_RUNTIME_TEXT_VECTORIZE_H
// From text and categories to ids: Keras's TextVectorization, StringLookup, IntegerLookup and Hashing.
//
//   text --standardize--> bytes --split--> words --ngrams--> tokens --vocabulary--> int32 ids
//   value -----------------------------------------------> vocabulary or hash ---> int32 id
//
// Output modes other than "int" give vectors as wide as the vocabulary. They never exist here: a text is its
// distinct ids and a number for each (text_bag), which is what the compiled program takes.
//
// Training:   text_adapter_new, text_adapter_add… (the training rows alone), text_adapter_finish ->
// vocabulary Any time:   text_encoder e = {&pipeline, vocabulary}; text_encode(&e, text, bytes, scratch, ids,
// capacity)
//
// Ids: 0 is padding and the empty token, 1 is '[UNK]' (any token that is not in the vocabulary), then words
// by count descending, ties by their bytes descending. `max_tokens` counts the two specials. Thread-safety:
// pipelines and finished vocabularies are immutable and shared freely; text_encode keeps everything in the
// caller's memory and never allocates; an adapter belongs to one thread at a time.
#include "support/strbuf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that somebody else owns; not NUL-terminated.
typedef struct text_view {
  const char *data;
  size_t bytes;
} text_view;

typedef enum {
  TEXT_LOWER_AND_STRIP_PUNCTUATION, // ASCII letters lowered, then the 32 ASCII punctuation marks deleted
  TEXT_LOWER,
  TEXT_STRIP_PUNCTUATION,
  TEXT_STANDARDIZE_NONE,
} text_standardize;

typedef enum {
  TEXT_SPLIT_WHITESPACE, // at runs of ASCII white space (space, \t \n \v \f \r); no empty words
  TEXT_SPLIT_CHARACTER,  // one word per UTF-8 code point, white space included
  TEXT_SPLIT_NONE,       // the whole text is one word
} text_split;

typedef enum {
  TEXT_VECTORIZATION,  // texts are split into tokens
  TEXT_STRING_LOOKUP,  // a text is one value
  TEXT_INTEGER_LOOKUP, // a value is an integer in decimal digits
  TEXT_HASHING,        // a value of either kind, without a vocabulary
} text_layer;

typedef enum { TEXT_INT, TEXT_ONE_HOT, TEXT_MULTI_HOT, TEXT_COUNT, TEXT_TF_IDF } text_output;

enum { TEXT_MAX_NGRAMS = 16 };

// The arguments of one text or category layer. All zero is TextVectorization with Keras's defaults.
typedef struct text_pipeline {
  text_layer layer;
  text_output output;
  text_standardize standardize;
  text_split split;
  size_t ngrams_count; // 0: words alone. `ngrams = 3` is {1, 2, 3}, a list is its own widths in its order
  int32_t ngrams[TEXT_MAX_NGRAMS]; // each 1 or more; words of an n-gram are joined by one space
  int64_t max_tokens;              // size of the vocabulary at most, specials included; 0: no limit
  int64_t output_sequence_length;  // ids per text, padded and cut on the right; 0: longest text of the batch
  // Lookups and Hashing. The views are somebody else's.
  bool has_mask;
  text_view mask;      // id 0 in mode int, and of Hashing; in other modes of a lookup it counts nothing
  text_view oov_token; // what stands for unknown values in the vocabulary's list
  int64_t oov_indices; // ids of unknown values; 0: an unknown value is an error
  int64_t num_bins;    // Hashing: all of them, the mask's included
  bool oov_by_hash;    // IntegerLookup: which of several ids by the hash, else by the remainder
  bool salted;
  uint64_t salt[2];
} text_pipeline;

// Whether a text becomes distinct ids with a number each (text_bag) and not ids alone.
bool text_has_weights(const text_pipeline *p);
// Whether it knows words from training (or a list), that is, anything but Hashing.
static inline bool text_has_vocabulary(const text_pipeline *p) {
  return p->layer != TEXT_HASHING;
}

// NULL if the names are Keras's ("lower_and_strip_punctuation", "whitespace", …; NULL means none), else a
// reason.
const char *text_pipeline_parse(text_pipeline *p, const char *standardize, const char *split);
// NULL if both names are known ("StringLookup", "multi_hot"; NULL: TextVectorization, int), else a reason.
const char *text_pipeline_parse_kind(text_pipeline *p, const char *layer, const char *output_mode);
const char *text_standardize_name(text_standardize s);
const char *text_split_name(text_split s);
const char *text_split_units(text_split s); // what messages call the parts: "characters", else "tokens"

// ---- vocabulary
// ------------------------------------------------------------------------------------------------

typedef struct vocabulary vocabulary; // immutable: words by id and ids by word

enum { VOCABULARY_PADDING = 0, VOCABULARY_UNKNOWN = 1, VOCABULARY_SPECIALS = 2 };

// `words[i]` becomes id i and is copied; the specials come first: "" and "[UNK]" for TextVectorization
// (`p` NULL too), the mask token if there is one (mode int) and oov_indices times the oov token for a lookup.
// Returns NULL and a reason in `error` for a repeated word, wrong specials or too many words.
vocabulary *vocabulary_from_words(const text_pipeline *p, const text_view *words, size_t count,
                                  strbuf *error);
// The same of words without the specials.
vocabulary *vocabulary_from_tokens(const text_pipeline *p, const text_view *words, size_t count,
                                   strbuf *error);
// A JSON array of strings in id order, as vocabulary_to_json writes it (the form inside a weights file).
vocabulary *vocabulary_from_json(const text_pipeline *p, const char *json, size_t bytes, strbuf *error);
void vocabulary_to_json(const vocabulary *v, strbuf *out);
bool vocabulary_equal(const vocabulary *a, const vocabulary *b); // words, not weights
void vocabulary_free(vocabulary *v);                             // NULL is allowed

size_t vocabulary_size(const vocabulary *v);                 // specials included
size_t vocabulary_specials(const vocabulary *v);             // ids below it are no words
bool vocabulary_is_unknown(const vocabulary *v, int32_t id); // an id of unknown words
text_view vocabulary_word(const vocabulary *v, int32_t id);  // id in [0, size)
// Id of a word (already standardized): its own; one below vocabulary_specials, or -1, if it is not there.
int32_t vocabulary_find(const vocabulary *v, const char *word, size_t bytes);

// Inverse document frequencies of output mode tf_idf, by column of the output (specials that have a column
// first). NULL until adapted or set; `count` numbers are copied and must be vocabulary_columns.
size_t vocabulary_columns(const text_pipeline *p, const vocabulary *v);
const double *vocabulary_idf(const vocabulary *v);
bool vocabulary_set_idf(const text_pipeline *p, vocabulary *v, const double *idf, size_t count,
                        strbuf *error);

// ---- adapting
// --------------------------------------------------------------------------------------------------

typedef struct text_adapter
    text_adapter; // token counts of a stream of texts; beyond a limit they go to a temporary file

text_adapter *text_adapter_new(const text_pipeline *p); // `p` is copied
// Another one, for another thread, that counts beside `lead`, and has the same part of the memory. Made
// before either counts; text_adapter_join adds what it counted to its lead's and frees it. In whatever way
// texts are shared out, the vocabulary is the same.
text_adapter *text_adapter_beside(text_adapter *lead);
void text_adapter_join(text_adapter *member);
void text_adapter_add(text_adapter *a, const char *text, size_t bytes);
// One row of an input `text[time]`: words given one by one, standardized (and split by character if the
// pipeline says so), never split at white space.
// Lookups: every word is a value. Either call is one document of tf_idf.
void text_adapter_add_words(text_adapter *a, const text_view *words, size_t count);
uint64_t text_adapter_tokens(const text_adapter *a); // tokens seen so far
vocabulary *text_adapter_finish(text_adapter *a);    // frees the adapter
void text_adapter_free(text_adapter *a);             // gives up; NULL is allowed

// ---- encoding
// --------------------------------------------------------------------------------------------------

// What turns texts into numbers. `words` is NULL for Hashing.
typedef struct text_encoder {
  const text_pipeline *pipeline;
  const vocabulary *words;
} text_encoder;

// Id of a value, for lookups and Hashing; TEXT_DROPPED for a mask token that counts nothing; TEXT_REFUSED for
// an unknown value where oov_indices is 0, and for a value of IntegerLookup that is no integer.
enum { TEXT_DROPPED = -1, TEXT_REFUSED = -2 };
int32_t text_lookup(const text_encoder *e, const char *value, size_t bytes);

// For output modes with weights: ids as text_encode or text_lookup gave them become the distinct columns of
// the output, ascending, with the number that stands in each. In place; returns how many there are. Mode
// one_hot keeps order and repetitions: a dropped value has number 0.
size_t text_bag(const text_encoder *e, int32_t *ids, size_t count, double *weights);

// Bytes of scratch memory (aligned to 8) that encoding a text of that many bytes needs; grows with
// `text_bytes`.
size_t text_scratch_bytes(const text_pipeline *p, size_t text_bytes);
// The most tokens that a text of that many bytes can have.
size_t text_tokens_bound(const text_pipeline *p, size_t text_bytes);

// TextVectorization: writes the ids (of mode int) of the first `capacity` tokens and returns how many were
// written. Nothing is padded.
size_t text_encode(const text_encoder *e, const char *text, size_t bytes, void *scratch, int32_t *ids,
                   size_t capacity);

// The same for words given one by one (input `text[time]`): without n-grams token i is word i, so a word that
// standardizes to nothing keeps its place with id 0. Not for split "character": encode each word by itself
// then (text_encode), it makes one row of characters a word. Scratch: text_words_scratch_bytes.
size_t text_encode_words(const text_encoder *e, const text_view *words, size_t count, void *scratch,
                         int32_t *ids, size_t capacity);
size_t text_words_scratch_bytes(const text_pipeline *p, const text_view *words, size_t count);
size_t text_words_tokens_bound(const text_pipeline *p, size_t count);

#endif
