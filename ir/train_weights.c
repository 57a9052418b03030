// The setting class_weight: which classes count how much in the loss of an output. Names of classes are known
// when there is data, so they are checked there.
#include "ir/train_private.h"
#include <math.h>
#include <string.h>

bool train_output_is_weighted(const train_config *c, size_t output) {
  bool metrics = false;
  for (size_t k = 0; k < c->metrics[output].len; k++)
    metrics |= c->metrics[output].data[k].weighted;
  return c->losses[output] && (c->sample_weight || c->class_weights[output] || metrics);
}

static const value *held(const value *v) {
  bool is_word = v->kind == VALUE_NAME && strcmp(v->text, "balanced") != 0;
  return is_word && v->held ? v->held : v;
}

static bool is_balanced(const value *v) {
  return (v->kind == VALUE_NAME || v->kind == VALUE_STRING) && strcmp(v->text, "balanced") == 0;
}

static bool is_weight(diags *d, const value *v) {
  if ((v->kind == VALUE_INT || v->kind == VALUE_FLOAT) && v->number >= 0 && isfinite(v->number))
    return true;
  if (v->kind == VALUE_INT || v->kind == VALUE_FLOAT)
    diag_error(d, v->at, "the weight of a class must be 0 or more, found %g", v->number);
  else
    diag_error(d, v->at, "the weight of a class must be a number, found %s", value_kind_name(v));
  return false;
}

static void wrong_form(diags *d, const value *v) {
  diag *e = diag_error(d, v->at, "class_weight must be weights by class or `balanced`, found %s%s%s%s",
                       value_kind_name(v), v->kind == VALUE_NAME ? " '" : "",
                       v->kind == VALUE_NAME ? v->text : "", v->kind == VALUE_NAME ? "'" : "");
  diag_help(e, "for example class_weight = {neg: 1, pos: 3}, {0: 1, 1: 3}, [1, 3] or balanced");
}

// Classes of an output: what its loss tells apart; 0 where that is no fixed number.
static int64_t classes_of(const tensor *t) {
  int64_t units = 1;
  if (t->shape.rank > 1 && !dim_is_const(t->shape.d[t->shape.rank - 1], &units))
    return 0;
  return units == 1 ? 2 : units;
}

static bool bind_output(const model *m, train_config *c, size_t output, const value *v) {
  diags *d = m->unit->diags;
  const named_output *o = &m->outputs.data[output];
  bool fine = true;
  v = held(v);
  if (v->kind == VALUE_NONE)
    return true;
  if (!is_balanced(v) && v->kind != VALUE_DICT && v->kind != VALUE_LIST) {
    wrong_form(d, v);
    return false;
  }
  if (!c->losses[output] || c->losses[output]->expects == EXPECTS_NUMBERS) {
    diag_error(d, v->at, "class_weight for output '%s', whose loss %s%stells no classes apart", o->name,
               c->losses[output] ? c->losses[output]->name : "", c->losses[output] ? " " : "");
    return false;
  }
  if (c->losses[output]->build_examples) {
    diag_error(d, v->at, "class_weight for output '%s', whose loss %s is one of whole paths, not of classes",
               o->name, c->losses[output]->name);
    return false;
  }
  for (size_t k = 0; k < v->count; k++)
    fine = is_weight(d, v->items[k]) && fine;
  int64_t classes = classes_of(o->value);
  if (classes && (int64_t)v->count > classes) {
    diag_error(d, v->at, "class_weight has %zu weights, output '%s' tells %lld classes apart", v->count,
               o->name, (long long)classes);
    fine = false;
  }
  c->class_weights[output] = v;
  return fine;
}

static int output_named(const model *m, const char *name) {
  for (size_t k = 0; k < m->outputs.len; k++)
    if (strcmp(m->outputs.data[k].name, name) == 0)
      return (int)k;
  return -1;
}

// Whether a dict is one by output: of a single output only when what stands there is no number.
static bool is_by_output(const model *m, const value *v) {
  if (v->kind != VALUE_DICT || m->outputs.len > 1)
    return v->kind == VALUE_DICT;
  return v->count == 1 && output_named(m, v->keys[0]) == 0 && v->items[0]->kind != VALUE_INT &&
         v->items[0]->kind != VALUE_FLOAT;
}

bool bind_class_weights(const model *m, train_config *c, const value *v) {
  bool fine = true;
  v = held(v);
  if (!is_by_output(m, v)) {
    for (size_t k = 0; k < m->outputs.len && v->kind != VALUE_NONE; k++)
      if (m->outputs.len == 1 ||
          (c->losses[k] && c->losses[k]->expects != EXPECTS_NUMBERS && !c->losses[k]->build_examples))
        fine = bind_output(m, c, k, v) && fine;
    return fine;
  }
  for (size_t k = 0; k < v->count; k++) {
    int output = output_named(m, v->keys[k]);
    if (output >= 0) {
      fine = bind_output(m, c, (size_t)output, v->items[k]) && fine;
      continue;
    }
    fine = false;
    diag *e = diag_error(m->unit->diags, v->key_at ? v->key_at[k] : v->at,
                         "class_weight for '%s', but model '%s' has no such output", v->keys[k], m->name);
    diag_help(e, "with several outputs: class_weight = {%s: {...}}", m->outputs.data[0].name);
  }
  return fine;
}
