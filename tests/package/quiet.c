// Compiled code between the first and the last prediction: no heap, no lock; one text gives the same bits
// alone, in any batch, and with any number of threads.
#include "imdb.h"
#include "quiet_counters.h"
#include <stdio.h>
#include <string.h>

enum { TEXTS = 24 };
static char texts[TEXTS][2000];

static void make_texts(void) {
  unsigned state = 7;
  for (int k = 0; k < TEXTS; k++)
    for (int w = 0; w < k * k % 97; w++) {
      state = state * 1664525 + 1013904223;
      size_t n = strlen(texts[k]);
      snprintf(texts[k] + n, sizeof texts[k] - n, "w%u ", state >> 26);
    }
}

static int predict_all(nlm_context *context, int batch, float *values) {
  const char *list[TEXTS];
  nlm_prediction found[TEXTS];
  for (int first = 0; first < TEXTS; first += batch) {
    int n = first + batch < TEXTS ? batch : TEXTS - first;
    for (int k = 0; k < n; k++)
      list[k] = texts[first + k];
    if (nlm_predict_texts(context, list, NULL, (size_t)n, found)) {
      fprintf(stderr, "quiet: %s\n", nlm_context_error(context));
      return 1;
    }
    for (int k = 0; k < n; k++)
      values[first + k] = found[k].values[0];
  }
  return 0;
}

int main(void) {
  static const int batches[] = {1, 2, 5, 7, 24}, threads[] = {2, 3, 7};
  float expected[TEXTS], values[TEXTS];
  nlm_model *model;
  nlm_context *context;
  nlm_limits limits = {.batch = TEXTS, .text_bytes = 2000};
  make_texts();
  if (nlm_open(&nlm_model_imdb, NULL, &model) || nlm_context_create(model, &limits, &context))
    return 1;
  int failed = predict_all(context, 1, expected);
  long heap = quiet_heap_calls(), locks = quiet_locks();
  for (int k = 0; k < 5; k++)
    failed += predict_all(context, batches[k], values) || memcmp(values, expected, sizeof values) != 0;
  heap = quiet_heap_calls() - heap;
  locks = quiet_locks() - locks;
  for (int k = 0; k < 3; k++)
    failed += nlm_set_threads(context, threads[k]) || predict_all(context, TEXTS, values) ||
              memcmp(values, expected, sizeof values) != 0;
  nlm_context_destroy(context);
  nlm_close(model);
  if (failed || heap || locks)
    fprintf(stderr, "quiet: %d differences, %ld heap calls, %ld locks\n", failed, heap, locks);
  return failed || heap || locks;
}
