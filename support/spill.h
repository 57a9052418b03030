#ifndef NLM_SUPPORT_SPILL_H
#define NLM_SUPPORT_SPILL_H
// Memory for data that grows with the rows of a training set. Up to half of a stated limit it is memory as
// any other; what comes on top lies in temporary files that are mapped, so that its contents can be used as
// memory all the same while the process keeps only a part of it resident. The files have no name any more
// once they are open: nothing is left behind, however the process ends. They lie in the folder that TMPDIR
// names, else in /var/tmp.
//
// Small pieces (below a 16th of the limit, at most 1 MiB) are never counted or moved.
// Errors: running out of memory as in support/memory.h; a full disk ends the process with a sentence and exit
// code 1, so libraries must not use this. Thread-safety: all functions may be called from any thread; a piece
// belongs to one thread while it is resized.
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// "64K", "512M", "2G" or bytes; false: it is no size. Before anything is taken; 1 GiB until then.
bool spill_set_limit(const char *text);
size_t spill_limit(void); // bytes

// As realloc. The piece must have come from here (or from malloc, if it is smaller than what is counted).
// `old_bytes`: what it was asked for with; bytes 0 gives a piece of 1.
void *spill_realloc(void *old, size_t old_bytes, size_t bytes);
void *spill_alloc(size_t bytes); // not zeroed
void *spill_zeros(size_t bytes); // zeroed
void spill_free(void *memory);   // what malloc gave, and NULL, are allowed

// An empty temporary file without a name, open for reading and writing. Ends the process if there can be
// none.
int spill_file(void);
// Writes all or ends the process.
void spill_write(int file, const void *bytes, size_t n);

extern atomic_bool spill_is_mapped; // whether any piece lies in a file
void spill_let_go(size_t bytes);
// Tells that about that many bytes of pieces were read or written since the last call: after a quarter of the
// limit, or when as much of files is resident, the mapped ones are given back to the system (and read again
// when they are used).
static inline void spill_touched(size_t bytes) {
  if (atomic_load_explicit(&spill_is_mapped, memory_order_relaxed))
    spill_let_go(bytes);
}

// Whether a piece lies in a file, and that a part of such a piece will be read soon.
bool spill_holds(const void *piece);
void spill_expect(const void *part, size_t bytes);

// A VEC (support/vec.h) of such memory.
#define spill_reserve(v, n)                                                                                  \
  do {                                                                                                       \
    if ((v)->cap < (n)) {                                                                                    \
      size_t spill_old_ = (v)->cap, spill_cap_ = spill_old_ + spill_old_ / 4 + 16;                           \
      (v)->cap = spill_cap_ < (n) ? (n) : spill_cap_;                                                        \
      (v)->data = spill_realloc((v)->data, spill_old_ * sizeof *(v)->data, (v)->cap * sizeof *(v)->data);    \
    }                                                                                                        \
  } while (0)

#define spill_push(v, x)                                                                                     \
  do {                                                                                                       \
    spill_reserve((v), (v)->len + 1);                                                                        \
    (v)->data[(v)->len++] = (x);                                                                             \
  } while (0)

#define spill_vec_free(v)                                                                                    \
  do {                                                                                                       \
    spill_free((v)->data);                                                                                   \
    (v)->data = NULL;                                                                                        \
    (v)->len = (v)->cap = 0;                                                                                 \
  } while (0)

#endif
