#ifndef NLM_SUPPORT_NAME_INDEX_H
#define NLM_SUPPORT_NAME_INDEX_H
// Where in a growing list a name stands: hashes of the names, numbered from 1 in the order of the list. Two
// names may have one hash: compare. Zero is an empty index; its memory is the arena's. Thread-safety: one
// thread at a time.
#include "support/arena.h"
#include <stdint.h>

typedef struct name_index {
  size_t *heads; // by hash: the latest name, or 0
  size_t n_heads;
  struct name_link {
    uint64_t hash;
    size_t before;
  } * links; // by number - 1
  size_t n, capacity;
} name_index;

void name_index_add(name_index *x, arena *mem, const char *name); // has the number x->n afterwards
// Numbers of the names that may be `name`, the latest first; 0: no more.
size_t name_index_first(const name_index *x, const char *name);
size_t name_index_next(const name_index *x, size_t number);

#endif
