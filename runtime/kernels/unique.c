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
