#include "ir/regularization.h"
#include "support/intern.h"
#include <math.h>
#include <string.h>

// ---- the tables

typedef struct regularizer_def {
  const char *name, *class_name;
  const arg_spec *args;
  int l1, l2; // which argument; -1: none
} regularizer_def;

#define STRENGTH(what, standard)                                                                             \
  {                                                                                                          \
    .name = what, .kinds = ARG_FLOAT, .default_text = standard, .min = 0, .max = INFINITY,                   \
    .doc = "weight of the term"                                                                              \
  }
static const arg_spec l1_args[] = {STRENGTH("l1", "0.01"), {0}};
static const arg_spec l2_args[] = {STRENGTH("l2", "0.01"), {0}};
static const arg_spec both_args[] = {STRENGTH("l1", "0.0"), STRENGTH("l2", "0.0"), {0}};
static const regularizer_def regularizers[] = {
    {"l1", "L1", l1_args, 0, -1}, {"l2", "L2", l2_args, -1, 0}, {"l1_l2", "L1L2", both_args, 0, 1}, {0}};

#define AXIS                                                                                                 \
  {                                                                                                          \
    .name = "axis", .kinds = ARG_INT | ARG_INTS, .default_text = "0",                                        \
    .doc = "the axis along which norms are taken, or a list of them"                                         \
  }
#define NORM(what, standard, about)                                                                          \
  { .name = what, .kinds = ARG_FLOAT, .default_text = standard, .min = 0, .max = INFINITY, .doc = about }
static const arg_spec no_args[] = {{0}};
static const arg_spec unit_args[] = {AXIS, {0}};
static const arg_spec max_args[] = {NORM("max_value", "2.0", "the largest norm"), AXIS, {0}};
static const arg_spec min_max_args[] = {NORM("min_value", "0.0", "the least norm"),
                                        NORM("max_value", "1.0", "the largest norm"),
                                        {.name = "rate",
                                         .kinds = ARG_FLOAT,
                                         .default_text = "1.0",
                                         .min = 0,
                                         .max = 1,
                                         .doc = "how far the norm is brought back at each step"},
                                        AXIS,
                                        {0}};
const constraint_def constraint_table[] = {
    {"max_norm", "MaxNorm", "norms of at most max_value", max_args},
    {"min_max_norm", "MinMaxNorm", "norms between min_value and max_value", min_max_args},
    {"unit_norm", "UnitNorm", "norms of 1", unit_args},
    {"non_neg", "NonNeg", "no negative numbers", no_args},
    {0}};

bool regularizer_entry(size_t k, registry_entry *out) {
  static const char *const docs[] = {"sum of the absolute values, times l1", "sum of the squares, times l2",
                                     "both sums, each with its weight"};
  enum { N = sizeof docs / sizeof *docs };
  if (k < N)
    *out = (registry_entry){
        regularizers[k].name, regularizers[k].class_name, docs[k], regularizers[k].args, NULL, false};
  return k < N;
}

bool constraint_entry(size_t k, registry_entry *out) {
  const constraint_def *def = &constraint_table[k];
  if (def->name)
    *out = (registry_entry){def->name, def->class_name, def->doc, def->args, NULL, false};
  return def->name != NULL;
}

// ---- binding

static void unknown(layer *l, const arg_spec *spec, const value *v, const char *kind,
                    const char *const *names, size_t n, const char *list) {
  const char *near = suggest(v->text, names, n);
  diags *d = l->model->unit->diags;
  if (near)
    diag_error(d, v->at, "%s: unknown %s '%s' for %s; did you mean '%s'?", l->def->name, kind, v->text,
               spec->name, near);
  else
    diag_help(diag_error(d, v->at, "%s: unknown %s '%s' for %s", l->def->name, kind, v->text, spec->name),
              "there are %s", list);
}

static value **bind_call(layer *l, const char *class_name, const arg_spec *args, const value *v) {
  value empty = {.kind = VALUE_CALL, .at = v->at, .text = class_name};
  return args_bind(l->model->unit->mem, l->model->unit->diags, class_name, args,
                   v->kind == VALUE_CALL ? v : &empty);
}

static bool is_one_of(const char *name, const char *const *names, size_t n) {
  for (size_t k = 0; k < n; k++)
    if (!strcmp(name, names[k]))
      return true;
  return false;
}

// A name is one of `names` first, else the name, call or none that a user's constant of that name holds.
static const value *named_value(const value *v, const char *const *names, size_t n) {
  bool holds = v->kind == VALUE_NAME && v->held && (v->held->text || v->held->kind == VALUE_NONE);
  return holds && !is_one_of(v->text, names, n) ? v->held : v;
}

static bool bind_regularizer(layer *l, const arg_spec *spec, const value *v, regularizer *out) {
  static const char *const names[] = {"L1", "L2", "L1L2", "l1", "l2", "l1_l2"};
  v = named_value(v, names, 6);
  if (v->kind == VALUE_NONE)
    return true;
  const regularizer_def *def = regularizers;
  while (def->name && (!v->text || (strcmp(def->name, v->text) && strcmp(def->class_name, v->text))))
    def++;
  if (!def->name || !v->text) {
    unknown(l, spec, v, "regularizer", names, 6, "L1, L2 and L1L2: for example L2(0.01)");
    return false;
  }
  value **bound = bind_call(l, def->class_name, def->args, v);
  if (!bound)
    return false;
  *out = (regularizer){def->l1 < 0 ? 0 : bound[def->l1]->number, def->l2 < 0 ? 0 : bound[def->l2]->number};
  return true;
}

static bool bind_constraint(layer *l, const arg_spec *spec, const value *v, weight_constraint *out) {
  static const char *const names[] = {"MaxNorm",  "MinMaxNorm",   "UnitNorm",  "NonNeg",
                                      "max_norm", "min_max_norm", "unit_norm", "non_neg"};
  v = named_value(v, names, 8);
  if (v->kind == VALUE_NONE)
    return true;
  const constraint_def *def = constraint_table;
  while (def->name && (!v->text || (strcmp(def->name, v->text) && strcmp(def->class_name, v->text))))
    def++;
  if (!def->name || !v->text) {
    unknown(l, spec, v, "constraint", names, 8,
            "MaxNorm, MinMaxNorm, UnitNorm and NonNeg: for example MaxNorm(3)");
    return false;
  }
  *out = (weight_constraint){def, bind_call(l, def->class_name, def->args, v)};
  return out->args != NULL;
}

// ---- the arguments that follow from a layer's own

static const char ending[] = "_initializer";

// "kernel" of an argument kernel_initializer of something that is trained; NULL for any other argument.
static const char *prefix_of(arena *mem, const arg_spec *spec) {
  size_t n = strlen(spec->name), m = strlen(ending);
  if (!(spec->kinds & ARG_INITIALIZER) || n <= m || strcmp(spec->name + n - m, ending) ||
      !strncmp(spec->name, "moving_", 7))
    return NULL;
  return arena_printf(mem, "%.*s", (int)(n - m), spec->name);
}

void regularization_args(arena *mem, const layer_def *def, arg_spec *to) {
  for (size_t k = 0; def->args[k].name; k++) {
    const char *prefix = prefix_of(mem, &def->args[k]);
    if (!prefix)
      continue;
    *to++ = (arg_spec){.name = arena_printf(mem, "%s_regularizer", prefix),
                       .kinds = ARG_REGULARIZER | ARG_NONE,
                       .default_text = "none",
                       .doc = "a term of the loss: L1(0.01), L2(0.01), L1L2(0.01, 0.01)"};
    *to++ = (arg_spec){.name = arena_printf(mem, "%s_constraint", prefix),
                       .kinds = ARG_CONSTRAINT | ARG_NONE,
                       .default_text = "none",
                       .doc = "applied after each step: MaxNorm(2), MinMaxNorm, UnitNorm, NonNeg"};
  }
  if (!(def->traits & (LAYER_CELL | LAYER_INTERNAL)))
    *to++ = (arg_spec){.name = "activity_regularizer",
                       .kinds = ARG_REGULARIZER | ARG_NONE,
                       .default_text = "none",
                       .doc = "a term of the loss, of the layer's result"};
  *to = (arg_spec){0};
}

bool regularization_bind(layer *l, value *const *values) {
  arena *mem = l->model->unit->mem;
  size_t own = args_count(l->def->args);
  arg_spec *specs = ARENA_ARRAY(mem, arg_spec, 2 * own + 2);
  bool good = true;
  regularization_args(mem, l->def, specs);
  l->rules = ARENA_ARRAY(mem, weight_rule, own + 1);
  for (size_t k = 0, at = 0; l->def->args[k].name; k++) {
    const char *prefix = prefix_of(mem, &l->def->args[k]);
    if (!prefix)
      continue;
    weight_rule *r = &l->rules[l->n_rules++];
    *r = (weight_rule){.prefix = prefix, .at = values[at + 1]->at};
    good = bind_regularizer(l, &specs[at], values[at], &r->regularizer) && good;
    good = bind_constraint(l, &specs[at + 1], values[at + 1], &r->constraint) && good;
    at += 2;
  }
  size_t last = (size_t)(2 * l->n_rules);
  return (!specs[last].name || bind_regularizer(l, &specs[last], values[last], &l->activity)) && good;
}

// "boundary" speaks of left_boundary and right_boundary, "kernel" of kernel alone.
static bool speaks_of(const weight_rule *r, const char *local) {
  size_t n = strlen(r->prefix);
  if (!strncmp(local, "left_", 5) || !strncmp(local, "right_", 6))
    return !strcmp(strchr(local, '_') + 1, r->prefix);
  return !strncmp(local, r->prefix, n) && (!local[n] || !strcmp(local + n, "_kernel"));
}

static bool check_axis(const layer *l, const weight_rule *r, const weight *w, const value *axis) {
  if (axis->integer < w->shape.rank && axis->integer >= -w->shape.rank)
    return true;
  diag_error(l->model->unit->diags, r->at, "%s: %s_constraint speaks of axis %lld, and '%s' has axes 0 to %d",
             l->def->name, r->prefix, (long long)axis->integer, w->local, w->shape.rank - 1);
  return false;
}

bool regularization_apply(const layer *l, weight *w) {
  bool good = true;
  for (int k = 0; k < l->n_rules; k++) {
    const weight_rule *r = &l->rules[k];
    if (!speaks_of(r, w->local))
      continue;
    w->regularizer = r->regularizer;
    w->constraint = r->constraint;
    int axis = r->constraint.def ? args_index(r->constraint.def->args, "axis") : -1;
    const value *v = axis < 0 ? NULL : r->constraint.args[axis];
    for (size_t j = 0; v && j < (v->kind == VALUE_LIST ? v->count : 1); j++)
      good = check_axis(l, r, w, v->kind == VALUE_LIST ? v->items[j] : v) && good;
  }
  return good;
}
