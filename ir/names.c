#include "ir/names.h"
#include "ir/layer.h"
#include "support/name_index.h"
#include <string.h>

typedef struct name_entry {
  const char *name;
  span at;
  bool hidden; // number of a wrapped layer: no other layer gets it by number, but a user may write it
} name_entry;

// Last number tried for a name that was taken.
typedef struct numbered_name {
  const char *name;
  int number;
} numbered_name;

struct names {
  VEC(name_entry) list;
  VEC(numbered_name) numbers;
  name_index taken, numbered; // into the lists
};

struct names *names_new(void) {
  return xcalloc(1, sizeof(struct names));
}

void names_free(struct names *n) {
  if (!n)
    return;
  vec_free(&n->list);
  vec_free(&n->numbers);
  free(n);
}

static const name_entry *find_name(const model *m, const char *name, bool hidden_too) {
  const struct names *n = m->names;
  for (size_t k = name_index_first(&n->taken, name); k; k = name_index_next(&n->taken, k)) {
    const name_entry *e = &n->list.data[k - 1];
    if ((hidden_too || !e->hidden) && strcmp(e->name, name) == 0)
      return e;
  }
  return NULL;
}

static void add_name(model *m, const char *name, span at, bool hidden) {
  name_entry e = {name, at, hidden};
  vec_push(&m->names->list, e);
  name_index_add(&m->names->taken, m->unit->mem, name);
}

static const char *scoped(model *m, const char *scope, const char *base) {
  return scope ? arena_printf(m->unit->mem, "%s/%s", scope, base) : arena_strdup(m->unit->mem, base);
}

static int *last_number(model *m, const char *first) {
  struct names *n = m->names;
  for (size_t k = name_index_first(&n->numbered, first); k; k = name_index_next(&n->numbered, k))
    if (!strcmp(n->numbers.data[k - 1].name, first))
      return &n->numbers.data[k - 1].number;
  vec_push(&n->numbers, ((numbered_name){first, 0}));
  name_index_add(&n->numbered, m->unit->mem, first);
  return &n->numbers.data[n->numbers.len - 1].number;
}

// Names stay taken, so the search goes on behind the last number that was given.
static const char *free_name(model *m, const char *scope, const char *base) {
  const char *first = scoped(m, scope, base), *name = first;
  if (!find_name(m, first, true))
    return first;
  int *number = last_number(m, first);
  do
    name = arena_printf(m->unit->mem, "%s_%d", first, ++*number);
  while (find_name(m, name, true));
  return name;
}

const char *model_number_name(model *m, const char *scope, const char *base) {
  const char *name = free_name(m, scope, base);
  add_name(m, name, (span){0}, false);
  return name;
}

bool model_reserve_name(model *m, const char *name, span at) {
  const name_entry *taken = find_name(m, name, false);
  if (taken) {
    diag *d = diag_error(m->unit->diags, at, "the name '%s' is already taken", name);
    if (taken->at.file)
      diag_note(d, taken->at, "'%s' was named here", name);
    return false;
  }
  add_name(m, name, at, false);
  return true;
}

// The layer's own name, by its user or by number. `hidden`: it will be known by its wrapper's path.
static const char *own_name(layer *l, bool hidden) {
  model *m = l->model;
  l->numbered = true;
  if (l->given_name) {
    const char *name = scoped(m, l->scope, l->given_name);
    model_reserve_name(m, name, l->at);
    return name;
  }
  const char *name = free_name(m, l->scope, l->def->snake);
  add_name(m, name, l->at, hidden);
  return name;
}

static void number_wrapped(layer *l) {
  for (int i = 0; i < l->n_wrapped; i++) {
    layer *w = l->wrapped[i];
    number_wrapped(w);
    if (!w->numbered)
      own_name(w, true);
  }
}

static void name_children(layer *l) {
  arena *mem = l->model->unit->mem;
  for (int i = 0; i < l->n_children; i++) {
    layer *c = l->children[i];
    if (c->name)
      continue; // applied before, on its own or in another wrapper: keeps its place
    c->name = arena_printf(mem, "%s/%s", l->name, c->role ? c->role : c->def->snake);
    c->path = c->role ? arena_printf(mem, "%s/%s", l->path, c->role) : l->path;
    name_children(c);
  }
}

void layer_take_name(layer *l) {
  if (l->name)
    return;
  number_wrapped(l);
  l->name = l->path = own_name(l, false);
  name_children(l);
}
