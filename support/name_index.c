#include "support/name_index.h"
#include <string.h>

static uint64_t hash_of(const char *name) { // FNV-1a
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *name; name++)
    hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
  return hash ^ hash >> 29;
}

static void link_in(name_index *x, size_t number) {
  struct name_link *l = &x->links[number - 1];
  size_t *head = &x->heads[l->hash & (x->n_heads - 1)];
  l->before = *head;
  *head = number;
}

static void grow(name_index *x, arena *mem) {
  struct name_link *old = x->links;
  x->capacity = x->capacity ? 2 * x->capacity : 16;
  x->links = ARENA_ARRAY(mem, struct name_link, x->capacity);
  if (x->n)
    memcpy(x->links, old, x->n * sizeof *old);
  x->n_heads = 2 * x->capacity;
  x->heads = ARENA_ARRAY(mem, size_t, x->n_heads);
  for (size_t number = 1; number <= x->n; number++)
    link_in(x, number);
}

void name_index_add(name_index *x, arena *mem, const char *name) {
  if (x->n == x->capacity)
    grow(x, mem);
  x->links[x->n++].hash = hash_of(name);
  link_in(x, x->n);
}

static size_t same_hash(const name_index *x, size_t number, uint64_t hash) {
  while (number && x->links[number - 1].hash != hash)
    number = x->links[number - 1].before;
  return number;
}

size_t name_index_first(const name_index *x, const char *name) {
  uint64_t hash = hash_of(name);
  return x->n ? same_hash(x, x->heads[hash & (x->n_heads - 1)], hash) : 0;
}

size_t name_index_next(const name_index *x, size_t number) {
  return same_hash(x, x->links[number - 1].before, x->links[number - 1].hash);
}
