#include "runtime/train/facts.h"
#include "support/spill.h"
#include <stdlib.h>

const int length_percents[LENGTH_PERCENTS] = {50, 90, 95, 99};

static int by_size(const void *a, const void *b) {
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

length_facts facts_lengths(const data_column *c, size_t first, size_t count, int64_t most) {
  bool nested = c->step_start != NULL;
  if (nested) { // steps instead of rows
    count = (size_t)(c->row_start[first + count] - c->row_start[first]);
    first = (size_t)c->row_start[first];
  }
  length_facts f = {.rows = count};
  if (!count)
    return f;
  size_t *lengths = spill_alloc(count * sizeof *lengths);
  double sum = 0;
  for (size_t r = 0; r < count; r++) {
    lengths[r] = nested ? (size_t)(c->step_start[first + r + 1] - c->step_start[first + r])
                        : data_column_steps(c, first + r);
    sum += (double)lengths[r];
    spill_touched(sizeof *c->row_start + sizeof *lengths);
    f.empty += lengths[r] == 0;
    f.cut += most && lengths[r] > (size_t)most;
  }
  qsort(lengths, count, sizeof *lengths, by_size);
  f.mean = sum / (double)count;
  f.shortest = lengths[0];
  f.longest = lengths[count - 1];
  for (int k = 0; k < LENGTH_PERCENTS; k++)
    f.up_to[k] = lengths[(count - 1) * (size_t)length_percents[k] / 100];
  spill_free(lengths);
  return f;
}

coverage_facts facts_coverage(const vocabulary *words, const data_column *ids, size_t first, size_t count) {
  size_t from = (size_t)data_column_first(ids, first), to = (size_t)data_column_first(ids, first + count);
  if (ids->step_start) {
    from = (size_t)ids->step_start[from];
    to = (size_t)ids->step_start[to];
  }
  coverage_facts f = {.tokens = to - from};
  for (size_t k = from; k < to; k++, spill_touched(sizeof *ids->ints))
    f.known += !vocabulary_is_unknown(words, ids->ints[k]);
  return f;
}

data_column *facts_encode(const data_column *texts, const model_pipeline *p, thread_pool *pool,
                          strbuf *error) {
  text_pipeline whole = p->pipeline;
  whole.output_sequence_length = 0;
  text_encoder e = {&whole, p->words};
  return data_column_encode(texts, &e, NULL, pool, error);
}

size_t *facts_classes(const data_column *labels, size_t first, size_t count, size_t classes) {
  size_t *counts = xcalloc(classes + 1, sizeof *counts);
  size_t to = (size_t)data_column_first(labels, first + count);
  for (size_t k = (size_t)data_column_first(labels, first); k < to; k++, spill_touched(sizeof *labels->ints))
    if (labels->ints[k] >= 0 && (size_t)labels->ints[k] < classes)
      counts[labels->ints[k]]++;
  return counts;
}
