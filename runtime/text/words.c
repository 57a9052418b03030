#include "runtime/text/words.h"
#include "runtime/text/token_table.h"

enum { UPPER = 1, PUNCTUATION = 2, SPACE = 4 };

static const uint8_t byte_class[256] = {
    ['A' ... 'Z'] = UPPER,
    ['!' ... '/'] = PUNCTUATION,
    [':' ... '@'] = PUNCTUATION,
    ['[' ... '`'] = PUNCTUATION,
    ['{' ... '~'] = PUNCTUATION,
    ['\t' ... '\r'] = SPACE,
    [' '] = SPACE,
};

static const char *const standardize_names[] = {"lower_and_strip_punctuation", "lower", "strip_punctuation",
                                                "none"};
static const char *const split_names[] = {"whitespace", "character", "none"};

static int name_index(const char *name, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (!strcmp(name ? name : "none", names[i]))
      return i;
  return -1;
}

const char *text_pipeline_parse(text_pipeline *p, const char *standardize, const char *split) {
  int how = name_index(standardize, standardize_names, 4);
  if (how < 0)
    return "standardize must be lower_and_strip_punctuation, lower, strip_punctuation or none";
  int where = name_index(split, split_names, 3);
  if (where < 0)
    return "split must be whitespace, character or none";
  p->standardize = (text_standardize)how;
  p->split = (text_split)where;
  return NULL;
}

const char *text_standardize_name(text_standardize s) {
  return standardize_names[s];
}

const char *text_split_name(text_split s) {
  return split_names[s];
}

const char *text_split_units(text_split s) {
  return s == TEXT_SPLIT_CHARACTER ? "characters" : "tokens";
}

// What standardizing does to a byte, as flags of byte_class.
typedef struct byte_rules {
  unsigned lower, strip, space;
} byte_rules;

static byte_rules rules_of(const text_pipeline *p) {
  bool both = p->standardize == TEXT_LOWER_AND_STRIP_PUNCTUATION;
  return (byte_rules){both || p->standardize == TEXT_LOWER ? UPPER : 0,
                      both || p->standardize == TEXT_STRIP_PUNCTUATION ? PUNCTUATION : 0,
                      p->split == TEXT_SPLIT_WHITESPACE ? SPACE : 0};
}

// Sixteen bytes side by side. Comparisons give a byte of ones where they hold.
typedef uint8_t byte_block __attribute__((vector_size(16)));

static inline byte_block within(byte_block c, uint8_t first, uint8_t last) {
  return (byte_block)(c - first <= (uint8_t)(last - first));
}

// Whether any byte of the block is dropped; *dropped says which.
static inline bool standardize_block(byte_rules r, byte_block *block, byte_block *dropped) {
  byte_block c = *block, upper = within(c, 'A', 'Z');
  byte_block letter_or_digit = upper | within(c, 'a', 'z') | within(c, '0', '9');
  byte_block strip = within(c, '!', '~') & ~letter_or_digit & (uint8_t)(r.strip ? 0xFF : 0);
  byte_block space = within(c, '\t', '\r') & (uint8_t)(r.space ? 0xFF : 0);
  c |= upper & (uint8_t)(r.lower ? 0x20 : 0);
  *block = (c & ~space) | (space & (uint8_t)' ');
  *dropped = strip;
  uint64_t halves[2];
  memcpy(halves, &strip, sizeof halves);
  return halves[0] | halves[1];
}

static size_t standardize_bytes(byte_rules r, const char *text, size_t bytes, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < bytes; i++) { // without branches: words are short
    unsigned c = (unsigned char)text[i];
    unsigned kind = byte_class[c];
    c |= (kind & r.lower) << 5;
    c = kind & r.space ? ' ' : c;
    out[n] = (char)c;
    n += !(kind & r.strip);
  }
  return n;
}

size_t text_standardize_into(const text_pipeline *p, const char *text, size_t bytes, char *out) {
  byte_rules r = rules_of(p);
  byte_block block, dropped;
  size_t n = 0, at = 0;
  for (; at + sizeof block <= bytes; at += sizeof block) {
    memcpy(&block, text + at, sizeof block);
    if (!standardize_block(r, &block, &dropped)) {
      memcpy(out + n, &block, sizeof block);
      n += sizeof block;
      continue;
    }
    uint8_t byte[sizeof block], drop[sizeof block];
    memcpy(byte, &block, sizeof block);
    memcpy(drop, &dropped, sizeof block);
    for (size_t k = 0; k < sizeof block; k++) {
      out[n] = (char)byte[k];
      n += !drop[k];
    }
  }
  return n + standardize_bytes(r, text + at, bytes - at, out + n);
}

// ---- plain words, eight bytes at a time

#define EACH_BYTE(x) (0x0101010101010101u * (x))

// 0x80 in each byte of `word` that is a space; exact up to and including the first one.
static inline uint64_t space_bytes(uint64_t word) {
  uint64_t zero = word ^ EACH_BYTE(' ');
  return (zero - EACH_BYTE(1)) & ~zero & EACH_BYTE(0x80);
}

const char *standardize_plain(const text_pipeline *p, const char *text, size_t bytes, char *out) {
  char *end = out + text_standardize_into(p, text, bytes, out);
  memset(end, ' ', 1 + TOKEN_SLACK);
  return end;
}

size_t plain_words(const token_table *t, const char **from, const char *end, plain_word *out, size_t most) {
  const char *at = *from;
  size_t count = 0;
  while (count < most && at < end) {
    uint64_t first = token_load(at), spaces = space_bytes(first), hash;
    size_t bytes;
    if (spaces) {
      bytes = (size_t)__builtin_ctzll(spaces) / 8; // 0 (no word begins here) .. 7
      first &= ((uint64_t)1 << (8 * bytes)) - 1;
      hash = token_hash_short(first, bytes);
    } else {
      bytes = 8;
      while (!(spaces = space_bytes(token_load(at + bytes))))
        bytes += 8;
      bytes += (size_t)__builtin_ctzll(spaces) / 8;
      hash = token_hash_piece(at, bytes);
    }
    __builtin_prefetch(&t->slots[hash & t->mask]);
    out[count] = (plain_word){at, bytes, first, hash};
    count += bytes > 0;
    at += bytes + 1; // a space stands behind every word
  }
  *from = at;
  return count;
}

// ---- word lists

// Bytes of the character at text[at]: a lead byte and what continues it.
static size_t character_bytes(const char *text, size_t at, size_t bytes) {
  size_t n = 1;
  while (n < 4 && at + n < bytes && ((unsigned char)text[at + n] & 0xC0) == 0x80)
    n++;
  return n;
}

static size_t words_bound(const text_pipeline *p, size_t bytes) {
  if (p->split == TEXT_SPLIT_NONE)
    return 1;
  return p->split == TEXT_SPLIT_CHARACTER ? bytes : bytes / 2 + 1;
}

static size_t tokens_bound(const text_pipeline *p, size_t words) {
  return p->ngrams_count ? words * p->ngrams_count : words;
}

size_t text_tokens_bound(const text_pipeline *p, size_t text_bytes) {
  return tokens_bound(p, words_bound(p, text_bytes));
}

size_t text_words_tokens_bound(const text_pipeline *p, size_t count) {
  return tokens_bound(p, count);
}

// Scratch: the word array, the standardized text, then the words joined by spaces.
static size_t scratch_bytes(size_t words, size_t standardized, size_t text) {
  return words * sizeof(token_word) + (standardized + TOKEN_SLACK) + (text + words + TOKEN_SLACK);
}

size_t text_scratch_bytes(const text_pipeline *p, size_t text_bytes) {
  return text_pipeline_is_plain(p) ? text_bytes + 1 + TOKEN_SLACK : word_list_scratch_bytes(p, text_bytes);
}

size_t word_list_scratch_bytes(const text_pipeline *p, size_t text_bytes) {
  return scratch_bytes(words_bound(p, text_bytes), text_bytes, text_bytes);
}

size_t text_words_scratch_bytes(const text_pipeline *p, const text_view *words, size_t count) {
  (void)p;
  size_t total = 0, longest = 0;
  for (size_t i = 0; i < count; i++) {
    total += words[i].bytes;
    longest = words[i].bytes > longest ? words[i].bytes : longest;
  }
  return scratch_bytes(count, longest, total);
}

static void put_word(word_list *list, const char *word, size_t bytes) {
  size_t start = 0;
  if (list->count) {
    const token_word *last = &list->words[list->count - 1];
    start = last->start + last->bytes;
    list->text[start++] = ' ';
  }
  if (bytes)
    memcpy(list->text + start, word, bytes);
  uint64_t hash = list->plain ? token_hash_piece(word, bytes) : token_hash(word, bytes);
  list->words[list->count++] = (token_word){start, bytes, hash};
}

void words_of_text(const text_pipeline *p, const char *text, size_t bytes, void *scratch, size_t limit,
                   word_list *out) {
  token_word *words = scratch;
  char *standard = (char *)(words + words_bound(p, bytes));
  *out = (word_list){standard + bytes + TOKEN_SLACK, words, 0, p->split == TEXT_SPLIT_WHITESPACE};
  size_t n = text_standardize_into(p, text, bytes, standard);
  if (p->split == TEXT_SPLIT_NONE) {
    if (limit)
      put_word(out, standard, n);
    return;
  }
  for (size_t at = 0; at < n && out->count < limit;) {
    size_t length;
    if (p->split == TEXT_SPLIT_CHARACTER) {
      length = character_bytes(standard, at, n);
    } else if (standard[at] == ' ') {
      at++;
      continue;
    } else {
      const char *space = memchr(standard + at, ' ', n - at);
      length = space ? (size_t)(space - (standard + at)) : n - at;
    }
    put_word(out, standard + at, length);
    at += length;
  }
}

void words_of_list(const text_pipeline *p, const text_view *given, size_t count, void *scratch, size_t limit,
                   word_list *out) {
  text_pipeline whole = *p;
  whole.split = TEXT_SPLIT_NONE; // white space inside a given word stays as it is
  token_word *words = scratch;
  char *standard = (char *)(words + count);
  size_t longest = 0;
  for (size_t i = 0; i < count; i++)
    longest = given[i].bytes > longest ? given[i].bytes : longest;
  *out = (word_list){standard + longest + TOKEN_SLACK, words, 0, false};
  for (size_t i = 0; i < count && out->count < limit; i++) {
    size_t n = text_standardize_into(&whole, given[i].data, given[i].bytes, standard);
    put_word(out, standard, n);
  }
}

token_slice word_list_token(const word_list *list, size_t first, size_t width) {
  const token_word *from = &list->words[first], *to = from + (width - 1);
  token_slice slice = {list->text + from->start, to->start + to->bytes - from->start, from->hash};
  if (width > 1 && list->plain)
    for (const token_word *w = from + 1; w <= to; w++)
      slice.hash = token_hash_join(slice.hash, w->hash);
  else if (width > 1)
    slice.hash = token_hash(slice.text, slice.bytes);
  return slice;
}
