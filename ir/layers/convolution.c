// y[t] = bias + sum over taps k of x[stride * t + dilation * k - padding] W[k]. Two lowerings:
//   tap-wise: one product of all rows with all taps, X [rows, C] x [C, k * F], then a sum of k shifted
//     slices. The product's operand is the layer's input itself, so that a product with gathered rows is
//     taken once per distinct id.
//   windows: X [windows, k * C] x [k * C, F], where the product reads the windows in place (op windows).
// Rule: tap-wise for ids (a gather or one-hot rows) and for one tap, else windows.
#include "ir/layers/convolution.h"

const char *const convolution_paddings[] = {"valid", "same", NULL};
const char *const convolution_paddings_causal[] = {"valid", "same", "causal", NULL};
const char convolution_mask_advice[] =
    "leave mask_zero out: padding enters a convolution; mask after it, or use a recurrence";

// ---- checking

bool convolution_check(layer *l, int rank) {
  if (!window_check(l, rank, "kernel_size"))
    return false;
  if (args_index(l->def->args, "groups") < 0)
    return true;
  int64_t groups = layer_arg_int(l, "groups"), filters = layer_arg_int(l, "filters");
  if (filters % groups == 0)
    return true;
  layer_error(l, "groups", "%s: %lld filters cannot be divided into %lld groups", l->def->name,
              (long long)filters, (long long)groups);
  return false;
}

void convolution_kernel(layer_call *call, const char *local, const char *init, int64_t before, int64_t last) {
  const window_spec *w = window_of(call->layer);
  dim_table *dims = call->model->unit->dims;
  shape s = {.rank = w->rank + 2};
  for (int k = 0; k < w->rank; k++)
    s.d[k] = dim_const(dims, w->size[k]);
  s.d[w->rank] = dim_const(dims, before);
  s.d[w->rank + 1] = dim_const(dims, last);
  call_weight(call, local, s, layer_arg_initializer(call->layer, init));
}

void convolution_bias(layer_call *call, int64_t size) {
  if (layer_arg_bool(call->layer, "use_bias"))
    call_weight(call, "bias", shape_of(1, dim_const(call->model->unit->dims, size)),
                layer_arg_initializer(call->layer, "bias_initializer"));
}

// The input's features; -1 after an error was reported. `groups` divides what the first use had.
static int64_t checked_features(layer_call *call, const tensor *x, shape *out, int64_t groups) {
  if (!window_build(call, x, out))
    return -1;
  int64_t features = call_static_dim(call, x, -1);
  if (features < 0)
    return -1;
  if (!call->first) {
    const shape *kernel = &call->layer->weights.data[0]->shape;
    return call_same_features(call, x, kernel->d[kernel->rank - 2]->value * groups) ? features : -1;
  }
  if (features % groups == 0)
    return features;
  call_error(call, "%s got %lld features, which cannot be divided into %lld groups", call->layer->def->name,
             (long long)features, (long long)groups);
  return -1;
}

bool convolution_build(layer_call *call) {
  const layer *l = call->layer;
  shape s;
  int64_t groups = layer_arg_int(l, "groups"), filters = layer_arg_int(l, "filters");
  int64_t features = checked_features(call, call->inputs[0], &s, groups);
  if (features < 0)
    return false;
  if (call->first) {
    convolution_kernel(call, "kernel", "kernel_initializer", features / groups, filters);
    convolution_bias(call, filters);
  }
  s.d[s.rank - 1] = dim_const(call->model->unit->dims, filters);
  call_output(call, s, TENSOR_REAL);
  return true;
}

static bool depthwise_weights(layer_call *call, const char *kernel, shape *s, int64_t *channels) {
  int64_t features = checked_features(call, call->inputs[0], s, 1);
  if (features < 0)
    return false;
  int64_t multiplier = layer_arg_int(call->layer, "depth_multiplier");
  *channels = features * multiplier;
  if (call->first)
    convolution_kernel(call, kernel, "depthwise_initializer", features, multiplier);
  return true;
}

bool depthwise_build(layer_call *call) {
  shape s;
  int64_t channels;
  if (!depthwise_weights(call, "kernel", &s, &channels))
    return false;
  if (call->first)
    convolution_bias(call, channels);
  s.d[s.rank - 1] = dim_const(call->model->unit->dims, channels);
  call_output(call, s, TENSOR_REAL);
  return true;
}

bool separable_build(layer_call *call) {
  shape s;
  int64_t channels, filters = layer_arg_int(call->layer, "filters");
  if (!depthwise_weights(call, "depthwise_kernel", &s, &channels))
    return false;
  dim_table *dims = call->model->unit->dims;
  if (call->first) {
    shape pointwise = {.rank = s.rank};
    for (int k = 0; k < s.rank - 2; k++)
      pointwise.d[k] = dim_const(dims, 1);
    pointwise.d[s.rank - 2] = dim_const(dims, channels);
    pointwise.d[s.rank - 1] = dim_const(dims, filters);
    call_weight(call, "pointwise_kernel", pointwise,
                layer_arg_initializer(call->layer, "pointwise_initializer"));
    convolution_bias(call, filters);
  }
  s.d[s.rank - 1] = dim_const(dims, filters);
  call_output(call, s, TENSOR_REAL);
  return true;
}

// ---- products

lowered convolution_real(lowering *lw, lowered x) {
  if (x.data->type == REAL)
    return x;
  x.data = g_cast(lw->g, x.data, REAL);
  x.fill = x.fill ? g_cast(lw->g, x.fill, REAL) : NULL;
  return x;
}

static node *product_of_row(graph *g, node *row, node *kernel, bool transposed) {
  if (row->shape.rank > 1)
    return g_matmul(g, row, kernel, false, transposed);
  const dim *one = dim_const(g->dims, 1);
  node *y = g_matmul(g, g_reshape(g, row, shape_of(2, one, row->shape.d[0])), kernel, false, transposed);
  return g_reshape(g, y, shape_of(1, y->shape.d[1]));
}

lowered convolution_product(lowering *lw, lowered x, node *kernel, bool transposed) {
  graph *g = lw->g;
  lowered y = {.data = g_matmul(g, x.data, kernel, false, transposed),
               .layout = x.layout,
               .pack = x.pack,
               .fill_kind = x.fill_kind};
  if (x.fill)
    y.fill = product_of_row(g, x.fill, kernel, transposed);
  return y;
}

void convolution_finish(lowering *lw, const application *app, node *y) {
  const layer *l = app->layer;
  if (layer_arg_bool(l, "use_bias"))
    y = g_add(lw->g, y, lower_weight(lw, l, "bias"));
  lower_set_output(
      lw, app, 0,
      lower_activation(lw, lowered_dense_value(y), app->outputs[0], layer_arg_text(l, "activation")));
}

// ---- the windows of one application

typedef struct windows {
  graph *g;
  const window_spec *spec;
  window_axis axis[MAX_SPATIAL];
} windows;

static windows windows_of(lowering *lw, const application *app) {
  windows w = {.g = lw->g, .spec = window_of(app->layer)};
  for (int k = 0; k < w.spec->rank; k++)
    w.axis[k] = window_axis_of(lw->g->dims, w.spec, &app->inputs[0]->shape, k);
  return w;
}

static node *padded(const windows *w, node *x) {
  for (int k = 0; k < w->spec->rank; k++)
    x = window_pad(w->g, x, &w->axis[k], 0);
  return x;
}

// Tap number `tap`, counted over the axes with the last one fastest, of a padded tensor.
static node *tap_of(const windows *w, node *x, int64_t tap) {
  for (int k = w->spec->rank - 1; k >= 0; k--) {
    x = window_tap(w->g, x, &w->axis[k], tap % w->spec->size[k]);
    tap /= w->spec->size[k];
  }
  return x;
}

// products [B, ..., k * F] -> [B, out..., F]: the sum of each tap's columns, shifted.
static node *sum_of_taps(const windows *w, node *products, int64_t filters) {
  graph *g = w->g;
  node *sum = NULL;
  for (int64_t tap = 0; tap < window_taps(w->spec); tap++) {
    node *columns =
        g_slice(g, products, products->shape.rank - 1, tap * filters, dim_const(g->dims, filters), 1);
    node *term = tap_of(w, padded(w, columns), tap);
    sum = sum ? g_add(g, sum, term) : term;
  }
  return sum;
}

// ---- Conv1D, Conv2D

static shape matrix(graph *g, int64_t rows, int64_t columns) {
  return shape_of(2, dim_const(g->dims, rows), dim_const(g->dims, columns));
}

typedef struct sizes {
  int64_t taps, groups, features, filters; // features and filters of one group
} sizes;

static sizes sizes_of(const application *app) {
  const layer *l = app->layer;
  const shape *kernel = &l->weights.data[0]->shape;
  int64_t groups = layer_arg_int(l, "groups");
  return (sizes){.taps = window_taps(window_of(l)),
                 .groups = groups,
                 .features = kernel->d[kernel->rank - 2]->value,
                 .filters = kernel->d[kernel->rank - 1]->value / groups};
}

static bool comes_from_ids(const node *x) {
  while (x->op == OP_RESHAPE)
    x = x->in[0];
  return (x->op == OP_GATHER && x->n_in == 2) || x->op == OP_ONE_HOT;
}

static bool goes_tap_wise(const lowered *x, const sizes *n) {
  return comes_from_ids(x->data) || n->taps == 1;
}

static node *tap_wise(lowering *lw, const application *app, const windows *w, lowered x, const sizes *n) {
  graph *g = lw->g;
  dim_table *d = g->dims;
  node *kernel =
      g_reshape(g, lower_weight(lw, app->layer, "kernel"),
                shape_of(3, dim_const(d, n->taps), dim_const(d, n->features), dim_const(d, n->filters)));
  kernel =
      g_reshape(g, g_transpose(g, kernel, (int[]){1, 0, 2}), matrix(g, n->features, n->taps * n->filters));
  lowered products = convolution_product(lw, x, kernel, false);
  return sum_of_taps(w, lower_to_dense(lw, products, app->inputs[0]), n->filters);
}

// The windows of x [B, steps..., C], or of [g * B, steps..., C / g]: [..., out..., k * C].
static node *gathered(const windows *w, node *x) {
  graph_window axis[MAX_SPATIAL];
  node *from = padded(w, x);
  for (int k = 0; k < w->spec->rank; k++)
    axis[k] = (graph_window){w->axis[k].size, w->axis[k].stride, w->axis[k].dilation, w->axis[k].out};
  return g_windows(w->g, from, axis);
}

static node *of_windows(lowering *lw, const application *app, const windows *w, node *x, const sizes *n) {
  graph *g = lw->g;
  node *kernel =
      g_reshape(g, lower_weight(lw, app->layer, "kernel"), matrix(g, n->taps * n->features, n->filters));
  return g_matmul(g, gathered(w, x), kernel, false, false);
}

// x [B, ..., g * C] -> [g, B, ..., C]; or back, with `apart` false.
static node *groups_first(graph *g, node *x, const dim *groups, bool apart) {
  int rank = x->shape.rank, axes[MAX_RANK];
  if (!apart) {
    for (int k = 0; k < rank; k++)
      axes[k] = k < rank - 2 ? k + 1 : k == rank - 2 ? 0 : k;
    node *last = g_transpose(g, x, axes);
    shape joined = last->shape;
    joined.d[rank - 2] = dim_mul(g->dims, groups, joined.d[rank - 1]);
    joined.rank--;
    return g_reshape(g, last, joined);
  }
  shape split = x->shape;
  split.d[rank - 1] = groups;
  split.d[rank] = dim_floordiv(g->dims, x->shape.d[rank - 1], groups);
  split.rank++;
  for (int k = 0; k <= rank; k++)
    axes[k] = k == 0 ? rank - 1 : k < rank ? k - 1 : k;
  return g_transpose(g, g_reshape(g, x, split), axes);
}

// Every group's product at once: [g, windows, k * C / g] x [g, k * C / g, F / g].
static node *grouped(lowering *lw, const application *app, const windows *w, node *x, const sizes *n) {
  graph *g = lw->g;
  dim_table *d = g->dims;
  const dim *groups = dim_const(d, n->groups), *filters = dim_const(d, n->filters);
  node *apart = groups_first(g, x, groups, true);
  shape images = x->shape;
  images.d[0] = dim_mul(d, groups, x->shape.d[0]);
  images.d[images.rank - 1] = apart->shape.d[apart->shape.rank - 1];
  node *rows = gathered(w, g_reshape(g, apart, images));
  shape places = rows->shape, result = {.rank = rows->shape.rank + 1, .d = {groups, x->shape.d[0]}};
  places.d[0] = x->shape.d[0];
  places.rank--;
  for (int k = 1; k < places.rank; k++)
    result.d[k + 1] = places.d[k];
  result.d[result.rank - 1] = filters;
  const dim *inner = rows->shape.d[rows->shape.rank - 1];
  rows = g_reshape(g, rows, shape_of(3, groups, shape_elements(d, &places), inner));
  node *kernel = g_reshape(g, lower_weight(lw, app->layer, "kernel"), shape_of(3, inner, groups, filters));
  node *y = g_matmul(g, rows, g_transpose(g, kernel, (int[]){1, 0, 2}), false, false);
  return groups_first(g, g_reshape(g, y, result), groups, false);
}

void convolution_lower(lowering *lw, const application *app) {
  const tensor *t = app->inputs[0];
  lowered x = convolution_real(lw, lower_input(lw, app, 0));
  windows w = windows_of(lw, app);
  sizes n = sizes_of(app);
  node *y = NULL;
  if (n.groups > 1)
    y = grouped(lw, app, &w, lower_to_dense(lw, x, t), &n);
  else if (goes_tap_wise(&x, &n))
    y = tap_wise(lw, app, &w, x, &n);
  else
    y = of_windows(lw, app, &w, lower_to_dense(lw, x, t), &n);
  convolution_finish(lw, app, y);
}

// ---- depthwise

// x [..., C] -> [..., C * multiplier], each feature repeated.
static node *repeat_features(graph *g, node *x, int64_t multiplier) {
  if (multiplier == 1)
    return x;
  shape split = x->shape;
  int axes[MAX_RANK];
  for (int k = 0; k < split.rank; k++)
    axes[k] = k;
  axes[split.rank] = -1;
  split.d[split.rank++] = dim_const(g->dims, multiplier);
  shape joined = x->shape;
  joined.d[joined.rank - 1] = dim_mul(g->dims, joined.d[joined.rank - 1], dim_const(g->dims, multiplier));
  return g_reshape(g, g_broadcast(g, x, split, axes), joined);
}

static node *depthwise(lowering *lw, const application *app, const char *local) {
  graph *g = lw->g;
  lowered in = convolution_real(lw, lower_input(lw, app, 0));
  windows w = windows_of(lw, app);
  int64_t multiplier = layer_arg_int(app->layer, "depth_multiplier"), taps = window_taps(w.spec);
  node *x = repeat_features(g, padded(&w, lower_to_dense(lw, in, app->inputs[0])), multiplier);
  const dim *channels = x->shape.d[x->shape.rank - 1], *one = dim_const(g->dims, 1);
  node *kernel =
      g_reshape(g, lower_weight(lw, app->layer, local), shape_of(2, dim_const(g->dims, taps), channels));
  node *sum = NULL;
  for (int64_t k = 0; k < taps; k++) {
    node *factors = g_reshape(g, g_slice(g, kernel, 0, k, one, 1), shape_of(1, channels));
    node *term = g_mul(g, tap_of(&w, x, k), factors);
    sum = sum ? g_add(g, sum, term) : term;
  }
  return sum;
}

void depthwise_lower(lowering *lw, const application *app) {
  convolution_finish(lw, app, depthwise(lw, app, "kernel"));
}

void separable_lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  node *x = depthwise(lw, app, "depthwise_kernel");
  node *kernel = lower_weight(lw, app->layer, "pointwise_kernel");
  int rank = kernel->shape.rank;
  kernel = g_reshape(g, kernel, shape_of(2, kernel->shape.d[rank - 2], kernel->shape.d[rank - 1]));
  convolution_finish(lw, app, g_matmul(g, x, kernel, false, false));
}
