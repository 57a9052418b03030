// What an expression stands for.
#include "frontend/resolve_private.h"
#include <string.h>

const char *result_name(const result *r) {
  switch (r->kind) {
  case RESULT_POISON:
    return "an error";
  case RESULT_VALUE:
    return value_kind_name(r->v);
  case RESULT_TENSOR:
    return "a tensor";
  case RESULT_LAYER:
    return "a layer";
  case RESULT_BLOCK:
    return "a block";
  case RESULT_CELL:
    return "a cell";
  case RESULT_LIST:
    return "a list";
  }
  return "nothing";
}

bool expect_tensor(context *c, const result *r, tensor **t) {
  if (r->kind == RESULT_TENSOR && !tensor_is_poison(r->t)) {
    *t = r->t;
    return true;
  }
  diags *d = c->r->u->diags;
  diag *g = NULL;
  if (r->kind == RESULT_LAYER)
    g = diag_error(d, r->at, "a tensor is needed here, found a layer that is not applied (%s)",
                   r->l->def->name);
  else if (r->kind == RESULT_LIST)
    g = diag_error(d, r->at, "one tensor is needed here, found a list of %zu", r->count);
  else if (r->kind != RESULT_POISON && r->kind != RESULT_TENSOR)
    g = diag_error(d, r->at, "a tensor is needed here, found %s", result_name(r));
  if (r->kind == RESULT_CELL)
    diag_help(g, "a cell is used through a recurrence: 'RNN(%s(...))'", r->l->def->name);
  if (r->kind == RESULT_LAYER || r->kind == RESULT_BLOCK)
    diag_help(g, "apply it: 'x -> L(...)' or 'L(...)(x)'");
  return false;
}

static result literal_name(context *c, const expr *e) {
  static const char *const words[] = {"none", "None", "true", "True", "false", "False"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(e->text, words[i]) == 0) {
      value *v = value_parse_literal(c->r->u->mem, e->text);
      v->at = e->at;
      return value_result(v, e->at);
    }
  return poison_result(e->at);
}

static result eval_name(context *c, const expr *e) {
  binding *local = find_local(c, e->text);
  if (local) {
    result r = local->r;
    r.at = e->at;
    return r;
  }
  global *constant = find_global(c->r, e->text, ITEM_CONST);
  if (constant)
    return constant_result(c->r, constant, e->at);
  result literal = literal_name(c, e);
  if (literal.kind != RESULT_POISON)
    return literal;
  const char *what = layer_find(e->text)                      ? "a layer type"
                     : find_global(c->r, e->text, ITEM_BLOCK) ? "a block"
                     : find_global(c->r, e->text, ITEM_CELL)  ? "a cell"
                     : is_function_name(e->text)              ? "a function"
                                                              : NULL;
  if (!what)
    report_unknown_name(c, e->text, e->at);
  else
    diag_help(diag_error(c->r->u->diags, e->at, "'%s' is %s and must be called here", e->text, what),
              "write '%s(...)'", e->text);
  return poison_result(e->at);
}

static result eval_number(context *c, const expr *e) {
  return value_result(number_value(c->r->u->mem, e->is_integer, e->integer, e->number, e->at), e->at);
}

static result eval_string(context *c, const expr *e) {
  value *v = ARENA_NEW(c->r->u->mem, value);
  v->kind = VALUE_STRING;
  v->text = e->text;
  v->at = e->at;
  return value_result(v, e->at);
}

static result eval_list(context *c, const expr *e) {
  result r = {.kind = RESULT_LIST, .at = e->at, .count = e->items.count};
  r.items = ARENA_ARRAY(c->r->u->mem, result, e->items.count);
  bool poison = false;
  for (size_t i = 0; i < e->items.count; i++) {
    r.items[i] = eval(c, e->items.items[i]);
    poison = poison || r.items[i].kind == RESULT_POISON;
  }
  return poison ? poison_result(e->at) : r;
}

// An operand as a number or a tensor; NULL after an error.
static value *operand(context *c, const expr *e) {
  result r = eval(c, e);
  if (r.kind == RESULT_VALUE)
    return r.v;
  tensor *t;
  return expect_tensor(c, &r, &t) ? result_value(c, &r, e->at) : NULL;
}

static result tensor_result(tensor *t, span at) {
  if (tensor_is_poison(t))
    return poison_result(at);
  return (result){.kind = RESULT_TENSOR, .at = at, .t = t};
}

static result eval_binary(context *c, const expr *e) {
  value *a = operand(c, e->left), *b = operand(c, e->right);
  if (!a || !b)
    return poison_result(e->at);
  if (a->kind != VALUE_OBJECT && b->kind != VALUE_OBJECT)
    return fold_binary(c, e, a, b);
  if (strcmp(e->text, "//") == 0) {
    diag_help(diag_error(c->r->u->diags, e->op_at, "'//' divides numbers, not tensors"), "write '/'");
    return poison_result(e->at);
  }
  return tensor_result(model_apply_operator(c->m, e->text, a, b, e->at), e->at);
}

static result eval_unary(context *c, const expr *e) {
  value *x = operand(c, e->left);
  if (!x)
    return poison_result(e->at);
  if (x->kind == VALUE_OBJECT)
    return tensor_result(model_apply_operator(c->m, "neg", x, NULL, e->at), e->at);
  if (x->kind == VALUE_INT || x->kind == VALUE_FLOAT)
    return value_result(number_value(c->r->u->mem, x->kind == VALUE_INT, -x->integer, -x->number, e->at),
                        e->at);
  diag_error(c->r->u->diags, x->at, "'-' needs a number or a tensor, found %s", value_kind_name(x));
  return poison_result(e->at);
}

static result eval_dict(context *c, const expr *e) {
  value *v = argument_value(c, e, ARG_ANY, NULL);
  return v ? value_result(v, e->at) : poison_result(e->at);
}

result eval(context *c, const expr *e) {
  switch (e->kind) {
  case EXPR_NUMBER:
    return eval_number(c, e);
  case EXPR_STRING:
    return eval_string(c, e);
  case EXPR_NAME:
    return eval_name(c, e);
  case EXPR_LIST:
    return eval_list(c, e);
  case EXPR_DICT:
    return eval_dict(c, e);
  case EXPR_UNARY:
    return eval_unary(c, e);
  case EXPR_BINARY:
    return eval_binary(c, e);
  case EXPR_CALL:
    return eval_call(c, e, NULL);
  case EXPR_PIPE:
    return eval_pipe(c, e);
  }
  ICE("an expression of kind %d", (int)e->kind);
}
