// Columns of text and categories as ids, and as ids with numbers.
#include "runtime/data/dataset.h"
#include "support/spill.h"
#include "support/vec.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct id_writer {
  const text_encoder *encoder;
  const data_column *from;
  strbuf *error;
  void *scratch;
  size_t scratch_bytes;
  VEC(int32_t) ids;
  VEC(double) weights; // as many as ids where the pipeline has them
  size_t most;         // ids per text
  bool weighs;
} id_writer;

static uint64_t first_item(const data_column *c, size_t row) {
  return c->row_start ? c->row_start[row] : (uint64_t)row * c->items_per_row;
}

// ---- texts

static void need_scratch(id_writer *w, size_t bytes) {
  if (bytes <= w->scratch_bytes)
    return;
  free(w->scratch);
  w->scratch_bytes = bytes * 2;
  w->scratch = xmalloc(w->scratch_bytes);
}

static size_t room_for(id_writer *w, size_t bound) {
  size_t room = bound < w->most ? bound : w->most;
  spill_reserve(&w->ids, w->ids.len + room);
  return room;
}

static void write_text(id_writer *w, text_view text) {
  const text_pipeline *p = w->encoder->pipeline;
  size_t room = room_for(w, text_tokens_bound(p, text.bytes));
  need_scratch(w, text_scratch_bytes(p, text.bytes));
  spill_touched(text.bytes + sizeof text);
  w->ids.len += text_encode(w->encoder, text.data, text.bytes, w->scratch, w->ids.data + w->ids.len, room);
}

static void write_words(id_writer *w, const text_view *words, size_t count) {
  const text_pipeline *p = w->encoder->pipeline;
  size_t room = room_for(w, text_words_tokens_bound(p, count));
  need_scratch(w, text_words_scratch_bytes(p, words, count));
  spill_touched(count * 32);
  w->ids.len += text_encode_words(w->encoder, words, count, w->scratch, w->ids.data + w->ids.len, room);
}

// ---- values

static bool refuse(id_writer *w, size_t row, text_view value) {
  strbuf_printf(
      w->error,
      "input '%s', row %zu: '%.*s' is not in the vocabulary, and the layer has num_oov_indices = 0; 1 "
      "gives unknown values an id",
      w->from->name, row, (int)(value.bytes < 60 ? value.bytes : 60), value.data);
  return false;
}

static bool write_values(id_writer *w, size_t row, uint64_t from, uint64_t to) {
  const data_column *c = w->from;
  for (uint64_t i = from; i < to; i++) {
    char digits[24];
    text_view value = {digits, 0};
    if (c->texts)
      value = c->texts[i];
    else
      value.bytes = (size_t)snprintf(digits, sizeof digits, "%d", c->ints[i]);
    int32_t id = text_lookup(w->encoder, value.data, value.bytes);
    if (id == TEXT_REFUSED)
      return refuse(w, row, value);
    spill_push(&w->ids, id);
  }
  return true;
}

// ---- columns

static data_column *new_column(const data_column *like, data_kind kind, size_t rank) {
  data_column *c = xcalloc(1, sizeof *c);
  *c = (data_column){.name = like->name, .kind = kind, .rows = like->rows, .rank = rank, .present = true};
  c->extents[0] = c->extents[1] = -1;
  c->row_start = spill_alloc((like->rows + 1) * sizeof *c->row_start);
  c->row_start[0] = 0;
  return c;
}

// Turns the ids from `start` on into columns with numbers.
static void weigh(id_writer *w, size_t start) {
  size_t count = w->ids.len - start;
  spill_reserve(&w->weights, start + count);
  w->ids.len = start + text_bag(w->encoder, w->ids.data + start, count, w->weights.data + start);
  w->weights.len = w->ids.len;
}

static bool write_row(id_writer *w, data_column *c, size_t row) {
  const data_column *from = w->from;
  const text_pipeline *p = w->encoder->pipeline;
  uint64_t first = first_item(from, row), end = first_item(from, row + 1);
  size_t start = w->ids.len;
  bool fine = true;
  if (p->layer != TEXT_VECTORIZATION)
    fine = write_values(w, row, first, end);
  else if (from->kind == DATA_WORDS)
    write_words(w, from->texts + first, (size_t)(end - first));
  else
    write_text(w, from->texts[first]);
  if (w->weighs)
    weigh(w, start);
  c->row_start[row + 1] = w->ids.len;
  spill_touched(2 * sizeof *c->row_start + (w->ids.len - start) * sizeof *c->ints);
  return fine;
}

static void write_nested_row(id_writer *w, data_column *c, size_t row) {
  uint64_t end = first_item(w->from, row + 1);
  for (uint64_t i = first_item(w->from, row); i < end; i++) {
    write_text(w, w->from->texts[i]);
    c->step_start[i + 1] = w->ids.len;
  }
  c->row_start[row + 1] = end;
}

// Ids of values have the shape of the values.
static void keep_extents(data_column *c, const data_column *like) {
  c->rank = like->rank;
  for (size_t k = 0; k < DATA_MAX_RANK; k++)
    c->extents[k] = like->extents[k];
  c->items_per_row = like->items_per_row;
  if (!like->row_start) {
    spill_free(c->row_start);
    c->row_start = NULL;
  }
}

// What a list holds without the room behind it, which may have been more than half as much.
#define trimmed(v) spill_realloc((v)->data, (v)->cap * sizeof *(v)->data, ((v)->len + 1) * sizeof *(v)->data)

static data_column *weights_column(id_writer *w, const data_column *ids) {
  data_column *c = new_column(w->from, DATA_FLOAT, ids->rank);
  keep_extents(c, ids);
  for (size_t k = 0; c->row_start && k <= ids->rows; k++)
    c->row_start[k] = ids->row_start[k];
  c->doubles = trimmed(&w->weights);
  return c;
}

data_column *data_column_encode(const data_column *values, const text_encoder *encoder, data_column **weights,
                                strbuf *error) {
  const text_pipeline *p = encoder->pipeline;
  bool tokens = p->layer == TEXT_VECTORIZATION;
  bool nested = tokens && values->kind == DATA_WORDS && p->split == TEXT_SPLIT_CHARACTER;
  id_writer w = {.encoder = encoder,
                 .from = values,
                 .error = error,
                 .weighs = weights && text_has_weights(p),
                 .most = p->output_sequence_length > 0 ? (size_t)p->output_sequence_length : SIZE_MAX};
  spill_reserve(&w.ids, 1);
  spill_reserve(&w.weights, 1);
  data_column *c = new_column(values, DATA_INT, nested ? 2 : 1);
  if (nested) {
    c->step_start = spill_alloc(((size_t)first_item(values, values->rows) + 1) * sizeof *c->step_start);
    c->step_start[0] = 0;
  }
  bool fine = true;
  for (size_t row = 0; fine && row < values->rows; row++)
    if (nested)
      write_nested_row(&w, c, row);
    else
      fine = write_row(&w, c, row);
  free(w.scratch);
  c->ints = trimmed(&w.ids);
  if (!tokens && (!w.weighs || p->output == TEXT_ONE_HOT))
    keep_extents(c, values);
  if (fine && w.weighs)
    *weights = weights_column(&w, c);
  else
    spill_vec_free(&w.weights);
  if (!fine) {
    data_column_free(c);
    c = NULL;
  }
  return c;
}
