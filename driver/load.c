#include "driver/load.h"
#include "runtime/registry.h"
#include "support/intern.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REGISTRY = 64 };

static const registry_entry *copy_entries(registry_entry *to, const registry_item *from) {
  size_t n = 0;
  for (; from[n].name; n++) {
    INVARIANT(n + 1 < MAX_REGISTRY);
    to[n] = (registry_entry){from[n].name, from[n].class_name, from[n].doc,
                             from[n].args, from[n].check,      from[n].sets_each_rate};
  }
  to[n] = (registry_entry){0};
  return to;
}

const registries *runtime_registries(void) {
  static registry_entry optimizers[MAX_REGISTRY], metrics[MAX_REGISTRY], callbacks[MAX_REGISTRY],
      schedules[MAX_REGISTRY];
  static registries all;
  all.optimizers = copy_entries(optimizers, registry_optimizers());
  all.metrics = copy_entries(metrics, registry_metrics());
  all.callbacks = copy_entries(callbacks, registry_callbacks());
  all.schedules = copy_entries(schedules, registry_schedules());
  return &all;
}

static bool prints_result(const options *o) {
  return o->command->bit & (COMMAND_SHAPES | COMMAND_EMIT);
}

void print_diagnostics(const options *o, diags *d) {
  strbuf out = {0};
  bool json = o->diagnostics && !strcmp(o->diagnostics, "json");
  if (json)
    diags_print_json(d, &out);
  else
    diags_print_text(d, &out, isatty(STDERR_FILENO));
  bool aside = !json || (prints_result(o) && !diags_errors(d));
  fputs(strbuf_text(&out), aside ? stderr : stdout);
  strbuf_free(&out);
}

static const char *suggest_model(const unit *u, const char *name) {
  VEC(const char *) names = {0};
  for (size_t k = 0; k < u->models.len; k++)
    vec_push(&names, u->models.data[k]->name);
  const char *near = suggest(name, names.data, names.len);
  vec_free(&names);
  return near;
}

static void pick_model(loaded *l, const options *o, const char *path, diags *d) {
  span nowhere = {0};
  unit *u = l->unit;
  for (size_t k = 0; o->model && k < u->models.len; k++)
    if (!strcmp(u->models.data[k]->name, o->model))
      l->model = u->models.data[k];
  if (!o->model && u->models.len == 1)
    l->model = u->models.data[0];
  if (l->model || diags_errors(d))
    return;
  if (o->model) {
    diag *g = diag_error(d, nowhere, "%s has no model '%s'", path, o->model);
    const char *near = suggest_model(u, o->model);
    if (near)
      diag_help(g, "did you mean '%s'?", near);
    return;
  }
  diag *g = diag_error(d, nowhere, "%s holds %zu models", path, u->models.len);
  for (size_t k = 0; k < u->models.len; k++)
    diag_note(g, u->models.data[k]->at, "model %s", u->models.data[k]->name);
  diag_help(g, "choose one with --model NAME");
}

void read_models(loaded *l, const options *o, const char *path, diags *d) {
  *l = (loaded){.unit = unit_new(d)};
  load_options how = {o->definitions.data, o->definitions.len, runtime_registries()};
  load_models(l->unit, path, &how);
  bool needs_one = o->command->bit & (COMMAND_BUILD | COMMAND_SHAPES | COMMAND_EMIT);
  if (needs_one || o->model)
    pick_model(l, o, path, d);
}

int load_model(loaded *l, const options *o, const char *path) {
  diags *d = diags_new();
  read_models(l, o, path, d);
  l->diags = d;
  print_diagnostics(o, d);
  return diags_errors(d) ? EXIT_WRONG_INPUT : EXIT_DONE;
}

void load_free(loaded *l) {
  if (l->unit)
    unit_free(l->unit);
  if (l->diags)
    diags_free(l->diags);
  *l = (loaded){0};
}
