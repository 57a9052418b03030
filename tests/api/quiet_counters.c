#define _GNU_SOURCE
#include "quiet_counters.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static atomic_long heap_calls, locks;

long quiet_heap_calls(void) {
  return atomic_load(&heap_calls);
}

long quiet_locks(void) {
  return atomic_load(&locks);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
int quiet_counting(void) {
  return 0;
}
#else
int quiet_counting(void) {
  return 1;
}

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *old, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

void *malloc(size_t n) {
  atomic_fetch_add(&heap_calls, 1);
  return __libc_malloc(n);
}

void *calloc(size_t count, size_t n) {
  atomic_fetch_add(&heap_calls, 1);
  return __libc_calloc(count, n);
}

void *realloc(void *old, size_t n) {
  atomic_fetch_add(&heap_calls, 1);
  return __libc_realloc(old, n);
}

void *aligned_alloc(size_t alignment, size_t n) {
  atomic_fetch_add(&heap_calls, 1);
  return __libc_memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n) {
  atomic_fetch_add(&heap_calls, 1);
  *out = __libc_memalign(alignment, n);
  return *out ? 0 : ENOMEM;
}

void free(void *p) {
  atomic_fetch_add(&heap_calls, 1);
  __libc_free(p);
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  static int (*real)(pthread_mutex_t *);
  union { // POSIX gives function addresses as object pointers
    void *object;
    int (*function)(pthread_mutex_t *);
  } next;
  if (!real) {
    next.object = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    real = next.function;
  }
  atomic_fetch_add(&locks, 1);
  return real(mutex);
}
#endif
