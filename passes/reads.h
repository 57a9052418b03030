#ifndef NLM_PASSES_READS_H
#define NLM_PASSES_READS_H
// What the kernels of a schedule read.
#include "ir/kernel.h"

typedef struct read_walk {
  const schedule *s;
  int *seen; // by node id: the last walk that came by
  int walks;
} read_walk;

read_walk read_walk_new(const schedule *s, arena *mem);
// Calls visit once for every node reachable from n without passing through memory, nodes with memory
// included, n and nodes with several results not.
void walk_reads(read_walk *w, node *n, void (*visit)(void *context, node *read), void *context);

#endif
