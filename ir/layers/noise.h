#ifndef NLM_IR_LAYERS_NOISE_H
#define NLM_IR_LAYERS_NOISE_H
// Layers that draw random numbers in training and do nothing in prediction. Elements are numbered as in the
// padded tensor, so that packing changes no number; padding steps draw too, and are computed only if somebody
// looks.
#include "ir/layer.h"

// x with noise; rows: the logical row numbers of x for RANDOM, or NULL.
typedef node *(*noise_fn)(lowering *lw, const application *app, node *x, node *rows);
// level: the layer's argument that is 0 when there is none.
void noise_lower(lowering *lw, const application *app, const char *level, noise_fn f);
// Numbers of a normal distribution (mean 0, deviation 1), from two uniform ones each.
node *noise_normal(graph *g, const application *app, shape s, node *rows);

#define NOISE_SEED_ARG                                                                                       \
  { .name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .doc = "varies the random numbers" }

#endif
