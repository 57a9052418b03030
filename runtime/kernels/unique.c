// Distinct ids by a stable radix sort of positions: the order of equal ids, and so every sum over them,
// depends on the data alone.
#include "runtime/kernels/calls.h"
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

typedef struct sort_buffers {
  int32_t *ids, *positions, *other_ids, *other_positions;
  int32_t *counts; // [DIGITS]
} sort_buffers;

static void swap(int32_t **a, int32_t **b) {
  int32_t *t = *a;
  *a = *b;
  *b = t;
}

static void sort_by_digit(sort_buffers *s, int64_t n, int shift) {
  memset(s->counts, 0, DIGITS * sizeof *s->counts);
  for (int64_t k = 0; k < n; k++)
    s->counts[(s->ids[k] >> shift) & (DIGITS - 1)]++;
  int32_t total = 0;
  for (int d = 0; d < DIGITS; d++) {
    int32_t here = s->counts[d];
    s->counts[d] = total;
    total += here;
  }
  for (int64_t k = 0; k < n; k++) {
    int32_t at = s->counts[(s->ids[k] >> shift) & (DIGITS - 1)]++;
    s->other_ids[at] = s->ids[k];
    s->other_positions[at] = s->positions[k];
  }
  swap(&s->ids, &s->other_ids);
  swap(&s->positions, &s->other_positions);
}

int64_t unique_ids(const int32_t *ids, int64_t n, int64_t bound, int32_t *values, int32_t *inverse,
                   int32_t *order, int32_t *starts, void *scratch) {
  int32_t *memory = scratch; // 4n + DIGITS ints: NLM_UNIQUE_SCRATCH
  sort_buffers s = {memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n};
  for (int64_t k = 0; k < n; k++) {
    s.ids[k] = ids[k];
    s.positions[k] = (int32_t)k;
  }
  for (int shift = 0; shift < 31 && ((bound - 1) >> shift) > 0; shift += DIGIT_BITS)
    sort_by_digit(&s, n, shift);
  int64_t count = 0;
  for (int64_t k = 0; k < n; k++) {
    if (k == 0 || s.ids[k] != s.ids[k - 1]) {
      if (values)
        values[count] = s.ids[k];
      if (starts)
        starts[count] = (int32_t)k;
      count++;
    }
    if (inverse)
      inverse[s.positions[k]] = (int32_t)(count - 1);
  }
  if (starts)
    starts[count] = (int32_t)n;
  if (order)
    memcpy(order, s.positions, (size_t)n * sizeof *order);
  return count;
}

// ---- remembered ids

typedef struct known_ids {
  int32_t *values, *count, *row; // row: by id, + 1; 0: not known
} known_ids;

static void forget(known_ids *k, int64_t bound) {
  memset(k->row, 0, (size_t)bound * sizeof *k->row);
  *k->count = 0;
}

// Rows of ids [n], unknown ones added; false: there is no room for them.
static bool look_up(known_ids *known, const int32_t *ids, int64_t n, int64_t capacity, int32_t *inverse) {
  int32_t count = *known->count;
  for (int64_t k = 0; k < n; k++) {
    int32_t *row = &known->row[ids[k]];
    if (!*row) {
      if (count == capacity)
        return false;
      known->values[count++] = ids[k];
      *row = count;
    }
    inverse[k] = *row - 1;
  }
  *known->count = count;
  return true;
}

int64_t remember_ids(const struct nlm_frame *frame, const int32_t *ids, int64_t n, int64_t bound,
                     int64_t capacity, int32_t *values, int32_t *inverse, int32_t *state, int64_t *fresh) {
  known_ids known = {values, state + 1, state + 2};
  if (!frame->kept)
    forget(&known, bound);
  int64_t before = *known.count;
  if (!look_up(&known, ids, n, capacity, inverse)) {
    forget(&known, bound);
    before = 0;
    look_up(&known, ids, n, capacity, inverse);
  }
  *fresh = *known.count - before;
  return *known.count;
}
