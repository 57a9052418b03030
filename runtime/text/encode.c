// Text to ids. The usual pipeline (white space, no n-grams) takes plain words; everything else goes through
// the word list.
#include "runtime/text/vocabulary.h"
#include "runtime/text/words.h"

static size_t encode_plain(const vocabulary *v, const char *text, const char *end, int32_t *ids,
                           size_t capacity) {
  plain_word words[WORDS_AHEAD];
  for (size_t count = 0;;) {
    size_t most = capacity - count < WORDS_AHEAD ? capacity - count : WORDS_AHEAD;
    size_t n = plain_words(&v->table, &text, end, words, most);
    if (!n)
      return count;
    for (size_t k = 0; k < n; k++) {
      const plain_word *w = &words[k];
      uint32_t found = token_table_find(&v->table, w->text, w->bytes, w->first, w->hash);
      ids[count++] = found == TOKEN_ABSENT ? VOCABULARY_UNKNOWN : (int32_t)found;
    }
  }
}

static size_t encode_list(const text_encoder *e, const word_list *list, int32_t *ids, size_t capacity) {
  static const int32_t words_alone[] = {1};
  const text_pipeline *p = e->pipeline;
  const int32_t *widths = p->ngrams_count ? p->ngrams : words_alone;
  size_t widths_count = p->ngrams_count ? p->ngrams_count : 1, count = 0;
  for (size_t w = 0; w < widths_count; w++) {
    size_t tokens = word_list_tokens(list, (size_t)widths[w]);
    for (size_t i = 0; i < tokens && count < capacity; i++) {
      token_slice s = word_list_token(list, i, (size_t)widths[w]);
      uint32_t found =
          token_table_find(&e->words->table, s.text, s.bytes, token_first(s.text, s.bytes), s.hash);
      ids[count++] = found == TOKEN_ABSENT ? VOCABULARY_UNKNOWN : (int32_t)found;
    }
  }
  return count;
}

// Words that fill `capacity` with tokens of the first width, so that reading further is idle.
static size_t words_needed(const text_pipeline *p, size_t capacity) {
  size_t extra = p->ngrams_count ? (size_t)p->ngrams[0] - 1 : 0;
  return capacity > SIZE_MAX - extra ? SIZE_MAX : capacity + extra;
}

size_t text_encode(const text_encoder *e, const char *text, size_t bytes, void *scratch, int32_t *ids,
                   size_t capacity) {
  const text_pipeline *p = e->pipeline;
  if (text_pipeline_is_plain(p)) {
    const char *end = standardize_plain(p, text, bytes, scratch);
    return encode_plain(e->words, scratch, end, ids, capacity);
  }
  word_list list;
  words_of_text(p, text, bytes, scratch, words_needed(p, capacity), &list);
  return encode_list(e, &list, ids, capacity);
}

size_t text_encode_words(const text_encoder *e, const text_view *words, size_t count, void *scratch,
                         int32_t *ids, size_t capacity) {
  word_list list;
  words_of_list(e->pipeline, words, count, scratch, words_needed(e->pipeline, capacity), &list);
  return encode_list(e, &list, ids, capacity);
}
