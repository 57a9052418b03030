// The functions of nlm/nlm.h when memory runs out, at every call of the allocator that they make: a status,
// no leak, no end of the process, and whatever there was before still works.
#include "tests/unit/unit.h"
// after unit.h
#include "failing_heap.h"
#include "hand_model.h"
#include "support/memory.h"
#include "support/strbuf.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static strbuf images[HAND_MODELS];

static const struct nlm_abi_model *model_of(hand_kind kind) {
  if (!images[kind].len)
    hand_image(kind, 0, &images[kind]);
  hand_embed(kind, &images[kind]);
  return hand_model(kind);
}

typedef struct trial {
  hand_kind kind;
  const char *path;       // of weights; NULL: inside
  const nlm_model *model; // of trials that need one
  nlm_context *context;
} trial;

typedef nlm_status attempt(trial *t);

// Makes it fail at its first, second ... call of the allocator, until it has no more. Returns how many it
// has.
static long fail_everywhere(attempt *run, trial *t, int lasting) {
  for (long n = 1;; n++) {
    long live = heap_live();
    heap_fail(n, lasting);
    nlm_status status = run(t);
    long failures = heap_failures();
    heap_fail(0, 0);
    if (heap_live() != live)
      fail_msg("%ld pieces leak when call %ld fails", heap_live() - live, n);
    if (failures == 0) {
      assert_int_equal(status, NLM_OK);
      return n - 1;
    }
    if (lasting || status) // one failure alone may be got over
      assert_int_equal(status, NLM_ERROR_MEMORY);
    assert_true(n < 100000);
  }
}

static nlm_status open_and_close(trial *t) {
  nlm_model *m;
  nlm_status status = nlm_open(hand_model(t->kind), t->path, &m);
  if ((status == NLM_OK) != (m != NULL) || (status && strcmp(nlm_open_error(), "not enough memory")))
    return NLM_ERROR_USAGE;
  nlm_close(m);
  return status;
}

static nlm_status create_and_destroy(trial *t) {
  const nlm_limits limits = {.batch = 2, .text_bytes = 100, .time = 20};
  nlm_context *c;
  nlm_status status = nlm_context_create(t->model, &limits, &c);
  if ((status == NLM_OK) != (c != NULL))
    return NLM_ERROR_USAGE;
  nlm_context_destroy(c);
  return status;
}

static nlm_status create_in_and_destroy(trial *t) {
  static _Alignas(64) char memory[1 << 20];
  const nlm_limits limits = {.batch = 2, .text_bytes = 100, .time = 20};
  nlm_context *c;
  nlm_status status = nlm_context_create_in(t->model, &limits, memory, sizeof memory, &c);
  nlm_context_destroy(c);
  return status;
}

static nlm_status change_threads(trial *t) {
  nlm_status status = nlm_set_threads(t->context, 3);
  nlm_set_threads(t->context, 1);
  return status;
}

static nlm_model *open_model(hand_kind kind) {
  nlm_model *m;
  assert_int_equal(nlm_open(model_of(kind), NULL, &m), NLM_OK);
  return m;
}

static void opening(void **state) {
  (void)state;
  static const char path[] = "memory.safetensors";
  for (int kind = 0; kind < HAND_MODELS; kind++) {
    trial t = {.kind = (hand_kind)kind};
    model_of(t.kind);
    open_and_close(&t); // what libc keeps from the first time on
    for (int lasting = 0; lasting < 2; lasting++) {
      t.path = NULL;
      assert_true(fail_everywhere(open_and_close, &t, lasting) > 20);
      assert_int_equal(file_write_atomic(path, images[kind].data, images[kind].len), 0);
      t.path = path;
      assert_true(fail_everywhere(open_and_close, &t, lasting) > 20);
    }
  }
  unlink(path);
}

static void contexts(void **state) {
  (void)state;
  for (int kind = 0; kind < HAND_MODELS; kind++) {
    nlm_model *m = open_model((hand_kind)kind);
    trial t = {.model = m};
    for (int lasting = 0; lasting < 2; lasting++) {
      assert_true(fail_everywhere(create_and_destroy, &t, lasting) >= 3);
      assert_true(fail_everywhere(create_in_and_destroy, &t, lasting) >= 2);
    }
    nlm_close(m);
  }
}

// A context whose threads could not be started goes on with those that it has.
static void threads(void **state) {
  (void)state;
  nlm_model *m = open_model(MOOD);
  trial t = {.model = m};
  nlm_prediction before, after;
  assert_int_equal(nlm_context_create(m, NULL, &t.context), NLM_OK);
  assert_int_equal(nlm_predict_text(t.context, "good film", SIZE_MAX, &before), NLM_OK);
  float value = before.values[0];
  for (long n = 1; n <= 4; n++) { // the heap of libc's own threads is not looked at
    heap_fail(n, 1);
    nlm_status status = change_threads(&t);
    heap_fail(0, 0);
    assert_true(status == NLM_OK || status == NLM_ERROR_MEMORY);
    assert_true(n > 2 || status == NLM_ERROR_MEMORY);
    assert_int_equal(nlm_predict_text(t.context, "good film", SIZE_MAX, &after), NLM_OK);
    assert_true(after.values[0] == value);
  }
  nlm_context_destroy(t.context);
  nlm_close(m);
}

// ---- attempts by themselves

static char order[8];

static void note(void *what) {
  strcat(order, what);
}

typedef struct steps {
  void *kept;
  bool ends;
} steps;

static void take_and_end(void *argument) {
  steps *s = argument;
  void *list[1000];
  for (size_t k = 0; k < 1000; k++)
    list[k] = xmalloc(k);
  for (size_t k = 0; k < 1000; k += 2)
    xfree(list[k]);
  for (size_t k = 1; k < 1000; k += 2)
    list[k] = xrealloc(list[k], 2000 - k);
  memory_on_unwind(note, (char[]){"a"});
  static char b[] = "b", c[] = "c";
  memory_on_unwind(note, b);
  memory_on_unwind(note, c);
  memory_settled(c);
  s->kept = list[1];
  if (s->ends)
    xmalloc(SIZE_MAX / 4);
  for (size_t k = 3; k < 1000; k += 2)
    xfree(list[k]);
}

static void attempts(void **state) {
  (void)state;
  long live = heap_live();
  steps s = {0};
  s.ends = heap_can_fail(); // a sanitizer ends the process where malloc would return NULL
  assert_int_equal(memory_try(take_and_end, &s), !s.ends);
  assert_string_equal(order, s.ends ? "ba" : "");
  assert_int_equal(heap_live(), live);
  if (!s.ends)
    free(s.kept);
  s.ends = false;
  order[0] = 0;
  assert_true(memory_try(take_and_end, &s));
  assert_string_equal(order, "");
  assert_int_equal(heap_live(), live + (heap_can_fail() ? 1 : 0));
  memset(s.kept, 1, 1999);
  free(s.kept);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(attempts), cmocka_unit_test(opening),
                                     cmocka_unit_test(contexts), cmocka_unit_test(threads)};
  const struct CMUnitTest alone[] = {cmocka_unit_test(attempts)};
  return heap_can_fail() ? cmocka_run_group_tests(tests, NULL, NULL)
                         : cmocka_run_group_tests(alone, NULL, NULL);
}
