#include "ir/call_mask.h"
#include "ir/inner_graph.h"
#include "ir/layer.h"
#include <string.h>

// ---- a sequence (batch, time, ...) under the mask of another tensor (batch, time)

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  tensor *y = call_output(call, x->shape, x->type);
  call_output_mask(y, MASK_VALID, y);
  return true;
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const tensor *y = app->outputs[0];
  lowered x = lower_input(lw, app, 0);
  node *numbers = lower_to_dense(lw, lower_input(lw, app, 1), app->inputs[1]);
  node *zero = numbers->type == REAL ? g_real(g, 0) : g_int(g, 0);
  lower_set_mask(lw, y, g_binary(g, OP_EQ, g_binary(g, OP_EQ, numbers, zero), g_int(g, 0)));
  node *dense = lower_to_dense(lw, x, app->inputs[0]), *all = lower_to_all_rows(lw, x, app->inputs[0]);
  node *pack = lower_pack(lw, y), *rows = lower_to_pack(lw, lowered_dense_value(dense), pack, LAYOUT_RM);
  lower_set_output(lw, app, 0, lowered_row_value(rows, LAYOUT_RM, pack, FILL_FULL, all));
}

static const layer_def apply_mask_layer = {
    .name = "ApplyMask",
    .snake = "apply_mask",
    .doc = "A sequence under a mask that a call gives.",
    .group = "core",
    .min_inputs = 2,
    .max_inputs = 2,
    .masks = MASKS_CUSTOM,
    .build = build,
    .lower = lower,
};

// ---- the argument

static bool takes_mask(const layer_def *def) {
  for (size_t k = 0; def->call_args && def->call_args[k]; k++)
    if (strcmp(def->call_args[k], "mask") == 0)
      return false;
  return def->masks != MASKS_DESTROY && def->build != build;
}

static bool is_sequence_mask(const tensor *x, const tensor *mask) {
  return mask->type != TENSOR_TEXT && mask->shape.rank == 2 && x->shape.rank >= 2 &&
         x->shape.d[0] == mask->shape.d[0] && x->shape.d[1] == mask->shape.d[1];
}

static bool mask_input(application *app, int k, const value *v) {
  diags *d = app->layer->model->unit->diags;
  const char *name = app->layer->def->name;
  if (v->kind == VALUE_NONE)
    return true;
  if (v->kind != VALUE_OBJECT || v->object_kinds || !v->object) {
    diag_error(d, v->at, "%s: 'mask' must be a tensor (batch, time) of numbers, not 0 where a step counts",
               name);
    return false;
  }
  tensor *x = app->inputs[k], *mask = v->object;
  if (tensor_is_poison(x) || tensor_is_poison(mask)) {
    app->inputs[k] = tensor_is_poison(x) ? x : mask;
    return true;
  }
  if (!is_sequence_mask(x, mask)) {
    strbuf found = {0}, given = {0};
    shape_print(&x->shape, &found);
    shape_print(&mask->shape, &given);
    diag_error(d, v->at,
               "%s: a mask of shape %s does not fit a tensor of shape %s; it needs a number for each step "
               "(batch, time)",
               name, strbuf_text(&given), strbuf_text(&found));
    strbuf_free(&found);
    strbuf_free(&given);
    return false;
  }
  layer *l = layer_new(app->layer->model, &apply_mask_layer, NULL, v->at, NULL);
  app->inputs[k] = layer_apply(l, (tensor *[]){x, mask}, 2, NULL, NULL, 0, v->at)->outputs[0];
  return true;
}

static bool mask_inputs(application *app, const value *v) {
  diags *d = app->layer->model->unit->diags;
  if (inner_graph_cell(app->layer->model)) {
    diag_error(d, v->at, "%s: a cell sees one step; masks belong to the call of its RNN",
               app->layer->def->name);
    return false;
  }
  if (v->kind != VALUE_LIST)
    return app->n_inputs == 0 || mask_input(app, 0, v);
  if ((int)v->count != app->n_inputs) {
    diag_error(d, v->at, "%s: %d tensors need as many masks (or none), found %d", app->layer->def->name,
               app->n_inputs, (int)v->count);
    return false;
  }
  for (int k = 0; k < app->n_inputs; k++)
    if (!mask_input(app, k, v->items[k]))
      return false;
  return true;
}

bool take_call_mask(application *app) {
  if (!takes_mask(app->layer->def))
    return true;
  int kept = 0;
  const value *mask = NULL;
  for (int i = 0; i < app->n_call; i++) {
    if (strcmp(app->call_names[i], "mask") == 0) {
      mask = app->call_values[i];
      continue;
    }
    app->call_names[kept] = app->call_names[i];
    app->call_values[kept++] = app->call_values[i];
  }
  app->n_call = kept;
  return !mask || mask_inputs(app, mask);
}
