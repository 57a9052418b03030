#include "runtime/kernels/calls.h"

int64_t check_ids_in_range(struct nlm_frame *frame, const int32_t *ids, const int32_t *positions, int64_t n,
                           int64_t bound, int64_t input) {
  uint32_t bad = 0, limit = (uint32_t)bound;
  for (int64_t k = 0; k < n; k++)
    bad |= (uint32_t)ids[k] >= limit;
  if (!bad)
    return NLM_STATUS_OK;
  int64_t at = 0;
  while ((uint32_t)ids[at] < limit)
    at++;
  frame->status_input = input;
  frame->status_position = positions ? positions[at] : at;
  frame->status_value = ids[at];
  frame->status_limit = bound;
  return NLM_STATUS_ID_RANGE;
}
