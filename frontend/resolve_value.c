// Expressions as values of arguments. A bare name is a mode first where the argument takes one; else it is
// what the user called so; else it stays a name, and the owner of the argument says what is wrong with it.
#include "frontend/resolve_private.h"
#include "ir/initializers.h"
#include "ir/lower.h"
#include <math.h>
#include <string.h>

result poison_result(span at) {
  return (result){.kind = RESULT_POISON, .at = at};
}

result value_result(value *v, span at) {
  return (result){.kind = RESULT_VALUE, .at = at, .v = v};
}

static value *new_value(context *c, value_kind kind, span at) {
  value *v = ARENA_NEW(c->r->u->mem, value);
  v->kind = kind;
  v->at = at;
  return v;
}

value *number_value(arena *a, bool is_int, int64_t i, double x, span at) {
  value *v = ARENA_NEW(a, value);
  v->kind = is_int ? VALUE_INT : VALUE_FLOAT;
  v->integer = i;
  v->number = is_int ? (double)i : x;
  v->at = at;
  return v;
}

static bool is_number(const value *v) {
  return v->kind == VALUE_INT || v->kind == VALUE_FLOAT;
}

static result bad_operands(context *c, const expr *e, const value *a, const value *b) {
  const value *wrong = is_number(a) ? b : a;
  strbuf text = {0};
  value_print(wrong, &text);
  diag_error(c->r->u->diags, wrong->at, "'%s' needs numbers or tensors, found %s", e->text,
             strbuf_text(&text));
  strbuf_free(&text);
  return poison_result(e->at);
}

static result fold_integers(context *c, const expr *e, int64_t a, int64_t b) {
  int64_t r = 0;
  bool overflow = false;
  switch (e->text[0]) {
  case '+':
    overflow = __builtin_add_overflow(a, b, &r);
    break;
  case '-':
    overflow = __builtin_sub_overflow(a, b, &r);
    break;
  case '*':
    overflow = __builtin_mul_overflow(a, b, &r);
    break;
  default: // "//" rounds down
    overflow = a == INT64_MIN && b == -1;
    if (!overflow)
      r = a / b - (a % b != 0 && (a < 0) != (b < 0));
  }
  if (!overflow)
    return value_result(number_value(c->r->u->mem, true, r, 0, e->at), e->at);
  diag_error(c->r->u->diags, e->at, "the result is too large for an integer");
  return poison_result(e->at);
}

static bool compare(const char *op, double a, double b) {
  if (strcmp(op, "==") == 0)
    return a == b;
  if (strcmp(op, "!=") == 0)
    return a != b;
  bool equal = op[1] == '=';
  return op[0] == '<' ? (equal ? a <= b : a < b) : (equal ? a >= b : a > b);
}

result fold_binary(context *c, const expr *e, const value *a, const value *b) {
  if (!is_number(a) || !is_number(b))
    return bad_operands(c, e, a, b);
  const char *op = e->text;
  bool divides = op[0] == '/', whole = strcmp(op, "//") == 0;
  if (strchr("<>=!", op[0])) {
    value *v = new_value(c, VALUE_BOOL, e->at);
    v->boolean = compare(op, a->number, b->number);
    return value_result(v, e->at);
  }
  if (divides && b->number == 0) {
    diag_error(c->r->u->diags, e->at, "division by zero");
    return poison_result(e->at);
  }
  if (a->kind == VALUE_INT && b->kind == VALUE_INT && (!divides || whole))
    return fold_integers(c, e, a->integer, b->integer);
  double x = a->number, y = b->number;
  double r = op[0] == '+'   ? x + y
             : op[0] == '-' ? x - y
             : op[0] == '*' ? x * y
             : whole        ? floor(x / y)
                            : x / y;
  return value_result(number_value(c->r->u->mem, false, 0, r, e->at), e->at);
}

static value *list_value(context *c, const result *r, span at) {
  value *v = new_value(c, VALUE_LIST, at);
  v->items = ARENA_ARRAY(c->r->u->mem, value *, r->count);
  for (size_t i = 0; i < r->count; i++) {
    v->items[i] = result_value(c, &r->items[i], r->items[i].at);
    if (!v->items[i])
      return NULL;
  }
  v->count = r->count;
  return v;
}

value *result_value(context *c, const result *r, span at) {
  value *v;
  switch (r->kind) {
  case RESULT_POISON:
    return NULL;
  case RESULT_VALUE:
    v = new_value(c, VALUE_NONE, at);
    *v = *r->v;
    v->at = at;
    return v;
  case RESULT_LIST:
    return list_value(c, r, at);
  case RESULT_TENSOR:
  case RESULT_LAYER:
  case RESULT_BLOCK:
  case RESULT_CELL:
    if (r->kind == RESULT_TENSOR && tensor_is_poison(r->t))
      return NULL;
    v = new_value(c, VALUE_OBJECT, at);
    v->object = r->kind == RESULT_TENSOR  ? (void *)r->t
                : r->kind == RESULT_BLOCK ? (void *)block_as_layer(c, r->block)
                                          : (void *)r->l;
    v->object_kinds = r->kind == RESULT_TENSOR ? 0 : r->kind == RESULT_CELL ? ARG_CELL : ARG_LAYER;
    v->text = result_name(r);
    return v;
  }
  ICE("a result of no kind");
}

static bool is_mode(const char *name, unsigned kinds, const char *const *modes) {
  for (size_t i = 0; (kinds & ARG_MODE) && modes && modes[i]; i++)
    if (strcmp(modes[i], name) == 0)
      return true;
  return ((kinds & ARG_ACTIVATION) && activation_exists(name)) ||
         ((kinds & ARG_INITIALIZER) && initializer_exists(name));
}

static bool is_literal_name(const char *name) {
  static const char *const literals[] = {"none", "None", "true", "True", "false", "False"};
  for (size_t i = 0; i < sizeof literals / sizeof *literals; i++)
    if (strcmp(name, literals[i]) == 0)
      return true;
  return false;
}

// A name that may be a mode or the user's: the one who binds it decides.
static value *late_name(context *c, const expr *e) {
  result r = eval(c, e);
  bool held = r.kind != RESULT_BLOCK;
  value *v = new_value(c, VALUE_NAME, e->at);
  v->text = e->text;
  v->held = held ? result_value(c, &r, e->at) : NULL;
  return held && !v->held ? NULL : v;
}

static value *name_argument(context *c, const expr *e, unsigned kinds, const char *const *modes) {
  const unsigned words = ARG_MODE | ARG_ACTIVATION | ARG_INITIALIZER | ARG_REGULARIZER | ARG_CONSTRAINT |
                         ARG_STRING | ARG_STRINGS | ARG_ANY;
  bool defined = find_local(c, e->text) || find_global(c->r, e->text, ITEM_CONST);
  bool mode = is_mode(e->text, kinds, modes);
  if (defined && !mode && (kinds & ARG_LATE))
    return late_name(c, e);
  if ((mode || (!defined && (kinds & words))) && !is_literal_name(e->text)) {
    value *v = new_value(c, VALUE_NAME, e->at);
    v->text = e->text;
    return v;
  }
  result r = eval(c, e);
  return result_value(c, &r, e->at);
}

// The arguments of a call, or the entries of a dict whose owner takes `kinds`.
static value *args_value(context *c, const expr *e, value_kind kind, unsigned kinds) {
  arena *a = c->r->u->mem;
  value *v = new_value(c, kind, e->at);
  v->text = kind == VALUE_CALL ? e->left->text : NULL;
  v->items = ARENA_ARRAY(a, value *, e->args.count);
  v->keys = ARENA_ARRAY(a, const char *, e->args.count);
  v->key_at = ARENA_ARRAY(a, span, e->args.count);
  bool good = true;
  for (size_t i = 0; i < e->args.count; i++) {
    const ast_arg *arg = e->args.items[i];
    v->items[i] = argument_value(c, arg->value, kinds, NULL);
    v->keys[i] = arg->name;
    v->key_at[i] = arg->name ? arg->name_at : arg->value->at;
    good = good && v->items[i];
  }
  v->count = e->args.count;
  return good ? v : NULL;
}

static value *items_value(context *c, const expr *e, unsigned kinds, const char *const *modes) {
  value *v = new_value(c, VALUE_LIST, e->at);
  v->items = ARENA_ARRAY(c->r->u->mem, value *, e->items.count);
  bool good = true;
  for (size_t i = 0; i < e->items.count; i++) {
    v->items[i] = argument_value(c, e->items.items[i], kinds, modes);
    good = good && v->items[i];
  }
  v->count = e->items.count;
  return good ? v : NULL;
}

// L2(0.01), RMSprop(...): a call of something that is neither layer, function nor the user's.
static bool is_plain_call(context *c, const expr *e, unsigned kinds) {
  if (e->kind != EXPR_CALL || e->left->kind != EXPR_NAME)
    return false;
  const char *name = e->left->text;
  if (kinds & (ARG_INITIALIZER | ARG_REGULARIZER | ARG_CONSTRAINT | ARG_LATE))
    return true;
  return (kinds & ARG_ANY) && !find_local(c, name) && !layer_find(name) && !is_function_name(name) &&
         !find_global(c->r, name, ITEM_BLOCK) && !find_global(c->r, name, ITEM_CELL);
}

value *argument_value(context *c, const expr *e, unsigned kinds, const char *const *modes) {
  if (e->kind == EXPR_NAME)
    return name_argument(c, e, kinds, modes);
  if (e->kind == EXPR_LIST)
    return items_value(c, e, kinds, modes);
  if (e->kind == EXPR_DICT)
    return args_value(c, e, VALUE_DICT, ARG_ANY | (kinds & ARG_LATE));
  if (is_plain_call(c, e, kinds))
    return args_value(c, e, VALUE_CALL, ARG_ANY | ARG_LATE);
  result r = eval(c, e);
  return result_value(c, &r, e->at);
}
