#include "ir/layers/window.h"
#include <string.h>

const char *const window_data_formats[] = {"channels_last", NULL};

// ---- arguments

bool window_integers(layer *l, const char *arg, int count, int64_t least, int64_t *out) {
  const value *v = layer_arg(l, arg);
  bool good = v->kind == VALUE_INT || (v->kind == VALUE_LIST && v->count == (size_t)count);
  if (!good) {
    layer_error(l, arg, "%s: %s must be an integer or a list of %d, found a list of %zu", l->def->name, arg,
                count, v->count);
    return false;
  }
  for (int k = 0; k < count; k++) {
    const value *item = v->kind == VALUE_INT ? v : v->items[k];
    if (item->integer < least || item->integer > ARG_LARGEST_SIZE) {
      layer_error(l, arg, "%s: %s must be at least %lld and at most %d, found %lld", l->def->name, arg,
                  (long long)least, ARG_LARGEST_SIZE, (long long)item->integer);
      return false;
    }
    out[k] = item->integer;
  }
  return true;
}

static window_padding padding_named(const char *name) {
  return strcmp(name, "same") == 0     ? PADDING_SAME
         : strcmp(name, "causal") == 0 ? PADDING_CAUSAL
                                       : PADDING_VALID;
}

bool window_check(layer *l, int rank, const char *size) {
  window_spec *w = ARENA_NEW(l->model->unit->mem, window_spec);
  l->data = w;
  w->rank = rank;
  w->padding = padding_named(layer_arg_text(l, "padding"));
  if (!window_integers(l, size, rank, 1, w->size))
    return false;
  const char *strides = layer_arg_is_none(l, "strides") ? size : "strides";
  if (!window_integers(l, strides, rank, 1, w->stride))
    return false;
  for (int k = 0; k < rank; k++)
    w->dilation[k] = 1;
  if (args_index(l->def->args, "dilation_rate") >= 0 &&
      !window_integers(l, "dilation_rate", rank, 1, w->dilation))
    return false;
  for (int k = 0; k < rank; k++)
    if ((w->size[k] - 1) * w->dilation[k] >= ARG_LARGEST_SIZE || window_taps(w) > 4096) {
      layer_error(l, size, "%s: a window of this size is too large: it may have 4096 places", l->def->name);
      return false;
    }
  return true;
}

const window_spec *window_of(const layer *l) {
  return l->data;
}

int64_t window_taps(const window_spec *w) {
  int64_t n = 1;
  for (int k = 0; k < w->rank; k++)
    n = w->size[k] > 4096 ? 4097 : n * w->size[k];
  return n;
}

// ---- extents

static const dim *places(dim_table *dims, const dim *steps, int64_t stride) { // (steps - 1) // stride + 1
  const dim *whole = dim_floordiv(dims, dim_sub_const(dims, steps, 1), dim_const(dims, stride));
  return dim_add(dims, whole, dim_const(dims, 1));
}

window_axis window_axis_of(dim_table *dims, const window_spec *w, const shape *s, int k) {
  window_axis a = {.axis = k + 1,
                   .size = w->size[k],
                   .stride = w->stride[k],
                   .dilation = w->dilation[k],
                   .reach = (w->size[k] - 1) * w->dilation[k] + 1,
                   .padding = w->padding,
                   .in = s->d[k + 1]};
  const dim *steps = w->padding == PADDING_VALID ? dim_sub_const(dims, a.in, a.reach - 1) : a.in;
  a.out = places(dims, steps, a.stride);
  return a;
}

static bool window_fits(layer_call *call, const tensor *x, const window_axis *a) {
  int64_t extent;
  if (!dim_is_const(a->out, &extent) || extent > 0)
    return true;
  strbuf found = {0};
  shape_print(&x->shape, &found);
  diag *d = call_error(call, "%s got a tensor of shape %s; its window reaches over %lld steps of axis %d",
                       call->layer->def->name, strbuf_text(&found), (long long)a->reach, a->axis);
  strbuf_free(&found);
  diag_help(d, "a smaller window, or padding = same");
  return false;
}

bool window_build(layer_call *call, const tensor *x, shape *out) {
  const window_spec *w = window_of(call->layer);
  int rank = w->rank + 2;
  const char *needs = w->rank == 1 ? "(batch, time, features)" : "(batch, height, width, channels)";
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, rank, rank, needs))
    return false;
  *out = x->shape;
  for (int k = 0; k < w->rank; k++) {
    window_axis a = window_axis_of(call->model->unit->dims, w, &x->shape, k);
    if (!window_fits(call, x, &a))
      return false;
    out->d[a.axis] = a.out;
  }
  return true;
}

// ---- padding

// Steps that `same` adds in all: as many as the last window needs.
static const dim *same_total(dim_table *dims, const window_axis *w) {
  const dim *last = dim_mul(dims, dim_sub_const(dims, w->out, 1), dim_const(dims, w->stride));
  const dim *end = dim_add(dims, last, dim_const(dims, w->reach));
  const dim *missing = dim_add(dims, end, dim_mul(dims, dim_const(dims, -1), w->in));
  return dim_max(dims, missing, dim_const(dims, 0));
}

static node *padded_by(graph *g, node *x, const window_axis *w, int64_t before, double outside) {
  const dim *size = dim_add(g->dims, w->in, dim_const(g->dims, w->reach - 1));
  return g_pad(g, x, w->axis, before, size, outside);
}

// The odd step of `same` goes behind. With strides over a symbolic extent, the number of steps before depends
// on the extent: of the few that are possible, the right one is chosen when a call runs.
static node *pad_same(graph *g, node *x, const window_axis *w, double outside) {
  const dim *before = dim_floordiv(g->dims, same_total(g->dims, w), dim_const(g->dims, 2));
  int64_t fixed;
  if (dim_is_const(before, &fixed))
    return padded_by(g, x, w, fixed, outside);
  int64_t most = (w->reach - 1) / 2, least = w->reach > w->stride ? (w->reach - w->stride) / 2 : 0;
  node *padded = padded_by(g, x, w, most, outside), *chosen = g_extent(g, before, INT);
  for (int64_t k = least; k < most; k++) {
    node *is_k = g_broadcast_to(g, g_binary(g, OP_EQ, chosen, g_int(g, k)), padded->shape);
    padded = g_select(g, is_k, padded_by(g, x, w, k, outside), padded);
  }
  return padded;
}

node *window_pad(graph *g, node *x, const window_axis *w, double outside) {
  if (w->padding == PADDING_VALID)
    return x;
  return w->padding == PADDING_CAUSAL ? padded_by(g, x, w, w->reach - 1, outside)
                                      : pad_same(g, x, w, outside);
}

node *window_tap(graph *g, node *padded, const window_axis *w, int64_t k) {
  return g_slice(g, padded, w->axis, k * w->dilation, w->out, w->stride);
}

node *window_counts(graph *g, const window_axis *w) {
  window_axis alone = *w;
  alone.axis = 0;
  node *inside = window_pad(g, g_broadcast_to(g, g_real(g, 1), shape_of(1, w->in)), &alone, 0);
  node *count = window_tap(g, inside, &alone, 0);
  for (int64_t k = 1; k < w->size; k++)
    count = g_add(g, count, window_tap(g, inside, &alone, k));
  return count;
}
