#include "support/memory_plan.h"
#include "support/arena.h"
#include <stdlib.h>

static int64_t aligned(int64_t bytes) {
  return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

static bool is_live(const memory_slot *s) {
  return s->first >= 0 && s->bytes > 0;
}

static bool meet_in_time(const memory_slot *a, const memory_slot *b) {
  return a->first <= b->last && b->first <= a->last;
}

typedef struct ranked {
  const memory_slot *slot;
  size_t index;
} ranked;

static int larger_first(const void *pa, const void *pb) {
  const ranked *a = pa, *b = pb;
  if (a->slot->bytes != b->slot->bytes)
    return a->slot->bytes < b->slot->bytes ? 1 : -1;
  return a->index < b->index ? -1 : 1;
}

static int lower_offset_first(const void *pa, const void *pb) {
  const memory_slot *a = *(memory_slot *const *)pa, *b = *(memory_slot *const *)pb;
  return a->offset < b->offset ? -1 : a->offset > b->offset;
}

// The smallest gap among the placed slots that meet `s` in time; `placed` is sorted by offset.
static int64_t best_gap(const memory_slot *s, memory_slot *const *placed, size_t n) {
  int64_t best = -1, best_size = INT64_MAX, end = 0;
  for (size_t k = 0; k < n; k++) {
    if (!meet_in_time(s, placed[k]))
      continue;
    int64_t gap = placed[k]->offset - end;
    if (gap >= aligned(s->bytes) && gap < best_size) {
      best = end;
      best_size = gap;
    }
    int64_t after = placed[k]->offset + aligned(placed[k]->bytes);
    end = after > end ? after : end;
  }
  return best >= 0 ? best : end;
}

int64_t memory_plan(memory_slot *slots, size_t n) {
  ranked *order = malloc((n + 1) * sizeof *order);
  memory_slot **placed = malloc((n + 1) * sizeof *placed);
  if (!order || !placed) {
    free(order);
    free(placed);
    return MEMORY_PLAN_NO_MEMORY;
  }
  for (size_t k = 0; k < n; k++)
    order[k] = (ranked){&slots[k], k};
  qsort(order, n, sizeof *order, larger_first);
  int64_t total = 0;
  size_t n_placed = 0;
  for (size_t k = 0; k < n && total >= 0; k++) {
    memory_slot *s = &slots[order[k].index];
    s->offset = 0;
    if (!is_live(s))
      continue;
    if (s->bytes > INT64_MAX / 4) {
      total = MEMORY_PLAN_TOO_LARGE;
      break;
    }
    s->offset = best_gap(s, placed, n_placed);
    int64_t end = s->offset + aligned(s->bytes);
    total = end > total ? end : total;
    total = total > INT64_MAX / 2 ? MEMORY_PLAN_TOO_LARGE : total;
    size_t at = n_placed++;
    while (at > 0 && lower_offset_first(&s, &placed[at - 1]) < 0) {
      placed[at] = placed[at - 1];
      at--;
    }
    placed[at] = s;
  }
  free(order);
  free(placed);
  return total;
}

bool memory_plan_is_sound(const memory_slot *slots, size_t n, int64_t total) {
  memory_slot const **live = xmalloc((n + 1) * sizeof *live);
  size_t n_live = 0;
  bool sound = true;
  for (size_t k = 0; k < n; k++)
    if (is_live(&slots[k]))
      live[n_live++] = &slots[k];
  qsort(live, n_live, sizeof *live, lower_offset_first);
  for (size_t k = 0; sound && k < n_live; k++) {
    const memory_slot *a = live[k];
    sound = a->offset >= 0 && a->offset % MEMORY_ALIGNMENT == 0 && a->offset + a->bytes <= total;
    for (size_t j = k + 1; sound && j < n_live && live[j]->offset < a->offset + a->bytes; j++)
      sound = !meet_in_time(a, live[j]);
  }
  free(live);
  return sound;
}
