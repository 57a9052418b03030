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
    to[n] = (registry_entry){from[n].name, from[n].class_name, from[n].doc, from[n].args};
  }
  to[n] = (registry_entry){0};
  return to;
}

const registries *runtime_registries(void) {
  static registry_entry optimizers[MAX_REGISTRY], metrics[MAX_REGISTRY], callbacks[MAX_REGISTRY];
  static registries all;
  all.optimizers = copy_entries(optimizers, registry_optimizers());
  all.metrics = copy_entries(metrics, registry_metrics());
  all.callbacks = copy_entries(callbacks, registry_callbacks());
  return &all;
}

static void print_diagnostics(const options *o, diags *d) {
  strbuf out = {0};
  bool json = o->diagnostics && !strcmp(o->diagnostics, "json");
  if (json)
    diags_print_json(d, &out);
  else
    diags_print_text(d, &out, isatty(STDERR_FILENO));
  fputs(strbuf_text(&out), json ? stdout : stderr);
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

static void pick_model(loaded *l, const options *o, const char *path) {
  span nowhere = {0};
  unit *u = l->unit;
  for (size_t k = 0; o->model && k < u->models.len; k++)
    if (!strcmp(u->models.data[k]->name, o->model))
      l->model = u->models.data[k];
  if (!o->model && u->models.len == 1)
    l->model = u->models.data[0];
  if (l->model || diags_errors(l->diags))
    return;
  if (o->model) {
    diag *d = diag_error(l->diags, nowhere, "%s has no model '%s'", path, o->model);
    const char *near = suggest_model(u, o->model);
    if (near)
      diag_help(d, "did you mean '%s'?", near);
    return;
  }
  diag *d = diag_error(l->diags, nowhere, "%s holds %zu models", path, u->models.len);
  for (size_t k = 0; k < u->models.len; k++)
    diag_note(d, u->models.data[k]->at, "model %s", u->models.data[k]->name);
  diag_help(d, "choose one with --model NAME");
}

static void read_file(loaded *l, const options *o, const char *path) {
  l->diags = diags_new();
  l->unit = unit_new(l->diags);
  load_options how = {o->definitions.data, o->definitions.len, runtime_registries()};
  load_models(l->unit, path, &how);
}

static int finish(loaded *l, const options *o) {
  print_diagnostics(o, l->diags);
  return diags_errors(l->diags) ? EXIT_WRONG_INPUT : EXIT_DONE;
}

int load_file(loaded *l, const options *o, const char *path) {
  *l = (loaded){0};
  read_file(l, o, path);
  return finish(l, o);
}

int load_model(loaded *l, const options *o, const char *path) {
  *l = (loaded){0};
  read_file(l, o, path);
  pick_model(l, o, path);
  return finish(l, o);
}

void load_free(loaded *l) {
  if (l->unit)
    unit_free(l->unit);
  if (l->diags)
    diags_free(l->diags);
  *l = (loaded){0};
}
