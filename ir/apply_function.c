// Operators and functions: their operands become inputs and numbers of a layer of its own.
#include "ir/functions.h"
#include "support/intern.h"
#include <string.h>

bool is_function_name(const char *name) {
  return function_find(name) != NULL || strcmp(name, "maximum") == 0 || strcmp(name, "minimum") == 0;
}

const char *function_suggest(const char *name) {
  const char *names[128];
  size_t n = 0;
  for (size_t i = 0; function_table[i] && n < 128; i++)
    names[n++] = strcmp(function_table[i]->snake, "where") == 0 ? "Where" : function_table[i]->snake;
  return suggest(name, names, n);
}

static const layer_def *definition(const char *name) {
  const layer_def *def = function_find(name);
  if (!def && strcmp(name, "maximum") == 0)
    def = layer_find("Maximum");
  if (!def && strcmp(name, "minimum") == 0)
    def = layer_find("Minimum");
  if (!def)
    ICE("no function '%s'", name);
  return def;
}

typedef struct operands {
  layer *l;
  tensor **inputs; // room for all operands
  int n_inputs, n;
} operands;

static bool is_tensor(const value *v) {
  return v->kind == VALUE_OBJECT && v->object && !v->object_kinds;
}

static bool add_number(operands *o, const value *v) {
  if ((v->kind != VALUE_INT && v->kind != VALUE_FLOAT) || o->n >= 3)
    return false;
  o->l->operand[o->n++] = (operand_number){true, v->kind == VALUE_INT, v->number};
  return true;
}

static bool add_operand(operands *o, const value *v) {
  if (!is_tensor(v))
    return add_number(o, v);
  o->inputs[o->n_inputs++] = v->object;
  o->n++;
  return true;
}

// Numbers count as operands; a function of numbers alone has no tensor to give.
static tensor *apply(operands *o, span at) {
  layer *l = o->l;
  model *m = l->model;
  const layer_def *def = l->def;
  for (int i = 0; i < o->n_inputs; i++)
    if (tensor_is_poison(o->inputs[i]))
      return model_poison(m, at);
  if (o->n < def->min_inputs || (def->max_inputs >= 0 && o->n > def->max_inputs) || o->n_inputs == 0) {
    diag_error(m->unit->diags, at,
               "%s takes %d operand%s, at least one of them a tensor; found %d, %d of them tensors",
               def->snake, def->min_inputs, def->min_inputs == 1 ? "" : "s", o->n, o->n_inputs);
    return model_poison(m, at);
  }
  return layer_apply(l, o->inputs, o->n_inputs, NULL, NULL, 0, at)->outputs[0];
}

static tensor *report_operand(model *m, const char *what, const value *v) {
  if (v->kind == VALUE_INT || v->kind == VALUE_FLOAT) {
    diag_error(m->unit->diags, v->at, "%s takes a number as one of its first three operands only", what);
    return model_poison(m, v->at);
  }
  strbuf found = {0};
  value_print(v, &found);
  diag_error(m->unit->diags, v->at, "%s works on tensors and numbers, found %s", what, strbuf_text(&found));
  strbuf_free(&found);
  return model_poison(m, v->at);
}

static const layer_def *operator_definition(const char *op) {
  static const struct {
    const char *op, *layer, *function;
  } table[] = {{"+", "Add", NULL},        {"-", "Subtract", NULL},       {"*", "Multiply", NULL},
               {"/", NULL, "divide"},     {"<", NULL, "less"},           {"<=", NULL, "less_equal"},
               {">", NULL, "greater"},    {">=", NULL, "greater_equal"}, {"==", NULL, "equal"},
               {"!=", NULL, "not_equal"}, {"neg", NULL, "negative"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i].op, op) == 0)
      return table[i].layer ? layer_find(table[i].layer) : function_find(table[i].function);
  ICE("no operator '%s'", op);
}

static value **no_arguments(model *m) {
  return ARENA_ARRAY(m->unit->mem, value *, 1);
}

tensor *model_apply_operator(model *m, const char *op, const value *a, const value *b, span at) {
  operands o = {.l = layer_new(m, operator_definition(op), no_arguments(m), at, m->scope),
                .inputs = ARENA_ARRAY(m->unit->mem, tensor *, 2)};
  const char *what = arena_printf(m->unit->mem, "'%s'", strcmp(op, "neg") == 0 ? "-" : op);
  if (!add_operand(&o, a))
    return report_operand(m, what, a);
  if (b && !add_operand(&o, b))
    return report_operand(m, what, b);
  return apply(&o, at);
}

// The call without its operands: what is left are arguments (axis = time).
static value arguments_of(model *m, const value *call, const layer_def *def, operands *o,
                          const value **wrong) {
  value rest = *call;
  rest.items = ARENA_ARRAY(m->unit->mem, value *, call->count);
  rest.keys = ARENA_ARRAY(m->unit->mem, const char *, call->count);
  rest.key_at = ARENA_ARRAY(m->unit->mem, span, call->count);
  rest.count = 0;
  for (size_t i = 0; i < call->count; i++) {
    bool named = call->keys && call->keys[i];
    bool more = def->max_inputs < 0 || o->n < def->max_inputs;
    if (!named && (more || is_tensor(call->items[i]))) {
      if (!add_operand(o, call->items[i]))
        *wrong = call->items[i];
      continue;
    }
    rest.items[rest.count] = call->items[i];
    rest.keys[rest.count] = named ? call->keys[i] : NULL;
    rest.key_at[rest.count++] = named && call->key_at ? call->key_at[i] : call->items[i]->at;
  }
  return rest;
}

tensor *model_apply_function(model *m, const char *name, const value *call, tensor *const *inputs,
                             int n_inputs, span at) {
  const layer_def *def = definition(name);
  value bare = {.kind = VALUE_CALL, .at = at, .text = name};
  size_t room = (size_t)n_inputs + (call ? call->count : 0);
  operands o = {.l = layer_new(m, def, NULL, at, m->scope),
                .inputs = ARENA_ARRAY(m->unit->mem, tensor *, room)};
  for (int i = 0; i < n_inputs; i++) {
    o.inputs[o.n_inputs++] = inputs[i];
    o.n++;
  }
  const value *wrong = NULL;
  value rest = arguments_of(m, call ? call : &bare, def, &o, &wrong);
  if (wrong)
    return report_operand(m, name, wrong);
  o.l->args = args_bind(m->unit->mem, m->unit->diags, name, def->args, &rest);
  return o.l->args ? apply(&o, at) : model_poison(m, at);
}
