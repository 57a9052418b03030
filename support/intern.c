#include "support/intern.h"
#include "support/arena.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
  const char *text;
  size_t bytes;
  uint64_t hash;
} entry;

struct strtab {
  arena *texts;
  entry *entries; // open addressing; `slots` is a power of two, at most half full
  size_t count, slots;
};

strtab *strtab_new(void) {
  strtab *t = xcalloc(1, sizeof *t);
  t->texts = arena_new();
  t->slots = 64;
  t->entries = xcalloc(t->slots, sizeof *t->entries);
  return t;
}

void strtab_free(strtab *t) {
  if (!t)
    return;
  arena_free(t->texts);
  free(t->entries);
  free(t);
}

static uint64_t hash_bytes(const char *text, size_t bytes) { // FNV-1a
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < bytes; i++)
    hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
  return hash;
}

static entry *find_slot(entry *entries, size_t slots, const char *text, size_t bytes, uint64_t hash) {
  for (size_t i = hash & (slots - 1);; i = (i + 1) & (slots - 1)) {
    entry *e = &entries[i];
    if (!e->text || (e->hash == hash && e->bytes == bytes && memcmp(e->text, text, bytes) == 0))
      return e;
  }
}

static void grow(strtab *t) {
  size_t slots = t->slots * 2;
  entry *entries = xcalloc(slots, sizeof *entries);
  for (size_t i = 0; i < t->slots; i++) {
    const entry *e = &t->entries[i];
    if (e->text)
      *find_slot(entries, slots, e->text, e->bytes, e->hash) = *e;
  }
  free(t->entries);
  t->entries = entries;
  t->slots = slots;
}

const char *strtab_intern(strtab *t, const char *text, size_t bytes) {
  uint64_t hash = hash_bytes(text, bytes);
  entry *e = find_slot(t->entries, t->slots, text, bytes, hash);
  if (e->text)
    return e->text;
  const char *copy = arena_strndup(t->texts, text, bytes);
  *e = (entry){copy, bytes, hash};
  if (++t->count * 2 > t->slots)
    grow(t);
  return copy;
}

enum { LONGEST_WORD = 64 };

// Edit distance with transpositions of neighbours (optimal string alignment), case-insensitive.
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t rows[3][LONGEST_WORD + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_len; j++)
    last[j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
      size_t best = last[j - 1] + (x != y);
      if (last[j] + 1 < best)
        best = last[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      bool swapped =
          i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && tolower((unsigned char)a[i - 2]) == y;
      if (swapped && before[j - 2] + 1 < best)
        best = before[j - 2] + 1;
      row[j] = best;
    }
    size_t *free_row = before;
    before = last;
    last = row;
    row = free_row;
  }
  return last[b_len];
}

const char *suggest(const char *word, const char *const *candidates, size_t count) {
  size_t length = strlen(word);
  if (length == 0 || length > LONGEST_WORD)
    return NULL;
  const char *best = NULL;
  size_t best_distance = (length < 3 ? 3 : length) / 3 + 1;
  for (size_t i = 0; i < count; i++) {
    size_t other = candidates[i] ? strlen(candidates[i]) : 0;
    if (other == 0 || other > LONGEST_WORD)
      continue;
    size_t distance = edit_distance(word, length, candidates[i], other);
    size_t shorter = length < other ? length : other;
    if (distance < best_distance && distance < shorter) {
      best = candidates[i];
      best_distance = distance;
    }
  }
  return best;
}

bool names_it(const char *name, const char *word) {
  if (!name || strcmp(name, word) == 0)
    return name != NULL;
  if (strlen(name) > 4)
    return false;
  size_t k = 0;
  while (name[k] >= 'a' && name[k] <= 'z' && word[k] == name[k] - 'a' + 'A')
    k++;
  return !name[k] && !word[k];
}
