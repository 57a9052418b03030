#ifndef NLM_IR_RECOMPUTE_H
#define NLM_IR_RECOMPUTE_H
// The setting `recompute` of a train block (rematerialization): the layers and blocks whose inner values the
// backward pass computes again from what enters them. Thread-safety: read-only once bound.
#include "ir/graph.h"

typedef enum {
  RECOMPUTE_LISTED,      // exactly these layers
  RECOMPUTE_FULL,        // all that it serves
  RECOMPUTE_ACTIVATIONS, // of all layers what is made element by element
} recompute_mode;

// Layers and blocks by name, sorted; a block stands for all layers in it. n = 0: everything is stored.
typedef struct recompute {
  recompute_mode mode;
  const char **names;
  size_t n;
} recompute;

// Which of them the node serves, counted from 1: the outermost one where they are nested. 0: none, or
// several. r may be NULL.
int recompute_group(const recompute *r, const node *n);

#endif
