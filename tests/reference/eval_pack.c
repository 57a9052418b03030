// Ops with several results: unique, pack, and their parts. Written from the definitions, without cleverness.
#include "tests/reference/eval.h"
#include <string.h>

void reference_eval_part(reference *r, const node *n, array *out) {
  const array *part = &r->parts[n->in[0]->id][n->i[0]];
  INVARIANT(part->count == out->count);
  if (out->count)
    memcpy(out->data, part->data, out->count * sizeof *out->data);
}

static array vector(reference *r, int64_t extent) {
  return array_new(r, 1, &extent);
}

static void set_count(reference *r, const dim *d, int64_t value) {
  if (d->kind == DIM_SYMBOL && d->bound) {
    INVARIANT(value <= reference_dim(r, d->bound));
    r->symbols[d->symbol] = value;
  } else {
    INVARIANT(reference_dim(r, d) == value);
  }
}

void reference_eval_unique(reference *r, const node *n, array *out) {
  (void)out;
  const array *ids = operand(r, n, 0);
  int64_t count = (int64_t)ids->count, bound = reference_dim(r, unique_bound(n)), distinct = 0, placed = 0;
  array *parts = r->parts[n->id] = ARENA_ARRAY(r->mem, array, 4);
  parts[UNIQUE_VALUES] = vector(r, count);
  parts[UNIQUE_INVERSE] = vector(r, count);
  parts[UNIQUE_ORDER] = vector(r, count);
  parts[UNIQUE_STARTS] = vector(r, count + 1);
  for (int64_t id = 0; id < bound; id++) {
    int64_t before = placed;
    for (int64_t k = 0; k < count; k++) {
      INVARIANT(ids->data[k] >= 0 && ids->data[k] < (double)bound);
      if (ids->data[k] != (double)id)
        continue;
      parts[UNIQUE_INVERSE].data[k] = (double)distinct;
      parts[UNIQUE_ORDER].data[placed++] = (double)k;
    }
    if (placed == before)
      continue;
    parts[UNIQUE_VALUES].data[distinct] = (double)id;
    parts[UNIQUE_STARTS].data[distinct++] = (double)before;
  }
  parts[UNIQUE_STARTS].data[distinct] = (double)placed;
  parts[UNIQUE_VALUES].count = (size_t)(parts[UNIQUE_VALUES].extent[0] = distinct);
  parts[UNIQUE_STARTS].count = (size_t)(parts[UNIQUE_STARTS].extent[0] = distinct + 1);
  set_count(r, unique_count(n), distinct);
}

typedef struct packing {
  int64_t batch, time;
  const double *mask; // NULL: all valid
  int64_t *length;    // [batch]
  array *part;
} packing;

static bool is_valid(const packing *p, int64_t b, int64_t t) {
  return !p->mask || p->mask[b * p->time + t] != 0;
}

static void fill_row_major(packing *p) {
  int64_t row = 0;
  for (int64_t b = 0; b < p->batch; b++) {
    int64_t last = -1;
    p->part[PACK_OFFSETS].data[b] = (double)row;
    for (int64_t t = 0; t < p->time; t++) {
      int64_t at = b * p->time + t;
      p->part[PACK_INVERSE].data[at] = is_valid(p, b, t) ? (double)row : -1;
      if (is_valid(p, b, t)) {
        p->part[PACK_ROWS].data[row] = (double)at;
        p->part[PACK_EXAMPLE].data[row] = (double)b;
        last = row++;
      }
      p->part[PACK_CARRY].data[at] = (double)last;
    }
  }
  p->part[PACK_OFFSETS].data[p->batch] = (double)row;
}

// Longest first; of equal ones the earlier first.
static void fill_order(packing *p) {
  for (int64_t b = 0; b < p->batch; b++) {
    int64_t place = 0;
    for (int64_t other = 0; other < p->batch; other++)
      place += p->length[other] > p->length[b] || (p->length[other] == p->length[b] && other < b);
    p->part[PACK_RANK].data[b] = (double)place;
    p->part[PACK_ORDER].data[place] = (double)b;
  }
}

static void fill_time_major(packing *p) {
  int64_t tm = 0;
  for (int64_t step = 0; step <= p->time; step++) {
    p->part[PACK_STEP_OFFSETS].data[step] = (double)tm;
    for (int64_t place = 0; place < p->batch; place++) {
      int64_t b = (int64_t)p->part[PACK_ORDER].data[place];
      if (step >= p->length[b])
        continue;
      int64_t rm = (int64_t)p->part[PACK_OFFSETS].data[b] + step;
      p->part[PACK_TM_RM].data[tm] = (double)rm;
      p->part[PACK_RM_TM].data[rm] = (double)tm++;
    }
  }
}

void reference_eval_pack(reference *r, const node *n, array *out) {
  (void)out;
  packing p = {.batch = reference_dim(r, pack_batch(n)), .time = reference_dim(r, pack_time(n))};
  p.mask = n->n_in ? operand(r, n, 0)->data : NULL;
  p.length = ARENA_ARRAY(r->mem, int64_t, p.batch);
  int64_t valid = 0, longest = 0;
  for (int64_t b = 0; b < p.batch; b++) {
    for (int64_t t = 0; t < p.time; t++)
      p.length[b] += is_valid(&p, b, t);
    valid += p.length[b];
    longest = p.length[b] > longest ? p.length[b] : longest;
  }
  p.part = r->parts[n->id] = ARENA_ARRAY(r->mem, array, PACK_PARTS);
  for (int k = 0; k < PACK_PARTS; k++) {
    int64_t all = p.batch * p.time;
    int64_t extent = k == PACK_OFFSETS                      ? p.batch + 1
                     : k == PACK_STEP_OFFSETS               ? p.time + 1
                     : k == PACK_ORDER || k == PACK_RANK    ? p.batch
                     : k == PACK_INVERSE || k == PACK_CARRY ? all
                                                            : valid;
    p.part[k] = vector(r, extent);
  }
  fill_row_major(&p);
  fill_order(&p);
  fill_time_major(&p);
  set_count(r, pack_valid(n), valid);
  set_count(r, pack_steps(n), p.mask || p.batch ? longest : p.time);
}
