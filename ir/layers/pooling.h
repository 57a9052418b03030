#ifndef NLM_IR_LAYERS_POOLING_H
#define NLM_IR_LAYERS_POOLING_H
// Maxima and averages over windows; the shape is that of a convolution without dilation.
#include "ir/layers/window.h"

bool pooling_check_1d(layer *l);
bool pooling_check_2d(layer *l);
bool pooling_build(layer_call *call);
// Padding never is the largest.
void pooling_lower_max(lowering *lw, const application *app);
// Padding does not count.
void pooling_lower_average(lowering *lw, const application *app);

extern const char *const pooling_paddings[];
extern const char pooling_mask_advice[];
#define POOLING_ARGS(size)                                                                                   \
  {.name = "pool_size",                                                                                      \
   .kinds = ARG_INT | ARG_INTS,                                                                              \
   .default_text = size,                                                                                     \
   .min = 1,                                                                                                 \
   .max = 4096,                                                                                              \
   .doc = "extent of the window, for all axes or for each"},                                                 \
      {.name = "strides",                                                                                    \
       .kinds = ARG_INT | ARG_INTS | ARG_NONE,                                                               \
       .default_text = "none",                                                                               \
       .min = 1,                                                                                             \
       .max = INFINITY,                                                                                      \
       .doc = "steps from one window to the next; none: pool_size"},                                         \
      {.name = "padding",                                                                                    \
       .kinds = ARG_MODE,                                                                                    \
       .modes = pooling_paddings,                                                                            \
       .default_text = "valid",                                                                              \
       .doc = "same: windows may reach over the ends"},                                                      \
      DATA_FORMAT_ARG, {                                                                                     \
    0                                                                                                        \
  }

#endif
