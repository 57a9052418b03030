#ifndef NLM_IR_LAYERS_CONVOLUTION_H
#define NLM_IR_LAYERS_CONVOLUTION_H
// What convolution layers share. Legend: C input features, F filters, k taps of the kernel, g groups.
#include "ir/layers/activated.h"
#include "ir/layers/window.h"

// Checks filters, groups and the window; for layers with kernel_size, strides, padding.
bool convolution_check(layer *l, int rank);
// Conv1D, Conv2D: kernel [size..., C / g, F], bias [F].
bool convolution_build(layer_call *call);
void convolution_lower(lowering *lw, const application *app);

// DepthwiseConv1D, DepthwiseConv2D: kernel [size..., C, depth_multiplier], bias [C * depth_multiplier].
bool depthwise_build(layer_call *call);
void depthwise_lower(lowering *lw, const application *app);
// SeparableConv1D, SeparableConv2D: a depthwise convolution, then a product with [C * depth_multiplier, F].
bool separable_build(layer_call *call);
void separable_lower(lowering *lw, const application *app);

// Declares kernel weights [size..., before, last].
void convolution_kernel(layer_call *call, const char *local, const char *initializer, int64_t before,
                        int64_t last);
void convolution_bias(layer_call *call, int64_t size);
// x [..., C] (any layout, fill included) times kernel [C, N], or [N, C] when transposed: the same layout.
lowered convolution_product(lowering *lw, lowered x, node *kernel, bool transposed);
lowered convolution_real(lowering *lw, lowered x);
// Adds the bias, applies the activation, sets the output.
void convolution_finish(lowering *lw, const application *app, node *y);

// Arguments by Keras's names, in its order.
#define CONVOLUTION_WINDOW_ARGS                                                                              \
  {.name = "kernel_size",                                                                                    \
   .kinds = ARG_INT | ARG_INTS,                                                                              \
   .min = 1,                                                                                                 \
   .max = 4096,                                                                                              \
   .doc = "extent of the window, for all axes or for each"},                                                 \
  {                                                                                                          \
    .name = "strides", .kinds = ARG_INT | ARG_INTS, .default_text = "1", .min = 1, .max = INFINITY,          \
    .doc = "steps from one window to the next"                                                               \
  }
#define CONVOLUTION_PADDING_ARG(list)                                                                        \
  {                                                                                                          \
    .name = "padding", .kinds = ARG_MODE, .modes = list, .default_text = "valid",                            \
    .doc = "zeros around the input: valid, none; same, as many outputs as inputs; causal, all before"        \
  }
#define CONVOLUTION_DILATION_ARG                                                                             \
  {                                                                                                          \
    .name = "dilation_rate", .kinds = ARG_INT | ARG_INTS, .default_text = "1", .min = 1, .max = INFINITY,    \
    .doc = "distance between the taps of a window"                                                           \
  }
#define CONVOLUTION_FILTERS_ARG                                                                              \
  { .name = "filters", .kinds = ARG_INT, .min = 1, .max = INFINITY, .doc = "size of the output's last axis" }
#define CONVOLUTION_RESULT_ARGS                                                                              \
  {.name = "activation",                                                                                     \
   .kinds = ARG_ACTIVATION | ARG_NONE,                                                                       \
   .default_text = "none",                                                                                   \
   .doc = "applied to the result"},                                                                          \
  {                                                                                                          \
    .name = "use_bias", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether a bias is added"          \
  }
#define CONVOLUTION_INITIALIZER_ARG(word, value, of)                                                         \
  { .name = word, .kinds = ARG_INITIALIZER, .default_text = value, .doc = of }
#define CONVOLUTION_MULTIPLIER_ARG                                                                           \
  {                                                                                                          \
    .name = "depth_multiplier", .kinds = ARG_INT, .default_text = "1", .min = 1, .max = INFINITY,            \
    .doc = "outputs for each input feature"                                                                  \
  }

extern const char *const convolution_paddings[], *const convolution_paddings_causal[];
extern const char convolution_mask_advice[];

#endif
