#ifndef NLM_SUPPORT_ARENA_H
#define NLM_SUPPORT_ARENA_H
// Region memory: everything allocated from an arena is released together.
// Thread-safety: an arena belongs to one thread at a time.
// Errors: running out of memory as in support/memory.h.
#include "support/memory.h"
#include <stdarg.h>
#include <stddef.h>

typedef struct arena arena;

arena *arena_new(void);
void arena_free(arena *a); // NULL is allowed

// Zeroed memory, aligned to 16 bytes; size 0 gives a valid, unique pointer.
void *arena_alloc(arena *a, size_t bytes);
char *arena_strndup(arena *a, const char *text, size_t bytes);
char *arena_strdup(arena *a, const char *text);
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(arena *a, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#define ARENA_NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

#endif
