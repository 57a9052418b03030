#ifndef NLM_IR_INNER_GRAPH_H
#define NLM_IR_INNER_GRAPH_H
// Layers that are applied inside another one: those of a user's cell (ir/user_cell.h) and those of a block
// that a wrapper got (ir/user_block.h). While model.inner is set, layer_apply hands its applications over to
// that graph; they stand in no model.applications, and their layers are children of the owner
// (layer.children).
#include "ir/lower.h"
#include "ir/model.h"

typedef struct inner_graph {
  layer *owner;
  application **applications; // in order
  int n_applications, max_applications;
} inner_graph;

// What model.inner and model.scope were before.
typedef struct inner_scope {
  inner_graph *graph;
  const char *scope;
} inner_scope;

// Applications of `owner->model` go to `in`, and names to the owner's path, until inner_graph_end.
inner_scope inner_graph_begin(inner_graph *in, layer *owner);
void inner_graph_end(inner_graph *in, inner_scope before);

// The user's cell whose layers are being applied, or NULL.
layer *inner_graph_cell(const model *m);
// A layer on its first application in the graph, before it is named.
void inner_graph_adopt(inner_graph *in, layer *l);
void inner_graph_record(inner_graph *in, application *app);

// Lowers all applications; the tensors that they read from outside have values.
void inner_graph_lower(lowering *lw, const inner_graph *in);

#endif
