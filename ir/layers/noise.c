#include "ir/layers/noise.h"

void noise_lower(lowering *lw, const application *app, const char *level, noise_fn f) {
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT) {
    x.data = g_cast(lw->g, x.data, REAL);
    x.fill = x.fill ? g_cast(lw->g, x.fill, REAL) : NULL;
  }
  if (!lw->training || layer_arg_float(app->layer, level) <= 0) {
    lower_set_output(lw, app, 0, x);
    return;
  }
  lowered y = {.data = f(lw, app, x.data, lower_row_numbers(lw, x)), .layout = x.layout, .pack = x.pack};
  if (x.fill_kind != FILL_NONE) {
    y.fill_kind = FILL_FULL;
    y.fill = f(lw, app, lower_to_all_rows(lw, x, app->inputs[0]), NULL);
  }
  lower_set_output(lw, app, 0, y);
}

// Box and Muller's transform. 1 - u is above 0.
node *noise_normal(graph *g, const application *app, shape s, node *rows) {
  const double two_pi = 6.283185307179586476925286766559;
  node *u = g_random(g, layer_stream(app, "normal.radius"), s, rows);
  node *v = g_random(g, layer_stream(app, "normal.angle"), s, rows);
  node *energy = g_mul(g, g_unary(g, OP_LOG, g_sub(g, g_real(g, 1), u)), g_real(g, -2));
  node *angle = g_mul(g, v, g_real(g, two_pi));
  return g_mul(g, g_unary(g, OP_SQRT, energy), g_unary(g, OP_COS, angle));
}
