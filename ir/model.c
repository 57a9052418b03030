#include "ir/model.h"
#include "ir/layer.h"
#include "ir/names.h"
#include "ir/train.h"
#include <string.h>

unit *unit_new(diags *d) {
  unit *u = xcalloc(1, sizeof *u);
  u->mem = arena_new();
  u->dims = dim_table_new(u->mem);
  u->diags = d;
  return u;
}

static void layer_free_lists(layer *l) {
  vec_free(&l->weights);
  vec_free(&l->applications);
}

static void model_free_lists(model *m) {
  for (size_t i = 0; i < m->made.len; i++)
    layer_free_lists(m->made.data[i]);
  vec_free(&m->made);
  vec_free(&m->inputs);
  vec_free(&m->outputs);
  vec_free(&m->layers);
  vec_free(&m->applications);
  vec_free(&m->tensors);
  vec_free(&m->weights);
  names_free(m->names);
  train_config_free(m->training);
}

void unit_drop_model(unit *u, size_t index) {
  INVARIANT(index < u->models.len);
  model_free_lists(u->models.data[index]);
  for (size_t i = index + 1; i < u->models.len; i++)
    u->models.data[i - 1] = u->models.data[i];
  u->models.len--;
}

void unit_free(unit *u) {
  if (!u)
    return;
  for (size_t i = 0; i < u->models.len; i++)
    model_free_lists(u->models.data[i]);
  vec_free(&u->models);
  vec_free(&u->files);
  arena_free(u->mem);
  free(u);
}

model *model_new(unit *u, const char *name, span at) {
  model *m = ARENA_NEW(u->mem, model);
  m->unit = u;
  m->name = arena_strdup(u->mem, name);
  m->at = at;
  m->names = names_new();
  vec_push(&u->models, m);
  return m;
}

static shape batch_shape(model *m, const dim *const *dims, int rank) {
  shape s = {.rank = rank + 1};
  s.d[0] = dim_named(m->unit->dims, "batch");
  for (int i = 0; i < rank; i++)
    s.d[i + 1] = dims[i];
  return s;
}

static application *input_application(model *m, const char *name, span at) {
  layer *l = layer_new(m, layer_find("Input"), NULL, at, NULL);
  l->name = l->path = l->given_name = name;
  application *app = ARENA_NEW(m->unit->mem, application);
  app->layer = l;
  app->at = at;
  app->order = (int)m->applications.len;
  app->outputs = ARENA_ARRAY(m->unit->mem, tensor *, 1);
  app->n_outputs = 1;
  vec_push(&l->applications, app);
  vec_push(&m->layers, l);
  vec_push(&m->applications, app);
  return app;
}

tensor *model_add_input(model *m, const char *name, tensor_type type, const dim *const *dims, int rank,
                        span at) {
  if (rank + 1 > MAX_RANK) {
    diag_error(m->unit->diags, at, "input '%s' has %d axes besides the batch; there may be %d at most", name,
               rank, MAX_RANK - 1);
    return model_poison(m, at);
  }
  for (int i = 0; i < rank; i++)
    if (dims[i] == dim_named(m->unit->dims, "batch")) {
      diag_help(diag_error(m->unit->diags, at, "input '%s': every tensor has the axis 'batch' already", name),
                "leave 'batch' out, or give the axis another name");
      return model_poison(m, at);
    }
  name = arena_strdup(m->unit->mem, name);
  if (!model_reserve_name(m, name, at))
    return model_poison(m, at);
  application *app = input_application(m, name, at);
  tensor *t = ARENA_NEW(m->unit->mem, tensor);
  t->name = name;
  t->type = type;
  t->shape = batch_shape(m, dims, rank);
  t->source = app;
  t->id = (int)m->tensors.len;
  t->at = at;
  app->outputs[0] = t;
  vec_push(&m->tensors, t);
  vec_push(&m->inputs, t);
  return t;
}

void model_add_output(model *m, const char *name, tensor *result, span at) {
  for (size_t i = 0; i < m->outputs.len; i++)
    if (strcmp(m->outputs.data[i].name, name) == 0) {
      diag *d = diag_error(m->unit->diags, at, "output '%s' is already defined", name);
      diag_note(d, m->outputs.data[i].at, "'%s' was defined here", name);
      return;
    }
  if (!tensor_is_poison(result) && result->type == TENSOR_TEXT)
    diag_help(diag_error(m->unit->diags, at, "output '%s' is text; an output must be numbers", name),
              "TextVectorization turns text into word numbers");
  named_output o = {arena_strdup(m->unit->mem, name), result, at};
  vec_push(&m->outputs, o);
}

tensor *model_poison(model *m, span at) {
  tensor *t = ARENA_NEW(m->unit->mem, tensor);
  t->name = "";
  t->shape.rank = -1;
  t->id = -1;
  t->at = at;
  return t;
}

bool model_is_stateful(const model *m) {
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    bool inner = false;
    for (int k = 0; k < app->n_inner; k++)
      inner |= app->inner[k]->n_carried > 0;
    if (app->n_carried || inner)
      return true;
  }
  return false;
}

bool tensor_is_poison(const tensor *t) {
  return t->shape.rank < 0;
}

const char *tensor_type_name(tensor_type t) {
  static const char *const names[] = {[TENSOR_REAL] = "float", [TENSOR_INT] = "int", [TENSOR_TEXT] = "text"};
  return names[t];
}

static int64_t weight_elements(const weight *w) {
  int64_t n = 1;
  for (int i = 0; i < w->shape.rank; i++) {
    int64_t extent = 0;
    bool is_static = dim_is_const(w->shape.d[i], &extent);
    INVARIANT(is_static);
    n *= extent;
  }
  return n;
}

int64_t layer_param_count(const layer *l, bool trainable_only) {
  int64_t n = 0;
  for (size_t i = 0; i < l->weights.len; i++)
    if (!trainable_only || l->weights.data[i]->trainable)
      n += weight_elements(l->weights.data[i]);
  for (int i = 0; i < l->n_children; i++)
    if (l->children[i]->parent == l && !l->children[i]->listed) // else it counts where it stands itself
      n += layer_param_count(l->children[i], trainable_only);
  return n;
}
