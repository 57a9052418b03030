// Columns of text and categories as ids, and as ids with numbers. Parts of the rows are encoded apart, by the
// threads of a pool, and put together in their order.
#include "runtime/data/dataset.h"
#include "support/spill.h"
#include "support/vec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A part of the rows and what became of them; its memory serves one part after another.
typedef struct part {
  size_t first, last; // rows
  VEC(int32_t) ids;
  VEC(double) weights;     // as many as ids, where the pipeline has them
  VEC(uint64_t) row_ends;  // items of the column behind each row, counted from the part's first
  VEC(uint64_t) step_ends; // of a nested column: ids behind each step
  void *scratch;
  size_t scratch_bytes;
  strbuf error;
} part;

typedef struct encoding {
  const text_encoder *encoder;
  const data_column *from;
  data_column *to;
  part *parts;
  size_t most; // ids per text
  bool weighs, nested;
  VEC(int32_t) ids; // of all parts so far
  VEC(double) weights;
} encoding;

// ---- texts

static void need_scratch(part *p, size_t bytes) {
  if (bytes <= p->scratch_bytes)
    return;
  free(p->scratch);
  p->scratch_bytes = bytes * 2;
  p->scratch = xmalloc(p->scratch_bytes);
}

static size_t room_for(const encoding *e, part *p, size_t bound) {
  size_t room = bound < e->most ? bound : e->most;
  spill_reserve(&p->ids, p->ids.len + room);
  return room;
}

static void write_text(const encoding *e, part *p, text_view text) {
  const text_pipeline *line = e->encoder->pipeline;
  size_t room = room_for(e, p, text_tokens_bound(line, text.bytes));
  need_scratch(p, text_scratch_bytes(line, text.bytes));
  p->ids.len += text_encode(e->encoder, text.data, text.bytes, p->scratch, p->ids.data + p->ids.len, room);
}

static void write_words(const encoding *e, part *p, const text_view *words, size_t count) {
  const text_pipeline *line = e->encoder->pipeline;
  size_t room = room_for(e, p, text_words_tokens_bound(line, count));
  need_scratch(p, text_words_scratch_bytes(line, words, count));
  p->ids.len += text_encode_words(e->encoder, words, count, p->scratch, p->ids.data + p->ids.len, room);
}

// ---- values

static bool refuse(const encoding *e, part *p, size_t row, text_view value) {
  strbuf_printf(
      &p->error,
      "input '%s', row %zu: '%.*s' is not in the vocabulary, and the layer has num_oov_indices = 0; 1 "
      "gives unknown values an id",
      e->from->name, row, (int)(value.bytes < 60 ? value.bytes : 60), value.data);
  return false;
}

static bool write_values(const encoding *e, part *p, size_t row) {
  const data_column *c = e->from;
  uint64_t end = data_column_first(c, row + 1);
  for (uint64_t i = data_column_first(c, row); i < end; i++) {
    char digits[24];
    text_view value = {digits, 0};
    if (c->texts)
      value = c->texts[i];
    else
      value.bytes = (size_t)snprintf(digits, sizeof digits, "%d", c->ints[i]);
    int32_t id = text_lookup(e->encoder, value.data, value.bytes);
    if (id == TEXT_REFUSED)
      return refuse(e, p, row, value);
    spill_push(&p->ids, id);
  }
  return true;
}

// ---- rows

// Turns the ids from `start` on into columns with numbers.
static void weigh(const encoding *e, part *p, size_t start) {
  size_t count = p->ids.len - start;
  spill_reserve(&p->weights, start + count);
  p->ids.len = start + text_bag(e->encoder, p->ids.data + start, count, p->weights.data + start);
  p->weights.len = p->ids.len;
}

static bool write_row(const encoding *e, part *p, size_t row) {
  const data_column *from = e->from;
  uint64_t first = data_column_first(from, row), end = data_column_first(from, row + 1);
  size_t start = p->ids.len;
  bool fine = true;
  if (e->encoder->pipeline->layer != TEXT_VECTORIZATION)
    fine = write_values(e, p, row);
  else if (from->kind == DATA_WORDS)
    write_words(e, p, from->texts + first, (size_t)(end - first));
  else
    write_text(e, p, from->texts[first]);
  if (e->weighs)
    weigh(e, p, start);
  vec_push(&p->row_ends, p->ids.len);
  return fine;
}

static void write_nested_row(const encoding *e, part *p, size_t row) {
  uint64_t end = data_column_first(e->from, row + 1);
  for (uint64_t i = data_column_first(e->from, row); i < end; i++) {
    write_text(e, p, e->from->texts[i]);
    vec_push(&p->step_ends, p->ids.len);
  }
  vec_push(&p->row_ends, p->step_ends.len);
}

static void encode_part(void *env, int64_t number) {
  const encoding *e = env;
  part *p = &e->parts[number];
  bool fine = true;
  p->ids.len = p->weights.len = p->row_ends.len = p->step_ends.len = 0;
  for (size_t row = p->first; fine && row < p->last; row++) {
    if (e->nested)
      write_nested_row(e, p, row);
    else
      fine = write_row(e, p, row);
    spill_touched(data_row_bytes(e->from, row));
  }
}

// ---- parts

enum {
  PART_BYTES = 1 << 16, // of texts, unless one row has more
  PARTS_AT_ONCE = 8,    // for each thread
};

// Rows from `row` on in parts, as many as are encoded at once; few rows are shared out evenly. Returns how
// many parts there are.
static size_t share_out(encoding *e, size_t row, size_t most_parts) {
  size_t rows = e->from->rows, even = rows / most_parts + 1, count = 0;
  for (size_t whole = 0; row < rows && count < most_parts && whole < most_parts * PART_BYTES; count++) {
    part *p = &e->parts[count];
    p->first = row;
    size_t bytes = 0;
    for (; row < rows && bytes < PART_BYTES && row - p->first < even; row++)
      bytes += data_row_bytes(e->from, row);
    p->last = row;
    whole += bytes;
  }
  return count;
}

// False where a row of it was refused.
static bool append_part(encoding *e, const part *p, strbuf *error) {
  size_t before = e->ids.len;
  uint64_t *row_start = e->to->row_start + p->first, *step_start = NULL;
  if (p->error.len) {
    strbuf_puts(error, strbuf_text(&p->error));
    return false;
  }
  spill_reserve(&e->ids, before + p->ids.len);
  if (p->ids.len)
    memcpy(e->ids.data + before, p->ids.data, p->ids.len * sizeof *p->ids.data);
  e->ids.len += p->ids.len;
  spill_reserve(&e->weights, before + p->weights.len);
  if (p->weights.len)
    memcpy(e->weights.data + before, p->weights.data, p->weights.len * sizeof *p->weights.data);
  e->weights.len += p->weights.len;
  if (e->nested)
    step_start = e->to->step_start + row_start[0];
  for (size_t k = 0; k < p->row_ends.len; k++)
    row_start[k + 1] = row_start[0] + p->row_ends.data[k];
  for (size_t k = 0; k < p->step_ends.len; k++)
    step_start[k + 1] = step_start[0] + p->step_ends.data[k];
  spill_touched((p->row_ends.len + p->step_ends.len) * sizeof *row_start + p->ids.len * sizeof *p->ids.data +
                p->weights.len * sizeof *p->weights.data);
  return true;
}

static bool encode_rows(encoding *e, thread_pool *pool, strbuf *error) {
  size_t most = pool_threads(pool) > 1 ? (size_t)pool_threads(pool) * PARTS_AT_ONCE : 1;
  bool fine = true;
  e->parts = xcalloc(most, sizeof *e->parts);
  for (size_t row = 0; fine && row < e->from->rows;) {
    size_t count = share_out(e, row, most);
    pool_run(pool, encode_part, e, (int64_t)count);
    for (size_t k = 0; fine && k < count; k++)
      fine = append_part(e, &e->parts[k], error);
    row = e->parts[count - 1].last;
  }
  for (size_t k = 0; k < most; k++) {
    part *p = &e->parts[k];
    spill_vec_free(&p->ids);
    spill_vec_free(&p->weights);
    vec_free(&p->row_ends);
    vec_free(&p->step_ends);
    free(p->scratch);
    strbuf_free(&p->error);
  }
  free(e->parts);
  return fine;
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

static data_column *weights_column(encoding *e) {
  const data_column *ids = e->to;
  data_column *c = new_column(e->from, DATA_FLOAT, ids->rank);
  keep_extents(c, ids);
  for (size_t k = 0; c->row_start && k <= ids->rows; k++)
    c->row_start[k] = ids->row_start[k];
  c->doubles = trimmed(&e->weights);
  return c;
}

data_column *data_column_encode(const data_column *values, const text_encoder *encoder, data_column **weights,
                                thread_pool *pool, strbuf *error) {
  const text_pipeline *p = encoder->pipeline;
  bool tokens = p->layer == TEXT_VECTORIZATION;
  encoding e = {.encoder = encoder,
                .from = values,
                .weighs = weights && text_has_weights(p),
                .nested = tokens && values->kind == DATA_WORDS && p->split == TEXT_SPLIT_CHARACTER,
                .most = p->output_sequence_length > 0 ? (size_t)p->output_sequence_length : SIZE_MAX};
  spill_reserve(&e.ids, 1);
  spill_reserve(&e.weights, 1);
  data_column *c = e.to = new_column(values, DATA_INT, e.nested ? 2 : 1);
  if (e.nested) {
    c->step_start =
        spill_alloc(((size_t)data_column_first(values, values->rows) + 1) * sizeof *c->step_start);
    c->step_start[0] = 0;
  }
  bool fine = encode_rows(&e, pool, error);
  c->ints = trimmed(&e.ids);
  if (!tokens && (!e.weighs || p->output == TEXT_ONE_HOT))
    keep_extents(c, values);
  if (fine && e.weighs)
    *weights = weights_column(&e);
  else
    spill_vec_free(&e.weights);
  if (!fine) {
    data_column_free(c);
    c = NULL;
  }
  return c;
}
