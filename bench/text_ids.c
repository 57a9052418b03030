// Megabytes per second from a file of labelled texts to ids, by step and number of threads:
// `text_ids FILE THREADS [WORDS]`. The model is TextVectorization(WORDS, output_sequence_length = 600),
// 20,000 words unless told. The quickest of five rounds counts, for each step.
#include "runtime/data/dataset.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { ROUNDS = 5 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void least(double *best, double seconds) {
  if (*best == 0 || seconds < *best)
    *best = seconds;
}

typedef struct timing {
  double open, count, encode, all;
} timing;

static size_t run(const char *path, const text_pipeline *p, thread_pool *pool, timing *t) {
  const data_field review = {"review", DATA_TEXT, 0, {0}}, label = {"label", DATA_CLASS, 0, {0}};
  const data_schema schema = {&review, 1, &label, 1, true};
  data_problems problems = {0};
  strbuf error = {0};
  double begun = now();
  dataset *d = dataset_open(&path, 1, &schema, NULL, &problems);
  double opened = now();
  if (!d || problems.count) {
    fprintf(stderr, "text_ids: %s is no file of texts with labels\n", path);
    exit(1);
  }
  vocabulary *words = dataset_adapt(&d->inputs[0], p, 0, d->rows, pool);
  double counted = now();
  text_encoder encoder = {p, words};
  data_column *ids = data_column_encode(&d->inputs[0], &encoder, NULL, pool, &error);
  double encoded = now();
  size_t tokens = (size_t)ids->row_start[ids->rows];
  least(&t->open, opened - begun);
  least(&t->count, counted - opened);
  least(&t->encode, encoded - counted);
  least(&t->all, encoded - begun);
  data_column_free(ids);
  vocabulary_free(words);
  dataset_free(d);
  return tokens;
}

int main(int argc, char **argv) {
  struct stat st;
  if (argc < 3 || argc > 4 || stat(argv[1], &st)) {
    fprintf(stderr, "usage: text_ids FILE THREADS [WORDS]\n");
    return 2;
  }
  int threads = atoi(argv[2]);
  thread_pool *pool = pool_new(threads);
  text_pipeline p = {.max_tokens = argc > 3 ? atoll(argv[3]) : 20000, .output_sequence_length = 600};
  timing t = {0};
  double megabytes = (double)st.st_size / 1e6;
  size_t tokens = 0;
  for (int round = 0; round < ROUNDS; round++)
    tokens = run(argv[1], &p, pool, &t);
  printf("| %s | %d | %.0f | %.0f | %.0f | %.0f (%.1f million tokens a second) |\n", argv[1], threads,
         megabytes / t.open, megabytes / t.count, megabytes / t.encode, megabytes / t.all,
         (double)tokens / 1e6 / t.all);
  pool_free(pool);
  return 0;
}
