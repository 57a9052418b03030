// Between the first and the last prediction nothing is allocated and nothing locked; many threads with
// contexts of their own, and one context with many threads, give the same bits.
#include "tests/unit/unit.h"
// after unit.h
#include "hand_model.h"
#include "quiet_counters.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 64, BATCH = 16, THREADS = 5, ROUNDS = 20 };
static char texts[TEXTS][200];

static void make_texts(void) {
  static const char *const words[] = {"good", "bad", "fine", "dull", "other", "Good!", "caf\xC3\xA9", "\xFF"};
  unsigned random = 12345;
  for (int k = 0; k < TEXTS; k++) {
    texts[k][0] = 0;
    for (int w = 0; w < k % 23; w++) {
      random = random * 1103515245 + 12345;
      strcat(strcat(texts[k], words[random >> 16 & 7]), " ");
    }
  }
}

static strbuf image;
static nlm_model *open_mood(void) {
  nlm_model *m;
  if (!image.len)
    hand_image(MOOD, 0, &image);
  hand_embed(MOOD, &image);
  assert_int_equal(nlm_open(hand_model(MOOD), NULL, &m), NLM_OK);
  return m;
}

static nlm_context *make_context(const nlm_model *m) {
  nlm_limits limits = {.batch = BATCH, .text_bytes = 200};
  nlm_context *c;
  assert_int_equal(nlm_context_create(m, &limits, &c), NLM_OK);
  return c;
}

// All texts in batches of a size; false if a call failed.
static bool predict_all(nlm_context *c, int batch, float *values) {
  const char *list[BATCH];
  nlm_prediction p[BATCH];
  for (int first = 0; first < TEXTS; first += batch) {
    int n = first + batch <= TEXTS ? batch : TEXTS - first;
    for (int k = 0; k < n; k++)
      list[k] = texts[first + k];
    if (nlm_predict_texts(c, list, NULL, (size_t)n, p))
      return false;
    for (int k = 0; k < n; k++)
      values[first + k] = p[k].values[0];
  }
  return true;
}

static void nothing_allocated_nothing_locked(void **state) {
  (void)state;
  nlm_model *m = open_mood();
  nlm_context *c = make_context(m);
  float values[TEXTS];
  char too_long[300];
  nlm_prediction p;
  memset(too_long, 'x', sizeof too_long);
  long heap = quiet_heap_calls(), locks = quiet_locks();
  bool fine = true;
  for (int batch = 1; batch <= BATCH; batch++)
    fine = predict_all(c, batch, values) && fine;
  nlm_status refused = nlm_predict_text(c, too_long, sizeof too_long, &p); // errors do not allocate either
  heap = quiet_heap_calls() - heap;
  locks = quiet_locks() - locks;
  assert_true(fine);
  assert_int_equal(refused, NLM_ERROR_LIMITS);
  assert_int_equal(heap, 0);
  assert_int_equal(locks, 0);
  nlm_context_destroy(c);
  nlm_close(m);
}

static void the_counters_count(void **state) {
  (void)state;
  if (!quiet_counting())
    skip();
  long heap = quiet_heap_calls(), locks = quiet_locks();
  void *volatile p = malloc(10);
  free(p);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  assert_int_equal(quiet_heap_calls() - heap, 2);
  assert_int_equal(quiet_locks() - locks, 1);
}

typedef struct work {
  const nlm_model *model;
  const float *expected;
  int batch;
  atomic_int *waiting;
  bool same;
} work;

static void *predict_often(void *argument) {
  work *w = argument;
  nlm_context *c;
  float values[TEXTS];
  nlm_limits limits = {.batch = BATCH, .text_bytes = 200};
  w->same = !nlm_context_create(w->model, &limits, &c);
  atomic_fetch_sub(w->waiting, 1);
  while (atomic_load(w->waiting)) {
  }
  for (int k = 0; w->same && k < ROUNDS; k++)
    w->same = predict_all(c, w->batch, values) && !memcmp(values, w->expected, sizeof values);
  nlm_context_destroy(c);
  return NULL;
}

static void threads_with_contexts_of_their_own(void **state) {
  (void)state;
  nlm_model *m = open_mood();
  nlm_context *c = make_context(m);
  float expected[TEXTS];
  assert_true(predict_all(c, 1, expected));
  atomic_int waiting = THREADS;
  pthread_t threads[THREADS];
  work works[THREADS];
  for (int k = 0; k < THREADS; k++) {
    works[k] = (work){m, expected, 1 + 3 * k, &waiting, false};
    assert_int_equal(pthread_create(&threads[k], NULL, predict_often, &works[k]), 0);
  }
  for (int k = 0; k < THREADS; k++) {
    pthread_join(threads[k], NULL);
    assert_true(works[k].same);
  }
  nlm_context_destroy(c);
  nlm_close(m);
}

static void threads_inside_a_context(void **state) {
  (void)state;
  nlm_model *m = open_mood();
  nlm_context *c = make_context(m);
  float expected[TEXTS], values[TEXTS];
  assert_true(predict_all(c, 1, expected));
  static const int counts[] = {2, 7, 1};
  for (int k = 0; k < 3; k++) {
    assert_int_equal(nlm_set_threads(c, counts[k]), NLM_OK);
    assert_true(predict_all(c, BATCH, values));
    assert_memory_equal(values, expected, sizeof values);
  }
  assert_int_equal(nlm_set_threads(c, 0), NLM_ERROR_USAGE);
  nlm_set_threads(c, 3);
  nlm_context_destroy(c); // its threads end with it
  nlm_close(m);
}

int main(void) {
  make_texts();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_counters_count),
      cmocka_unit_test(nothing_allocated_nothing_locked),
      cmocka_unit_test(threads_with_contexts_of_their_own),
      cmocka_unit_test(threads_inside_a_context),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
