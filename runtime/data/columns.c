// What is done with a whole column: class names, class numbers, vocabularies, ids.
#include "runtime/data/dataset.h"
#include "runtime/text/token_table.h"
#include "support/vec.h"

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

size_t dataset_class_names(const data_column *labels, size_t rows, text_view **out) {
  token_table seen;
  token_table_init(&seen, 0);
  VEC(text_view) names = {0};
  bool numeric = true;
  uint64_t items = labels->texts ? first_item(labels, rows) : 0;
  for (uint64_t i = 0; i < items; i++) {
    text_view label = labels->texts[i];
    bool added;
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

size_t dataset_bind_classes(dataset *d, data_column *labels, const text_view *names, size_t names_count,
                            data_problems *problems) {
  if (!labels->texts)
    return 0;
  token_table known;
  token_table_init(&known, names_count);
  for (size_t i = 0; i < names_count; i++) {
    bool added;
    token_table_add(&known, names[i].data, names[i].bytes, token_hash(names[i].data, names[i].bytes), &added);
  }
  uint64_t items = first_item(labels, labels->rows);
  labels->ints = xmalloc((size_t)(items + 1) * sizeof *labels->ints);
  size_t unknown = 0;
  for (size_t row = 0; row < labels->rows; row++)
    for (uint64_t i = first_item(labels, row); i < first_item(labels, row + 1); i++) {
      text_view label = labels->texts[i];
      uint32_t found = token_table_find(&known, label.data, label.bytes, token_first(label.data, label.bytes),
                                        token_hash(label.data, label.bytes));
      labels->ints[i] = found == TOKEN_ABSENT ? -1 : (int32_t)found;
      if (found != TOKEN_ABSENT)
        continue;
      unknown++;
      data_problem_add(problems, d->row_file ? d->row_file[row] : NULL, d->row_line ? d->row_line[row] : 0,
                       "label '%.*s' is none of the %zu classes of '%s'",
                       (int)(label.bytes < 60 ? label.bytes : 60), label.data, names_count, labels->name);
    }
  token_table_free(&known);
  free(labels->texts);
  labels->texts = NULL;
  return unknown;
}

// ---- text
// ------------------------------------------------------------------------------------------------------

vocabulary *dataset_adapt(const data_column *column, const text_pipeline *pipeline, size_t first,
                          size_t last) {
  text_adapter *a = text_adapter_new(pipeline);
  for (size_t row = first; row < last; row++) {
    uint64_t from = first_item(column, row), to = first_item(column, row + 1);
    if (column->kind == DATA_WORDS)
      text_adapter_add_words(a, column->texts + from, (size_t)(to - from));
    else
      text_adapter_add(a, column->texts[from].data, column->texts[from].bytes);
  }
  return text_adapter_finish(a);
}

typedef struct id_writer {
  const text_encoder *encoder;
  void *scratch;
  size_t scratch_bytes;
  VEC(int32_t) ids;
  size_t most; // ids per text
} id_writer;

static void need_scratch(id_writer *w, size_t bytes) {
  if (bytes <= w->scratch_bytes)
    return;
  free(w->scratch);
  w->scratch_bytes = bytes * 2;
  w->scratch = xmalloc(w->scratch_bytes);
}

static size_t room_for(id_writer *w, size_t bound) {
  size_t room = bound < w->most ? bound : w->most;
  vec_reserve(&w->ids, w->ids.len + room);
  return room;
}

static void write_text(id_writer *w, text_view text) {
  const text_pipeline *p = w->encoder->pipeline;
  size_t room = room_for(w, text_tokens_bound(p, text.bytes));
  need_scratch(w, text_scratch_bytes(p, text.bytes));
  w->ids.len += text_encode(w->encoder, text.data, text.bytes, w->scratch, w->ids.data + w->ids.len, room);
}

static void write_words(id_writer *w, const text_view *words, size_t count) {
  const text_pipeline *p = w->encoder->pipeline;
  size_t room = room_for(w, text_words_tokens_bound(p, count));
  need_scratch(w, text_words_scratch_bytes(p, words, count));
  w->ids.len += text_encode_words(w->encoder, words, count, w->scratch, w->ids.data + w->ids.len, room);
}

data_column *data_column_encode(const data_column *texts, const text_encoder *encoder) {
  const text_pipeline *p = encoder->pipeline;
  bool nested = texts->kind == DATA_WORDS && p->split == TEXT_SPLIT_CHARACTER;
  id_writer w = {.encoder = encoder,
                 .most = p->output_sequence_length > 0 ? (size_t)p->output_sequence_length : SIZE_MAX};
  vec_reserve(&w.ids, 1);
  data_column *c = xcalloc(1, sizeof *c);
  *c = (data_column){
      .name = texts->name, .kind = DATA_INT, .rows = texts->rows, .rank = nested ? 2 : 1, .present = true};
  c->extents[0] = c->extents[1] = -1;
  c->row_start = xcalloc(texts->rows + 1, sizeof *c->row_start);
  if (nested)
    c->step_start = xcalloc((size_t)first_item(texts, texts->rows) + 1, sizeof *c->step_start);
  for (size_t row = 0; row < texts->rows; row++) {
    uint64_t from = first_item(texts, row), to = first_item(texts, row + 1);
    for (uint64_t i = from; nested && i < to; i++) {
      write_text(&w, texts->texts[i]);
      c->step_start[i + 1] = w.ids.len;
    }
    if (!nested && texts->kind == DATA_WORDS)
      write_words(&w, texts->texts + from, (size_t)(to - from));
    else if (!nested)
      write_text(&w, texts->texts[from]);
    c->row_start[row + 1] = nested ? to : w.ids.len;
  }
  free(w.scratch);
  c->ints = xrealloc(w.ids.data, (w.ids.len + 1) * sizeof *c->ints);
  return c;
}
