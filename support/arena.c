#include "support/arena.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20, ALIGNMENT = 16 };

typedef struct block {
  struct block *older;
  size_t used, size;
  _Alignas(ALIGNMENT) unsigned char bytes[];
} block;

struct arena {
  block *newest;
  size_t next_size;
};

arena *arena_new(void) {
  arena *a = xcalloc(1, sizeof *a);
  a->next_size = FIRST_BLOCK;
  return a;
}

void arena_free(arena *a) {
  if (!a)
    return;
  for (block *b = a->newest; b;) {
    block *older = b->older;
    xfree(b);
    b = older;
  }
  xfree(a);
}

static block *add_block(arena *a, size_t payload) {
  size_t size = payload > a->next_size ? payload : a->next_size;
  block *b = xcalloc(1, size > SIZE_MAX - sizeof *b ? SIZE_MAX : sizeof *b + size);
  b->size = size;
  if (a->newest && payload > a->next_size / 2) {
    // A large request gets a block of its own, behind the newest, so that the rest of the newest stays in
    // use.
    b->older = a->newest->older;
    a->newest->older = b;
  } else {
    b->older = a->newest;
    a->newest = b;
  }
  if (a->next_size < LARGEST_BLOCK)
    a->next_size *= 2;
  return b;
}

void *arena_alloc(arena *a, size_t bytes) {
  size_t rounded = bytes > SIZE_MAX - ALIGNMENT ? bytes
                   : bytes                      ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
                                                : ALIGNMENT;
  block *b = a->newest;
  if (!b || b->size - b->used < rounded)
    b = add_block(a, rounded);
  void *memory = b->bytes + b->used;
  b->used += rounded;
  return memory;
}

char *arena_strndup(arena *a, const char *text, size_t bytes) {
  char *copy = arena_alloc(a, bytes + 1);
  if (bytes)
    memcpy(copy, text, bytes);
  return copy;
}

char *arena_strdup(arena *a, const char *text) {
  return arena_strndup(a, text, strlen(text));
}

char *arena_vprintf(arena *a, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  size_t bytes = length < 0 ? 0 : (size_t)length;
  char *text = arena_alloc(a, bytes + 1);
  vsnprintf(text, bytes + 1, format, args);
  return text;
}

char *arena_printf(arena *a, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = arena_vprintf(a, format, args);
  va_end(args);
  return text;
}
