#include "runtime/text/token_table.h"
#include "support/arena.h"
#include <stdlib.h>

// A token of fewer than eight bytes: two loads that overlap agree where they do.
static uint64_t load_short(const char *token, size_t bytes) {
  uint32_t low4, high4;
  uint16_t low2, high2;
  if (bytes >= 4) {
    memcpy(&low4, token, 4);
    memcpy(&high4, token + bytes - 4, 4);
    return low4 | (uint64_t)high4 << (8 * (bytes - 4));
  }
  if (bytes >= 2) {
    memcpy(&low2, token, 2);
    memcpy(&high2, token + bytes - 2, 2);
    return low2 | (uint64_t)high2 << (8 * (bytes - 2));
  }
  return bytes ? (unsigned char)token[0] : 0;
}

uint64_t token_first(const char *token, size_t bytes) {
  return bytes >= 8 ? token_load(token) : load_short(token, bytes);
}

uint64_t token_hash_piece(const char *piece, size_t bytes) {
  uint64_t hash = token_hash_short(token_first(piece, bytes), bytes);
  for (size_t at = 8; at < bytes; at += 8)
    hash = token_mix((hash + at) ^ token_first(piece + at, bytes - at));
  return hash;
}

uint64_t token_hash(const char *token, size_t bytes) {
  const char *end = token + bytes;
  const char *space = bytes ? memchr(token, ' ', bytes) : NULL;
  uint64_t hash = token_hash_piece(token, space ? (size_t)(space - token) : bytes);
  while (space) {
    const char *piece = space + 1;
    space = piece < end ? memchr(piece, ' ', (size_t)(end - piece)) : NULL;
    hash = token_hash_join(hash, token_hash_piece(piece, (size_t)((space ? space : end) - piece)));
  }
  return hash;
}

bool token_equal_long(const token_table *t, uint32_t index, const char *token, size_t bytes) {
  return memcmp(token_table_text(t, index), token, bytes) == 0;
}

static void place(token_table *t, uint32_t index, uint64_t hash) {
  const token_entry *entry = &t->entries[index];
  size_t at = hash & t->mask;
  while (t->slots[at].number)
    at = (at + 1) & t->mask;
  t->slots[at] = (token_slot){token_first(t->block + entry->offset, entry->bytes), entry->bytes, index + 1};
}

static void resize(token_table *t, size_t slots) {
  xfree(t->slots);
  t->slots = xcalloc(slots, sizeof *t->slots);
  t->mask = slots - 1;
  for (size_t i = 0; i < t->count; i++)
    place(t, (uint32_t)i, token_hash(token_table_text(t, i), t->entries[i].bytes));
}

void token_table_init(token_table *t, size_t expected) {
  *t = (token_table){0};
  size_t slots = 64;
  while (slots * 2 / 3 < expected)
    slots *= 2;
  t->block_cap = 1024;
  t->block = xcalloc(1, t->block_cap);
  resize(t, slots);
}

void token_table_free(token_table *t) {
  xfree(t->slots);
  xfree(t->entries);
  xfree(t->block);
  *t = (token_table){0};
}

static uint64_t append_text(token_table *t, const char *token, size_t bytes) {
  size_t needed = t->block_bytes + bytes + TOKEN_SLACK;
  if (needed > t->block_cap) {
    t->block_cap = needed > t->block_cap * 2 ? needed : t->block_cap * 2;
    t->block = xrealloc(t->block, t->block_cap);
  }
  uint64_t offset = t->block_bytes;
  if (bytes)
    memcpy(t->block + offset, token, bytes);
  t->block_bytes += bytes;
  return offset;
}

uint32_t token_table_add(token_table *t, const char *token, size_t bytes, uint64_t hash, bool *added) {
  *added = false;
  if (bytes >= UINT32_MAX)
    return TOKEN_ABSENT;
  uint32_t found = token_table_find(t, token, bytes, token_first(token, bytes), hash);
  if (found != TOKEN_ABSENT || t->count >= UINT32_MAX - 1)
    return found;
  if (t->count + 1 > (t->mask + 1) * 2 / 3)
    resize(t, (t->mask + 1) * 2);
  if (t->count == t->entries_cap) {
    t->entries_cap = t->entries_cap ? t->entries_cap * 2 : 64;
    t->entries = xrealloc(t->entries, t->entries_cap * sizeof *t->entries);
  }
  t->entries[t->count] = (token_entry){append_text(t, token, bytes), (uint32_t)bytes};
  place(t, (uint32_t)t->count, hash);
  *added = true;
  return (uint32_t)t->count++;
}
