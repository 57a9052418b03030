#include "ir/layers/steps.h"

node *step_of_rows(graph *g, node *pack) {
  node *first = g_mul(g, g_part(g, pack, PACK_EXAMPLE), g_extent(g, pack_time(pack), INT));
  node *step = g_sub(g, g_part(g, pack, PACK_ROWS), first);
  return g_binary(g, OP_MAX, step, g_int(g, 0)); // never negative, which indexing is to know
}
