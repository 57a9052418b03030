#ifndef NLM_SUPPORT_MEMORY_H
#define NLM_SUPPORT_MEMORY_H
// The malloc family without failure: where there is no memory the process ends with a message (exit code 70),
// or, inside memory_try, the attempt ends. Thread-safety: an attempt belongs to its thread.
#include <stdbool.h>
#include <stddef.h>

void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes);
void *xrealloc(void *old, size_t bytes);
char *xstrdup(const char *text);
// Frees what the above gave. Elsewhere `free` serves as well; inside memory_try only this does.
void xfree(void *memory); // NULL is allowed

// Runs body(argument), for libraries, which must not end the process. False when memory ran out: then body
// was left where it stood, all memory that it took from the functions above and had not given back is free
// again, and so is what memory_on_unwind was told of. After true the memory is as any other. Attempts do not
// nest.
bool memory_try(void (*body)(void *argument), void *argument);
// Inside memory_try: what is to be undone with `undo(what)` if the attempt ends, before memory is freed; the
// last first. Elsewhere nothing happens. At most MEMORY_UNDO_MAX at a time.
enum { MEMORY_UNDO_MAX = 8 };
void memory_on_unwind(void (*undo)(void *what), void *what);
void memory_settled(const void *what); // it is not to be undone any more; unknown ones are allowed

// Asks the system for large pages, for memory that is about to be written all over in no particular order:
// what is far apart is found sooner. Nothing happens where there are none, or for less than
// MEMORY_LARGE_LEAST bytes.
enum { MEMORY_LARGE_LEAST = 4 << 20 };
void memory_prefer_large_pages(void *memory, size_t bytes);

#endif
