// Vocabularies and ids are the same for any number of threads.
#include "runtime/data/dataset.h"
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 700, MOST_WORDS = 40, WORD_BYTES = 16 };

// Rows of made-up words, a few of them frequent.
typedef struct texts {
  char bytes[ROWS][MOST_WORDS * WORD_BYTES];
  text_view rows[ROWS], words[ROWS * MOST_WORDS];
  uint64_t row_start[ROWS + 1];
  data_column whole, lists; // DATA_TEXT, and DATA_WORDS of the same words
} texts;

static texts *make_texts(void) {
  texts *t = calloc(1, sizeof *t);
  uint32_t random = 5;
  for (size_t row = 0; row < ROWS; row++) {
    size_t at = 0, count = row % MOST_WORDS;
    uint64_t word = t->row_start[row];
    for (size_t k = 0; k < count; k++) {
      random = random * 1664525 + 1013904223;
      unsigned number = random >> 8, rank = number % (number % 3 ? 20 : 3000);
      int n = sprintf(t->bytes[row] + at, k % 7 ? "%cw%u" : "%cLonger-Word%u", "xyZ"[rank % 3], rank);
      t->words[word++] = (text_view){t->bytes[row] + at, (size_t)n};
      at += (size_t)n;
      t->bytes[row][at++] = ' ';
    }
    t->rows[row] = (text_view){t->bytes[row], at};
    t->row_start[row + 1] = word;
  }
  t->whole = (data_column){.name = "review",
                           .kind = DATA_TEXT,
                           .rows = ROWS,
                           .items_per_row = 1,
                           .texts = t->rows,
                           .present = true};
  t->lists = (data_column){.name = "words",
                           .kind = DATA_WORDS,
                           .rows = ROWS,
                           .rank = 1,
                           .extents = {-1},
                           .row_start = t->row_start,
                           .texts = t->words,
                           .present = true};
  return t;
}

typedef struct result {
  vocabulary *words;
  strbuf list;
  data_column *ids, *weights;
} result;

static result run(const data_column *c, const text_pipeline *p, thread_pool *pool) {
  result r = {.words = dataset_adapt(c, p, 0, c->rows, pool)};
  strbuf error = {0};
  vocabulary_to_json(r.words, &r.list);
  r.ids = data_column_encode(c, &(text_encoder){p, r.words}, &r.weights, pool, &error);
  assert_non_null(r.ids);
  strbuf_free(&error);
  return r;
}

static void free_result(result *r) {
  vocabulary_free(r->words);
  strbuf_free(&r->list);
  data_column_free(r->ids);
  data_column_free(r->weights);
}

static void expect_same_column(const data_column *a, const data_column *b) {
  size_t steps = (size_t)data_column_first(a, a->rows), items = steps;
  if (a->row_start)
    assert_memory_equal(a->row_start, b->row_start, (a->rows + 1) * sizeof *a->row_start);
  if (a->step_start) {
    assert_memory_equal(a->step_start, b->step_start, (steps + 1) * sizeof *a->step_start);
    items = (size_t)a->step_start[steps];
  }
  assert_true(items > 0);
  if (a->ints)
    assert_memory_equal(a->ints, b->ints, items * sizeof *a->ints);
  if (a->doubles)
    assert_memory_equal(a->doubles, b->doubles, items * sizeof *a->doubles);
}

static void expect_same(const data_column *c, const text_pipeline *p) {
  result alone = run(c, p, NULL);
  for (int threads = 1; threads <= 5; threads += 2) {
    thread_pool *pool = pool_new(threads);
    result shared = run(c, p, pool);
    assert_string_equal(strbuf_text(&alone.list), strbuf_text(&shared.list));
    expect_same_column(alone.ids, shared.ids);
    assert_true(!alone.weights == !shared.weights);
    if (alone.weights)
      expect_same_column(alone.weights, shared.weights);
    free_result(&shared);
    pool_free(pool);
  }
  free_result(&alone);
}

static void same_for_any_number(void **state) {
  (void)state;
  texts *t = make_texts();
  const text_view oov = {"[UNK]", 5};
  expect_same(&t->whole, &(text_pipeline){.max_tokens = 300, .output_sequence_length = 20});
  expect_same(&t->whole, &(text_pipeline){0});
  expect_same(&t->whole, &(text_pipeline){
                             .output = TEXT_TF_IDF, .max_tokens = 500, .ngrams_count = 2, .ngrams = {1, 2}});
  expect_same(&t->lists, &(text_pipeline){.split = TEXT_SPLIT_CHARACTER, .output_sequence_length = 5});
  expect_same(
      &t->lists,
      &(text_pipeline){.layer = TEXT_STRING_LOOKUP, .oov_indices = 1, .oov_token = oov, .max_tokens = 99});
  free(t);
}

// The count that decides, worked out by hand: 700 rows, each with the word of its number's remainder by 4.
static void sums_of_threads(void **state) {
  (void)state;
  static const char *const words[] = {"a", "b", "c", "b"};
  text_view rows[ROWS];
  for (size_t k = 0; k < ROWS; k++)
    rows[k] = (text_view){words[k % 4], 1};
  data_column c = {.name = "x", .rows = ROWS, .items_per_row = 1, .texts = rows, .present = true};
  text_pipeline p = {.output = TEXT_TF_IDF, .max_tokens = 3};
  thread_pool *pool = pool_new(3);
  vocabulary *v = dataset_adapt(&c, &p, 0, ROWS, pool);
  strbuf list = {0};
  vocabulary_to_json(v, &list);
  assert_string_equal(strbuf_text(&list), "[\"\", \"[UNK]\", \"b\", \"c\"]"); // 350; 175, and c is behind a
  assert_true(fabs(vocabulary_idf(v)[1] - log(1 + 700.0 / 351)) < 1e-15);
  assert_true(fabs(vocabulary_idf(v)[2] - log(1 + 700.0 / 176)) < 1e-15);
  strbuf_free(&list);
  vocabulary_free(v);
  pool_free(pool);
}

// The first row that is refused is named, whichever thread comes first.
static void first_refusal(void **state) {
  (void)state;
  texts *t = make_texts();
  text_pipeline p = {.layer = TEXT_STRING_LOOKUP};
  vocabulary *v = dataset_adapt(&t->lists, &p, 0, 350, NULL);
  strbuf alone = {0};
  assert_null(data_column_encode(&t->lists, &(text_encoder){&p, v}, NULL, NULL, &alone));
  assert_non_null(strstr(strbuf_text(&alone), "input 'words', row 35"));
  thread_pool *pool = pool_new(4);
  for (int round = 0; round < 20; round++) {
    strbuf shared = {0};
    assert_null(data_column_encode(&t->lists, &(text_encoder){&p, v}, NULL, pool, &shared));
    assert_string_equal(strbuf_text(&shared), strbuf_text(&alone));
    strbuf_free(&shared);
  }
  pool_free(pool);
  strbuf_free(&alone);
  vocabulary_free(v);
  free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(same_for_any_number), cmocka_unit_test(sums_of_threads),
                                     cmocka_unit_test(first_refusal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
