#include "ir/layers/pooling.h"
#include <math.h>

const char *const pooling_paddings[] = {"valid", "same", NULL};
const char pooling_mask_advice[] =
    "leave mask_zero out, or pool with GlobalAveragePooling1D, which skips padding";

bool pooling_check_1d(layer *l) {
  return window_check(l, 1, "pool_size");
}

bool pooling_check_2d(layer *l) {
  return window_check(l, 2, "pool_size");
}

bool pooling_build(layer_call *call) {
  shape s;
  if (!window_build(call, call->inputs[0], &s))
    return false;
  call_output(call, s, TENSOR_REAL);
  return true;
}

static node *dense_input(lowering *lw, const application *app) {
  node *x = lower_to_dense(lw, lower_input(lw, app, 0), app->inputs[0]);
  return x->type == INT ? g_cast(lw->g, x, REAL) : x;
}

// Axis by axis, the last one first: of equal values the first in reading order gets the gradient of a
// maximum.
static node *fold(graph *g, const window_spec *w, const shape *in, node *x, op_code op, double outside) {
  for (int k = w->rank - 1; k >= 0; k--) {
    window_axis a = window_axis_of(g->dims, w, in, k);
    node *from = window_pad(g, x, &a, outside);
    x = window_tap(g, from, &a, 0);
    for (int64_t tap = 1; tap < a.size; tap++)
      x = g_binary(g, op, x, window_tap(g, from, &a, tap));
  }
  return x;
}

void pooling_lower_max(lowering *lw, const application *app) {
  node *x = dense_input(lw, app);
  node *y = fold(lw->g, window_of(app->layer), &app->inputs[0]->shape, x, OP_MAX, -INFINITY);
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}

void pooling_lower_average(lowering *lw, const application *app) {
  graph *g = lw->g;
  const window_spec *w = window_of(app->layer);
  const shape *in = &app->inputs[0]->shape;
  node *y = fold(g, w, in, dense_input(lw, app), OP_ADD, 0);
  if (w->padding == PADDING_VALID)
    y = g_div(g, y, g_real(g, (double)window_taps(w)));
  for (int k = 0; w->padding != PADDING_VALID && k < w->rank; k++) {
    window_axis a = window_axis_of(g->dims, w, in, k);
    int axes[MAX_RANK] = {-1, -1, -1, -1, -1, -1};
    axes[a.axis] = 0;
    y = g_div(g, y, g_broadcast(g, window_counts(g, &a), y->shape, axes));
  }
  lower_set_output(lw, app, 0, lowered_dense_value(y));
}
