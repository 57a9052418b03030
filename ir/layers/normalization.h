#ifndef NLM_IR_LAYERS_NORMALIZATION_H
#define NLM_IR_LAYERS_NORMALIZATION_H
// What normalizations share: means and variances over axes, learned scale and offset.
#include "ir/layers/pointwise.h"

// Declares gamma and beta of this shape, as the layer's `scale` and `center` ask.
void normalization_weights(layer_call *call, shape s);
// Mean of x over axes, which are removed; count: REAL rank 0, or NULL for the product of their extents.
node *normalization_mean(graph *g, node *x, unsigned axes, node *count);
// 1 / sqrt(v + epsilon).
node *normalization_inverse_root(graph *g, node *v, double epsilon);
// Checks the later applications of a layer whose first weight is `s`-shaped; false after an error was
// reported.
bool normalization_same_shape(layer_call *call, const shape *s);

#define NORMALIZATION_EPSILON_ARG(value)                                                                     \
  {                                                                                                          \
    .name = "epsilon", .kinds = ARG_FLOAT, .default_text = value, .min = 0, .max = INFINITY,                 \
    .doc = "added to the variance"                                                                           \
  }
#define NORMALIZATION_WEIGHT_ARGS                                                                            \
  {.name = "center", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether beta is added"},             \
      {.name = "scale", .kinds = ARG_BOOL, .default_text = "true", .doc = "whether gamma multiplies"},       \
      {.name = "beta_initializer", .kinds = ARG_INITIALIZER, .default_text = "zeros", .doc = "of beta"}, {   \
    .name = "gamma_initializer", .kinds = ARG_INITIALIZER, .default_text = "ones", .doc = "of gamma"         \
  }

#endif
