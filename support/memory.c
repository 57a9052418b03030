#include "support/memory.h"
#include "support/diag.h"
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OUT_OF_MEMORY_EXIT = 70, FIRST_SLOTS = 256 };

typedef struct undoing {
  void (*undo)(void *what);
  void *what;
} undoing;

// Pointers of an attempt in an open hash table; a removed one leaves GONE.
typedef struct attempt {
  jmp_buf outside;
  void **slots; // [mask + 1]
  size_t mask, used;
  undoing undoings[MEMORY_UNDO_MAX];
  size_t undoings_count;
} attempt;

static _Thread_local attempt *current;
static char gone;
#define GONE ((void *)&gone)

// ---- what an attempt holds

static size_t first_slot(const attempt *t, const void *memory) {
  return (size_t)(((uintptr_t)memory >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & t->mask;
}

static void hold(attempt *t, void *memory) {
  size_t at = first_slot(t, memory);
  while (t->slots[at] && t->slots[at] != GONE)
    at = (at + 1) & t->mask;
  t->used += t->slots[at] == NULL;
  t->slots[at] = memory;
}

// NULL: it is not of this attempt.
static void **slot_of(const attempt *t, const void *memory) {
  for (size_t at = first_slot(t, memory); t->slots[at]; at = (at + 1) & t->mask)
    if (t->slots[at] == memory)
      return &t->slots[at];
  return NULL;
}

// Room for one more before it is taken, so that taking it cannot fail halfway.
static bool make_room(attempt *t) {
  if (t->slots && (t->used + 1) * 2 <= t->mask)
    return true;
  void **old = t->slots;
  size_t n = old ? t->mask + 1 : 0, live = 0;
  for (size_t k = 0; k < n; k++)
    live += old[k] && old[k] != GONE;
  size_t slots = live * 4 > FIRST_SLOTS ? n * (live * 4 > n ? 2 : 1) : FIRST_SLOTS;
  void **fresh = calloc(slots, sizeof *fresh);
  if (!fresh)
    return false;
  t->slots = fresh;
  t->mask = slots - 1;
  t->used = 0;
  for (size_t k = 0; k < n; k++)
    if (old[k] && old[k] != GONE)
      hold(t, old[k]);
  free(old);
  return true;
}

static _Noreturn void out_of_memory(size_t bytes) {
  if (current)
    longjmp(current->outside, 1);
  fprintf(stderr, "internal error: out of memory (%zu bytes wanted)\n", bytes);
  exit(OUT_OF_MEMORY_EXIT);
}

static void begin_taking(size_t bytes) {
  if (current && !make_room(current))
    out_of_memory(bytes);
}

static void *taken(void *memory, size_t bytes) {
  if (!memory)
    out_of_memory(bytes);
  if (current)
    hold(current, memory);
  return memory;
}

// ---- taking and giving back

void *xmalloc(size_t bytes) {
  begin_taking(bytes);
  return taken(malloc(bytes ? bytes : 1), bytes);
}

void *xcalloc(size_t count, size_t bytes) {
  begin_taking(count * bytes);
  return taken(calloc(count ? count : 1, bytes ? bytes : 1), count * bytes);
}

void *xrealloc(void *old, size_t bytes) {
  begin_taking(bytes);
  void **slot = current && old ? slot_of(current, old) : NULL;
  void *memory = realloc(old, bytes ? bytes : 1);
  if (memory && slot)
    *slot = GONE;
  return taken(memory, bytes);
}

char *xstrdup(const char *text) {
  size_t bytes = strlen(text) + 1;
  return memcpy(xmalloc(bytes), text, bytes);
}

void xfree(void *memory) {
  void **slot = current && memory ? slot_of(current, memory) : NULL;
  if (slot)
    *slot = GONE;
  free(memory);
}

// ---- attempts

static void unwind(attempt *t) {
  while (t->undoings_count) {
    undoing u = t->undoings[--t->undoings_count];
    u.undo(u.what);
  }
  for (size_t k = 0; t->slots && k <= t->mask; k++)
    if (t->slots[k] != GONE)
      free(t->slots[k]);
}

bool memory_try(void (*body)(void *argument), void *argument) {
  INVARIANT(!current);
  attempt t;
  memset(&t, 0, sizeof t);
  bool fine = make_room(&t);
  if (fine && setjmp(t.outside) == 0) {
    current = &t;
    body(argument);
    current = NULL;
  } else if (fine) {
    current = NULL;
    unwind(&t);
    free(t.slots);
    return false;
  }
  free(t.slots);
  return fine;
}

void memory_on_unwind(void (*undo)(void *what), void *what) {
  if (!current)
    return;
  INVARIANT(current->undoings_count < MEMORY_UNDO_MAX);
  current->undoings[current->undoings_count++] = (undoing){undo, what};
}

void memory_settled(const void *what) {
  for (size_t k = 0; current && k < current->undoings_count; k++)
    if (current->undoings[k].what == what) {
      current->undoings[k] = current->undoings[--current->undoings_count];
      return;
    }
}

// ---- large pages

void memory_prefer_large_pages(void *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)memory + page - 1) & ~(page - 1),
            end = ((uintptr_t)memory + bytes) & ~(page - 1);
  if (memory && bytes >= MEMORY_LARGE_LEAST)
    (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}
