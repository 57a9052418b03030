// Vocabularies of columns, counted by the threads of a pool side by side.
#include "runtime/data/dataset.h"
#include "runtime/kernels/pool.h"
#include "support/spill.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_DIGITS = 24 };

// An integer as it would be written.
static text_view digits_of(int32_t value, char *digits) {
  return (text_view){digits, (size_t)snprintf(digits, MOST_DIGITS, "%d", value)};
}

static void adapt_integers(text_adapter *a, const int32_t *ints, size_t n) {
  char *digits = xmalloc(n * MOST_DIGITS + 1);
  text_view *values = xmalloc((n + 1) * sizeof *values);
  for (size_t k = 0; k < n; k++)
    values[k] = digits_of(ints[k], digits + k * MOST_DIGITS);
  text_adapter_add_words(a, values, n);
  free(values);
  free(digits);
}

static void adapt_rows(text_adapter *a, const data_column *c, size_t first, size_t last) {
  for (size_t row = first; row < last; row++) {
    uint64_t from = data_column_first(c, row), to = data_column_first(c, row + 1);
    if (!c->texts)
      adapt_integers(a, c->ints + from, (size_t)(to - from));
    else if (c->kind == DATA_WORDS)
      text_adapter_add_words(a, c->texts + from, (size_t)(to - from));
    else
      text_adapter_add(a, c->texts[from].data, c->texts[from].bytes);
    spill_touched(data_row_bytes(c, row));
  }
}

// Rows [first, last) of each column; whichever adapter is free takes the next part.
typedef struct counting {
  const data_column *const *columns;
  size_t first, last;
  size_t parts, parts_per_column;
  text_adapter **adapters;
  atomic_size_t next;
} counting;

enum { ROWS_OF_A_PART = 64 };

static void count_parts(void *env, int64_t member) {
  counting *c = env;
  for (size_t part; (part = atomic_fetch_add(&c->next, 1)) < c->parts;) {
    size_t from = c->first + part % c->parts_per_column * ROWS_OF_A_PART;
    size_t to = c->last - from < ROWS_OF_A_PART ? c->last : from + ROWS_OF_A_PART;
    adapt_rows(c->adapters[member], c->columns[part / c->parts_per_column], from, to);
  }
}

vocabulary *dataset_adapt_all(const data_column *const *columns, size_t count, const text_pipeline *pipeline,
                              size_t first, size_t last, thread_pool *pool) {
  size_t members = (size_t)pool_threads(pool),
         per_column = (last - first + ROWS_OF_A_PART - 1) / ROWS_OF_A_PART;
  text_adapter **adapters = xcalloc(members, sizeof *adapters);
  adapters[0] = text_adapter_new(pipeline);
  for (size_t k = 1; k < members; k++)
    adapters[k] = text_adapter_beside(adapters[0]);
  counting c = {.columns = columns,
                .first = first,
                .last = last,
                .parts = count * per_column,
                .parts_per_column = per_column,
                .adapters = adapters};
  pool_run(pool, count_parts, &c, (int64_t)members);
  for (size_t k = 1; k < members; k++)
    text_adapter_join(adapters[k]);
  vocabulary *words = text_adapter_finish(adapters[0]);
  free(adapters);
  return words;
}

vocabulary *dataset_adapt(const data_column *column, const text_pipeline *pipeline, size_t first, size_t last,
                          thread_pool *pool) {
  return dataset_adapt_all(&column, 1, pipeline, first, last, pool);
}
