// Making layers, applying them, functions and pipes.
#include "frontend/resolve_private.h"
#include "ir/cell.h"
#include <string.h>

static const arg_spec *spec_of(const layer_def *def, const char *name, size_t position) {
  if (!name)
    return position < args_count(def->args) ? &def->args[position] : NULL;
  int i = args_index(def->args, name);
  if (i >= 0)
    return &def->args[i];
  const arg_spec *common = layer_common_args();
  i = args_index(common, name);
  return i >= 0 ? &common[i] : NULL;
}

static bool refuse_in_constant(context *c, span at) {
  if (c->m)
    return false;
  diag_error(c->r->u->diags, at, "a constant holds numbers, texts and names, not layers or tensors");
  return true;
}

// Layers and blocks of a block's body are made once for each of its instances.
static const result *made_before(const context *c, const expr *e) {
  for (size_t i = 0; c->in && i < c->in->made.len; i++)
    if (c->in->made.data[i].where == e)
      return &c->in->made.data[i].r;
  return NULL;
}

static result remember_made(context *c, const expr *e, result r) {
  if (c->in) {
    made_here m = {e, r};
    vec_push(&c->in->made, m);
  }
  return r;
}

static result make_layer(context *c, const layer_def *def, const expr *e) {
  arena *a = c->r->u->mem;
  value *call = ARENA_NEW(a, value);
  *call = (value){.kind = VALUE_CALL, .at = e->at, .text = def->name, .count = e->args.count};
  call->items = ARENA_ARRAY(a, value *, e->args.count);
  call->keys = ARENA_ARRAY(a, const char *, e->args.count);
  call->key_at = ARENA_ARRAY(a, span, e->args.count);
  bool good = true;
  for (size_t i = 0; i < e->args.count; i++) {
    const ast_arg *arg = e->args.items[i];
    const arg_spec *spec = spec_of(def, arg->name, i);
    call->items[i] =
        argument_value(c, arg->value, spec ? spec->kinds : ARG_ANY | ARG_LATE, spec ? spec->modes : NULL);
    call->keys[i] = arg->name;
    call->key_at[i] = arg->name ? arg->name_at : arg->value->at;
    good = good && call->items[i];
  }
  layer *l = good ? layer_make(c->m, def, call, c->in ? c->in->path : NULL) : NULL;
  if (!l)
    return poison_result(e->at);
  return (result){.kind = layer_is_cell(l) ? RESULT_CELL : RESULT_LAYER, .at = e->at, .l = l};
}

typedef struct tensors {
  VEC(tensor *) list;
  VEC(const char *) names; // call arguments by name
  VEC(value *) values;
  bool failed;
} tensors;

static void free_tensors(tensors *in) {
  vec_free(&in->list);
  vec_free(&in->names);
  vec_free(&in->values);
}

static void add_tensor(context *c, tensors *in, const result *r) {
  tensor *t;
  if (expect_tensor(c, r, &t))
    vec_push(&in->list, t);
  else
    in->failed = true;
}

static void add_tensors(context *c, tensors *in, const result *r, bool spread) {
  if (r->kind != RESULT_LIST || !spread) {
    add_tensor(c, in, r);
    return;
  }
  for (size_t i = 0; i < r->count; i++)
    add_tensor(c, in, &r->items[i]);
}

static void add_named(context *c, tensors *in, const char *owner, const ast_arg *arg) {
  for (size_t k = 0; k < in->names.len; k++)
    if (strcmp(in->names.data[k], arg->name) == 0) {
      diag_error(c->r->u->diags, arg->name_at, "%s: the argument '%s' is given twice", owner, arg->name);
      in->failed = true;
      return;
    }
  value *v = argument_value(c, arg->value, 0, NULL);
  vec_push(&in->names, arg->name);
  vec_push(&in->values, v);
  in->failed = in->failed || !v;
}

static void gather_call(context *c, tensors *in, const layer_def *def, const expr *call,
                        const result *piped) {
  size_t given = call ? call->args.count : 0, by_position = piped != NULL;
  for (size_t i = 0; i < given; i++)
    by_position += call->args.items[i]->name == NULL;
  bool spread = def->spreads_list && by_position == 1;
  if (piped)
    add_tensors(c, in, piped, spread);
  for (size_t i = 0; i < given; i++) {
    const ast_arg *arg = call->args.items[i];
    if (arg->name) {
      add_named(c, in, def->name, arg);
      continue;
    }
    result r = eval(c, arg->value);
    if (in->names.len && !in->failed) {
      diag_error(c->r->u->diags, arg->value->at, "%s: an argument by position cannot follow one by name",
                 def->name);
      in->failed = true;
    }
    add_tensors(c, in, &r, spread);
  }
}

static result apply_layer(context *c, layer *l, const expr *call, const result *piped, span at) {
  tensors in = {0};
  gather_call(c, &in, l->def, call, piped);
  result r = poison_result(at);
  if (!in.failed) {
    application *app =
        layer_apply(l, in.list.data, (int)in.list.len, in.names.data, in.values.data, (int)in.names.len, at);
    result *outputs = ARENA_ARRAY(c->r->u->mem, result, app->n_outputs);
    for (int i = 0; i < app->n_outputs; i++)
      outputs[i] = (result){.kind = RESULT_TENSOR, .at = at, .t = app->outputs[i]};
    bool poison = app->n_outputs == 0 || tensor_is_poison(app->outputs[0]);
    if (!poison && app->n_outputs == 1)
      r = outputs[0];
    else if (!poison)
      r = (result){.kind = RESULT_LIST, .at = at, .items = outputs, .count = (size_t)app->n_outputs};
  }
  free_tensors(&in);
  return r;
}

static result apply_function(context *c, const char *name, const expr *call, const result *piped, span at) {
  arena *a = c->r->u->mem;
  size_t n = call ? call->args.count : 0;
  value *v = ARENA_NEW(a, value);
  *v = (value){.kind = VALUE_CALL, .at = at, .text = name, .count = n};
  v->items = ARENA_ARRAY(a, value *, n);
  v->keys = ARENA_ARRAY(a, const char *, n);
  v->key_at = ARENA_ARRAY(a, span, n);
  tensors in = {0};
  if (piped)
    add_tensors(c, &in, piped, true);
  bool good = !in.failed;
  for (size_t i = 0; i < n; i++) {
    const ast_arg *arg = call->args.items[i];
    v->items[i] = argument_value(c, arg->value, arg->name ? ARG_ANY | ARG_LATE : 0, NULL);
    v->keys[i] = arg->name;
    v->key_at[i] = arg->name ? arg->name_at : arg->value->at;
    good = good && v->items[i];
  }
  tensor *t =
      good ? model_apply_function(c->m, name, call ? v : NULL, in.list.data, (int)in.list.len, at) : NULL;
  free_tensors(&in);
  if (!t || tensor_is_poison(t))
    return poison_result(at);
  return (result){.kind = RESULT_TENSOR, .at = at, .t = t};
}

// Applies what an expression stands for. `call` holds the arguments in parentheses, or is NULL behind a bare
// pipe.
static result apply(context *c, const result *callee, const expr *call, const result *piped, span at) {
  switch (callee->kind) {
  case RESULT_POISON:
    return poison_result(at);
  case RESULT_LAYER:
    return apply_layer(c, callee->l, call, piped, at);
  case RESULT_BLOCK:
    return apply_block(c, callee->block, call, piped, at);
  case RESULT_VALUE: { // a parameter that holds the name of a function: act = tanh
    const value *v = callee->v;
    if ((v->kind == VALUE_NAME || v->kind == VALUE_STRING) && is_function_name(v->text))
      return apply_function(c, v->text, call, piped, at);
    break;
  }
  case RESULT_TENSOR:
    if (piped && !call) {
      diag_error(c->r->u->diags, callee->at, "the right side of '->' must be a layer, found a tensor");
      return poison_result(at);
    }
    break;
  case RESULT_LIST:
  case RESULT_CELL:
    break;
  }
  diag *g = diag_error(c->r->u->diags, callee->at, "%s cannot be called", result_name(callee));
  if (callee->kind == RESULT_CELL)
    diag_help(g, "a cell is used through a recurrence: 'RNN(%s(...))'", callee->l->def->name);
  return poison_result(at);
}

// Arguments of a call that cannot be made are looked at all the same where their meaning does not depend on
// it.
static result unknown_callee(context *c, const expr *name) {
  report_unknown_callee(c, name->text, name->at);
  return poison_result(name->at);
}

static bool is_callable(const result *r) {
  bool names_function = r->kind == RESULT_VALUE && (r->v->kind == VALUE_NAME || r->v->kind == VALUE_STRING);
  return r->kind == RESULT_LAYER || r->kind == RESULT_BLOCK || r->kind == RESULT_POISON || names_function;
}

// name(...), where the name is a layer type, a block, a function or something that can be applied.
static result call_name(context *c, const expr *e, const result *piped) {
  const char *name = e->left->text;
  binding *local = find_local(c, name);
  global *constant = local ? NULL : find_global(c->r, name, ITEM_CONST);
  const layer_def *def = layer_find(name);
  global *block = find_global(c->r, name, ITEM_BLOCK), *cell = find_global(c->r, name, ITEM_CELL);
  bool known = (def && !(def->traits & LAYER_INTERNAL)) || block || cell || is_function_name(name);
  if ((local && (is_callable(&local->r) || !known)) || (constant && !known)) {
    result callee = eval(c, e->left);
    return apply(c, &callee, e, piped, e->at);
  }
  if (!known)
    return unknown_callee(c, e->left);
  if (refuse_in_constant(c, e->at) || (block && block->broken) || (cell && cell->broken))
    return poison_result(e->at);
  result made;
  if (!block && !cell && is_function_name(name) && !(def && piped == NULL && e->args.count == 0))
    return apply_function(c, name, e, piped, e->at);
  const result *before = made_before(c, e);
  if (before)
    made = *before;
  else if (block)
    made = remember_made(c, e, make_block(c, block->item, e));
  else if (cell)
    made = remember_made(c, e, make_cell(c, cell->item, e));
  else
    made = remember_made(c, e, make_layer(c, def, e));
  return piped ? apply(c, &made, NULL, piped, e->at) : made;
}

result eval_call(context *c, const expr *e, const result *piped) {
  if (e->left->kind == EXPR_NAME)
    return call_name(c, e, piped);
  result callee = eval(c, e->left);
  if (callee.kind != RESULT_POISON && refuse_in_constant(c, e->at))
    return poison_result(e->at);
  return apply(c, &callee, e, piped, e->at);
}

// Behind a pipe a bare name is a layer, a block's instance or a function.
static result pipe_into_name(context *c, const expr *e, const result *left, span at) {
  bool own = find_local(c, e->text) || find_global(c->r, e->text, ITEM_CONST);
  if (!own && is_function_name(e->text))
    return apply_function(c, e->text, NULL, left, at);
  if (!own && !layer_find(e->text) && !find_global(c->r, e->text, ITEM_BLOCK) &&
      !find_global(c->r, e->text, ITEM_CELL))
    return unknown_callee(c, e);
  result callee = eval(c, e);
  return apply(c, &callee, NULL, left, at);
}

result eval_pipe(context *c, const expr *e) {
  result left = eval(c, e->left);
  if (refuse_in_constant(c, e->at))
    return poison_result(e->at);
  const expr *right = e->right;
  if (left.kind == RESULT_VALUE || left.kind == RESULT_LAYER || left.kind == RESULT_BLOCK) {
    tensor *t;
    expect_tensor(c, &left, &t);
    left = poison_result(e->left->at);
  }
  if (left.kind == RESULT_POISON) // its layers are made and checked all the same
    left = (result){.kind = RESULT_TENSOR, .at = e->left->at, .t = model_poison(c->m, e->left->at)};
  if (right->kind == EXPR_NAME)
    return pipe_into_name(c, right, &left, right->at);
  if (right->kind == EXPR_CALL)
    return eval_call(c, right, &left);
  result callee = eval(c, right);
  return apply(c, &callee, NULL, &left, right->at);
}
