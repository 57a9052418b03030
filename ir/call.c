// What layers use while they check their inputs and declare results and weights.
#include "ir/initializers.h"
#include "ir/layer.h"
#include "ir/regularization.h"
#include <string.h>

void call_output_mask(tensor *out, mask_state state, tensor *mask_source) {
  INVARIANT((state == MASK_VALID) == (mask_source != NULL));
  out->mask = state;
  out->mask_source = mask_source;
}

static bool is_trainable(const layer *l) {
  for (; l; l = l->parent)
    if (!l->trainable)
      return false;
  return true;
}

bool call_carry(layer_call *call, shape s) {
  enum { MOST = 64 };
  const model *m = call->model;
  application *app = call->app;
  if (!call->first || (m->inputs.len && s.d[0] != m->inputs.data[0]->shape.d[0])) {
    diag *d = call_error(call, "%s with stateful = true must be applied once, and to the rows of the batch",
                         call->layer->def->name);
    diag_help(d, "its states belong to the rows of the batch, from one batch to the next");
    return false;
  }
  if (!app->carried)
    app->carried = ARENA_ARRAY(m->unit->mem, shape, MOST);
  INVARIANT(app->n_carried < MOST);
  app->carried[app->n_carried++] = s;
  return true;
}

weight *call_weight(layer_call *call, const char *local, shape s, initializer init) {
  layer *l = call->layer;
  model *m = call->model;
  INVARIANT(call->first && l->path);
  weight *w = ARENA_NEW(m->unit->mem, weight);
  w->local = local;
  w->name = arena_printf(m->unit->mem, "%s/%s", l->path, local);
  w->shape = s;
  w->init = init;
  w->trainable = is_trainable(l);
  w->owner = l;
  if (!regularization_apply(l, w))
    call->failed = true;
  w->index = (int)m->weights.len;
  vec_push(&m->weights, w);
  vec_push(&l->weights, w);
  return w;
}

// ---- errors

diag *call_error(layer_call *call, const char *format, ...) {
  call->failed = true;
  va_list args;
  va_start(args, format);
  const char *text = arena_vprintf(call->model->unit->mem, format, args);
  va_end(args);
  return diag_error(call->model->unit->diags, call->app->at, "%s", text);
}

diag *layer_error(const layer *l, const char *arg, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = arena_vprintf(l->model->unit->mem, format, args);
  va_end(args);
  span at = arg ? layer_arg(l, arg)->at : l->at;
  return diag_error(l->model->unit->diags, at, "%s", text);
}

static const char *shape_text(const model *m, const shape *s) {
  strbuf b = {0};
  shape_print(s, &b);
  const char *text = arena_strdup(m->unit->mem, strbuf_text(&b));
  strbuf_free(&b);
  return text;
}

// The layer behind `t` that gave it its number of axes, or NULL when it came so from the model's input.
static const application *axis_changer(const tensor *t) {
  while (t->source && t->source->n_inputs > 0) {
    const tensor *in = t->source->inputs[0];
    if (tensor_is_poison(in))
      return NULL;
    if (in->type == TENSOR_TEXT || in->shape.rank != t->shape.rank)
      return t->source;
    t = in;
  }
  return NULL;
}

static bool returns_last_step(const layer *l) {
  if (l->n_children > 0 && !(l->def->traits & LAYER_RECURRENT))
    return returns_last_step(l->children[0]);
  return (l->def->traits & LAYER_RECURRENT) && !layer_arg_bool(l, "return_sequences");
}

static const layer *recurrent_of(const layer *l) {
  while (!(l->def->traits & LAYER_RECURRENT))
    l = l->children[0];
  return l;
}

static void explain_axes(layer_call *call, diag *d, const tensor *input) {
  const model *m = call->model;
  const application *app = axis_changer(input);
  if (!app) {
    const tensor *t = input;
    while (t->source && t->source->n_inputs > 0)
      t = t->source->inputs[0];
    if (t->source && strcmp(t->source->layer->def->name, "Input") == 0)
      diag_note(d, t->at, "input '%s' is declared here with the shape %s", t->name, shape_text(m, &t->shape));
    return;
  }
  const tensor *before = app->inputs[0], *after = app->outputs[0];
  const char *name = app->layer->def->name;
  if (before->type == TENSOR_TEXT)
    return;
  bool removed = before->shape.rank > after->shape.rank;
  bool time = removed && before->shape.rank == 3 && after->shape.rank == 2;
  diag_note(d, app->at, "%s %s here: %s became %s", name,
            time      ? "removed the time axis"
            : removed ? "removed an axis"
                      : "added an axis",
            shape_text(m, &before->shape), shape_text(m, &after->shape));
  if (removed && returns_last_step(app->layer))
    diag_help(d, "add return_sequences = true to %s (line %d)", recurrent_of(app->layer)->def->name,
              recurrent_of(app->layer)->at.line);
}

void call_shape_error(layer_call *call, const tensor *input, const char *needs) {
  diag *d = call_error(call, "%s got a tensor of shape %s; it needs %s", call->layer->def->name,
                       shape_text(call->model, &input->shape), needs);
  explain_axes(call, d, input);
  if (input->type == TENSOR_INT && input->shape.rank == 2)
    diag_help(d, "Embedding or OneHot makes features of word numbers");
}

bool call_expect_numbers(layer_call *call, const tensor *input) {
  if (input->type != TENSOR_TEXT)
    return true;
  diag *d = call_error(call, "%s got text; it needs numbers", call->layer->def->name);
  diag_help(d, "TextVectorization turns text into word numbers");
  return false;
}

bool call_expect_rank(layer_call *call, const tensor *input, int min_rank, int max_rank, const char *needs) {
  if (input->shape.rank >= min_rank && (max_rank < 0 || input->shape.rank <= max_rank))
    return true;
  call_shape_error(call, input, needs);
  return false;
}

int64_t call_static_dim(layer_call *call, const tensor *input, int axis) {
  int64_t extent = -1;
  if (axis < 0)
    axis += input->shape.rank;
  if (dim_is_const(input->shape.d[axis], &extent))
    return extent;
  strbuf b = {0};
  dim_print(input->shape.d[axis], &b);
  diag *d = call_error(
      call, "%s got a tensor of shape %s; the size of its weights depends on '%s', which must be a number",
      call->layer->def->name, shape_text(call->model, &input->shape), strbuf_text(&b));
  strbuf_free(&b);
  explain_axes(call, d, input);
  diag_help(
      d, "give the input a fixed length: int[600], float[600, 3], or output_sequence_length = 600 for text");
  return -1;
}

bool call_same_features(layer_call *call, const tensor *input, int64_t first_size) {
  int64_t size = call_static_dim(call, input, -1);
  if (size < 0)
    return false;
  if (size == first_size)
    return true;
  diag *d = call_error(
      call, "%s got a tensor of shape %s; its weights, shared with its first use, need %lld features",
      call->layer->def->name, shape_text(call->model, &input->shape), (long long)first_size);
  if (call->layer->applications.len > 0)
    diag_note(d, call->layer->applications.data[0]->at, "%s was first applied here", call->layer->name);
  return false;
}

void call_warn_destroyed(layer_call *call, const tensor *masked) {
  const layer_def *def = call->layer->def;
  const layer *maker = masked->mask_source->source->layer;
  diag *d = diag_warning(call->model->unit->diags, call->app->at,
                         "%s cannot use the mask that %s made (line %d): padding enters the result",
                         def->name, maker->def->name, masked->mask_source->at.line);
  if (def->mask_advice)
    diag_help(d, "%s", def->mask_advice);
}

const value *call_argument(const application *app, const char *name) {
  for (int i = 0; i < app->n_call; i++)
    if (strcmp(app->call_names[i], name) == 0)
      return app->call_values[i];
  return NULL;
}

// ---- bound arguments

const value *layer_arg(const layer *l, const char *name) {
  int k = l->def->args ? args_index(l->def->args, name) : -1;
  if (k < 0)
    ICE("%s has no argument '%s'", l->def->name, name);
  return l->args[k];
}

int64_t layer_arg_int(const layer *l, const char *name) {
  const value *v = layer_arg(l, name);
  INVARIANT(v->kind == VALUE_INT);
  return v->integer;
}

double layer_arg_float(const layer *l, const char *name) {
  const value *v = layer_arg(l, name);
  INVARIANT(v->kind == VALUE_INT || v->kind == VALUE_FLOAT);
  return v->number;
}

bool layer_arg_bool(const layer *l, const char *name) {
  const value *v = layer_arg(l, name);
  INVARIANT(v->kind == VALUE_BOOL);
  return v->boolean;
}

const char *layer_arg_text(const layer *l, const char *name) {
  const value *v = layer_arg(l, name);
  INVARIANT(v->kind == VALUE_NONE || v->kind == VALUE_STRING || v->kind == VALUE_NAME);
  return v->kind == VALUE_NONE ? NULL : v->text;
}

bool layer_arg_is_none(const layer *l, const char *name) {
  return layer_arg(l, name)->kind == VALUE_NONE;
}

initializer layer_arg_initializer(const layer *l, const char *name) {
  initializer init = {0};
  unit *u = l->model->unit;
  bool good = initializer_bind(u->mem, u->diags, name, layer_arg(l, name), &init);
  INVARIANT(good); // checked when the layer was made
  return init;
}

void layer_set_bool(layer *l, const char *arg, bool v) {
  int k = args_index(l->def->args, arg);
  INVARIANT(k >= 0);
  value *fresh = ARENA_NEW(l->model->unit->mem, value);
  *fresh = *l->args[k];
  fresh->kind = VALUE_BOOL;
  fresh->boolean = v;
  l->args[k] = fresh;
}

// ---- random streams

static uint64_t hash_text(uint64_t h, const char *text) { // FNV-1a
  for (; *text; text++)
    h = (h ^ (unsigned char)*text) * 0x100000001b3u;
  return (h ^ 0xff) * 0x100000001b3u;
}

uint64_t layer_stream(const application *app, const char *purpose) {
  return layer_stream_of(app->layer, app->number, purpose);
}

uint64_t layer_stream_of(const layer *l, int number, const char *purpose) {
  uint64_t h = hash_text(0xcbf29ce484222325u, l->name);
  h = hash_text(h, purpose);
  h = (h ^ (uint64_t)number) * 0x100000001b3u;
  int k = l->def->args ? args_index(l->def->args, "seed") : -1;
  if (k >= 0 && l->args[k]->kind == VALUE_INT)
    h = (h ^ (uint64_t)l->args[k]->integer) * 0x100000001b3u;
  h ^= h >> 31;
  h *= 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}
