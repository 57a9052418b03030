#include "ir/layers/activated.h"
#include <string.h>

lowered lower_activation(lowering *lw, lowered x, const tensor *t, const char *name) {
  if (!name || strcmp(name, "linear") == 0)
    return x;
  graph *g = lw->g;
  if (x.layout != LAYOUT_DENSE && x.data->shape.rank == 1) // along the steps themselves, perhaps
    x = lowered_dense_value(lower_to_dense(lw, x, t));
  lowered y = x;
  y.data = activation_build(g, name, x.data);
  if (x.fill_kind != FILL_NONE && !x.fill) { // zeros
    shape row = x.data->shape;
    row.rank--;
    memmove(row.d, row.d + 1, (size_t)row.rank * sizeof *row.d);
    x.fill = g_broadcast_to(g, g_real(g, 0), row);
  }
  y.fill = x.fill_kind == FILL_NONE ? NULL : activation_build(g, name, x.fill);
  y.logits_kind = strcmp(name, "sigmoid") == 0   ? LOGITS_SIGMOID
                  : strcmp(name, "softmax") == 0 ? LOGITS_SOFTMAX
                                                 : LOGITS_NONE;
  y.logits = y.logits_kind == LOGITS_NONE ? NULL : x.data;
  return y;
}
