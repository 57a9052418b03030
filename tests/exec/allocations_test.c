// A program of a compiled model allocates nothing while it runs, on any thread: malloc and its relatives are
// counted.
#include "tests/exec/native.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_bool counting;
static atomic_int calls;

static void count(void) {
  if (atomic_load(&counting))
    atomic_fetch_add(&calls, 1);
}

// The allocator's own entry points, so that these stand in for it in the whole process.
#define VISIBLE __attribute__((visibility("default")))
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *p);

VISIBLE void *malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}

VISIBLE void *calloc(size_t n, size_t bytes) {
  count();
  return __libc_calloc(n, bytes);
}

VISIBLE void *realloc(void *old, size_t bytes) {
  count();
  return __libc_realloc(old, bytes);
}

VISIBLE void *aligned_alloc(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}

VISIBLE void free(void *p) {
  if (p)
    count();
  __libc_free(p);
}

static void watch(bool running) {
  atomic_store(&counting, running);
}

static int check(const subject *s, void *context) {
  static const scene some[] = {{8, 33, MASKS_MIDDLE}, {1, 1, MASKS_ALL}, {0}};
  thread_pool *pool = context;
  native n;
  int failed = 0;
  native_open(&n, s,
              &(build_options){
                  .kinds = KIND_INFER | KIND_EVALUATE | KIND_GRAD, .weigh_outputs = true, .opt_level = 0});
  for (const scene *sc = some; sc->batch; sc++)
    for (int kind = 0; kind < PROGRAM_KINDS; kind++) {
      if (!n.programs[kind])
        continue;
      feed f = feed_new(s, sc, 1);
      results r = {0};
      atomic_store(&calls, 0);
      failed += native_run(&n, (program_kind)kind, &f, &(run_options){PLACES_PLANNED, pool, watch}, &r);
      int seen = atomic_load(&calls);
      if (seen) {
        printf("%s, %s: program %d called the allocator %d times\n", s->title, scene_name(sc), kind, seen);
        failed++;
      }
      results_free(&r);
      feed_free(&f);
    }
  native_close(&n);
  return failed;
}

static int counter_works(void) {
  watch(true);
  void *volatile p = malloc(10);
  free(p);
  watch(false);
  return atomic_load(&calls) == 2 ? 0 : 1;
}

int main(void) {
  thread_pool *pool = pool_new(3);
  int failed = counter_works();
  failed += subjects_each(SUBJECTS_LAYERS, "example 1", check, pool);
  pool_free(pool);
  printf("%d failed\n", failed);
  return failed != 0;
}
