#ifndef NLM_IR_LAYERS_POINTWISE_H
#define NLM_IR_LAYERS_POINTWISE_H
// Layers whose result has the shape of their input and is real, and that treat every step by itself.
#include "ir/layer.h"

bool pointwise_build(layer_call *call);
// f sees rows (or the dense tensor) as real numbers, and the fill.
typedef node *(*pointwise_fn)(lowering *lw, const application *app, node *x);
void pointwise_lower(lowering *lw, const application *app, pointwise_fn f);
// An axis argument: an integer or a list of them, counted from the front or, negative, from behind; bit k of
// the result is axis k. 0 after an error was reported (the batch, an axis twice, one that is not there).
unsigned axes_argument(layer_call *call, const char *arg, const tensor *x);
// The same of an application that was checked.
unsigned axes_of(const layer *l, const char *arg, int rank);
// Extents of these axes, in order.
shape shape_of_axes(const shape *s, unsigned axes);
// Where x's axes in `axes` are gone (a reduction), it is repeated along them; `like` has the shape wanted.
node *spread_over(graph *g, node *reduced, const shape *like, unsigned axes);

#endif
