// Text to ids. The usual pipeline (white space, no n-grams) reads words eight bytes at a time; everything
// else goes through the word list.
#include "runtime/text/vocabulary.h"
#include "runtime/text/words.h"

#define EACH_BYTE(x) (0x0101010101010101u * (x))

// 0x80 in each byte of `word` that is a space; exact up to and including the first one.
static inline uint64_t space_bytes(uint64_t word) {
  uint64_t zero = word ^ EACH_BYTE(' ');
  return (zero - EACH_BYTE(1)) & ~zero & EACH_BYTE(0x80);
}

// `text` is standardized and ends, behind its n bytes, with a space and TOKEN_SLACK readable bytes.
static size_t encode_plain(const vocabulary *v, const char *text, size_t n, int32_t *ids, size_t capacity) {
  const char *at = text, *end = text + n;
  size_t count = 0;
  while (count < capacity) {
    while (at < end && *at == ' ')
      at++;
    if (at >= end)
      break;
    uint64_t first = token_load(at), spaces = space_bytes(first), hash;
    size_t bytes;
    if (spaces) {
      bytes = (size_t)__builtin_ctzll(spaces) / 8; // 1 .. 7
      first &= ((uint64_t)1 << (8 * bytes)) - 1;
      hash = token_hash_short(first, bytes);
    } else {
      bytes = 8;
      while (!(spaces = space_bytes(token_load(at + bytes))))
        bytes += 8;
      bytes += (size_t)__builtin_ctzll(spaces) / 8;
      hash = token_hash_piece(at, bytes);
    }
    uint32_t found = token_table_find(&v->table, at, bytes, first, hash);
    ids[count++] = found == TOKEN_ABSENT ? VOCABULARY_UNKNOWN : (int32_t)found;
    at += bytes;
  }
  return count;
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
    char *standard = scratch;
    size_t n = text_standardize_into(p, text, bytes, standard);
    memset(standard + n, ' ', 1 + TOKEN_SLACK);
    return encode_plain(e->words, standard, n, ids, capacity);
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
