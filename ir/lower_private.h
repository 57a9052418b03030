#ifndef NLM_IR_LOWER_PRIVATE_H
#define NLM_IR_LOWER_PRIVATE_H
// What the files ir/lower*.c share. Everything lives as long as one lowering.
#include "ir/lower.h"

typedef struct pack_entry {
  node *mask; // NULL: dense
  const dim *batch, *time;
  node *pack;
} pack_entry;

typedef struct lowering_private {
  node **masks;                      // by tensor id of the mask source; NULL until somebody asks
  int *input_of;                     // by tensor id: index in program inputs, or -1
  node **given_ids, **given_weights; // by tensor id of a pipeline's output
  VEC(pack_entry) packs;
} lowering_private;

// The rows [R, F...] of x in the order it stands in: [B, T, F...] dense tensors of a sequence as [B*T, F...].
node *rows_as_they_stand(graph *g, node *dense);
// [R, F...] -> result with the leading dimension(s) replaced by those of `lead`.
node *with_leading(graph *g, node *rows, int drop, const dim *const *lead, int n_lead);
// x [B, T, F...] as [B*T, F...], fill included.
node *all_rows(lowering *lw, lowered x);
// Adds ROOT_LOSS roots for every output with a loss, then for the weighted total.
void lower_losses(lowering *lw);

#endif
