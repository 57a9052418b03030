#include "ir/layers/steps.h"
#include <math.h>

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)") ||
      call_static_dim(call, x, -1) < 0)
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

// steps REAL [N], features F -> [N, F]: sin(step * w) at even features 2i and cos(step * w) at the odd ones
// behind, w = max_wavelength^(-2i / F).
static node *encode(graph *g, node *steps, const dim *features, double wavelength) {
  static const int rows[MAX_RANK] = {0, -1};
  shape s = shape_of(2, steps->shape.d[0], features);
  shape row = shape_of(1, features);
  node *number = g_iota(g, row, 0), *two = g_int(g, 2);
  node *even = g_mul(g, g_binary(g, OP_DIV, number, two), two);
  node *power = g_div(g, g_cast(g, even, REAL), g_extent(g, features, REAL));
  node *w = g_unary(g, OP_EXP, g_mul(g, power, g_real(g, -log(wavelength))));
  node *angle = g_mul(g, g_broadcast(g, steps, s, rows), g_broadcast_to(g, w, s));
  node *is_even = g_broadcast_to(g, g_binary(g, OP_EQ, number, even), s);
  return g_select(g, is_even, g_unary(g, OP_SIN, angle), g_unary(g, OP_COS, angle));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  static const int axes[MAX_RANK] = {-1, 0, 1};
  const tensor *y = app->outputs[0];
  double wavelength = layer_arg_float(app->layer, "max_wavelength");
  const dim *batch = y->shape.d[0], *time = y->shape.d[1], *features = y->shape.d[2];
  node *steps = g_cast(g, g_iota(g, shape_of(1, time), 0), REAL);
  node *dense = g_broadcast(g, encode(g, steps, features, wavelength), y->shape, axes);
  if (y->mask != MASK_VALID) {
    lower_set_output(lw, app, 0, lowered_dense_value(dense));
    return;
  }
  node *pack = lower_pack(lw, y);
  node *rows = encode(g, g_cast(g, step_of_rows(g, pack), REAL), features, wavelength);
  node *fill = g_reshape(g, dense, shape_of(2, dim_mul(g->dims, batch, time), features));
  lower_set_output(lw, app, 0, lowered_row_value(rows, LAYOUT_RM, pack, FILL_FULL, fill));
}

static const arg_spec args[] = {{.name = "max_wavelength",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "10000.0",
                                 .min = 1,
                                 .max = INFINITY,
                                 .doc = "the slowest features repeat about every 2 pi times this many steps"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(7, 4, mask_zero = true)\n"
    "  output y = x + SinePositionEncoding()(x) -> LSTM(2)\n}\n",
    "model tiny {\n  input x: float[5, 3]\n  output y = x + SinePositionEncoding(max_wavelength = "
    "100)(x)\n}\n",
    NULL};

const layer_def sine_position_encoding_layer = {
    .name = "SinePositionEncoding",
    .snake = "sine_position_encoding",
    .doc = "Fixed vectors of the steps' positions, sines and cosines of falling frequency, of the input's "
           "shape; to be "
           "added to it.",
    .shapes = "(batch, time, features) -> (batch, time, features)",
    .differs = "Keras itself has none; it is KerasHub's.",
    .group = "attention",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_PASS,
    .build = build,
    .lower = lower,
    .examples = examples,
};
