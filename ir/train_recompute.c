// The setting recompute: `full`, `activations`, or a list of layers and blocks by the names that the shape
// report gives them.
#include "ir/layer.h"
#include "ir/train_private.h"
#include "support/intern.h"
#include <stdlib.h>
#include <string.h>

typedef VEC(const char *) name_list;

static bool runs_before(const layer *l) {
  return l->def->pipeline || (l->def->traits & LAYER_INTERNAL);
}

static bool has_name(const name_list *list, const char *name) {
  for (size_t k = 0; k < list->len; k++)
    if (strcmp(list->data[k], name) == 0)
      return true;
  return false;
}

static void add_name(name_list *list, const char *name) {
  if (!has_name(list, name))
    vec_push(list, name);
}

// What may be listed: layers that compute, and every block around one.
static void list_names(const model *m, name_list *list) {
  for (size_t k = 0; k < m->layers.len; k++) {
    const layer *l = m->layers.data[k];
    if (runs_before(l))
      continue;
    for (const char *end = strchr(l->name, '/'); end; end = strchr(end + 1, '/'))
      add_name(list, arena_printf(m->unit->mem, "%.*s", (int)(end - l->name), l->name));
    add_name(list, l->name);
  }
}

static size_t layers_within(const model *m, const char *block, size_t length) {
  size_t count = 0;
  for (size_t k = 0; k < m->layers.len; k++)
    count += strncmp(m->layers.data[k]->name, block, length) == 0;
  return count;
}

// The layer or the outermost block around it; a block with more than half of the model is opened.
static const char *unit_of(const model *m, const layer *l) {
  for (const char *end = strchr(l->name, '/'); end; end = strchr(end + 1, '/'))
    if (2 * layers_within(m, l->name, (size_t)(end - l->name) + 1) <= m->layers.len)
      return arena_printf(m->unit->mem, "%.*s", (int)(end - l->name), l->name);
  return l->name;
}

static bool is_within(const char *name, const char *around) {
  size_t n = strlen(around);
  return strncmp(name, around, n) == 0 && (name[n] == '/' || !name[n]);
}

// Layers of a block follow each other.
static void list_units(const model *m, name_list *list) {
  for (size_t k = 0; k < m->layers.len; k++) {
    const layer *l = m->layers.data[k];
    bool known = list->len && is_within(l->name, list->data[list->len - 1]);
    if (!runs_before(l) && !known)
      add_name(list, unit_of(m, l));
  }
}

static bool is_word(const value *v) {
  return v->kind == VALUE_NAME || v->kind == VALUE_STRING;
}

static bool wrong_form(const model *m, const value *v) {
  diags *d = m->unit->diags;
  name_list known = {0};
  list_names(m, &known);
  bool named = is_word(v) && has_name(&known, v->text);
  vec_free(&known);
  diag *e = diag_error(
      d, v->at, "recompute must be `full`, `activations` or a list of layers and blocks, found %s%s%s%s",
      value_kind_name(v), is_word(v) ? " '" : "", is_word(v) ? v->text : "", is_word(v) ? "'" : "");
  if (named)
    diag_help(e, "to compute the values of '%s' again, write recompute = [%s]", v->text, v->text);
  else
    diag_help(e,
              "for example recompute = full, or recompute = [lstm, encoder]; `nlmc shapes` shows the names");
  return false;
}

static bool unknown_layer(const model *m, const value *v, const name_list *known) {
  diags *d = m->unit->diags;
  for (size_t k = 0; k < m->layers.len; k++) {
    const layer *l = m->layers.data[k];
    if (strcmp(l->name, v->text) || !runs_before(l))
      continue;
    diag *e = diag_error(d, v->at, "'%s' computes nothing in a training step that could be computed again",
                         v->text);
    diag_note(e, l->at, "'%s' is made here", v->text);
    diag_help(e, "leave it out");
    return false;
  }
  const char *near = suggest(v->text, known->data, known->len);
  if (near)
    diag_error(d, v->at, "model '%s' has no layer or block '%s'; did you mean '%s'?", m->name, v->text, near);
  else
    diag_help(diag_error(d, v->at, "model '%s' has no layer or block '%s'", m->name, v->text),
              "`nlmc shapes` shows the names");
  return false;
}

static bool bind_list(const model *m, const value *v, name_list *chosen) {
  name_list known = {0};
  bool good = true;
  list_names(m, &known);
  if (v->count == 0) {
    diag_help(diag_error(m->unit->diags, v->at, "recompute names no layer"),
              "write recompute = full for all of them, or leave the setting out");
    good = false;
  }
  for (size_t k = 0; k < v->count; k++) {
    const value *item = v->items[k];
    if (!is_word(item)) {
      diag_error(m->unit->diags, item->at, "recompute takes names of layers and blocks, found %s",
                 value_kind_name(item));
      good = false;
    } else if (has_name(&known, item->text)) {
      add_name(chosen, item->text);
    } else {
      good = unknown_layer(m, item, &known) && good;
    }
  }
  vec_free(&known);
  return good;
}

static int compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static recompute_mode mode_of(const value *v) {
  if (is_word(v) && strcmp(v->text, "full") == 0)
    return RECOMPUTE_FULL;
  return is_word(v) && strcmp(v->text, "activations") == 0 ? RECOMPUTE_ACTIVATIONS : RECOMPUTE_LISTED;
}

bool bind_recompute(const model *m, train_config *c, const value *v) {
  name_list chosen = {0};
  recompute *r = &c->recompute;
  bool good = true;
  r->mode = mode_of(v);
  if (v->kind == VALUE_NAME && v->held && r->mode == RECOMPUTE_LISTED)
    v = v->held;
  if (r->mode != RECOMPUTE_LISTED)
    list_units(m, &chosen);
  else if (v->kind == VALUE_LIST)
    good = bind_list(m, v, &chosen);
  else if (v->kind != VALUE_NONE)
    good = wrong_form(m, v);
  r->n = chosen.len;
  r->names = ARENA_ARRAY(m->unit->mem, const char *, chosen.len + 1);
  for (size_t k = 0; k < chosen.len; k++)
    r->names[k] = chosen.data[k];
  if (chosen.len)
    qsort(r->names, chosen.len, sizeof *r->names, compare);
  vec_free(&chosen);
  return good;
}
