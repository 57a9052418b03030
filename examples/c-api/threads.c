// The same with several threads: one model, a context for each thread, nothing allocated or locked by a
// prediction.
//
//   threads THREADS [WEIGHTS.safetensors] < lines
//
// prints what app prints, in the order of the lines.
#include "imdb.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 100000, MAX_THREADS = 64 };

typedef struct result {
  const char *label;
  double probability;
} result;

static char *lines[MAX_LINES];
static result results[MAX_LINES];
static size_t n_lines;

typedef struct worker {
  pthread_t thread;
  nlm_context *context;
  size_t first, step; // this worker's lines: first, first + step, ...
  nlm_status status;
} worker;

static void *label_lines(void *argument) {
  worker *w = argument;
  for (size_t k = w->first; k < n_lines && !w->status; k += w->step) {
    nlm_prediction p;
    w->status = nlm_predict_text(w->context, lines[k], SIZE_MAX, &p);
    if (!w->status)
      results[k] = (result){p.label, p.probability};
  }
  return NULL;
}

static void read_lines(void) {
  static char line[65536];
  while (n_lines < MAX_LINES && fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\r\n")] = 0;
    lines[n_lines++] = strdup(line);
  }
}

static int run_workers(const nlm_model *model, size_t threads) {
  static worker workers[MAX_THREADS];
  nlm_limits limits = {.batch = 1, .text_bytes = 65536};
  int failed = 0;
  size_t made = 0;
  for (; made < threads; made++) {
    worker *w = &workers[made];
    *w = (worker){.first = made, .step = threads};
    if (nlm_context_create(model, &limits, &w->context))
      break;
    if (pthread_create(&w->thread, NULL, label_lines, w)) {
      nlm_context_destroy(w->context);
      break;
    }
  }
  for (size_t k = 0; k < made; k++) {
    pthread_join(workers[k].thread, NULL);
    if (workers[k].status) {
      fprintf(stderr, "threads: %s\n", nlm_context_error(workers[k].context));
      failed = 1;
    }
    nlm_context_destroy(workers[k].context);
  }
  return failed || made < threads;
}

int main(int argc, char **argv) {
  size_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  if (threads < 1 || threads > MAX_THREADS) {
    fprintf(stderr, "usage: threads THREADS [WEIGHTS] < lines\n");
    return 2;
  }
  nlm_model *model;
  if (nlm_open(&nlm_model_imdb, argc > 2 ? argv[2] : NULL, &model)) {
    fprintf(stderr, "threads: %s\n", nlm_open_error());
    return 1;
  }
  read_lines();
  int failed = run_workers(model, threads);
  for (size_t k = 0; k < n_lines; k++) {
    if (!failed)
      printf("%s\t%.4f\t%s\n", results[k].label ? results[k].label : "?", results[k].probability, lines[k]);
    free(lines[k]);
  }
  nlm_close(model);
  return failed;
}
