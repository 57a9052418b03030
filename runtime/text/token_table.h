#ifndef NLM_RUNTIME_TEXT_TOKEN_TABLE_H
#define NLM_RUNTIME_TEXT_TOKEN_TABLE_H
// Distinct byte strings numbered in order of arrival: an open-addressing hash over one block of text. Private
// to runtime/text and runtime/data. Searching is read-only and may run in many threads.
//
// The hash of a token is a fold over its pieces, the parts between single spaces. So the hash of an n-gram
// follows from the hashes of its words, whatever was used to look it up, and no n-gram is ever put together
// to be found.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the token table reads words as little-endian numbers"
#endif

enum { TOKEN_SLACK = 8 }; // bytes that may be read behind a token in our own buffers
#define TOKEN_ABSENT UINT32_MAX

typedef struct token_slot {
  uint64_t first; // the first eight bytes, zero-padded: decides for short tokens
  uint32_t bytes;
  uint32_t number; // index of the entry + 1; 0: free
} token_slot;

typedef struct token_entry {
  uint64_t offset; // into the block
  uint32_t bytes;
} token_entry;

typedef struct token_table {
  token_slot *slots; // mask + 1 of them, a power of two, at most two thirds used
  size_t mask;
  token_entry *entries;
  size_t count, entries_cap;
  char *block;
  size_t block_bytes, block_cap;
} token_table;

static inline uint64_t token_mix(uint64_t h) {
  h *= 0x9E3779B97F4A7C15u;
  return h ^ (h >> 32);
}

// Hash of a piece of at most eight bytes, given those bytes zero-padded.
static inline uint64_t token_hash_short(uint64_t first, size_t bytes) {
  return token_mix(first ^ (bytes * 0xD6E8FEB86659FD93u));
}

// Appends a piece to a token: the hash of "a b" is token_hash_join(hash of "a", hash of "b").
static inline uint64_t token_hash_join(uint64_t hash, uint64_t piece) {
  return token_mix(((hash << 23) | (hash >> 41)) ^ piece);
}

static inline uint64_t token_load(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

// The first min(bytes, 8) bytes, zero-padded; reads no byte behind them.
uint64_t token_first(const char *token, size_t bytes);
uint64_t token_hash_piece(const char *piece, size_t bytes); // no space inside
uint64_t token_hash(const char *token, size_t bytes);       // any token

bool token_equal_long(const token_table *t, uint32_t index, const char *token, size_t bytes);

// Index of a token or TOKEN_ABSENT.
static inline uint32_t token_table_find(const token_table *t, const char *token, size_t bytes, uint64_t first,
                                        uint64_t hash) {
  for (size_t at = hash & t->mask;; at = (at + 1) & t->mask) {
    const token_slot *slot = &t->slots[at];
    if (slot->number == 0)
      return TOKEN_ABSENT;
    if (slot->first == first && slot->bytes == bytes &&
        (bytes <= 8 || token_equal_long(t, slot->number - 1, token, bytes)))
      return slot->number - 1;
  }
}

void token_table_init(token_table *t, size_t expected);
void token_table_free(token_table *t);
// Finds or appends (the bytes are copied); *added says which. TOKEN_ABSENT if the table or the token is too
// long (2^32 - 2 tokens, 2^32 - 1 bytes).
uint32_t token_table_add(token_table *t, const char *token, size_t bytes, uint64_t hash, bool *added);

static inline const char *token_table_text(const token_table *t, size_t index) {
  return t->block + t->entries[index].offset;
}

#endif
