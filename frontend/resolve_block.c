// Blocks: made with parameters, applied to tensors. Every instance has layers of its own; an instance that is
// applied twice shares them.
#include "frontend/resolve_private.h"
#include "ir/user_block.h"
#include "support/intern.h"
#include <ctype.h>
#include <string.h>

const char *snake_case(arena *a, const char *name) {
  strbuf out = {0};
  for (const char *p = name; *p; p++) {
    bool upper = isupper((unsigned char)*p);
    bool starts = upper && p > name &&
                  (islower((unsigned char)p[-1]) || isdigit((unsigned char)p[-1]) ||
                   (isupper((unsigned char)p[-1]) && islower((unsigned char)p[1])));
    if (starts && p[-1] != '_')
      strbuf_putc(&out, '_');
    strbuf_putc(&out, (char)tolower((unsigned char)*p));
  }
  const char *snake = arena_strdup(a, strbuf_text(&out));
  strbuf_free(&out);
  return snake;
}

typedef struct given {
  const param_list *params;
  result *results; // by parameter; kind POISON with `seen` false: not given
  bool *seen;
  bool failed;
} given;

static int param_index(const param_list *params, const char *name) {
  for (size_t i = 0; i < params->count; i++)
    if (strcmp(params->items[i]->name, name) == 0)
      return (int)i;
  return -1;
}

static const char *suggest_param(const param_list *params, const char *name) {
  VEC(const char *) names = {0};
  for (size_t i = 0; i < params->count; i++)
    vec_push(&names, params->items[i]->name);
  const char *near = suggest(name, names.data, names.len);
  vec_free(&names);
  return near;
}

static void give(context *c, given *g, const char *what, int index, const ast_arg *arg, result r) {
  if (g->seen[index]) {
    diag_error(c->r->u->diags, arg ? (arg->name ? arg->name_at : arg->value->at) : r.at,
               "%s: the argument '%s' is given twice", what, g->params->items[index]->name);
    g->failed = true;
  }
  g->seen[index] = true;
  g->results[index] = r;
  g->failed = g->failed || r.kind == RESULT_POISON;
}

// What a block's parameter holds: a layer or block as it is, anything else as a value.
static result parameter_result(context *c, const expr *e, bool tensors) {
  if (tensors)
    return eval(c, e);
  bool word = e->kind == EXPR_NAME && !find_local(c, e->text) && !find_global(c->r, e->text, ITEM_CONST);
  if (e->kind == EXPR_NAME && !word)
    return eval(c, e);
  if (e->kind == EXPR_CALL && e->left->kind == EXPR_NAME &&
      (layer_find(e->left->text) || find_global(c->r, e->left->text, ITEM_BLOCK) ||
       find_global(c->r, e->left->text, ITEM_CELL)))
    return eval(c, e);
  value *v = argument_value(c, e, ARG_ANY, NULL);
  return v ? value_result(v, e->at) : poison_result(e->at);
}

static void bind_given(context *c, given *g, const char *what, const expr *call, const result *piped,
                       bool tensors) {
  diags *d = c->r->u->diags;
  size_t next = 0;
  if (piped) {
    if (g->params->count)
      give(c, g, what, (int)next, NULL, *piped);
    next++;
  }
  for (size_t i = 0; call && i < call->args.count; i++) {
    const ast_arg *arg = call->args.items[i];
    int index = arg->name ? param_index(g->params, arg->name) : next < g->params->count ? (int)next : -1;
    next += arg->name == NULL;
    if (index >= 0) {
      give(c, g, what, index, arg, parameter_result(c, arg->value, tensors));
      continue;
    }
    const char *near = arg->name ? suggest_param(g->params, arg->name) : NULL;
    if (near)
      diag_error(d, arg->name_at, "%s has no argument '%s'; did you mean '%s'?", what, arg->name, near);
    else if (arg->name)
      diag_error(d, arg->name_at, "%s has no argument '%s'", what, arg->name);
    else
      diag_error(d, arg->value->at, "%s takes %zu argument%s here", what, g->params->count,
                 g->params->count == 1 ? "" : "s");
    g->failed = true;
  }
}

bool bind_parameters(context *c, const ast_item *def, const param_list *params, const expr *call,
                     const result *piped, span at, binding *out) {
  arena *a = c->r->u->mem;
  bool tensors = params == &def->call_params;
  given g = {.params = params};
  g.results = ARENA_ARRAY(a, result, params->count);
  g.seen = ARENA_ARRAY(a, bool, params->count);
  bind_given(c, &g, def->name, call, piped, tensors);
  context inside = {.r = c->r, .m = c->m}; // defaults see constants and the parameters before them
  for (size_t i = 0; i < params->count; i++) {
    const ast_param *p = params->items[i];
    if (!g.seen[i] && p->default_value) {
      g.results[i] = parameter_result(&inside, p->default_value, false);
      g.failed = g.failed || g.results[i].kind == RESULT_POISON;
    } else if (!g.seen[i]) {
      if (!g.failed)
        diag_error(c->r->u->diags, at, "%s needs the argument '%s'", def->name, p->name);
      g.failed = true;
    }
    out[i] = (binding){p->name, p->name_at, g.results[i]};
    bind_local(&inside, p->name, p->name_at, g.results[i]);
  }
  vec_free(&inside.names);
  return !g.failed;
}

result make_block(context *c, const ast_item *def, const expr *call) {
  resolver *r = c->r;
  for (const instance *outer = c->in; outer; outer = outer->outer)
    if (outer->def == def) {
      diag_error(r->u->diags, call->at, "the block '%s' contains itself", def->name);
      return poison_result(call->at);
    }
  if (r->instances.len >= MAX_INSTANCES) {
    diag_error(r->u->diags, call->at, "more than %d blocks are made", MAX_INSTANCES);
    return poison_result(call->at);
  }
  instance *b = ARENA_NEW(r->u->mem, instance);
  b->def = def;
  b->at = call->at;
  b->outer = c->in;
  b->scope = c->in ? c->in->path : NULL;
  b->param_count = def->params.count;
  b->params = ARENA_ARRAY(r->u->mem, binding, b->param_count);
  vec_push(&r->instances, b);
  if (!bind_parameters(c, def, &def->params, call, NULL, call->at, b->params))
    return poison_result(call->at);
  return (result){.kind = RESULT_BLOCK, .at = call->at, .block = b};
}

result apply_block(context *c, instance *b, const expr *call, const result *piped, span at) {
  arena *a = c->r->u->mem;
  const ast_item *def = b->def;
  binding *inputs = ARENA_ARRAY(a, binding, def->call_params.count);
  if (!bind_parameters(c, def, &def->call_params, call, piped, at, inputs))
    return poison_result(at);
  for (size_t i = 0; i < def->call_params.count; i++)
    if (inputs[i].r.kind == RESULT_TENSOR && tensor_is_poison(inputs[i].r.t))
      return poison_result(at);
  if (!b->path)
    b->path = model_number_name(c->m, b->scope, snake_case(a, def->name));
  context inside = {.r = c->r, .m = c->m, .in = b};
  for (size_t i = 0; i < b->param_count; i++)
    bind_local(&inside, b->params[i].name, b->params[i].at, b->params[i].r);
  for (size_t i = 0; i < def->call_params.count; i++)
    bind_local(&inside, inputs[i].name, inputs[i].at, inputs[i].r);
  const char *scope = c->m->scope;
  c->m->scope = b->path;
  result returned = poison_result(at);
  run_body(&inside, &def->body, false, &returned);
  c->m->scope = scope;
  vec_free(&inside.names);
  returned.at = at;
  return returned;
}

// ---- a block that is wrapped

typedef struct block_maker {
  resolver *r;
  instance *b;
} block_maker;

static bool run_wrapped(void *context_of, const layer *l, tensor *x, tensor ***results, int *count) {
  const block_maker *k = context_of;
  context c = {.r = k->r, .m = l->model};
  if (!k->b->path)
    k->b->path = l->path;
  result piped = {.kind = RESULT_TENSOR, .at = k->b->at, .t = x};
  result returned = apply_block(&c, k->b, NULL, &piped, k->b->at);
  bool list = returned.kind == RESULT_LIST;
  *count = list ? (int)returned.count : 1;
  *results = ARENA_ARRAY(k->r->u->mem, tensor *, *count);
  for (int i = 0; i < *count; i++) {
    const result *one = list ? &returned.items[i] : &returned;
    if (!expect_tensor(&c, one, &(*results)[i]) || tensor_is_poison((*results)[i]))
      return false;
  }
  return true;
}

layer *block_as_layer(context *c, instance *b) {
  if (!b->as_layer) {
    block_maker *k = ARENA_NEW(c->r->u->mem, block_maker);
    *k = (block_maker){c->r, b};
    block_recipe recipe = {.name = b->def->name,
                           .snake = snake_case(c->r->u->mem, b->def->name),
                           .apply = run_wrapped,
                           .context = k};
    b->as_layer = user_block_make(c->m, &recipe, b->at, b->scope);
  }
  return b->as_layer;
}
