#ifndef NLM_SUPPORT_VEC_H
#define NLM_SUPPORT_VEC_H
// A growable array of any type: `VEC(int) v = {0}; vec_push(&v, 3); v.data[0]; v.len; vec_free(&v);`
#include "support/arena.h"
#include <stdlib.h>

#define VEC(T)                                                                                               \
  struct {                                                                                                   \
    T *data;                                                                                                 \
    size_t len, cap;                                                                                         \
  }

#define vec_reserve(v, n)                                                                                    \
  do {                                                                                                       \
    if ((v)->cap < (n)) {                                                                                    \
      size_t vec_cap_ = (v)->cap ? (v)->cap * 2 : 8;                                                         \
      (v)->cap = vec_cap_ < (n) ? (n) : vec_cap_;                                                            \
      (v)->data = xrealloc((v)->data, (v)->cap * sizeof *(v)->data);                                         \
    }                                                                                                        \
  } while (0)

#define vec_push(v, x)                                                                                       \
  do {                                                                                                       \
    vec_reserve((v), (v)->len + 1);                                                                          \
    (v)->data[(v)->len++] = (x);                                                                             \
  } while (0)

#define vec_pop(v) ((v)->data[--(v)->len])
#define vec_free(v)                                                                                          \
  do {                                                                                                       \
    xfree((v)->data);                                                                                        \
    (v)->data = NULL;                                                                                        \
    (v)->len = (v)->cap = 0;                                                                                 \
  } while (0)

#endif
