// The names in blocks and cells are looked at where they are defined, used or not. What stands as an argument
// may be a mode, so only names that must be tensors, layers or functions are judged here.
#include "frontend/resolve_private.h"
#include <string.h>

static bool is_literal(const char *name) {
  static const char *const words[] = {"none", "None", "true", "True", "false", "False"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i], name) == 0)
      return true;
  return false;
}

static bool is_defined(context *c, const char *name) {
  return find_local(c, name) || find_global(c->r, name, ITEM_CONST);
}

static bool is_made(context *c, const char *name) {
  const layer_def *def = layer_find(name);
  return (def && !(def->traits & LAYER_INTERNAL)) || find_global(c->r, name, ITEM_BLOCK) ||
         find_global(c->r, name, ITEM_CELL);
}

static void check_expr(context *c, const expr *e, bool argument);

static void check_args(context *c, const expr *call, bool arguments) {
  for (size_t i = 0; i < call->args.count; i++) {
    const ast_arg *arg = call->args.items[i];
    check_expr(c, arg->value, arguments || arg->name);
  }
}

static void check_callee(context *c, const expr *name) {
  if (!is_defined(c, name->text) && !is_made(c, name->text) && !is_function_name(name->text))
    report_unknown_callee(c, name->text, name->at);
}

static void check_call(context *c, const expr *e, bool argument) {
  if (e->left->kind != EXPR_NAME) {
    check_expr(c, e->left, false);
    check_args(c, e, argument);
    return;
  }
  bool makes = !is_defined(c, e->left->text) && is_made(c, e->left->text);
  if (!argument) // L2(0.01) is an argument's own affair
    check_callee(c, e->left);
  check_args(c, e, argument || makes);
}

static void check_expr(context *c, const expr *e, bool argument) {
  switch (e->kind) {
  case EXPR_NUMBER:
  case EXPR_STRING:
    break;
  case EXPR_NAME:
    if (!argument && !is_defined(c, e->text) && !is_made(c, e->text) && !is_function_name(e->text) &&
        !is_literal(e->text))
      report_unknown_name(c, e->text, e->at);
    break;
  case EXPR_LIST:
    for (size_t i = 0; i < e->items.count; i++)
      check_expr(c, e->items.items[i], argument);
    break;
  case EXPR_DICT:
    check_args(c, e, true);
    break;
  case EXPR_CALL:
    check_call(c, e, argument);
    break;
  case EXPR_UNARY:
    check_expr(c, e->left, argument);
    break;
  case EXPR_BINARY:
    check_expr(c, e->left, argument);
    check_expr(c, e->right, argument);
    break;
  case EXPR_PIPE:
    check_expr(c, e->left, false);
    if (e->right->kind == EXPR_NAME)
      check_callee(c, e->right);
    else
      check_expr(c, e->right, false);
    break;
  }
}

static void bind_params(context *c, const param_list *params) {
  for (size_t i = 0; i < params->count; i++)
    bind_local(c, params->items[i]->name, params->items[i]->name_at, poison_result(params->items[i]->at));
}

void check_names(resolver *r, const ast_item *item) {
  context c = {.r = r};
  bind_params(&c, &item->params);
  bind_params(&c, &item->call_params);
  for (size_t i = 0; i < item->body.count; i++) {
    const ast_stmt *stmt = item->body.items[i];
    if (stmt->value)
      check_expr(&c, stmt->value, false);
    for (size_t k = 0; k < stmt->results.count; k++)
      check_expr(&c, stmt->results.items[k], false);
    for (size_t k = 0; k < stmt->targets.count; k++)
      bind_local(&c, stmt->targets.items[k]->text, stmt->targets.items[k]->at, poison_result(stmt->at));
  }
  vec_free(&c.names);
}
