// Makes the nodes of the syntax tree and keeps their depth within what every walk over the tree can bear.
#include "frontend/parser.h"

static expr *new_expr(parser *p, expr_kind kind, span at, const expr *left, const expr *right) {
  expr *e = ARENA_NEW(p->mem, expr);
  e->kind = kind;
  e->at = at;
  int below = left ? left->depth : 0;
  if (right && right->depth > below)
    below = right->depth;
  e->depth = below + 1;
  return e;
}

static expr *check_depth(parser *p, expr *e) {
  if (e->depth <= AST_MAX_DEPTH)
    return e;
  parser_error(p, e->at, "an expression has more than %d levels", AST_MAX_DEPTH);
  parser_stop(p);
  return NULL;
}

expr *build_leaf(parser *p, expr_kind kind, const lexeme *x) {
  expr *e = new_expr(p, kind, x->at, NULL, NULL);
  e->text = x->text;
  e->is_integer = x->is_integer;
  e->integer = x->integer;
  e->number = x->number;
  return e;
}

expr *build_unary(parser *p, span op_at, expr *operand) {
  if (!operand)
    return NULL;
  expr *e = new_expr(p, EXPR_UNARY, span_join(op_at, operand->at), operand, NULL);
  e->text = "-";
  e->op_at = op_at;
  e->left = operand;
  return check_depth(p, e);
}

expr *build_binary(parser *p, expr *left, const char *op, span op_at, expr *right) {
  if (!left || !right)
    return NULL;
  expr *e = new_expr(p, EXPR_BINARY, span_join(left->at, right->at), left, right);
  e->text = op;
  e->op_at = op_at;
  e->left = left;
  e->right = right;
  return check_depth(p, e);
}

expr *build_pipe(parser *p, expr *left, span op_at, expr *right) {
  if (!left || !right)
    return NULL;
  expr *e = new_expr(p, EXPR_PIPE, span_join(left->at, right->at), left, right);
  e->op_at = op_at;
  e->left = left;
  e->right = right;
  return check_depth(p, e);
}

static expr *add_args(parser *p, expr *e, arg_list args) {
  e->args = args;
  for (size_t i = 0; i < args.count; i++)
    if (args.items[i]->value->depth >= e->depth)
      e->depth = args.items[i]->value->depth + 1;
  return check_depth(p, e);
}

expr *build_call(parser *p, expr *callee, arg_list args, span at) {
  if (!callee)
    return NULL;
  expr *e = new_expr(p, EXPR_CALL, at, callee, NULL);
  e->left = callee;
  return add_args(p, e, args);
}

expr *build_dict(parser *p, arg_list entries, span at) {
  return add_args(p, new_expr(p, EXPR_DICT, at, NULL, NULL), entries);
}

expr *build_list(parser *p, expr_list items, span at) {
  expr *e = new_expr(p, EXPR_LIST, at, NULL, NULL);
  e->items = items;
  for (size_t i = 0; i < items.count; i++)
    if (items.items[i]->depth >= e->depth)
      e->depth = items.items[i]->depth + 1;
  return check_depth(p, e);
}

expr *build_parens(expr *inner, span at) {
  if (inner) {
    inner->at = at;
    inner->in_parens = true;
  }
  return inner;
}

ast_arg *build_arg(parser *p, const lexeme *name, expr *value) {
  if (!value)
    return NULL;
  ast_arg *arg = ARENA_NEW(p->mem, ast_arg);
  arg->value = value;
  if (name) {
    arg->name = name->text;
    arg->name_at = name->at;
  }
  return arg;
}

ast_name *build_name(parser *p, const lexeme *x) {
  ast_name *name = ARENA_NEW(p->mem, ast_name);
  name->text = x->text;
  name->at = x->at;
  return name;
}

ast_stmt *build_stmt(parser *p, stmt_kind kind, span at, name_list targets, expr *value) {
  ast_stmt *stmt = ARENA_NEW(p->mem, ast_stmt);
  stmt->kind = kind;
  stmt->at = at;
  stmt->targets = targets;
  stmt->value = value;
  return stmt;
}

ast_item *build_item(parser *p, item_kind kind, span at, const lexeme *name) {
  ast_item *item = ARENA_NEW(p->mem, ast_item);
  item->kind = kind;
  item->at = at;
  if (name) {
    item->name = name->text;
    item->name_at = name->at;
  }
  return item;
}

ast_param *build_param(parser *p, const lexeme *name, expr *value, ast_type *type, span at) {
  ast_param *param = ARENA_NEW(p->mem, ast_param);
  param->name = name->text;
  param->name_at = name->at;
  param->at = at;
  param->default_value = value;
  param->type = type;
  return param;
}

ast_type *build_type(parser *p, const lexeme *kind, bool has_dims, expr_list dims, span at) {
  ast_type *type = ARENA_NEW(p->mem, ast_type);
  type->at = at;
  type->has_dims = has_dims;
  type->dims = dims;
  if (kind) {
    type->kind = kind->text;
    type->kind_at = kind->at;
  }
  return type;
}
