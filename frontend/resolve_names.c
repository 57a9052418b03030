// Looking names up, and what to say when there is no such name.
#include "frontend/resolve_private.h"
#include "support/intern.h"
#include <ctype.h>
#include <string.h>

binding *find_local(context *c, const char *name) {
  for (size_t k = name_index_first(&c->index, name); k; k = name_index_next(&c->index, k))
    if (strcmp(c->names.data[k - 1].name, name) == 0)
      return &c->names.data[k - 1];
  return NULL;
}

void bind_local(context *c, const char *name, span at, result r) {
  binding *old = find_local(c, name);
  if (old) {
    old->r = r;
    old->at = at;
    return;
  }
  binding b = {name, at, r};
  vec_push(&c->names, b);
  name_index_add(&c->index, c->r->u->mem, name);
}

global *find_global(resolver *r, const char *name, item_kind kind) {
  for (size_t i = 0; i < r->globals.len; i++) {
    global *g = &r->globals.data[i];
    if (g->item->kind == kind && strcmp(g->item->name, name) == 0)
      return g;
  }
  return NULL;
}

// Constants may stand in any order; one that needs itself is an error.
result constant_result(resolver *r, global *g, span at) {
  if (g->state == GLOBAL_BUSY) {
    diag *d = diag_error(r->u->diags, at, "the constant '%s' needs itself", g->item->name);
    diag_note(d, g->item->name_at, "'%s' is defined here", g->item->name);
    return poison_result(at);
  }
  if (g->state == GLOBAL_FRESH) {
    g->state = GLOBAL_BUSY;
    if (g->given) {
      value *v = value_parse_literal(r->u->mem, g->given);
      g->r = v ? value_result(v, g->item->name_at) : poison_result(g->item->name_at);
    } else {
      context c = {.r = r};
      value *v = argument_value(&c, g->item->value, ARG_ANY, NULL);
      g->r = v ? value_result(v, g->item->value->at) : poison_result(g->item->value->at);
      vec_free(&c.names);
    }
    g->state = GLOBAL_DONE;
  }
  result copy = g->r;
  copy.at = at;
  if (copy.kind == RESULT_VALUE) {
    copy.v = ARENA_NEW(r->u->mem, value);
    *copy.v = *g->r.v;
    copy.v->at = at;
  }
  return copy;
}

typedef VEC(const char *) name_vec;

static void add_locals(context *c, name_vec *names) {
  for (size_t i = 0; i < c->names.len; i++)
    vec_push(names, c->names.data[i].name);
}

static void add_globals(context *c, name_vec *names, bool constants) {
  for (size_t i = 0; i < c->r->globals.len; i++) {
    const ast_item *item = c->r->globals.data[i].item;
    if ((item->kind == ITEM_CONST) == constants)
      vec_push(names, item->name);
  }
}

void report_unknown_name(context *c, const char *name, span at) {
  name_vec names = {0};
  add_locals(c, &names);
  add_globals(c, &names, true);
  const char *near = suggest(name, names.data, names.len);
  if (near)
    diag_error(c->r->u->diags, at, "there is no '%s'; did you mean '%s'?", name, near);
  else
    diag_error(c->r->u->diags, at, "there is no '%s'", name);
  vec_free(&names);
}

void report_unknown_callee(context *c, const char *name, span at) {
  name_vec names = {0};
  add_locals(c, &names);
  add_globals(c, &names, false);
  for (size_t i = 0; layer_table[i]; i++)
    if (!(layer_table[i]->traits & LAYER_INTERNAL))
      vec_push(&names, layer_table[i]->name);
  const char *function = function_suggest(name);
  if (function)
    vec_push(&names, function);
  const char *near = suggest(name, names.data, names.len);
  const char *what = isupper((unsigned char)name[0]) ? "layer" : "layer or function";
  if (near)
    diag_error(c->r->u->diags, at, "there is no %s '%s'; did you mean '%s'?", what, name, near);
  else
    diag_help(diag_error(c->r->u->diags, at, "there is no %s '%s'", what, name),
              "'nlmc help' lists the layers");
  vec_free(&names);
}
