// Labels of a whole column: class names and class numbers.
#include "runtime/data/dataset.h"
#include "runtime/text/token_table.h"
#include "support/spill.h"
#include "support/vec.h"

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
  uint64_t items = labels->texts ? data_column_first(labels, rows) : 0;
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
    for (uint64_t i = data_column_first(labels, r); i < data_column_first(labels, r + 1) && !beyond; i++) {
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
  uint64_t items = data_column_first(labels, labels->rows);
  labels->ints = spill_alloc((size_t)(items + 1) * sizeof *labels->ints);
  size_t unknown = 0;
  for (size_t row = 0; row < labels->rows; row++)
    for (uint64_t i = data_column_first(labels, row); i < data_column_first(labels, row + 1); i++) {
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
