#include "tests/unit/small_model.h"
#include <string.h>

static strbuf last_diagnostics;

const char *small_diagnostics(small_model *s) {
  last_diagnostics.len = 0;
  diags_print_text(s->d, &last_diagnostics, false);
  return strbuf_text(&last_diagnostics);
}

static void must_be_sound(small_model *s) {
  if (diags_errors(s->d))
    fail_msg("%s", small_diagnostics(s));
}

void small_model_begin(small_model *s, const char *name) {
  s->d = diags_new();
  s->u = unit_new(s->d);
  s->m = model_new(s->u, name, (span){0});
}

void small_model_end(small_model *s) {
  unit_free(s->u);
  diags_free(s->d);
  strbuf_free(&last_diagnostics);
}

tensor *small_input(small_model *s, const char *name, tensor_type type, const char *dims) {
  const dim *list[MAX_RANK];
  int rank = 0;
  char *copy = xstrdup(dims), *save = NULL;
  for (char *word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
    char *end;
    long extent = strtol(word, &end, 10);
    list[rank++] =
        *end ? dim_named(s->u->dims, arena_strdup(s->u->mem, word)) : dim_const(s->u->dims, extent);
  }
  free(copy);
  tensor *t = model_add_input(s->m, name, type, list, rank, (span){0});
  must_be_sound(s);
  return t;
}

// Calls of layers among the arguments become layers.
static void make_inner_layers(small_model *s, value *v) {
  for (size_t i = 0; i < v->count; i++) {
    value *item = v->items[i];
    const layer_def *def = item->kind == VALUE_CALL ? layer_find(item->text) : NULL;
    if (!def)
      continue;
    make_inner_layers(s, item);
    layer *inner = layer_make(s->m, def, item, NULL);
    must_be_sound(s);
    value *object = ARENA_NEW(s->u->mem, value);
    *object = (value){.kind = VALUE_OBJECT, .object = inner, .object_kinds = ARG_LAYER, .text = "a layer"};
    v->items[i] = object;
  }
}

layer *small_layer(small_model *s, const char *literal) {
  value *call = value_parse_literal(s->u->mem, literal);
  assert_non_null(call);
  const layer_def *def = layer_find(call->text);
  if (!def)
    fail_msg("no layer '%s'", call->text);
  make_inner_layers(s, call);
  layer *l = layer_make(s->m, def, call, NULL);
  must_be_sound(s);
  return l;
}

static tensor *apply(small_model *s, layer *l, tensor **inputs, int n) {
  application *app = layer_apply(l, inputs, n, NULL, NULL, 0, (span){0});
  must_be_sound(s);
  return app->outputs[0];
}

tensor *small_apply(small_model *s, layer *l, int n, ...) {
  tensor *inputs[8];
  va_list args;
  va_start(args, n);
  for (int i = 0; i < n; i++)
    inputs[i] = va_arg(args, tensor *);
  va_end(args);
  return apply(s, l, inputs, n);
}

tensor *small_chain(small_model *s, tensor *x, ...) {
  va_list args;
  va_start(args, x);
  for (const char *literal = va_arg(args, const char *); literal; literal = va_arg(args, const char *))
    x = apply(s, small_layer(s, literal), &x, 1);
  va_end(args);
  return x;
}

void small_output(small_model *s, const char *name, tensor *t) {
  model_add_output(s->m, name, t, (span){0});
  must_be_sound(s);
}

static const arg_spec rate[] = {
    {.name = "learning_rate", .kinds = ARG_FLOAT, .default_text = "0.001", .min = 0, .max = 10}, {0}};
static const arg_spec patience[] = {
    {.name = "patience", .kinds = ARG_INT, .default_text = "0", .min = 0, .max = 1000}, {0}};
static const arg_spec nothing[] = {{0}};
static const registry_entry optimizers[] = {{.name = "sgd", .class_name = "SGD", .args = rate},
                                            {.name = "rmsprop", .class_name = "RMSprop", .args = rate},
                                            {0}};
static const registry_entry metrics[] = {{.name = "accuracy", .class_name = "Accuracy", .args = nothing},
                                         {.name = "mse", .args = nothing},
                                         {.name = "mae", .args = nothing},
                                         {0}};
static const registry_entry callbacks[] = {
    {.name = "early_stopping", .class_name = "EarlyStopping", .args = patience}, {0}};

train_config *small_train(small_model *s, const char *settings) {
  static const registries all = {.optimizers = optimizers, .metrics = metrics, .callbacks = callbacks};
  value *call = value_parse_literal(s->u->mem, arena_printf(s->u->mem, "train(%s)", settings));
  assert_non_null(call);
  train_block *t = ARENA_NEW(s->u->mem, train_block);
  t->count = call->count;
  t->names = call->keys;
  t->name_spans = ARENA_ARRAY(s->u->mem, span, call->count);
  t->values = call->items;
  s->m->train = t;
  return train_config_bind(s->m, &all);
}
