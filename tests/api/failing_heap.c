#include "failing_heap.h"
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static atomic_long live, calls, failures, fails_at;
static atomic_int lasts;

void heap_fail(long n, int lasting) {
  atomic_store(&calls, 0);
  atomic_store(&failures, 0);
  atomic_store(&lasts, lasting);
  atomic_store(&fails_at, n);
}

long heap_failures(void) {
  return atomic_load(&failures);
}

long heap_live(void) {
  return atomic_load(&live);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
int heap_can_fail(void) {
  return 0;
}
#else
int heap_can_fail(void) {
  return 1;
}

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *old, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

static int fails(void) {
  long at = atomic_load(&fails_at), call = atomic_fetch_add(&calls, 1) + 1;
  int failed = at && (call == at || (call > at && atomic_load(&lasts)));
  atomic_fetch_add(&failures, failed);
  if (failed)
    errno = ENOMEM;
  return failed;
}

static void *counted(void *memory) {
  atomic_fetch_add(&live, memory != NULL);
  return memory;
}

void *malloc(size_t n) {
  return fails() ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t count, size_t n) {
  return fails() ? NULL : counted(__libc_calloc(count, n));
}

void *realloc(void *old, size_t n) {
  if (fails())
    return NULL;
  void *memory = __libc_realloc(old, n);
  return old ? memory : counted(memory);
}

void *aligned_alloc(size_t alignment, size_t n) {
  return fails() ? NULL : counted(__libc_memalign(alignment, n));
}

void free(void *p) {
  atomic_fetch_sub(&live, p != NULL);
  __libc_free(p);
}
#endif
