#ifndef NLM_RUNTIME_TEXT_VECTORIZE_H
#define NLM_RUNTIME_TEXT_VECTORIZE_H
// From text to token ids: Keras's TextVectorization, output mode "int".
//
//   text --standardize--> bytes --split--> words --ngrams--> tokens --vocabulary--> int32 ids
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

enum { TEXT_MAX_NGRAMS = 16 };

// The arguments of one TextVectorization layer. All zero is Keras's default.
typedef struct text_pipeline {
  text_standardize standardize;
  text_split split;
  size_t ngrams_count; // 0: words alone. `ngrams = 3` is {1, 2, 3}, a list is its own widths in its order
  int32_t ngrams[TEXT_MAX_NGRAMS]; // each 1 or more; words of an n-gram are joined by one space
  int64_t max_tokens;              // size of the vocabulary at most, specials included; 0: no limit
  int64_t output_sequence_length;  // ids per text, padded and cut on the right; 0: longest text of the batch
} text_pipeline;

// NULL if the names are Keras's ("lower_and_strip_punctuation", "whitespace", …; NULL means none), else a
// reason.
const char *text_pipeline_parse(text_pipeline *p, const char *standardize, const char *split);
const char *text_standardize_name(text_standardize s);
const char *text_split_name(text_split s);

// ---- vocabulary
// ------------------------------------------------------------------------------------------------

typedef struct vocabulary vocabulary; // immutable: words by id and ids by word

enum { VOCABULARY_PADDING = 0, VOCABULARY_UNKNOWN = 1, VOCABULARY_SPECIALS = 2 };

// `words[i]` becomes id i and is copied; words[0] must be "" and words[1] "[UNK]". Returns NULL and a reason
// in `error` for a repeated word, wrong specials or too many words.
vocabulary *vocabulary_from_words(const text_view *words, size_t count, strbuf *error);
// A JSON array of strings in id order, as vocabulary_to_json writes it (the form inside a weights file).
vocabulary *vocabulary_from_json(const char *json, size_t bytes, strbuf *error);
void vocabulary_to_json(const vocabulary *v, strbuf *out);
void vocabulary_free(vocabulary *v); // NULL is allowed

size_t vocabulary_size(const vocabulary *v);                // specials included; at least 2
text_view vocabulary_word(const vocabulary *v, int32_t id); // id in [0, size)
// Id of a word (already standardized): its own, 0 for "", 1 for a word that is not there.
int32_t vocabulary_find(const vocabulary *v, const char *word, size_t bytes);

// ---- adapting
// --------------------------------------------------------------------------------------------------

typedef struct text_adapter
    text_adapter; // token counts of a stream of texts; memory grows with distinct tokens

text_adapter *text_adapter_new(const text_pipeline *p); // `p` is copied
void text_adapter_add(text_adapter *a, const char *text, size_t bytes);
// One row of an input `text[time]`: words given one by one, standardized (and split by character if the
// pipeline says so), never split at white space.
void text_adapter_add_words(text_adapter *a, const text_view *words, size_t count);
uint64_t text_adapter_tokens(const text_adapter *a); // tokens seen so far
vocabulary *text_adapter_finish(text_adapter *a);    // frees the adapter
void text_adapter_free(text_adapter *a);             // gives up; NULL is allowed

// ---- encoding
// --------------------------------------------------------------------------------------------------

// What turns texts into numbers; other output modes (multi_hot, count, tf_idf) are further functions of it.
typedef struct text_encoder {
  const text_pipeline *pipeline;
  const vocabulary *words;
} text_encoder;

// Bytes of scratch memory (aligned to 8) that encoding a text of that many bytes needs; grows with
// `text_bytes`.
size_t text_scratch_bytes(const text_pipeline *p, size_t text_bytes);
// The most tokens that a text of that many bytes can have.
size_t text_tokens_bound(const text_pipeline *p, size_t text_bytes);

// Writes the ids of the first `capacity` tokens and returns how many were written. Nothing is padded.
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
