#ifndef NLM_TESTS_EXEC_GUARD_H
#define NLM_TESTS_EXEC_GUARD_H
// Memory that ends exactly where a page begins that nobody may touch, with another such page and a checked
// pattern in front of it: whoever reads or writes behind the end faults, whoever writes before the start is
// found out. Thread-safety: one thread.
#include <stdbool.h>
#include <stddef.h>

typedef struct guarded {
  char *data; // `bytes` bytes
  size_t bytes;
  char *mapping; // private
  size_t mapped;
} guarded;

// Filled with 0xff: NaN as REAL, -1 as INT. Ends the process when there is no memory.
guarded guard_new(size_t bytes);
void guard_read_only(guarded *g); // whoever writes faults
bool guard_front_is_whole(const guarded *g);
void guard_free(guarded *g);

// On a fault, names what was being done (printf-like, kept until changed) and ends the process with code 70.
void guard_doing(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
