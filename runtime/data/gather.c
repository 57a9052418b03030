// Batches: rows by number into padded [B, steps, F] buffers.
#include "runtime/data/dataset.h"
#include "support/diag.h"
#include "support/spill.h"
#include <string.h>

size_t data_column_step_items(const data_column *c) {
  size_t items = 1;
  for (size_t i = 1; i < c->rank; i++)
    items *= (size_t)c->extents[i];
  return items;
}

size_t data_row_bytes(const data_column *c, size_t row) {
  uint64_t from = data_column_first(c, row), to = data_column_first(c, row + 1);
  size_t bytes = (size_t)(to - from) * (c->texts ? sizeof *c->texts : sizeof *c->ints);
  for (uint64_t i = from; c->texts && i < to; i++)
    bytes += c->texts[i].bytes;
  return bytes;
}

static size_t row_items(const data_column *c, size_t row) {
  return c->row_start ? (size_t)(c->row_start[row + 1] - c->row_start[row]) : c->items_per_row;
}

size_t data_column_steps(const data_column *c, size_t row) {
  if (c->step_start)
    return row_items(c, row);
  if (c->rank && !c->row_start)
    return (size_t)c->extents[0];
  size_t f = data_column_step_items(c);
  return f ? row_items(c, row) / f : 0;
}

size_t data_column_longest(const data_column *c, const size_t *rows, size_t b) {
  size_t longest = 0;
  for (size_t i = 0; i < b; i++) {
    size_t steps = data_column_steps(c, rows[i]);
    longest = steps > longest ? steps : longest;
  }
  return longest;
}

size_t data_column_longest_inner(const data_column *c, const size_t *rows, size_t b) {
  size_t longest = 0;
  for (size_t i = 0; i < b; i++)
    for (uint64_t s = c->row_start[rows[i]]; s < c->row_start[rows[i] + 1]; s++) {
      size_t n = (size_t)(c->step_start[s + 1] - c->step_start[s]);
      longest = n > longest ? n : longest;
    }
  return longest;
}

void data_column_expect(const data_column *c, const size_t *rows, size_t b) {
  const char *items = c->ints     ? (const char *)c->ints
                      : c->floats ? (const char *)c->floats
                                  : (const char *)c->doubles;
  size_t width = c->ints ? sizeof *c->ints : c->floats ? sizeof *c->floats : sizeof *c->doubles;
  if (!items || c->step_start || !spill_holds(items))
    return;
  for (size_t i = 0; i < b; i++)
    spill_expect(items + data_column_first(c, rows[i]) * width, row_items(c, rows[i]) * width);
}

// Defines gather_<to>_from_<from>: copies what there is of each row, then zeros.
#define GATHER(NAME, FROM, TO)                                                                               \
  static void NAME(const data_column *c, const FROM *from, const size_t *rows, size_t b, size_t width,       \
                   TO *out) {                                                                                \
    for (size_t i = 0; i < b; i++, out += width) {                                                           \
      const FROM *row = from + data_column_first(c, rows[i]);                                                \
      size_t items = row_items(c, rows[i]), n = items < width ? items : width;                               \
      for (size_t k = 0; k < n; k++)                                                                         \
        out[k] = (TO)row[k];                                                                                 \
      if (n < width)                                                                                         \
        memset(out + n, 0, (width - n) * sizeof *out);                                                       \
    }                                                                                                        \
  }
GATHER(gather_i32_from_i32, int32_t, int32_t)
GATHER(gather_f32_from_i32, int32_t, float)
GATHER(gather_f32_from_f32, float, float)
GATHER(gather_f32_from_f64, double, float)
GATHER(gather_f64_from_i32, int32_t, double)
GATHER(gather_f64_from_f32, float, double)
GATHER(gather_f64_from_f64, double, double)

void data_gather_i32(const data_column *c, const size_t *rows, size_t b, size_t steps, int32_t *out) {
  INVARIANT(c->ints && !c->step_start);
  gather_i32_from_i32(c, c->ints, rows, b, steps * data_column_step_items(c), out);
}

void data_gather_f32(const data_column *c, const size_t *rows, size_t b, size_t steps, float *out) {
  INVARIANT((c->ints || c->floats || c->doubles) && !c->step_start);
  size_t width = steps * data_column_step_items(c);
  if (c->ints)
    gather_f32_from_i32(c, c->ints, rows, b, width, out);
  else if (c->floats)
    gather_f32_from_f32(c, c->floats, rows, b, width, out);
  else
    gather_f32_from_f64(c, c->doubles, rows, b, width, out);
}

void data_gather_f64(const data_column *c, const size_t *rows, size_t b, size_t steps, double *out) {
  INVARIANT((c->ints || c->floats || c->doubles) && !c->step_start);
  size_t width = steps * data_column_step_items(c);
  if (c->ints)
    gather_f64_from_i32(c, c->ints, rows, b, width, out);
  else if (c->floats)
    gather_f64_from_f32(c, c->floats, rows, b, width, out);
  else
    gather_f64_from_f64(c, c->doubles, rows, b, width, out);
}

void data_gather_nested_i32(const data_column *c, const size_t *rows, size_t b, size_t steps, size_t inner,
                            int32_t *out) {
  INVARIANT(c->ints && c->step_start);
  memset(out, 0, b * steps * inner * sizeof *out);
  for (size_t i = 0; i < b; i++) {
    uint64_t first = c->row_start[rows[i]];
    for (size_t s = 0; s < steps && s < row_items(c, rows[i]); s++) {
      uint64_t from = c->step_start[first + s];
      size_t items = (size_t)(c->step_start[first + s + 1] - from), n = items < inner ? items : inner;
      if (n)
        memcpy(out + (i * steps + s) * inner, c->ints + from, n * sizeof *out);
    }
  }
}
