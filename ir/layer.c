// Making and applying layers.
#include "ir/layer.h"
#include "ir/call_mask.h"
#include "ir/initializers.h"
#include "ir/inner_graph.h"
#include "ir/names.h"
#include "ir/regularization.h"
#include "ir/user_cell.h"
#include "support/intern.h"
#include <string.h>

const layer_def *const layer_table[] = {
#define LAYER(symbol, name) &symbol,
#include "ir/layers.def"
#undef LAYER
    NULL};

// Keras's further names of layers.
static const char *const short_names[][2] = {{"MaxPool1D", "MaxPooling1D"},
                                             {"MaxPool2D", "MaxPooling2D"},
                                             {"AvgPool1D", "AveragePooling1D"},
                                             {"AvgPool2D", "AveragePooling2D"},
                                             {"GlobalMaxPool1D", "GlobalMaxPooling1D"},
                                             {"GlobalMaxPool2D", "GlobalMaxPooling2D"},
                                             {"GlobalAvgPool1D", "GlobalAveragePooling1D"},
                                             {"GlobalAvgPool2D", "GlobalAveragePooling2D"},
                                             {"Convolution1D", "Conv1D"},
                                             {"Convolution2D", "Conv2D"},
                                             {"Convolution1DTranspose", "Conv1DTranspose"},
                                             {"SeparableConvolution1D", "SeparableConv1D"},
                                             {"SeparableConvolution2D", "SeparableConv2D"}};

const layer_def *layer_find(const char *name) {
  for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
    if (strcmp(short_names[i][0], name) == 0)
      name = short_names[i][1];
  for (size_t i = 0; layer_table[i]; i++)
    if (strcmp(layer_table[i]->name, name) == 0)
      return layer_table[i];
  return NULL;
}

const char *layer_suggest(const char *name) {
  const char *names[sizeof layer_table / sizeof *layer_table];
  size_t n = 0;
  for (size_t i = 0; layer_table[i]; i++)
    if (!(layer_table[i]->traits & LAYER_INTERNAL))
      names[n++] = layer_table[i]->name;
  return suggest(name, names, n);
}

// ---- making

static const arg_spec common_args[] = {{.name = "name",
                                        .kinds = ARG_STRING | ARG_NONE,
                                        .default_text = "none",
                                        .doc = "name in reports and weights files"},
                                       {.name = "trainable",
                                        .kinds = ARG_BOOL,
                                        .default_text = "true",
                                        .doc = "false: training leaves the weights alone"},
                                       {0}};

const arg_spec *layer_common_args(void) {
  return common_args;
}

const arg_spec *layer_all_args(arena *mem, const layer_def *def) {
  size_t own = args_count(def->args), common = args_count(common_args);
  arg_spec *specs = ARENA_ARRAY(mem, arg_spec, 3 * own + common + 2);
  memcpy(specs, def->args, own * sizeof *specs);
  memcpy(specs + own, common_args, common * sizeof *specs);
  regularization_args(mem, def, specs + own + common);
  return specs;
}

static bool check_activation(layer *l, const arg_spec *spec, const value *v) {
  if (v->kind == VALUE_NONE)
    return true;
  if (v->kind == VALUE_CALL) {
    diag_help(layer_error(l, spec->name, "%s: %s must be an activation's name, found %s(...)", l->def->name,
                          spec->name, v->text),
              "an activation with arguments is a layer of its own, behind this one");
    return false;
  }
  if (activation_exists(v->text))
    return true;
  size_t n = 0;
  while (activation_names()[n])
    n++;
  const char *near = suggest(v->text, activation_names(), n);
  diag *d = near ? layer_error(l, spec->name, "%s: unknown activation '%s'; did you mean '%s'?", l->def->name,
                               v->text, near)
                 : layer_error(l, spec->name, "%s: unknown activation '%s'", l->def->name, v->text);
  if (!near)
    diag_help(d, "nlmc help Activation lists them");
  return false;
}

// Names of activations and initializers, which argument binding leaves to the owner.
static bool check_named_arguments(layer *l) {
  unit *u = l->model->unit;
  bool good = true;
  for (size_t i = 0; l->def->args[i].name; i++) {
    const arg_spec *spec = &l->def->args[i];
    const value *v = l->args[i];
    if (spec->kinds & ARG_ACTIVATION)
      good = check_activation(l, spec, v) && good;
    if (spec->kinds & ARG_INITIALIZER) {
      initializer ignored;
      const char *what = arena_printf(u->mem, "%s: %s", l->def->name, spec->name);
      good = initializer_bind(u->mem, u->diags, what, v, &ignored) && good;
    }
  }
  return good;
}

static bool check_given_name(layer *l, const value *name) {
  if (name->kind == VALUE_NONE)
    return true;
  l->given_name = name->text;
  if (*name->text && !strchr(name->text, '/'))
    return true;
  diag_error(l->model->unit->diags, name->at, "%s: a layer's name may not be empty or hold '/'",
             l->def->name);
  return false;
}

layer *layer_new(model *m, const layer_def *def, value **args, span at, const char *scope) {
  layer *l = ARENA_NEW(m->unit->mem, layer);
  l->def = def;
  l->model = m;
  l->args = args;
  l->at = at;
  l->scope = scope;
  l->trainable = true;
  vec_push(&m->made, l);
  return l;
}

layer *layer_make(model *m, const layer_def *def, const value *call, const char *scope) {
  unit *u = m->unit;
  value **args = args_bind(u->mem, u->diags, def->name, layer_all_args(u->mem, def), call);
  if (!args)
    return NULL;
  layer *l = layer_new(m, def, args, call->at, scope);
  size_t own = args_count(def->args);
  l->trainable = args[own + 1]->boolean;
  bool good = check_given_name(l, args[own]);
  good = check_named_arguments(l) && good;
  good = regularization_bind(l, args + own + args_count(common_args)) && good;
  if (good && def->check)
    good = def->check(l);
  return good ? l : NULL;
}

layer *layer_clone(layer *l) {
  size_t n = args_count(l->def->args);
  value **args = ARENA_ARRAY(l->model->unit->mem, value *, n);
  memcpy(args, l->args, n * sizeof *args);
  layer *c = layer_new(l->model, l->def, args, l->at, l->scope);
  c->trainable = l->trainable;
  c->rules = l->rules;
  c->n_rules = l->n_rules;
  c->given_name = layer_is_cell(l) ? l->given_name : NULL; // its name in a stack
  if (c->def->check) {
    bool good = c->def->check(c);
    INVARIANT(good);
  }
  return c;
}

void layer_add_wrapped(layer *wrapper, layer *wrapped) {
  INVARIANT(wrapper->n_wrapped < 2);
  wrapper->wrapped[wrapper->n_wrapped++] = wrapped;
}

void layer_add_child(layer *wrapper, layer *child, const char *role) {
  if (wrapper->n_children == wrapper->max_children) {
    wrapper->max_children = wrapper->max_children ? 2 * wrapper->max_children : 2;
    layer **more = ARENA_ARRAY(wrapper->model->unit->mem, layer *, wrapper->max_children);
    for (int k = 0; k < wrapper->n_children; k++)
      more[k] = wrapper->children[k];
    wrapper->children = more;
  }
  wrapper->children[wrapper->n_children++] = child;
  if (!child->parent && !child->name) {
    child->parent = wrapper;
    child->role = role;
  }
}

// ---- applying

enum { MAX_OUTPUTS = 2 * MAX_CELL_STATES + 2 };

static application *new_application(layer *l, tensor *const *inputs, int n_inputs, span at) {
  arena *mem = l->model->unit->mem;
  application *app = ARENA_NEW(mem, application);
  app->layer = l;
  app->at = at;
  app->order = -1;
  app->number = (int)l->applications.len;
  app->n_inputs = n_inputs;
  app->inputs = ARENA_ARRAY(mem, tensor *, n_inputs);
  if (n_inputs)
    memcpy(app->inputs, inputs, (size_t)n_inputs * sizeof *inputs);
  app->outputs = ARENA_ARRAY(mem, tensor *, MAX_OUTPUTS);
  return app;
}

tensor *call_output(layer_call *call, shape s, tensor_type type) {
  application *app = call->app;
  INVARIANT(app->n_outputs < MAX_OUTPUTS);
  tensor *t = call_inner_tensor(call, s, type);
  t->name = call->layer->name;
  t->source = app;
  t->output = app->n_outputs;
  app->outputs[app->n_outputs++] = t;
  return t;
}

tensor *call_scores(layer_call *call, shape s) {
  tensor *t = call_inner_tensor(call, s, TENSOR_REAL);
  t->source = call->app;
  call->app->scores = t;
  return t;
}

tensor *call_inner_tensor(layer_call *call, shape s, tensor_type type) {
  model *m = call->model;
  tensor *t = ARENA_NEW(m->unit->mem, tensor);
  t->name = call->layer->name;
  t->type = type;
  t->shape = s;
  t->at = call->app->at;
  t->id = (int)m->tensors.len;
  vec_push(&m->tensors, t);
  return t;
}

static bool has_poison(const application *app) {
  for (int i = 0; i < app->n_inputs; i++)
    if (tensor_is_poison(app->inputs[i]))
      return true;
  for (int i = 0; i < app->n_call; i++) {
    const value *v = app->call_values[i];
    size_t n = v->kind == VALUE_LIST ? v->count : 1;
    for (size_t k = 0; k < n; k++) {
      const value *item = v->kind == VALUE_LIST ? v->items[k] : v;
      if (item->kind == VALUE_OBJECT && item->object && !item->object_kinds && tensor_is_poison(item->object))
        return true;
    }
  }
  return false;
}

static bool check_inputs(layer_call *call) {
  const layer_def *def = call->layer->def;
  int n = call->n_inputs;
  for (int k = 0; k < 3; k++)
    n += call->layer->operand[k].given;
  if (n >= def->min_inputs && (def->max_inputs < 0 || n <= def->max_inputs))
    return true;
  if (def->max_inputs == def->min_inputs)
    call_error(call, "%s takes %d tensor%s, found %d", def->name, def->min_inputs,
               def->min_inputs == 1 ? "" : "s", n);
  else if (n < def->min_inputs)
    call_error(call, "%s takes at least %d tensor%s, found %d", def->name, def->min_inputs,
               def->min_inputs == 1 ? "" : "s", n);
  else
    call_error(call, "%s takes at most %d tensors, found %d", def->name, def->max_inputs, n);
  return false;
}

static bool check_call_names(layer_call *call) {
  const layer_def *def = call->layer->def;
  const char *known_names[16];
  size_t n = 0;
  for (size_t k = 0; def->call_args && def->call_args[k]; k++)
    known_names[n++] = def->call_args[k];
  for (size_t k = 0; def->input_names && def->input_names[k]; k++)
    known_names[n++] = def->input_names[k];
  if (def->masks != MASKS_DESTROY)
    known_names[n++] = "mask"; // see take_call_mask
  for (int i = 0; i < call->app->n_call; i++) {
    const char *name = call->app->call_names[i];
    bool known = false;
    for (size_t k = 0; k < n; k++)
      known = known || strcmp(known_names[k], name) == 0;
    if (known)
      continue;
    const char *near = n ? suggest(name, known_names, n) : NULL;
    span at = call->app->call_values[i]->at;
    diags *d = call->model->unit->diags;
    if (near)
      diag_error(d, at, "%s has no call argument '%s'; did you mean '%s'?", def->name, name, near);
    else
      diag_error(d, at, "%s has no call argument '%s'", def->name, name);
    return false;
  }
  return true;
}

static tensor *common_mask_source(const application *app, tensor *out) {
  tensor *common = NULL;
  for (int i = 0; i < app->n_inputs; i++) {
    tensor *s = app->inputs[i]->mask_source;
    if (common && s != common)
      return out; // an OR of masks is a mask of its own
    common = s;
  }
  return common;
}

static void apply_mask_rule(layer_call *call) {
  const application *app = call->app;
  mask_rule rule = call->layer->def->masks;
  const tensor *masked = NULL;
  int n_masked = 0;
  for (int i = 0; i < app->n_inputs; i++)
    if (app->inputs[i]->mask == MASK_VALID) {
      masked = masked ? masked : app->inputs[i];
      n_masked++;
    }
  if (rule == MASKS_CUSTOM || n_masked == 0)
    return;
  bool all = n_masked == app->n_inputs, lost = rule == MASKS_DESTROY || (rule == MASKS_MERGE && !all);
  for (int i = 0; i < app->n_outputs; i++) {
    tensor *out = app->outputs[i];
    if (lost)
      call_output_mask(out, MASK_DESTROYED, NULL);
    else if (rule != MASKS_CONSUME && all)
      call_output_mask(out, MASK_VALID, common_mask_source(app, out));
  }
  if (lost)
    call_warn_destroyed(call, masked);
}

static const char *shape_text(const layer_call *call, const shape *s) {
  strbuf b = {0};
  shape_print(s, &b);
  const char *text = arena_strdup(call->model->unit->mem, strbuf_text(&b));
  strbuf_free(&b);
  return text;
}

static bool check_sizes(layer_call *call) {
  const layer *l = call->layer;
  const application *app = call->app;
  for (int i = 0; i < app->n_outputs; i++) {
    const shape *s = &app->outputs[i]->shape;
    if (shape_magnitude(s) > LARGEST_TENSOR) {
      call_error(call, "the result of %s, of shape %s, is too large: %g numbers (the most is %g)",
                 l->def->name, shape_text(call, s), shape_magnitude(s), LARGEST_TENSOR);
      return false;
    }
  }
  for (size_t i = 0; call->first && i < l->weights.len; i++) {
    const weight *w = l->weights.data[i];
    if (shape_magnitude(&w->shape) > LARGEST_TENSOR) {
      call_error(call, "the weight '%s' of %s, of shape %s, is too large: %g numbers (the most is %g)",
                 w->local, l->def->name, shape_text(call, &w->shape), shape_magnitude(&w->shape),
                 LARGEST_TENSOR);
      return false;
    }
  }
  return true;
}

static bool run_build(layer_call *call) {
  if (inner_graph_cell(call->model) && !user_cell_accepts(call))
    return false;
  if (!check_call_names(call) || !check_inputs(call) || !call->layer->def->build(call) || call->failed ||
      !check_sizes(call))
    return false;
  apply_mask_rule(call);
  return true;
}

static int input_named(const layer_def *def, const char *name) {
  for (int k = 0; def->input_names && def->input_names[k]; k++)
    if (strcmp(def->input_names[k], name) == 0)
      return k;
  return -1;
}

enum { MAX_NAMED_INPUTS = 8 };

// Tensors given by name stand at their positions; `app` keeps the other call arguments. False after reporting
// one that is no tensor, one given twice, or one that is missing in between.
static bool place_named_inputs(application *app) {
  const layer_def *def = app->layer->def;
  diags *d = app->layer->model->unit->diags;
  tensor *at[MAX_NAMED_INPUTS] = {0};
  int n = app->n_inputs, kept = 0;
  if (!def->input_names || n > MAX_NAMED_INPUTS)
    return true;
  for (int k = 0; k < n; k++)
    at[k] = app->inputs[k];
  for (int i = 0; i < app->n_call; i++) {
    const char *name = app->call_names[i];
    value *v = app->call_values[i];
    int k = input_named(def, name);
    if (k < 0 || v->kind == VALUE_NONE) {
      app->call_names[kept] = name;
      app->call_values[kept] = v;
      kept += k < 0;
      continue;
    }
    if (v->kind != VALUE_OBJECT || v->object_kinds || !v->object || at[k]) {
      diag_error(d, v->at, at[k] ? "%s: '%s' is given twice" : "%s: '%s' must be a tensor", def->name, name);
      return false;
    }
    at[k] = v->object;
    n = k + 1 > n ? k + 1 : n;
  }
  app->n_call = kept;
  for (int k = 0; k < n; k++)
    if (!at[k]) {
      diag_error(d, app->at, "%s needs '%s'", def->name, def->input_names[k]);
      return false;
    }
  app->n_inputs = n;
  app->inputs = ARENA_ARRAY(app->layer->model->unit->mem, tensor *, n);
  memcpy(app->inputs, at, (size_t)n * sizeof *at);
  return true;
}

application *layer_apply(layer *l, tensor *const *inputs, int n_inputs, const char *const *call_names,
                         value *const *call_values, int n_call, span at) {
  model *m = l->model;
  arena *mem = m->unit->mem;
  application *app = new_application(l, inputs, n_inputs, at);
  app->n_call = n_call;
  app->call_names = ARENA_ARRAY(mem, const char *, n_call);
  app->call_values = ARENA_ARRAY(mem, value *, n_call);
  for (int i = 0; i < n_call; i++) {
    app->call_names[i] = call_names[i];
    app->call_values[i] = call_values[i];
  }
  if (m->inner)
    inner_graph_adopt(m->inner, l);
  bool placed = place_named_inputs(app) && take_call_mask(app);
  layer_take_name(l);
  layer_call call = {.layer = l,
                     .app = app,
                     .model = m,
                     .inputs = app->inputs,
                     .n_inputs = app->n_inputs,
                     .first = l->applications.len == 0};
  if (!placed || has_poison(app) || !run_build(&call)) {
    app->n_outputs = 1;
    app->outputs[0] = model_poison(m, at);
    return app;
  }
  vec_push(&l->applications, app);
  if (m->inner) {
    inner_graph_record(m->inner, app);
    return app;
  }
  app->order = (int)m->applications.len;
  vec_push(&m->applications, app);
  if (!l->listed)
    vec_push(&m->layers, l);
  l->listed = true;
  return app;
}

application *call_child(layer_call *call, layer *child, tensor *const *inputs, int n_inputs) {
  application *outer = call->app, *app = new_application(child, inputs, n_inputs, outer->at);
  layer_call inner = {.layer = child,
                      .app = app,
                      .model = call->model,
                      .inputs = app->inputs,
                      .n_inputs = n_inputs,
                      .first = child->applications.len == 0};
  if (!run_build(&inner)) {
    call->failed = true;
    return NULL;
  }
  INVARIANT(outer->n_inner < 2);
  outer->inner[outer->n_inner++] = app;
  vec_push(&child->applications, app);
  return app;
}
