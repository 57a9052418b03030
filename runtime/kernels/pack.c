// The packing of a masked batch: valid rows row-major (RM) and time-major, longest example first (TM).
#include "runtime/kernels/calls.h"
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

static void fill_row_major(const packing *p, const int32_t *mask) {
  int32_t *rows = p->parts[ROWS], *offsets = p->parts[OFFSETS], *example = p->parts[EXAMPLE];
  int32_t *inverse = p->parts[INVERSE], *carry = p->parts[CARRY];
  if (!rows && !offsets && !example && !inverse && !carry)
    return;
  int32_t row = 0;
  for (int64_t b = 0; b < p->batch; b++) {
    if (offsets)
      offsets[b] = row;
    int32_t last = -1;
    for (int64_t t = 0; t < p->time; t++) {
      int64_t at = b * p->time + t;
      bool valid = !mask || mask[at];
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
