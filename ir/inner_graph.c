#include "ir/inner_graph.h"
#include "ir/layer.h"

inner_scope inner_graph_begin(inner_graph *in, layer *owner) {
  model *m = owner->model;
  inner_scope before = {m->inner, m->scope};
  in->owner = owner;
  m->inner = in;
  m->scope = owner->path;
  return before;
}

void inner_graph_end(inner_graph *in, inner_scope before) {
  model *m = in->owner->model;
  m->inner = before.graph;
  m->scope = before.scope;
}

layer *inner_graph_cell(const model *m) {
  return m->inner && (m->inner->owner->def->traits & LAYER_CELL) ? m->inner->owner : NULL;
}

void inner_graph_adopt(inner_graph *in, layer *l) {
  if (!l->parent && l->applications.len == 0)
    layer_add_child(in->owner, l, NULL);
}

void inner_graph_record(inner_graph *in, application *app) {
  if (in->n_applications == in->max_applications) {
    in->max_applications = in->max_applications ? 2 * in->max_applications : 16;
    application **more = ARENA_ARRAY(in->owner->model->unit->mem, application *, in->max_applications);
    for (int k = 0; k < in->n_applications; k++)
      more[k] = in->applications[k];
    in->applications = more;
  }
  in->applications[in->n_applications++] = app;
}

void inner_graph_lower(lowering *lw, const inner_graph *in) {
  const application *outer = lw->current;
  for (int k = 0; k < in->n_applications; k++) {
    lw->current = in->applications[k];
    lw->current->layer->def->lower(lw, lw->current);
  }
  lw->current = outer;
}
