// What is done with a whole column: class names, class numbers, vocabularies, ids.
#include "runtime/data/dataset.h"
#include "runtime/text/token_table.h"
#include "support/spill.h"
#include "support/vec.h"
#include <stdio.h>

static uint64_t first_item(const data_column *c, size_t row) {
  return c->row_start ? c->row_start[row] : (uint64_t)row * c->items_per_row;
}

// ---- classes
// ---------------------------------------------------------------------------------------------------

static int by_bytes(const void *left, const void *right) {
  const text_view *a = left, *b = right;
  int order = memcmp(a->data, b->data, a->bytes < b->bytes ? a->bytes : b->bytes);
  if (order)
    return order;
  return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

// Numbers without leading zeros: the longer is the greater.
static int by_value(const void *left, const void *right) {
  const text_view *a = left, *b = right;
  if (a->bytes != b->bytes)
    return a->bytes < b->bytes ? -1 : 1;
  return memcmp(a->data, b->data, a->bytes);
}

static bool is_plain_integer(text_view text) {
  if (text.bytes == 0 || (text.bytes > 1 && text.data[0] == '0'))
    return false;
  for (size_t i = 0; i < text.bytes; i++)
    if (text.data[i] < '0' || text.data[i] > '9')
      return false;
  return true;
}

// Labels stand between the texts of a file: reading one brings in what lies between it and the one before.
static void touched_label(const data_column *labels, uint64_t i) {
  enum { MOST = 1 << 16 };
  ptrdiff_t apart = i ? labels->texts[i].data - labels->texts[i - 1].data : 0;
  spill_touched((apart >= 0 && apart < MOST ? (size_t)apart : MOST) + sizeof *labels->texts);
}

size_t dataset_class_names(const data_column *labels, size_t rows, text_view **out) {
  token_table seen;
  token_table_init(&seen, 0);
  VEC(text_view) names = {0};
  bool numeric = true;
  uint64_t items = labels->texts ? first_item(labels, rows) : 0;
  for (uint64_t i = 0; i < items; i++) {
    text_view label = labels->texts[i];
    bool added;
    touched_label(labels, i);
    token_table_add(&seen, label.data, label.bytes, token_hash(label.data, label.bytes), &added);
    if (!added)
      continue;
    vec_push(&names, label);
    numeric &= is_plain_integer(label);
  }
  token_table_free(&seen);
  if (names.len)
    qsort(names.data, names.len, sizeof *names.data, numeric ? by_value : by_bytes);
  *out = names.data;
  return names.len;
}

const text_view *dataset_class_beyond(const data_column *labels, size_t rows, size_t limit, size_t *row) {
  token_table seen;
  token_table_init(&seen, 0);
  const text_view *beyond = NULL;
  size_t count = 0;
  for (size_t r = 0; labels->texts && r < rows && !beyond; r++)
    for (uint64_t i = first_item(labels, r); i < first_item(labels, r + 1) && !beyond; i++) {
      text_view label = labels->texts[i];
      bool added;
      touched_label(labels, i);
      token_table_add(&seen, label.data, label.bytes, token_hash(label.data, label.bytes), &added);
      count += added;
      *row = r;
      beyond = count > limit ? &labels->texts[i] : NULL;
    }
  token_table_free(&seen);
  return beyond;
}

size_t dataset_bind_classes(dataset *d, data_column *labels, const text_view *names, size_t names_count,
                            data_problems *problems) {
  if (!labels->texts)
    return 0;
  token_table known, strange; // each label that is no class is told once, where it stands first
  token_table_init(&known, names_count);
  token_table_init(&strange, 0);
  for (size_t i = 0; i < names_count; i++) {
    bool added;
    token_table_add(&known, names[i].data, names[i].bytes, token_hash(names[i].data, names[i].bytes), &added);
  }
  uint64_t items = first_item(labels, labels->rows);
  labels->ints = spill_alloc((size_t)(items + 1) * sizeof *labels->ints);
  size_t unknown = 0;
  for (size_t row = 0; row < labels->rows; row++)
    for (uint64_t i = first_item(labels, row); i < first_item(labels, row + 1); i++) {
      text_view label = labels->texts[i];
      uint64_t hash = token_hash(label.data, label.bytes);
      uint32_t found =
          token_table_find(&known, label.data, label.bytes, token_first(label.data, label.bytes), hash);
      labels->ints[i] = found == TOKEN_ABSENT ? -1 : (int32_t)found;
      touched_label(labels, i);
      if (found != TOKEN_ABSENT)
        continue;
      unknown++;
      bool added;
      token_table_add(&strange, label.data, label.bytes, hash, &added);
      if (!added)
        continue;
      data_problem_add(problems, d->row_file ? d->row_file[row] : NULL, d->row_line ? d->row_line[row] : 0,
                       "label '%.*s' is none of the %zu classes of '%s'",
                       (int)(label.bytes < 60 ? label.bytes : 60), label.data, names_count, labels->name);
    }
  token_table_free(&known);
  token_table_free(&strange);
  spill_free(labels->texts);
  labels->texts = NULL;
  return unknown;
}

// ---- text
// ------------------------------------------------------------------------------------------------------

enum { MOST_DIGITS = 24 };

// Item i of a column as text; integers in digits (in `digits`).
static text_view value_at(const data_column *c, uint64_t i, char *digits) {
  if (c->texts)
    return c->texts[i];
  return (text_view){digits, (size_t)snprintf(digits, MOST_DIGITS, "%d", c->ints[i])};
}

static void adapt_integers(text_adapter *a, const data_column *c, uint64_t from, uint64_t to) {
  size_t n = (size_t)(to - from);
  char *digits = xmalloc(n * MOST_DIGITS + 1);
  text_view *values = xmalloc((n + 1) * sizeof *values);
  for (size_t k = 0; k < n; k++)
    values[k] = value_at(c, from + k, digits + k * MOST_DIGITS);
  text_adapter_add_words(a, values, n);
  free(values);
  free(digits);
}

// About what reading the items of a row touches.
static size_t row_bytes(const data_column *c, uint64_t from, uint64_t to) {
  size_t bytes = (size_t)(to - from) * (c->texts ? sizeof *c->texts : sizeof *c->ints);
  for (uint64_t i = from; c->texts && i < to; i++)
    bytes += c->texts[i].bytes;
  return bytes;
}

static void adapt_column(text_adapter *a, const data_column *column, size_t first, size_t last) {
  for (size_t row = first; row < last; row++) {
    uint64_t from = first_item(column, row), to = first_item(column, row + 1);
    if (!column->texts)
      adapt_integers(a, column, from, to);
    else if (column->kind == DATA_WORDS)
      text_adapter_add_words(a, column->texts + from, (size_t)(to - from));
    else
      text_adapter_add(a, column->texts[from].data, column->texts[from].bytes);
    spill_touched(row_bytes(column, from, to));
  }
}

vocabulary *dataset_adapt_all(const data_column *const *columns, size_t count, const text_pipeline *pipeline,
                              size_t first, size_t last) {
  text_adapter *a = text_adapter_new(pipeline);
  for (size_t k = 0; k < count; k++)
    adapt_column(a, columns[k], first, last);
  return text_adapter_finish(a);
}

vocabulary *dataset_adapt(const data_column *column, const text_pipeline *pipeline, size_t first,
                          size_t last) {
  return dataset_adapt_all(&column, 1, pipeline, first, last);
}
