// Several compiled models in one program, by the functions for tensors: states that go on and are reset,
// texts encoded, several inputs and outputs, batches of all sizes, threads with contexts of their own; no
// heap, no lock.
#include "bag.h"
#include "desk.h"
#include "quiet_counters.h"
#include "stream.h"
#include "whole.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 6, STEPS = 9, PART = 3, WORDS = 24, THREADS = 4, ROUNDS = 20 };

static const char *const notes[ROWS] = {"good good w4", "bad",    "", "w7 unheard w9 w11 w3 good bad",
                                        "Good, w12!",   "w30 w31"};
static int failures;

#define EXPECT(condition)                                                                                    \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      if (failures < 10)                                                                                     \
        fprintf(stderr, "several: line %d: %s\n", __LINE__, #condition);                                     \
      failures++;                                                                                            \
    }                                                                                                        \
  } while (0)

typedef struct results {
  float stream[STEPS / PART][ROWS][2];
  float mood[ROWS], kind[ROWS][3], tags[ROWS][WORDS][4], bag[ROWS][2];
} results;

typedef struct models {
  nlm_model *stream, *whole, *desk, *bag;
} models;

typedef struct contexts {
  nlm_context *stream, *desk, *bag;
} contexts;

static float number(int row, int step, int k) {
  return (float)((row * 31 + step * 17 + k * 7) % 13) / 6.5f - 1;
}

static void dims_of(const nlm_model *m, int64_t rows, int64_t words, int64_t *dims) {
  for (size_t k = 0; k < nlm_dimension_count(m); k++)
    dims[k] = strcmp(nlm_dimension_name(m, k), "batch") ? words : rows;
}

// Rows [first, first + n) of step group `part`.
static nlm_status run_stream(nlm_context *c, const nlm_model *m, int first, int n, int part, float *y) {
  float x[ROWS][PART][2];
  int64_t dims[4];
  for (int r = 0; r < n; r++)
    for (int t = 0; t < PART; t++)
      for (int k = 0; k < 2; k++)
        x[r][t][k] = number(first + r, part * PART + t, k);
  dims_of(m, n, 0, dims);
  return nlm_run(c, dims, (const void *[]){x}, (void *[]){y});
}

static void run_desk(const models *m, nlm_context *c, int first, int n, results *out) {
  int32_t ids[ROWS][WORDS] = {{0}}, row[WORDS];
  float facts[ROWS][3], tags[ROWS * WORDS * 4];
  int64_t dims[4];
  size_t count, most = 1;
  for (int r = 0; r < n; r++) {
    EXPECT(!nlm_encode(c, 0, notes[first + r], SIZE_MAX, row, NULL, WORDS, &count) && count <= WORDS);
    memcpy(ids[r], row, count * sizeof *row);
    most = count > most ? count : most;
    for (int k = 0; k < 3; k++)
      facts[r][k] = number(first + r, 5, k);
  }
  for (int r = 1; r < n; r++) // rows as wide as the longest
    memmove((int32_t *)ids + (size_t)r * most, ids[r], most * sizeof(int32_t));
  dims_of(m->desk, n, (int64_t)most, dims);
  EXPECT(
      !nlm_run(c, dims, (const void *[]){ids, facts}, (void *[]){&out->mood[first], out->kind[first], tags}));
  for (int r = 0; r < n; r++) {
    memset(out->tags[first + r], 0, sizeof out->tags[0]);
    EXPECT(!nlm_encode(c, 0, notes[first + r], SIZE_MAX, row, NULL, WORDS, &count));
    memcpy(out->tags[first + r], tags + (size_t)r * most * 4, count * 4 * sizeof(float));
  }
}

static void run_bag(const models *m, nlm_context *c, int first, int n, results *out) {
  int32_t ids[ROWS * WORDS] = {0};
  float weights[ROWS * WORDS] = {0};
  int64_t dims[4];
  size_t counts[ROWS], most = 1;
  for (int r = 0; r < n; r++) {
    EXPECT(!nlm_encode(c, 0, notes[first + r], SIZE_MAX, ids, weights, WORDS, &counts[r]));
    most = counts[r] > most ? counts[r] : most;
  }
  memset(ids, 0, sizeof ids);
  memset(weights, 0, sizeof weights);
  for (int r = 0; r < n; r++)
    EXPECT(!nlm_encode(c, 0, notes[first + r], SIZE_MAX, ids + (size_t)r * most, weights + (size_t)r * most,
                       most, &counts[r]));
  dims_of(m->bag, n, (int64_t)most, dims);
  EXPECT(!nlm_run(c, dims, (const void *[]){ids, weights}, (void *[]){out->bag[first]}));
}

static contexts make_contexts(const models *m) {
  contexts c;
  nlm_limits limits = {.batch = ROWS, .text_bytes = 200};
  EXPECT(!nlm_context_create(m->stream, &limits, &c.stream));
  EXPECT(!nlm_context_create(m->desk, &limits, &c.desk));
  EXPECT(!nlm_context_create(m->bag, &limits, &c.bag));
  return c;
}

static void destroy(contexts *c) {
  nlm_context_destroy(c->stream);
  nlm_context_destroy(c->desk);
  nlm_context_destroy(c->bag);
}

// All rows in batches of `batch`.
static void run_all(const models *m, const contexts *c, int batch, results *out) {
  for (int first = 0; first < ROWS; first += batch) {
    int n = first + batch <= ROWS ? batch : ROWS - first;
    nlm_reset_states(c->stream);
    for (int part = 0; part < STEPS / PART; part++)
      EXPECT(!run_stream(c->stream, m->stream, first, n, part, out->stream[part][first]));
    run_desk(m, c->desk, first, n, out);
    run_bag(m, c->bag, first, n, out);
  }
}

static void states_go_on(const models *m, const results *expected) {
  float x[ROWS][STEPS][2], y[ROWS][2], again[ROWS][2], other[ROWS][2];
  int64_t dims[4];
  nlm_limits limits = {.batch = ROWS};
  nlm_context *whole;
  contexts a = make_contexts(m), b = make_contexts(m);
  for (int r = 0; r < ROWS; r++)
    for (int t = 0; t < STEPS; t++)
      for (int k = 0; k < 2; k++)
        x[r][t][k] = number(r, t, k);
  EXPECT(!nlm_context_create(m->whole, &limits, &whole));
  dims_of(m->whole, ROWS, 0, dims);
  EXPECT(!nlm_run(whole, dims, (const void *[]){x}, (void *[]){y}));
  for (int r = 0; r < ROWS; r++)
    for (int k = 0; k < 2; k++)
      EXPECT(fabsf(y[r][k] - expected->stream[STEPS / PART - 1][r][k]) < 1e-6f);
  // states belong to a context: another one between the calls changes nothing
  EXPECT(!run_stream(a.stream, m->stream, 0, ROWS, 0, y[0]));
  EXPECT(!run_stream(b.stream, m->stream, 0, ROWS, 2, other[0]));
  EXPECT(!run_stream(a.stream, m->stream, 0, ROWS, 1, again[0]));
  EXPECT(!memcmp(again, expected->stream[1], sizeof again));
  EXPECT(!run_stream(a.stream, m->stream, 0, ROWS, 0, again[0]) &&
         memcmp(again, y, sizeof y));                                   // they went on
  EXPECT(run_stream(a.stream, m->stream, 0, 2, 0, again[0]) != NLM_OK); // states of six rows
  nlm_reset_states(a.stream);
  EXPECT(!run_stream(a.stream, m->stream, 0, ROWS, 0, again[0]) && !memcmp(again, y, sizeof y));
  nlm_reset_states(a.stream);
  EXPECT(!run_stream(a.stream, m->stream, 0, 2, 0, again[0]) && !memcmp(again, y, 2 * sizeof y[0]));
  nlm_reset_states(whole); // a model without states has none to forget
  nlm_context_destroy(whole);
  destroy(&a);
  destroy(&b);
}

static void what_models_say(const models *m) {
  nlm_tensor_info info;
  EXPECT(nlm_input_count(m->desk) == 2 && nlm_output_count(m->desk) == 3);
  EXPECT(!nlm_input_info(m->desk, 0, &info) && info.is_text && info.is_int && info.rank == 2 &&
         info.extents[1] == -1);
  EXPECT(!nlm_input_info(m->desk, 1, &info) && !info.is_text && !info.is_int && info.extents[1] == 3);
  EXPECT(!nlm_output_info(m->desk, 2, &info) && !strcmp(info.name, "tags") && info.rank == 3 &&
         info.extents[2] == 4);
  EXPECT(nlm_input_count(m->bag) == 2 && !nlm_input_info(m->bag, 1, &info) && !info.is_int && info.rank == 2);
}

static void texts_and_tensors_agree(const models *m, const contexts *c, const results *expected) {
  nlm_prediction p[ROWS];
  int32_t ids[2];
  size_t count;
  EXPECT(!nlm_predict_texts(c->bag, notes, NULL, ROWS, p));
  for (int r = 0; r < ROWS; r++)
    EXPECT(p[r].count == 2 && !memcmp(p[r].values, expected->bag[r], sizeof expected->bag[r]));
  EXPECT(nlm_encode(c->desk, 1, "good", SIZE_MAX, ids, NULL, 2, &count) != NLM_OK); // no text input
  EXPECT(nlm_encode(c->desk, 7, "good", SIZE_MAX, ids, NULL, 2, &count) != NLM_OK);
  (void)m;
}

typedef struct work {
  const models *m;
  const results *expected;
  int batch, same;
} work;

static void *run_often(void *argument) {
  work *w = argument;
  contexts c = make_contexts(w->m);
  w->same = 1;
  for (int k = 0; k < ROUNDS; k++) {
    results found;
    memset(&found, 0, sizeof found);
    run_all(w->m, &c, w->batch, &found);
    w->same = w->same && !memcmp(&found, w->expected, sizeof found);
  }
  destroy(&c);
  return NULL;
}

static void threads_agree(const models *m, const results *expected) {
  pthread_t threads[THREADS];
  work list[THREADS];
  for (int k = 0; k < THREADS; k++) {
    list[k] = (work){m, expected, k + 1, 0};
    EXPECT(!pthread_create(&threads[k], NULL, run_often, &list[k]));
  }
  for (int k = 0; k < THREADS; k++) {
    pthread_join(threads[k], NULL);
    EXPECT(list[k].same);
  }
}

int main(void) {
  static results expected, found;
  models m;
  EXPECT(!nlm_open(&nlm_model_stream, NULL, &m.stream) && !nlm_open(&nlm_model_whole, NULL, &m.whole));
  EXPECT(!nlm_open(&nlm_model_desk, NULL, &m.desk) && !nlm_open(&nlm_model_bag, NULL, &m.bag));
  if (failures)
    return 1;
  contexts c = make_contexts(&m);
  what_models_say(&m);
  run_all(&m, &c, 1, &expected);
  long heap = quiet_heap_calls(), locks = quiet_locks();
  for (int batch = 1; batch <= ROWS; batch++) {
    memset(&found, 0, sizeof found);
    run_all(&m, &c, batch, &found);
    EXPECT(!memcmp(&found, &expected, sizeof found));
  }
  EXPECT(quiet_heap_calls() == heap);
  EXPECT(quiet_locks() == locks);
  states_go_on(&m, &expected);
  texts_and_tensors_agree(&m, &c, &expected);
  threads_agree(&m, &expected);
  destroy(&c);
  nlm_close(m.stream);
  nlm_close(m.whole);
  nlm_close(m.desk);
  nlm_close(m.bag);
  return failures != 0;
}
