// What layers call while they are lowered: values, weights, masks and packings.
#include "ir/layer.h"
#include "ir/lower_private.h"
#include <string.h>

lowered lower_value(lowering *lw, const tensor *t) {
  lowered v = lw->values[t->id];
  if (!v.data)
    ICE("tensor '%s' was not lowered before its use", t->name);
  return v;
}

lowered lower_input(lowering *lw, const application *app, int k) {
  INVARIANT(k >= 0 && k < app->n_inputs);
  return lower_value(lw, app->inputs[k]);
}

void lower_set_output(lowering *lw, const application *app, int k, lowered v) {
  INVARIANT(k >= 0 && k < app->n_outputs && v.data);
  INVARIANT((v.layout == LAYOUT_DENSE) == (v.pack == NULL));
  lw->values[app->outputs[k]->id] = v;
}

node *lower_weight(lowering *lw, const layer *l, const char *local) {
  for (size_t i = 0; i < l->weights.len; i++)
    if (strcmp(l->weights.data[i]->local, local) == 0)
      return g_param(lw->g, l->weights.data[i]->index, l->weights.data[i]->shape);
  ICE("layer '%s' has no weight '%s'", l->name, local);
}

static program_root *assignment(const program *p, int index) {
  for (size_t i = 0; i < p->roots.len; i++)
    if (p->roots.data[i].role == ROOT_ASSIGN && p->roots.data[i].index == index)
      return &p->roots.data[i];
  return NULL;
}

node *lower_state(lowering *lw, const layer *l, const char *local) {
  node *param = lower_weight(lw, l, local);
  const program_root *assigned = assignment(lw->program, (int)param->i[0]);
  return assigned ? assigned->value : param;
}

void lower_assign(lowering *lw, const layer *l, const char *local, node *next) {
  const node *param = lower_weight(lw, l, local);
  INVARIANT(lw->training && shape_equal(&param->shape, &next->shape));
  program_root *assigned = assignment(lw->program, (int)param->i[0]);
  if (assigned)
    assigned->value = next;
  else
    program_add_root(lw->program, ROOT_ASSIGN, (int)param->i[0], next);
}

static int state_input(const lowering *lw, const application *app, int k) {
  const program_inputs *inputs = lw->program->inputs;
  for (size_t i = 0; i < inputs->list.len; i++)
    if (inputs->list.data[i].carrier == app && inputs->list.data[i].carried == k)
      return (int)i;
  ICE("layer '%s' carries no state %d", app->layer->name, k);
}

node *lower_carried(lowering *lw, const application *app, int k) {
  return g_input(lw->g, state_input(lw, app, k), REAL, app->carried[k]);
}

void lower_carry(lowering *lw, const application *app, int k, node *next) {
  INVARIANT(shape_equal(&next->shape, &app->carried[k]));
  program_add_root(lw->program, ROOT_STATE, state_input(lw, app, k), next);
}

lowered lowered_dense_value(node *data) {
  return (lowered){.data = data, .layout = LAYOUT_DENSE};
}

lowered lowered_row_value(node *data, row_layout layout, node *pack, fill_kind kind, node *fill) {
  INVARIANT(layout != LAYOUT_DENSE && pack && data->shape.rank >= 1 && data->shape.d[0] == pack_valid(pack));
  INVARIANT(pack_is_dense(pack) || kind != FILL_NONE);
  if (pack_is_dense(pack))
    return (lowered){.data = data, .layout = layout, .pack = pack};
  return (lowered){.data = data, .layout = layout, .pack = pack, .fill_kind = kind, .fill = fill};
}

// ---- masks

void lower_set_mask(lowering *lw, const tensor *mask_source, node *mask) {
  INVARIANT(mask->type == INT && mask->shape.rank == 2);
  lw->p->masks[mask_source->id] = mask;
}

static bool has_mask_zero(const layer *l) {
  int k = l->args && l->def->args ? args_index(l->def->args, "mask_zero") : -1;
  return k >= 0 && l->args[k]->kind == VALUE_BOOL && l->args[k]->boolean;
}

node *lower_nonzero_ids(lowering *lw, const tensor *ids) {
  graph *g = lw->g;
  node *x = lower_to_dense(lw, lower_value(lw, ids), ids);
  node *zero = g_int(g, 0);
  return g_binary(g, OP_EQ, g_binary(g, OP_EQ, x, zero), zero);
}

// A step of several ids, the characters of a word, is valid when one of them is not 0.
static node *mask_of_ids(lowering *lw, const tensor *ids) {
  graph *g = lw->g;
  node *valid = lower_nonzero_ids(lw, ids);
  if (ids->shape.rank == 2)
    return valid;
  return g_binary(g, OP_LT, g_real(g, 0), g_reduce_sum(g, g_cast(g, valid, REAL), 1u << 2));
}

static node *or_of_masks(lowering *lw, const application *app) {
  node *mask = NULL;
  for (int k = 0; k < app->n_inputs; k++) {
    node *m = lower_mask(lw, app->inputs[k]);
    if (m)
      mask = mask ? g_binary(lw->g, OP_OR, mask, m) : m;
  }
  if (!mask)
    ICE("layer '%s' defines a mask and does not say which", app->layer->name);
  return mask;
}

node *lower_mask(lowering *lw, const tensor *t) {
  if (t->mask != MASK_VALID)
    return NULL;
  const tensor *made = t->mask_source;
  INVARIANT(made && made->source);
  node **slot = &lw->p->masks[made->id];
  if (!*slot) {
    const application *app = made->source;
    *slot = has_mask_zero(app->layer) ? mask_of_ids(lw, app->inputs[0]) : or_of_masks(lw, app);
  }
  return *slot;
}

node *lower_pack(lowering *lw, const tensor *t) {
  INVARIANT(t->shape.rank >= 2);
  lowering_private *p = lw->p;
  node *mask = lower_mask(lw, t);
  const dim *batch = t->shape.d[0], *time = t->shape.d[1];
  for (size_t i = 0; i < p->packs.len; i++) {
    const pack_entry *e = &p->packs.data[i];
    if (e->mask == mask && e->batch == batch && e->time == time)
      return e->pack;
  }
  pack_entry made = {mask, batch, time, g_pack(lw->g, mask, batch, time)};
  vec_push(&p->packs, made);
  return made.pack;
}

node *lower_given(lowering *lw, const application *app, node **weights, int *input) {
  int id = app->outputs[0]->id;
  INVARIANT(lw->p->given_ids[id]);
  *weights = lw->p->given_weights[id];
  *input = lw->p->input_of[id];
  return lw->p->given_ids[id];
}

int lower_input_index(const lowering *lw, const tensor *t) {
  while (t) {
    if (lw->p->input_of[t->id] >= 0)
      return lw->p->input_of[t->id];
    const application *app = t->source;
    t = NULL;
    for (int k = 0; app && k < app->n_inputs && !t; k++)
      if (app->inputs[k]->type == TENSOR_INT)
        t = app->inputs[k];
  }
  return -1;
}
