#ifndef NLM_RUNTIME_TEXT_WORDS_H
#define NLM_RUNTIME_TEXT_WORDS_H
// Standardizing and splitting, into the caller's memory. Private to runtime/text.
#include "runtime/text/token_table.h"
#include "runtime/text/vectorize.h"

// Writes the standardized text (never longer than the text) to `out` and returns its length. With white space
// split, every white space byte becomes ' '. `out` must hold bytes + 1.
size_t text_standardize_into(const text_pipeline *p, const char *text, size_t bytes, char *out);

typedef struct token_word {
  size_t start, bytes; // in word_list.text
  uint64_t hash;
} token_word;

// The words of one text, standing in `text` with one space between neighbours, so that the n-gram of words i
// .. j is text[words[i].start .. words[j].start + words[j].bytes).
typedef struct word_list {
  char *text;
  token_word *words;
  size_t count;
  bool plain; // no word holds a space: hashes of n-grams follow from hashes of words
} word_list;

// The common case: words between white space, no n-grams; encoding then needs no list.
static inline bool text_pipeline_is_plain(const text_pipeline *p) {
  return p->split == TEXT_SPLIT_WHITESPACE && p->ngrams_count == 0;
}

// A word of a standardized text as a table looks it up.
typedef struct plain_word {
  const char *text;
  size_t bytes;
  uint64_t first, hash;
} plain_word;

enum { WORDS_AHEAD = 32 }; // words taken at a time, so that their places in a table are fetched side by side

// The next words between spaces, at most `most`, for a table whose slots are fetched meanwhile; *at moves
// behind them. Behind `end` a space and TOKEN_SLACK readable bytes must stand: standardize_plain sees to it.
size_t plain_words(const token_table *t, const char **at, const char *end, plain_word *out, size_t most);
// Standardizes into out[bytes + 1 + TOKEN_SLACK] and returns the end of the text.
const char *standardize_plain(const text_pipeline *p, const char *text, size_t bytes, char *out);

// At most `limit` words; scratch as word_list_scratch_bytes and text_words_scratch_bytes say.
size_t word_list_scratch_bytes(const text_pipeline *p, size_t text_bytes);
void words_of_text(const text_pipeline *p, const char *text, size_t bytes, void *scratch, size_t limit,
                   word_list *out);
void words_of_list(const text_pipeline *p, const text_view *given, size_t count, void *scratch, size_t limit,
                   word_list *out);

// One token: width words from word `first` on.
typedef struct token_slice {
  const char *text;
  size_t bytes;
  uint64_t hash;
} token_slice;
token_slice word_list_token(const word_list *list, size_t first, size_t width);
static inline size_t word_list_tokens(const word_list *list, size_t width) {
  return list->count >= width ? list->count - width + 1 : 0;
}

#endif
