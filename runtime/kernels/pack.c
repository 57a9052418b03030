// The packing of a masked batch: valid rows row-major (RM) and time-major, longest example first (TM).
#include "runtime/kernels/calls.h"
#include <stdbool.h>
#include <string.h>

// Positions in `parts`, as the compiler numbers them.
enum { ROWS, OFFSETS, EXAMPLE, INVERSE, ORDER, RANK, STEP_OFFSETS, TM_RM, RM_TM, CARRY };

typedef struct packing {
  int64_t batch, time;
  int32_t *lengths; // [B]
  int32_t *buckets; // [T + 2]
  int32_t *const *parts;
} packing;

static int64_t measure(const packing *p, const int32_t *mask, int64_t *longest) {
  int64_t valid = 0;
  *longest = 0;
  for (int64_t b = 0; b < p->batch; b++) {
    int64_t length = p->time;
    if (mask) {
      length = 0;
      for (int64_t t = 0; t < p->time; t++)
        length += mask[b * p->time + t] != 0;
    }
    p->lengths[b] = (int32_t)length;
    valid += length;
    *longest = length > *longest ? length : *longest;
  }
  return valid;
}

// `to` NULL: nobody reads it.
static void count_up(int32_t *to, int32_t first, int64_t n) {
  for (int64_t t = 0; to && t < n; t++)
    to[t] = first + (int32_t)t;
}

static void fill_with(int32_t *to, int32_t value, int64_t n) {
  for (int64_t t = 0; to && t < n; t++)
    to[t] = value;
}

static int32_t *part_from(const packing *p, int part, int64_t at) {
  return p->parts[part] ? p->parts[part] + at : NULL;
}

static bool is_prefix(const int32_t *mask, int64_t length) {
  int64_t valid = 0;
  for (int64_t t = 0; mask && t < length; t++)
    valid += mask[t] != 0;
  return !mask || valid == length;
}

// The row-major part of example b, all of whose valid steps come first; `row`: its first row.
static void fill_prefix(const packing *p, int64_t b, int32_t row) {
  int64_t at = b * p->time, length = p->lengths[b], rest = p->time - length;
  count_up(part_from(p, ROWS, row), (int32_t)at, length);
  fill_with(part_from(p, EXAMPLE, row), (int32_t)b, length);
  count_up(part_from(p, INVERSE, at), row, length);
  fill_with(part_from(p, INVERSE, at + length), -1, rest);
  count_up(part_from(p, CARRY, at), row, length);
  fill_with(part_from(p, CARRY, at + length), length ? row + (int32_t)length - 1 : -1, rest);
}

// The same of any mask.
static void fill_scattered(const packing *p, const int32_t *mask, int64_t b, int32_t row) {
  int32_t *rows = p->parts[ROWS], *example = p->parts[EXAMPLE], *inverse = p->parts[INVERSE],
          *carry = p->parts[CARRY], last = -1;
  for (int64_t t = 0; t < p->time; t++) {
    int64_t at = b * p->time + t;
    bool valid = mask[t] != 0;
    if (valid && rows)
      rows[row] = (int32_t)at;
    if (valid && example)
      example[row] = (int32_t)b;
    if (inverse)
      inverse[at] = valid ? row : -1;
    if (valid)
      last = row++;
    if (carry)
      carry[at] = last;
  }
}

static void fill_row_major(const packing *p, const int32_t *mask) {
  int32_t *offsets = p->parts[OFFSETS], row = 0;
  for (int64_t b = 0; b < p->batch; b++) {
    const int32_t *own = mask ? mask + b * p->time : NULL;
    if (offsets)
      offsets[b] = row;
    if (is_prefix(own, p->lengths[b]))
      fill_prefix(p, b, row);
    else
      fill_scattered(p, own, b, row);
    row += p->lengths[b];
  }
  if (offsets)
    offsets[p->batch] = row;
}

// Places examples by length, longest first, equal ones in order: a counting sort.
static void sort_examples(const packing *p, int32_t *order) {
  int32_t *first = p->buckets; // first place of the examples of each length
  memset(first, 0, (size_t)(p->time + 2) * sizeof *first);
  for (int64_t b = 0; b < p->batch; b++)
    first[p->lengths[b]]++;
  int32_t before = 0;
  for (int64_t length = p->time; length >= 0; length--) {
    int32_t here = first[length];
    first[length] = before;
    before += here;
  }
  for (int64_t b = 0; b < p->batch; b++)
    order[first[p->lengths[b]]++] = (int32_t)b;
}

static void fill_step_offsets(const packing *p, const int32_t *order, int64_t valid, int64_t longest) {
  int32_t *steps = p->parts[STEP_OFFSETS];
  int64_t active = p->batch;
  int32_t row = 0;
  for (int64_t k = 0; steps && k < longest; k++) {
    while (active > 0 && p->lengths[order[active - 1]] <= k)
      active--;
    steps[k] = row;
    row += (int32_t)active;
  }
  for (int64_t k = longest; steps && k <= p->time; k++)
    steps[k] = (int32_t)valid;
}

// RM row of example b's step k is first[b] + k.
static void fill_time_major(const packing *p, const int32_t *order, int32_t *first, int64_t longest) {
  int32_t *tm_rm = p->parts[TM_RM], *rm_tm = p->parts[RM_TM];
  if (!tm_rm && !rm_tm)
    return;
  int32_t total = 0, row = 0;
  for (int64_t b = 0; b < p->batch; b++) {
    first[b] = total;
    total += p->lengths[b];
  }
  int64_t active = p->batch;
  for (int64_t k = 0; k < longest; k++) {
    while (active > 0 && p->lengths[order[active - 1]] <= k)
      active--;
    for (int64_t i = 0; i < active; i++, row++) {
      int32_t rm = first[order[i]] + (int32_t)k;
      if (tm_rm)
        tm_rm[row] = rm;
      if (rm_tm)
        rm_tm[rm] = row;
    }
  }
}

int64_t pack_mask(const int32_t *mask, int64_t batch, int64_t time, int32_t *const *parts, int64_t *steps,
                  void *scratch) {
  int32_t *memory = scratch; // 3B + T + 2 ints: NLM_PACK_SCRATCH
  int32_t *order = memory + batch, *first = memory + 2 * batch;
  packing p = {batch, time, memory, memory + 3 * batch, parts};
  int64_t longest, valid = measure(&p, mask, &longest);
  sort_examples(&p, order);
  fill_row_major(&p, mask);
  fill_step_offsets(&p, order, valid, longest);
  fill_time_major(&p, order, first, longest);
  if (parts[ORDER])
    memcpy(parts[ORDER], order, (size_t)batch * sizeof *order);
  for (int64_t k = 0; parts[RANK] && k < batch; k++)
    parts[RANK][order[k]] = (int32_t)k;
  *steps = longest;
  return valid;
}
