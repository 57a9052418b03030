// Cells: made with parameters, given to RNN, which has the body run once on the tensors of one step.
#include "frontend/resolve_private.h"
#include "ir/user_cell.h"
#include <string.h>

bool check_cell(resolver *r, const ast_item *item) {
  diags *d = r->u->diags;
  const param_list *params = &item->call_params;
  bool good = params->count >= 2 && params->count <= 1 + MAX_CELL_STATES;
  if (!good)
    diag_help(diag_error(d, item->name_at,
                         "the cell '%s' needs an input and 1 to %d states in its second list", item->name,
                         MAX_CELL_STATES),
              "write 'cell %s(units)(x, h: [units]) { ... }'", item->name);
  for (size_t i = 0; i < params->count; i++) {
    const ast_param *p = params->items[i];
    bool is_shape = p->type && !p->type->kind && p->type->dims.count > 0;
    if (p->default_value)
      diag_error(d, p->at, "the cell '%s': '%s' cannot have a default; it is a tensor", item->name, p->name);
    else if (i == 0 && p->type)
      diag_error(d, p->at, "the cell '%s': the input '%s' takes no shape; it is what the sequence holds",
                 item->name, p->name);
    else if (i > 0 && !is_shape)
      diag_help(diag_error(d, p->at, "the cell '%s': the state '%s' needs its shape", item->name, p->name),
                "write '%s: [units]'", p->name);
    else
      continue;
    good = false;
  }
  return good;
}

// A user's cell with its parameters bound; the recipe's context.
typedef struct cell_maker {
  resolver *r;
  const ast_item *def;
  binding *params;
  instance *outer; // the block or cell in whose body it was made, or NULL
  shape *states;
  span at;
} cell_maker;

static bool state_extent(context *c, const cell_maker *k, const expr *e, const dim **extent) {
  result r = eval(c, e);
  bool is_int = r.kind == RESULT_VALUE && r.v->kind == VALUE_INT;
  if (is_int && r.v->integer >= 1 && r.v->integer <= ARG_LARGEST_SIZE) {
    *extent = dim_const(c->r->u->dims, r.v->integer);
    return true;
  }
  if (r.kind == RESULT_POISON)
    return false;
  diag *g = diag_error(
      c->r->u->diags, e->at, "a state's extent must be an integer from 1 to %d, found %s", ARG_LARGEST_SIZE,
      is_int ? arena_printf(c->r->u->mem, "%lld", (long long)r.v->integer) : result_name(&r));
  diag_note(g, k->at, "the cell '%s' is made here", k->def->name);
  return false;
}

static bool state_shapes(cell_maker *k, context *inside) {
  const param_list *params = &k->def->call_params;
  k->states = ARENA_ARRAY(k->r->u->mem, shape, params->count);
  for (size_t i = 1; i < params->count; i++) {
    const ast_type *type = params->items[i]->type;
    shape *s = &k->states[i - 1];
    if (type->dims.count > MAX_RANK - 2) {
      diag_error(k->r->u->diags, type->at, "a state may have %d axes at most, found %zu", MAX_RANK - 2,
                 type->dims.count);
      return false;
    }
    s->rank = (int)type->dims.count;
    for (int j = 0; j < s->rank; j++)
      if (!state_extent(inside, k, type->dims.items[j], &s->d[j]))
        return false;
  }
  return true;
}

// The tensor given back for a state, at its place.
static bool check_state(const cell_maker *k, const result *r, int index, const tensor *state) {
  diags *d = k->r->u->diags;
  const ast_param *p = k->def->call_params.items[index + 1];
  if (r->kind != RESULT_TENSOR || tensor_is_poison(r->t))
    return false; // reported
  if (r->t->type != TENSOR_TEXT && shape_equal(&r->t->shape, &state->shape))
    return true;
  strbuf found = {0}, needed = {0};
  shape_print(&r->t->shape, &found);
  shape_print(&state->shape, &needed);
  diag *g = diag_error(d, r->at, "the cell '%s' returns a tensor of shape %s for the state '%s'; it needs %s",
                       k->def->name, strbuf_text(&found), p->name, strbuf_text(&needed));
  diag_note(g, p->at, "'%s' is declared here", p->name);
  strbuf_free(&found);
  strbuf_free(&needed);
  return false;
}

static bool take_states(const cell_maker *k, const result *returned, tensor *const *states, tensor **next) {
  size_t n = k->def->call_params.count - 1, found = returned->kind == RESULT_LIST ? returned->count : 1;
  if (returned->kind == RESULT_POISON)
    return false;
  if (found != n) {
    diag *g =
        diag_error(k->r->u->diags, returned->at, "the cell '%s' returns %zu tensor%s; it has %zu state%s",
                   k->def->name, found, found == 1 ? "" : "s", n, n == 1 ? "" : "s");
    diag_help(g, "return the new states in the order of the second list; the first one is the output");
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    const result *one = returned->kind == RESULT_LIST ? &returned->items[i] : returned;
    if (!check_state(k, one, (int)i, states[i]))
      return false;
    next[i] = one->t;
  }
  return true;
}

static bool run_cell(void *context_of, const layer *cell, tensor *x, tensor *const *states, tensor **next) {
  const cell_maker *k = context_of;
  resolver *r = k->r;
  const ast_item *def = k->def;
  instance *b = ARENA_NEW(r->u->mem, instance);
  b->def = def;
  b->path = cell->path;
  b->outer = k->outer;
  b->at = k->at;
  vec_push(&r->instances, b);
  context inside = {.r = r, .m = cell->model, .in = b};
  for (size_t i = 0; i < def->params.count; i++)
    bind_local(&inside, k->params[i].name, k->params[i].at, k->params[i].r);
  for (size_t i = 0; i < def->call_params.count; i++) {
    const ast_param *p = def->call_params.items[i];
    result of = {.kind = RESULT_TENSOR, .at = p->at, .t = i ? states[i - 1] : x};
    of.t->name = p->name;
    of.t->at = p->at;
    bind_local(&inside, p->name, p->name_at, of);
  }
  result returned = poison_result(k->at);
  run_body(&inside, &def->body, false, &returned);
  vec_free(&inside.names);
  return take_states(k, &returned, states, next);
}

result make_cell(context *c, const ast_item *def, const expr *call) {
  arena *a = c->r->u->mem;
  cell_maker *k = ARENA_NEW(a, cell_maker);
  *k = (cell_maker){.r = c->r, .def = def, .outer = c->in, .at = call->at};
  k->params = ARENA_ARRAY(a, binding, def->params.count);
  if (!bind_parameters(c, def, &def->params, call, NULL, call->at, k->params))
    return poison_result(call->at);
  context inside = {.r = c->r, .m = c->m};
  for (size_t i = 0; i < def->params.count; i++)
    bind_local(&inside, k->params[i].name, k->params[i].at, k->params[i].r);
  bool good = state_shapes(k, &inside);
  vec_free(&inside.names);
  if (!good)
    return poison_result(call->at);
  cell_recipe recipe = {.name = def->name,
                        .snake = snake_case(a, def->name),
                        .n_states = (int)def->call_params.count - 1,
                        .states = k->states,
                        .apply = run_cell,
                        .context = k};
  layer *l = user_cell_make(c->m, &recipe, call->at, c->in ? c->in->path : NULL);
  return (result){.kind = RESULT_CELL, .at = call->at, .l = l};
}
