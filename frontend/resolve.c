// Files, what they include, and -D; then every model of the main file.
#include "frontend/resolve.h"
#include "frontend/resolve_private.h"
#include "support/intern.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct loading {
  resolver *r;
  struct load_info *info;
  VEC(const char *) real_paths; // of the files read: one file is one file, however it is spelled
  uint64_t hash;                // FNV-1a over the texts, in order
  bool broken;                  // a file is missing or unreadable: names in it would be missed in vain
} loading;

static void add_to_hash(loading *l, const source *s) {
  for (size_t i = 0; i < s->bytes; i++)
    l->hash = (l->hash ^ (unsigned char)s->text[i]) * UINT64_C(1099511628211);
  l->hash = (l->hash ^ 0xFF) * UINT64_C(1099511628211); // a byte that UTF-8 does not have parts the files
}

static const char *kind_word(item_kind kind) {
  return kind == ITEM_CONST   ? "constant"
         : kind == ITEM_BLOCK ? "block"
         : kind == ITEM_CELL  ? "cell"
                              : "model";
}

static bool is_taken(loading *l, const ast_item *item) {
  diags *d = l->r->u->diags;
  bool callable = item->kind == ITEM_BLOCK || item->kind == ITEM_CELL;
  if (callable && (layer_find(item->name) || is_function_name(item->name))) {
    diag_error(d, item->name_at, "a %s cannot be called '%s': there is a %s of that name",
               kind_word(item->kind), item->name, layer_find(item->name) ? "layer" : "function");
    return true;
  }
  for (size_t i = 0; i < l->r->globals.len; i++) {
    const ast_item *other = l->r->globals.data[i].item;
    if (strcmp(other->name, item->name) != 0)
      continue;
    diag *g = diag_error(d, item->name_at, "'%s' is already defined", item->name);
    diag_note(g, other->name_at, "the %s '%s' was defined here", kind_word(other->kind), other->name);
    return true;
  }
  return false;
}

static bool check_params(loading *l, const param_list *params, const param_list *others) {
  bool good = true;
  for (size_t i = 0; i < params->count; i++)
    for (size_t k = 0; k < (others ? others->count : i); k++) {
      const ast_param *first = others ? others->items[k] : params->items[k];
      if (strcmp(first->name, params->items[i]->name) != 0)
        continue;
      diag *g = diag_error(l->r->u->diags, params->items[i]->name_at, "the parameter '%s' stands twice",
                           first->name);
      diag_note(g, first->name_at, "it stands here first");
      good = false;
    }
  return good;
}

// The lists of a block or cell, and that it returns something. False after an error in the lists.
static bool check_definition(loading *l, const ast_item *item) {
  bool good = check_params(l, &item->params, NULL);
  good = check_params(l, &item->call_params, NULL) && good;
  good = check_params(l, &item->call_params, &item->params) && good;
  if (item->kind == ITEM_CELL)
    good = check_cell(l->r, item) && good;
  bool returns = false;
  for (size_t i = 0; i < item->body.count; i++)
    returns = returns || item->body.items[i]->kind == STMT_RETURN;
  if (!returns)
    diag_error(l->r->u->diags, item->name_at, "the %s '%s' returns nothing", kind_word(item->kind),
               item->name);
  return good;
}

static void load_file(loading *l, const char *path, span at, bool main_file);

// Notes a file as read. False if it was before: a second time, or a circle; its names are there already.
static bool is_new_file(loading *l, const char *path) {
  char *resolved = realpath(path, NULL);
  const char *real = arena_strdup(l->r->u->mem, resolved ? resolved : path);
  free(resolved);
  for (size_t i = 0; i < l->real_paths.len; i++)
    if (strcmp(l->real_paths.data[i], real) == 0)
      return false;
  vec_push(&l->real_paths, real);
  return true;
}

static void include_file(loading *l, const ast_item *item) {
  arena *a = l->r->u->mem;
  const char *from = item->at.file->path, *slash = strrchr(from, '/');
  const char *path = item->path;
  if (path[0] != '/' && slash)
    path = arena_printf(a, "%.*s%s", (int)(slash - from + 1), from, path);
  else if (strcmp(path, "-") == 0) // a file of that name, not standard input
    path = "./-";
  if (is_new_file(l, path))
    load_file(l, path, item->path_at, false);
}

static void add_item(loading *l, const ast_item *item, bool main_file) {
  resolver *r = l->r;
  switch (item->kind) {
  case ITEM_INCLUDE:
    include_file(l, item);
    break;
  case ITEM_CONST:
  case ITEM_BLOCK:
  case ITEM_CELL:
    if (!is_taken(l, item)) {
      global g = {.item = item};
      g.broken = item->kind != ITEM_CONST && !check_definition(l, item);
      vec_push(&r->globals, g);
    }
    break;
  case ITEM_MODEL:
    if (main_file)
      vec_push(&r->models, item);
    else
      vec_push(&r->left_out, item);
    break;
  case ITEM_TRAIN:
    if (main_file)
      vec_push(&r->trains, item);
    break;
  }
}

static void report_no_model(loading *l, const source *s) {
  diag *g = diag_error(l->r->u->diags, (span){s, 1, 1, 1, 1}, "there is no model in this file");
  if (l->r->left_out.len == 0) {
    diag_help(g, "a model looks like: model NAME { input ... output ... }");
    return;
  }
  const ast_item *other = l->r->left_out.data[0];
  diag_note(g, other->name_at, "the model '%s' is in an included file", other->name);
  diag_help(g, "'include' brings constants, blocks and cells; to compile '%s', name its own file",
            other->name);
}

// A train block in a file without models was written for those that include it, and does nothing there.
static void warn_of_lone_train(unit *u, const ast_file *file) {
  const ast_item *train = NULL;
  for (size_t i = 0; i < file->items.count; i++) {
    const ast_item *item = file->items.items[i];
    if (item->kind == ITEM_MODEL)
      return;
    if (item->kind == ITEM_TRAIN && !train)
      train = item;
  }
  if (train)
    diag_help(diag_warning(u->diags, train->at, "a train block of an included file is not used"),
              "'include' brings constants, blocks and cells; write the train block beside its model");
}

static void load_file(loading *l, const char *path, span at, bool main_file) {
  unit *u = l->r->u;
  int error;
  const source *s = source_read(u->mem, path, &error);
  if (!s) {
    diag_error(u->diags, at, "%s cannot be read: %s", path, strerror(error));
    l->broken = true;
    return;
  }
  vec_push(&l->info->paths, arena_strdup(u->mem, path));
  add_to_hash(l, s);
  size_t errors = diags_errors(u->diags);
  const ast_file *file = parse_source(u->mem, u->diags, s);
  if (diags_errors(u->diags) > errors) {
    l->broken = true;
    return;
  }
  for (size_t i = 0; i < file->items.count; i++)
    add_item(l, file->items.items[i], main_file);
  if (main_file && l->r->models.len == 0)
    report_no_model(l, s);
  if (!main_file)
    warn_of_lone_train(u, file);
}

static void apply_definitions(resolver *r, const load_options *options) {
  diags *d = r->u->diags;
  for (size_t i = 0; i < options->definitions_count; i++) {
    const definition *def = &options->definitions[i];
    global *g = find_global(r, def->name, ITEM_CONST);
    VEC(const char *) names = {0};
    for (size_t k = 0; k < r->globals.len; k++)
      if (r->globals.data[k].item->kind == ITEM_CONST)
        vec_push(&names, r->globals.data[k].item->name);
    const char *near = suggest(def->name, names.data, names.len);
    if (!g && near)
      diag_error(d, (span){0}, "-D %s: there is no constant '%s'; did you mean '%s'?", def->name, def->name,
                 near);
    else if (!g)
      diag_error(d, (span){0}, "-D %s: there is no constant '%s'", def->name, def->name);
    else if (!value_parse_literal(r->u->mem, def->text))
      diag_error(d, (span){0}, "-D %s: '%s' is not a number, text, name or list", def->name, def->text);
    if (g)
      g->given = def->text;
    vec_free(&names);
  }
}

static bool repeats_model(resolver *r, size_t index) {
  const ast_item *item = r->models.data[index];
  for (size_t i = 0; i < index; i++)
    if (strcmp(r->models.data[i]->name, item->name) == 0) {
      diag *g = diag_error(r->u->diags, item->name_at, "there are two models '%s'", item->name);
      diag_note(g, r->models.data[i]->name_at, "the first one is here");
      return true;
    }
  return false;
}

// Binds a model's train block; false after an error in it.
static bool bind_train(resolver *r, model *m) {
  return !r->registries || !m->train || train_config_bind(m, r->registries);
}

static bool has_poison_output(const model *m) {
  for (size_t i = 0; i < m->outputs.len; i++)
    if (tensor_is_poison(m->outputs.data[i].value))
      return true;
  return false;
}

static bool is_broken(const resolver *r, const model *m) {
  for (size_t i = 0; i < r->broken.len; i++)
    if (r->broken.data[i] == m)
      return true;
  return false;
}

// Takes the models with errors out of the unit: nothing may be made of them.
static void drop_broken(resolver *r) {
  unit *u = r->u;
  for (size_t i = u->models.len; i > 0; i--) {
    model *m = u->models.data[i - 1];
    bool sound = bind_train(r, m) && !is_broken(r, m) && !has_poison_output(m);
    if (!sound && diags_errors(u->diags))
      unit_drop_model(u, i - 1);
  }
}

static void resolve_all(resolver *r) {
  for (size_t i = 0; i < r->globals.len; i++)
    if (r->globals.data[i].item->kind == ITEM_CONST)
      constant_result(r, &r->globals.data[i], r->globals.data[i].item->name_at);
  for (size_t i = 0; i < r->globals.len; i++)
    if (r->globals.data[i].item->kind != ITEM_CONST)
      check_names(r, r->globals.data[i].item);
  for (size_t i = 0; i < r->models.len; i++)
    if (!repeats_model(r, i))
      resolve_model(r, r->models.data[i]);
  for (size_t i = 0; i < r->trains.len; i++)
    resolve_train(r, r->trains.data[i]);
  drop_broken(r);
}

static void release(resolver *r) {
  for (size_t i = 0; i < r->instances.len; i++)
    vec_free(&r->instances.data[i]->made);
  vec_free(&r->instances);
  vec_free(&r->globals);
  vec_free(&r->models);
  vec_free(&r->trains);
  vec_free(&r->left_out);
  vec_free(&r->broken);
}

// The paths move into the arena, which releases them.
static void keep_paths(unit *u, struct load_info *info) {
  const char **kept = ARENA_ARRAY(u->mem, const char *, info->paths.len);
  for (size_t i = 0; i < info->paths.len; i++)
    kept[i] = info->paths.data[i];
  free(info->paths.data);
  info->paths.data = kept;
  info->paths.cap = info->paths.len;
}

bool load_models(unit *u, const char *path, const load_options *options) {
  size_t errors = diags_errors(u->diags);
  resolver r = {.u = u, .registries = options->registries};
  loading l = {.r = &r, .info = ARENA_NEW(u->mem, struct load_info), .hash = UINT64_C(14695981039346656037)};
  u->loaded = l.info;
  u->source_path = arena_strdup(u->mem, path);
  if (strcmp(path, "-") != 0)
    is_new_file(&l, path);
  load_file(&l, path, (span){0}, true);
  vec_free(&l.real_paths);
  l.info->hash = arena_printf(u->mem, "%016" PRIx64, l.hash);
  if (!l.broken) {
    apply_definitions(&r, options);
    resolve_all(&r);
  }
  for (size_t i = 0; i < u->files.len; i++)
    vec_push(&l.info->paths, u->files.data[i]);
  keep_paths(u, l.info);
  release(&r);
  return diags_errors(u->diags) == errors;
}

size_t load_dependencies(const unit *u, const char *const **paths) {
  *paths = u->loaded ? u->loaded->paths.data : NULL;
  return u->loaded ? u->loaded->paths.len : 0;
}

const char *load_source_hash(const unit *u) {
  return u->loaded ? u->loaded->hash : "";
}
