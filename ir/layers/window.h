#ifndef NLM_IR_LAYERS_WINDOW_H
#define NLM_IR_LAYERS_WINDOW_H
// Windows that slide over the spatial axes of (batch, steps, features) or (batch, height, width, channels):
// what convolutions and poolings share. A window of `size` taps, `dilation` apart, stands at every
// `stride`-th place; tap k of all windows is one strided slice of the padded tensor. Extents may be symbolic
// with every padding and stride.
#include "ir/layer.h"

enum { MAX_SPATIAL = 2 };

typedef enum { PADDING_VALID, PADDING_SAME, PADDING_CAUSAL } window_padding;

typedef struct window_spec {
  int rank; // spatial axes: 1 or 2
  int64_t size[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
  window_padding padding;
} window_spec;

// The windows along one axis of a tensor.
typedef struct window_axis {
  int axis;
  int64_t size, stride, dilation;
  int64_t reach; // steps from the first tap to behind the last one
  window_padding padding;
  const dim *in, *out; // extents of the axis before and after
} window_axis;

// Reads the layer's arguments `size` (kernel_size or pool_size), strides (none: the size), dilation_rate if
// it has one, and padding into layer.data (a window_spec). false after an error was reported.
bool window_check(layer *l, int rank, const char *size);
const window_spec *window_of(const layer *l);
int64_t window_taps(const window_spec *w); // product of the sizes
// An argument that is an integer, or a list of `count` of them, each at least `least`.
bool window_integers(layer *l, const char *arg, int count, int64_t least, int64_t *out);

// Windows along spatial axis k (tensor axis k + 1) of a tensor of this shape.
window_axis window_axis_of(dim_table *dims, const window_spec *w, const shape *s, int k);
// Checks the input's type and rank and sets *out to the shape behind the windows, the last axis kept.
bool window_build(layer_call *call, const tensor *x, shape *out);

// x with `outside` before and behind the axis, as far as windows reach.
node *window_pad(graph *g, node *x, const window_axis *w, double outside);
// Tap k of every window of a padded tensor: extent w->out along the axis.
node *window_tap(graph *g, node *padded, const window_axis *w, int64_t k);
// Number of taps that lie inside the tensor, of each window: REAL [w->out].
node *window_counts(graph *g, const window_axis *w);

extern const char *const window_data_formats[];
#define DATA_FORMAT_ARG                                                                                      \
  {                                                                                                          \
    .name = "data_format", .kinds = ARG_MODE | ARG_NONE, .modes = window_data_formats,                       \
    .default_text = "none", .doc = "channels are the last axis"                                              \
  }

#endif
