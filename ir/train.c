#include "ir/train.h"
#include "ir/train_private.h"
#include "support/intern.h"
#include <math.h>
#include <string.h>

enum {
  OPTIMIZER,
  LOSS,
  LOSS_WEIGHTS,
  METRICS,
  WEIGHTED_METRICS,
  CLASS_WEIGHT,
  SAMPLE_WEIGHT,
  EPOCHS,
  BATCH_SIZE,
  CALLBACKS,
  SHUFFLE,
  VALIDATION_SPLIT,
  SEED,
  RECOMPUTE
};

static const arg_spec settings[] = {
    {.name = "optimizer",
     .kinds = ARG_ANY,
     .default_text = "rmsprop",
     .doc = "a name or a class with arguments: nlmc help optimizers"},
    {.name = "loss",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "needed: a name or a class with arguments, {output: loss}, or a list in order of outputs: nlmc "
            "help losses"},
    {.name = "loss_weights",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "how much each output counts: {output: number}, or a list in order of outputs"},
    {.name = "metrics",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "a list for every output, {output: list}, or a list of lists: nlmc help metrics"},
    {.name = "weighted_metrics",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "as metrics, but rows count by their weights"},
    {.name = "class_weight",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "how much each class counts in the loss: {class: number}, a list by number, or balanced"},
    {.name = "sample_weight",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "true: data may bring a weight for each row or step"},
    {.name = "epochs",
     .kinds = ARG_INT,
     .default_text = "1",
     .min = 1,
     .max = INFINITY,
     .doc = "passes over the data"},
    {.name = "batch_size",
     .kinds = ARG_INT,
     .default_text = "32",
     .min = 1,
     .max = INFINITY,
     .doc = "rows of a step"},
    {.name = "callbacks", .kinds = ARG_ANY, .default_text = "none", .doc = "a list: nlmc help callbacks"},
    {.name = "shuffle",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "whether rows are taken in another order in every epoch"},
    {.name = "validation_split",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = 0,
     .max = 1,
     .doc = "the share of the data, its last part, that is kept for validation",
     .open_max = true},
    {.name = "seed",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 0,
     .max = INFINITY,
     .doc = "of everything random; none is 0"},
    {.name = "recompute",
     .kinds = ARG_ANY,
     .default_text = "none",
     .doc = "layers and blocks whose inner values the backward pass computes again instead of reading them "
            "from memory: full, activations, or a list of names as nlmc shapes shows them"},
    {0},
};

const arg_spec *train_settings(void) {
  return settings;
}

typedef struct binder {
  model *m;
  const registries *r;
  train_config *c;
  diags *d;
  arena *mem;
  bool failed;
} binder;

// ---- calls: `adam`, `"adam"`, `Adam()`, `Adam(learning_rate = 0.01)`

static bool is_call(const value *v) {
  return v->kind == VALUE_NAME || v->kind == VALUE_STRING || v->kind == VALUE_CALL;
}

static const value *as_call(binder *b, const value *v) {
  if (v->kind == VALUE_CALL)
    return v;
  value *call = ARENA_NEW(b->mem, value);
  call->kind = VALUE_CALL;
  call->at = v->at;
  call->text = v->text;
  return call;
}

static void wrong_form(binder *b, const value *v, const char *what, const char *example) {
  diag *e = diag_error(b->d, v->at, "%s must be a name or a call, found %s", what, value_kind_name(v));
  diag_help(e, "for example %s", example);
  b->failed = true;
}

static void unknown_name(binder *b, const value *v, const char *what, const char *near) {
  b->failed = true;
  if (near)
    diag_error(b->d, v->at, "unknown %s '%s'; did you mean '%s'?", what, v->text, near);
  else
    diag_help(diag_error(b->d, v->at, "unknown %s '%s'", what, v->text), "`nlmc help %s` lists them",
              strcmp(what, "loss") == 0        ? "losses"
              : strcmp(what, "metric") == 0    ? "metrics"
              : strcmp(what, "optimizer") == 0 ? "optimizers"
              : strcmp(what, "schedule") == 0  ? "schedules"
                                               : "callbacks");
}

static const registry_entry *find_entry(const registry_entry *table, const char *name) {
  for (const registry_entry *e = table; e->name; e++)
    if (names_it(e->name, name) || (e->class_name && strcmp(e->class_name, name) == 0))
      return e;
  return NULL;
}

static const char *suggest_entry(const registry_entry *table, const char *name) {
  VEC(const char *) names = {0};
  for (const registry_entry *e = table; e->name; e++) {
    vec_push(&names, e->name);
    if (e->class_name)
      vec_push(&names, e->class_name);
  }
  const char *near = suggest(name, names.data, names.len);
  vec_free(&names);
  return near;
}

// A name is what the setting knows by it, else what a user's constant of that name holds.
static const value *entry_value(const registry_entry *table, const value *v) {
  return v->kind == VALUE_NAME && v->held && !find_entry(table, v->text) ? v->held : v;
}

static const value *loss_value(const value *v) {
  bool known = v->kind != VALUE_NAME || loss_find(v->text) || loss_is_general(v->text);
  return v->held && !known ? v->held : v;
}

static const value *plain_value(const value *v) {
  return v->kind == VALUE_NAME && v->held ? v->held : v;
}

static bool bind_entry(binder *b, const registry_entry *table, const char *what, const char *example,
                       const value *v, bound_call *out);

// The call with every argument bound and named.
static value *complete_call(binder *b, const bound_call *call) {
  size_t n = args_count(call->entry->args);
  value *v = ARENA_NEW(b->mem, value);
  v->kind = VALUE_CALL;
  v->at = call->at;
  v->text = call->entry->name;
  v->count = n;
  v->items = call->args;
  v->keys = ARENA_ARRAY(b->mem, const char *, n + 1);
  for (size_t k = 0; k < n; k++)
    v->keys[k] = call->entry->args[k].name;
  return v;
}

// Calls among the arguments: learning_rate = CosineDecay(...).
static bool bind_schedules(binder *b, const registry_entry *e, value **args) {
  for (size_t k = 0; e->args[k].name; k++) {
    bound_call made;
    if (!(e->args[k].kinds & ARG_SCHEDULE) || args[k]->kind != VALUE_CALL || !b->r->schedules)
      continue;
    if (!bind_entry(b, b->r->schedules, "schedule", "CosineDecay(1e-3, decay_steps = 1000)", args[k], &made))
      return false;
    args[k] = complete_call(b, &made);
  }
  return true;
}

static bool bind_entry(binder *b, const registry_entry *table, const char *what, const char *example,
                       const value *v, bound_call *out) {
  v = entry_value(table, v);
  if (!is_call(v)) {
    wrong_form(b, v, what, example);
    return false;
  }
  const registry_entry *e = find_entry(table, v->text);
  if (!e) {
    unknown_name(b, v, what, suggest_entry(table, v->text));
    return false;
  }
  value **args = args_bind(b->mem, b->d, v->text, e->args, as_call(b, v));
  if (args && ((e->check && !e->check(b->d, v->at, args, e->args)) || !bind_schedules(b, e, args)))
    args = NULL;
  if (!args)
    b->failed = true;
  *out = (bound_call){.entry = e, .args = args, .at = v->at};
  return args != NULL;
}

// ---- settings by output

static int find_output(binder *b, const char *name, span at, const char *what) {
  const model *m = b->m;
  VEC(const char *) names = {0};
  for (size_t k = 0; k < m->outputs.len; k++) {
    if (strcmp(m->outputs.data[k].name, name) == 0) {
      vec_free(&names);
      return (int)k;
    }
    vec_push(&names, m->outputs.data[k].name);
  }
  const char *near = suggest(name, names.data, names.len);
  diag *e = near
                ? diag_error(b->d, at, "%s for '%s', but model '%s' has no such output; did you mean '%s'?",
                             what, name, m->name, near)
                : diag_error(b->d, at, "%s for '%s', but model '%s' has no such output", what, name, m->name);
  strbuf list = {0};
  for (size_t k = 0; k < names.len; k++)
    strbuf_printf(&list, "%s%s", k ? ", " : "", names.data[k]);
  if (!near)
    diag_help(e, "its outputs: %s", strbuf_text(&list));
  strbuf_free(&list);
  vec_free(&names);
  b->failed = true;
  return -1;
}

static bool holds_lists(const value *v) {
  for (size_t i = 0; i < v->count; i++)
    if (v->items[i]->kind == VALUE_LIST)
      return true;
  return false;
}

// A list with an item for each output, in their order.
static void by_position(binder *b, const value *v, const char *what,
                        void (*bind)(binder *, int, const value *)) {
  size_t n = b->m->outputs.len;
  if (v->count == n) {
    for (size_t k = 0; k < n; k++)
      bind(b, (int)k, v->items[k]);
    return;
  }
  diag *e =
      diag_error(b->d, v->at, "%s for each output of model '%s' is needed, in their order: %zu, found %zu",
                 what, b->m->name, n, v->count);
  diag_help(e, n > 1 ? "or a dict by output: {%s: ..., %s: ...}" : "its only output is '%s'",
            b->m->outputs.data[0].name, n > 1 ? b->m->outputs.data[1].name : "");
  b->failed = true;
}

// Hands each output its part of a setting: of a dict by name, of a list by position (of metrics, a list of
// lists), of anything else the whole of it.
static void for_outputs(binder *b, const value *v, const char *what, bool takes_lists,
                        void (*bind)(binder *, int, const value *)) {
  if (v->kind == VALUE_NONE)
    return;
  if (v->kind == VALUE_LIST && b->m->outputs.len && (!takes_lists || holds_lists(v))) {
    by_position(b, v, what, bind);
    return;
  }
  if (v->kind != VALUE_DICT) {
    for (size_t k = 0; k < b->m->outputs.len; k++)
      bind(b, (int)k, v);
    return;
  }
  for (size_t i = 0; i < v->count; i++) {
    int output = find_output(b, v->keys[i], v->key_at ? v->key_at[i] : v->items[i]->at, what);
    if (output >= 0)
      bind(b, output, v->items[i]);
  }
}

static void bind_loss(binder *b, int output, const value *v) {
  v = loss_value(v);
  if (!is_call(v)) {
    if (v->kind != VALUE_NONE)
      wrong_form(b, v, "loss", "loss = mse, or loss = {output: mse}");
    return;
  }
  bool general = loss_is_general(v->text);
  const loss_def *loss =
      loss_find(general ? fitting_crossentropy(b->m->outputs.data[output].value) : v->text);
  if (!loss) {
    unknown_name(b, v, "loss", loss_suggest(v->text));
    return;
  }
  value **args = args_bind(b->mem, b->d, v->text, loss->args, as_call(b, v));
  b->c->losses[output] = loss;
  b->c->loss_args[output] = args;
  if (!args || !loss_fits(b->m, output, loss, args, v->at))
    b->failed = true;
}

static void bind_loss_weight(binder *b, int output, const value *v) {
  v = plain_value(v);
  if (v->kind == VALUE_INT || v->kind == VALUE_FLOAT) {
    b->c->loss_weights[output] = v->number;
    return;
  }
  diag_error(b->d, v->at, "loss_weights must be a number for each output, found %s", value_kind_name(v));
  b->failed = true;
}

static void bind_metric(binder *b, int output, const value *v) {
  bound_call made;
  if (bind_entry(b, b->r->metrics, "metric", "metrics = [accuracy]", v, &made))
    vec_push(&b->c->metrics[output], made);
}

static void bind_metrics(binder *b, int output, const value *v) {
  v = entry_value(b->r->metrics, v);
  if (v->kind == VALUE_NONE)
    return;
  if (v->kind != VALUE_LIST) {
    bind_metric(b, output, v);
    return;
  }
  for (size_t i = 0; i < v->count; i++)
    bind_metric(b, output, v->items[i]);
}

static void bind_weighted_metrics(binder *b, int output, const value *v) {
  size_t before = b->c->metrics[output].len;
  bind_metrics(b, output, v);
  for (size_t k = before; k < b->c->metrics[output].len; k++)
    b->c->metrics[output].data[k].weighted = true;
}

static void bind_callbacks(binder *b, const value *v) {
  size_t n = v->kind == VALUE_LIST ? v->count : v->kind != VALUE_NONE;
  for (size_t i = 0; i < n; i++) {
    bound_call made;
    const value *item = v->kind == VALUE_LIST ? v->items[i] : v;
    if (bind_entry(b, b->r->callbacks, "callback", "callbacks = [EarlyStopping(patience = 2)]", item, &made))
      vec_push(&b->c->callbacks, made);
  }
}

static const value *rate_schedule_of(const bound_call *optimizer) {
  for (size_t k = 0; optimizer->args && optimizer->entry->args[k].name; k++)
    if ((optimizer->entry->args[k].kinds & ARG_SCHEDULE) && optimizer->args[k]->kind == VALUE_CALL)
      return optimizer->args[k];
  return NULL;
}

// The learning rate is set in one place.
static void check_rates(binder *b) {
  const value *schedule = rate_schedule_of(&b->c->optimizer);
  for (size_t k = 0; schedule && k < b->c->callbacks.len; k++) {
    const bound_call *c = &b->c->callbacks.data[k];
    if (!c->entry->sets_each_rate)
      continue;
    b->failed = true;
    diag *e =
        diag_error(b->d, c->at, "%s beside a schedule of the optimizer: both would set the learning rate",
                   c->entry->class_name);
    diag_note(e, schedule->at, "the schedule is here");
    diag_help(e, "leave one of them out");
  }
}

static void check_losses(binder *b) {
  const model *m = b->m;
  for (size_t k = 0; k < m->outputs.len; k++)
    if (b->c->losses[k])
      return;
  if (b->failed)
    return;
  b->failed = true;
  diag *e = diag_error(b->d, m->train->at, "the train block of model '%s' has no loss", m->name);
  if (m->outputs.len == 1)
    diag_help(e, "for output '%s': loss = %s", m->outputs.data[0].name,
              fitting_loss(m->outputs.data[0].value));
  else if (m->outputs.len > 1)
    diag_help(e, "for example: loss = {%s: %s}", m->outputs.data[0].name,
              fitting_loss(m->outputs.data[0].value));
}

static void check_metrics(binder *b) {
  for (size_t k = 0; k < b->m->outputs.len; k++) {
    if (b->c->losses[k] || b->c->metrics[k].len == 0)
      continue;
    const named_output *o = &b->m->outputs.data[k];
    if (b->m->outputs.len > 1)
      vec_free(&b->c->metrics[k]); // metrics for all outputs speak of those that have targets
    else if (!b->failed)
      diag_error(b->d, b->c->metrics[k].data[0].at, "a metric for output '%s', which has no loss", o->name);
  }
}

static const value *settings_call(binder *b) {
  const train_block *t = b->m->train;
  value *call = ARENA_NEW(b->mem, value);
  call->kind = VALUE_CALL;
  call->at = t->at;
  call->text = "train";
  call->items = t->values;
  call->keys = t->names;
  call->key_at = t->name_spans;
  call->count = t->count;
  return call;
}

static void bind_all(binder *b, value *const *v) {
  train_config *c = b->c;
  bind_entry(b, b->r->optimizers, "optimizer", "optimizer = Adam(learning_rate = 1e-3)", v[OPTIMIZER],
             &c->optimizer);
  for_outputs(b, loss_value(v[LOSS]), "a loss", false, bind_loss);
  for_outputs(b, plain_value(v[LOSS_WEIGHTS]), "a loss weight", false, bind_loss_weight);
  for_outputs(b, entry_value(b->r->metrics, v[METRICS]), "a metric", true, bind_metrics);
  for_outputs(b, entry_value(b->r->metrics, v[WEIGHTED_METRICS]), "a metric", true, bind_weighted_metrics);
  if (!bind_class_weights(b->m, c, v[CLASS_WEIGHT]))
    b->failed = true;
  c->sample_weight = v[SAMPLE_WEIGHT]->boolean;
  bind_callbacks(b, entry_value(b->r->callbacks, v[CALLBACKS]));
  check_rates(b);
  c->epochs = v[EPOCHS]->integer;
  c->batch_size = v[BATCH_SIZE]->integer;
  c->shuffle = v[SHUFFLE]->boolean;
  c->validation_split = v[VALIDATION_SPLIT]->number;
  c->has_seed = v[SEED]->kind == VALUE_INT;
  c->seed = v[SEED]->integer;
  if (!bind_recompute(b->m, c, v[RECOMPUTE]))
    b->failed = true;
  if (c->shuffle && model_is_stateful(b->m))
    diag_help(diag_warning(b->d, b->m->train->at,
                           "model '%s' keeps states from batch to batch, but its rows are shuffled",
                           b->m->name),
              "write shuffle = false");
  check_losses(b);
  check_metrics(b);
}

static train_config *config_new(arena *mem, size_t outputs) {
  train_config *c = ARENA_NEW(mem, train_config);
  c->n_outputs = outputs;
  c->losses = ARENA_ARRAY(mem, const loss_def *, outputs);
  c->loss_args = ARENA_ARRAY(mem, value **, outputs);
  c->loss_weights = ARENA_ARRAY(mem, double, outputs);
  c->class_weights = ARENA_ARRAY(mem, const value *, outputs);
  c->metrics = arena_alloc(mem, outputs * sizeof *c->metrics);
  for (size_t k = 0; k < outputs; k++)
    c->loss_weights[k] = 1;
  return c;
}

train_config *train_config_bind(model *m, const registries *r) {
  if (!m->train)
    return NULL;
  arena *mem = m->unit->mem;
  binder b = {.m = m, .r = r, .d = m->unit->diags, .mem = mem, .c = config_new(mem, m->outputs.len)};
  value **v = args_bind_as(mem, b.d, "train", "setting", settings, settings_call(&b));
  if (v)
    bind_all(&b, v);
  if (!v || b.failed) {
    train_config_free(b.c);
    return NULL;
  }
  m->training = b.c;
  return b.c;
}

void train_config_free(train_config *c) {
  if (!c)
    return;
  vec_free(&c->callbacks);
  for (size_t k = 0; k < c->n_outputs; k++)
    vec_free(&c->metrics[k]);
}
