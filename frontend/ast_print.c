// The syntax tree as nested parentheses (nlmc emit ast).
#include "frontend/ast.h"
#include "support/literal.h"

static void print_args(const arg_list *args, strbuf *out) {
  for (size_t i = 0; i < args->count; i++) {
    const ast_arg *arg = args->items[i];
    strbuf_putc(out, ' ');
    if (arg->name)
      strbuf_printf(out, "%s=", arg->name);
    ast_print_expr(arg->value, out);
  }
}

static void print_operation(const char *op, const expr *e, strbuf *out) {
  strbuf_printf(out, "(%s ", op);
  ast_print_expr(e->left, out);
  if (e->right) {
    strbuf_putc(out, ' ');
    ast_print_expr(e->right, out);
  }
  strbuf_putc(out, ')');
}

static void print_exprs(const expr_list *list, strbuf *out) {
  for (size_t i = 0; i < list->count; i++) {
    strbuf_putc(out, ' ');
    ast_print_expr(list->items[i], out);
  }
}

void ast_print_expr(const expr *e, strbuf *out) {
  switch (e->kind) {
  case EXPR_NUMBER:
  case EXPR_NAME:
    strbuf_puts(out, e->text);
    break;
  case EXPR_STRING:
    literal_put_string(out, e->text);
    break;
  case EXPR_LIST:
    strbuf_puts(out, "(list");
    print_exprs(&e->items, out);
    strbuf_putc(out, ')');
    break;
  case EXPR_DICT:
    strbuf_puts(out, "(dict");
    print_args(&e->args, out);
    strbuf_putc(out, ')');
    break;
  case EXPR_CALL:
    strbuf_puts(out, "(call ");
    ast_print_expr(e->left, out);
    print_args(&e->args, out);
    strbuf_putc(out, ')');
    break;
  case EXPR_UNARY:
    print_operation("neg", e, out);
    break;
  case EXPR_BINARY:
    print_operation(e->text, e, out);
    break;
  case EXPR_PIPE:
    print_operation("->", e, out);
    break;
  }
}

static void print_type(const ast_type *type, strbuf *out) {
  strbuf_printf(out, "(type %s", type->kind ? type->kind : "state");
  if (type->has_dims) {
    strbuf_puts(out, " (dims");
    print_exprs(&type->dims, out);
    strbuf_putc(out, ')');
  }
  strbuf_putc(out, ')');
}

static void print_params(const char *head, const param_list *params, strbuf *out) {
  strbuf_printf(out, " (%s", head);
  for (size_t i = 0; i < params->count; i++) {
    const ast_param *param = params->items[i];
    strbuf_printf(out, " %s", param->name);
    if (param->default_value) {
      strbuf_putc(out, '=');
      ast_print_expr(param->default_value, out);
    }
    if (param->type) {
      strbuf_putc(out, ':');
      print_type(param->type, out);
    }
  }
  strbuf_putc(out, ')');
}

static void print_stmt(const ast_stmt *stmt, strbuf *out) {
  static const char *const heads[] = {"input", "output", "let", "return"};
  strbuf_printf(out, "\n  (%s", heads[stmt->kind]);
  for (size_t i = 0; i < stmt->targets.count; i++)
    strbuf_printf(out, "%s%s", i ? ", " : " ", stmt->targets.items[i]->text);
  if (stmt->type) {
    strbuf_putc(out, ' ');
    print_type(stmt->type, out);
  }
  if (stmt->value) {
    strbuf_putc(out, ' ');
    ast_print_expr(stmt->value, out);
  }
  print_exprs(&stmt->results, out);
  strbuf_putc(out, ')');
}

void ast_print(const ast_file *file, strbuf *out) {
  static const char *const heads[] = {"const", "include", "model", "block", "cell", "train"};
  for (size_t i = 0; i < file->items.count; i++) {
    const ast_item *item = file->items.items[i];
    strbuf_printf(out, "(%s", heads[item->kind]);
    if (item->name)
      strbuf_printf(out, " %s", item->name);
    if (item->path) {
      strbuf_putc(out, ' ');
      literal_put_string(out, item->path);
    }
    if (item->value) {
      strbuf_putc(out, ' ');
      ast_print_expr(item->value, out);
    }
    if (item->kind == ITEM_BLOCK || item->kind == ITEM_CELL) {
      print_params("made", &item->params, out);
      print_params("called", &item->call_params, out);
    }
    for (size_t s = 0; s < item->body.count; s++)
      print_stmt(item->body.items[s], out);
    strbuf_puts(out, ")\n");
  }
}
