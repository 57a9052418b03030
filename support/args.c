#include "support/args.h"
#include "support/intern.h"
#include "support/vec.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t args_count(const arg_spec *specs) {
  size_t n = 0;
  while (specs[n].name)
    n++;
  return n;
}

int args_index(const arg_spec *specs, const char *name) {
  for (int i = 0; specs[i].name; i++)
    if (strcmp(specs[i].name, name) == 0)
      return i;
  return -1;
}

typedef struct binding {
  diags *d;
  const char *what, *noun;
  const arg_spec *specs;
  size_t spec_count;
  const value *call;
  value **bound;  // by spec
  span *bound_at; // by spec: the argument's name, or its value if it has none
  bool failed;
} binding;

static const char *mode_near(const char *word, const char *const *modes) {
  size_t count = 0;
  while (modes[count])
    count++;
  return suggest(word, modes, count);
}

static bool is_mode(const char *word, const char *const *modes) {
  for (size_t i = 0; modes && modes[i]; i++)
    if (strcmp(word, modes[i]) == 0)
      return true;
  return false;
}

static bool all_items(const value *v, bool ints, bool strings) {
  if (v->kind != VALUE_LIST)
    return false;
  for (size_t i = 0; i < v->count; i++) {
    value_kind kind = v->items[i]->kind;
    if (strings ? kind != VALUE_STRING : kind != VALUE_INT && (ints || kind != VALUE_FLOAT))
      return false;
  }
  return true;
}

static bool is_cell(const value *v) {
  if (v->kind == VALUE_OBJECT)
    return (v->object_kinds & ARG_CELL) != 0;
  if (v->kind != VALUE_LIST || v->count == 0)
    return false;
  for (size_t i = 0; i < v->count; i++)
    if (v->items[i]->kind != VALUE_OBJECT || !(v->items[i]->object_kinds & ARG_CELL))
      return false;
  return true;
}

static bool kind_fits(const arg_spec *spec, const value *v) {
  unsigned k = spec->kinds;
  bool word = v->kind == VALUE_NAME || v->kind == VALUE_STRING;
  return (k & ARG_ANY) || ((k & ARG_NONE) && v->kind == VALUE_NONE) ||
         ((k & ARG_BOOL) && v->kind == VALUE_BOOL) || ((k & (ARG_INT | ARG_FLOAT)) && v->kind == VALUE_INT) ||
         ((k & ARG_FLOAT) && v->kind == VALUE_FLOAT) || ((k & ARG_STRING) && v->kind == VALUE_STRING) ||
         ((k & ARG_MODE) && word && is_mode(v->text, spec->modes)) ||
         ((k & ARG_INTS) && all_items(v, true, false)) || ((k & ARG_FLOATS) && all_items(v, false, false)) ||
         ((k & ARG_STRINGS) && all_items(v, false, true)) ||
         ((k & (ARG_ACTIVATION | ARG_INITIALIZER | ARG_REGULARIZER | ARG_CONSTRAINT)) &&
          (word || v->kind == VALUE_CALL)) ||
         ((k & ARG_SCHEDULE) && v->kind == VALUE_CALL) ||
         ((k & ARG_LAYER) && v->kind == VALUE_OBJECT && (v->object_kinds & ARG_LAYER)) ||
         ((k & ARG_CELL) && is_cell(v));
}

typedef VEC(const char *) phrases;

static void put_phrases(strbuf *out, const phrases *list) {
  for (size_t i = 0; i < list->len; i++)
    strbuf_printf(out, "%s%s", i == 0 ? "" : i + 1 == list->len ? " or " : ", ", list->data[i]);
}

static void put_modes(strbuf *out, const char *const *modes) {
  for (size_t i = 0; modes[i]; i++)
    strbuf_printf(out, "%s%s", i ? ", " : "", modes[i]);
}

// What the argument accepts, in words: "an integer or a list of integers".
static void put_needed(strbuf *out, const arg_spec *spec) {
  static const struct {
    unsigned kind;
    const char *phrase;
  } words[] = {{ARG_BOOL, "true or false"},
               {ARG_INT, "an integer"},
               {ARG_FLOAT, "a number"},
               {ARG_STRING, "a string"},
               {ARG_INTS, "a list of integers"},
               {ARG_FLOATS, "a list of numbers"},
               {ARG_STRINGS, "a list of strings"},
               {ARG_ACTIVATION, "an activation"},
               {ARG_INITIALIZER, "an initializer"},
               {ARG_REGULARIZER, "a regularizer"},
               {ARG_CONSTRAINT, "a constraint"},
               {ARG_SCHEDULE, "a schedule"},
               {ARG_LAYER, "a layer"},
               {ARG_CELL, "a cell or a list of cells"}};
  phrases list = {0};
  strbuf modes = {0};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if ((spec->kinds & words[i].kind) && !(words[i].kind == ARG_INT && (spec->kinds & ARG_FLOAT)))
      vec_push(&list, words[i].phrase);
  if (spec->kinds & ARG_MODE) {
    strbuf_puts(&modes, "one of ");
    put_modes(&modes, spec->modes);
    vec_push(&list, modes.data);
  }
  if (spec->kinds & ARG_NONE)
    vec_push(&list, "none");
  put_phrases(out, &list);
  vec_free(&list);
  strbuf_free(&modes);
}

static void report_wrong_mode(binding *b, const arg_spec *spec, const value *v) {
  const char *near = mode_near(v->text, spec->modes);
  strbuf modes = {0};
  put_modes(&modes, spec->modes);
  diag *g = near ? diag_error(b->d, v->at, "%s: %s cannot be '%s'; did you mean '%s'?", b->what, spec->name,
                              v->text, near)
                 : diag_error(b->d, v->at, "%s: %s cannot be '%s'", b->what, spec->name, v->text);
  diag_help(g, "%s is one of %s%s", spec->name, strbuf_text(&modes), spec->kinds & ARG_NONE ? ", none" : "");
  strbuf_free(&modes);
}

static bool is_number_text(const char *text) {
  char *end;
  strtod(text, &end);
  return end > text && !*end;
}

static void report_wrong_kind(binding *b, const arg_spec *spec, const value *v) {
  bool word = v->kind == VALUE_NAME || v->kind == VALUE_STRING;
  if ((spec->kinds & ARG_MODE) && word) {
    report_wrong_mode(b, spec, v);
    return;
  }
  strbuf needed = {0}, found = {0};
  put_needed(&needed, spec);
  if (v->kind == VALUE_OBJECT || v->kind == VALUE_DICT || v->kind == VALUE_LIST)
    strbuf_puts(&found, value_kind_name(v));
  else
    value_print(v, &found);
  diag *g = diag_error(b->d, v->at, "%s: %s must be %s, found %s", b->what, spec->name, strbuf_text(&needed),
                       strbuf_text(&found));
  if (v->kind == VALUE_NAME && (spec->kinds & ARG_STRING))
    diag_help(g, "write it in quotes: \"%s\"", v->text);
  if (v->kind == VALUE_STRING && (spec->kinds & (ARG_INT | ARG_FLOAT)) && is_number_text(v->text))
    diag_help(g, "write it without quotes: %s", v->text);
  if (v->kind == VALUE_FLOAT && (spec->kinds & ARG_INT) && v->number == floor(v->number) &&
      fabs(v->number) < 1e15)
    diag_help(g, "write it without a fraction: %.0f", v->number);
  strbuf_free(&needed);
  strbuf_free(&found);
}

// The allowed numbers, in words: "at least 1", "in [0, 1)".
static void put_range(strbuf *out, const arg_spec *spec) {
  if (spec->max == INFINITY)
    strbuf_printf(out, "%s %.15g", spec->open_min ? "greater than" : "at least", spec->min);
  else if (spec->min == -INFINITY)
    strbuf_printf(out, "%s %.15g", spec->open_max ? "less than" : "at most", spec->max);
  else
    strbuf_printf(out, "in %c%.15g, %.15g%c", spec->open_min ? '(' : '[', spec->min, spec->max,
                  spec->open_max ? ')' : ']');
}

static void check_range(binding *b, const arg_spec *spec, const value *v) {
  if (!(spec->min < spec->max))
    return;
  if (v->kind == VALUE_LIST && (spec->kinds & (ARG_INTS | ARG_FLOATS))) {
    for (size_t i = 0; i < v->count; i++)
      check_range(b, spec, v->items[i]);
    return;
  }
  if (v->kind != VALUE_INT && v->kind != VALUE_FLOAT)
    return;
  bool is_size = v->kind == VALUE_INT && spec->min >= 1 && spec->max == INFINITY;
  if (is_size && v->integer > ARG_LARGEST_SIZE) {
    diag_error(b->d, v->at, "%s: %s must be at most %d, found %lld", b->what, spec->name, ARG_LARGEST_SIZE,
               (long long)v->integer);
    b->failed = true;
    return;
  }
  bool low = spec->open_min ? v->number <= spec->min : v->number < spec->min;
  bool high = spec->open_max ? v->number >= spec->max : v->number > spec->max;
  if (!low && !high)
    return;
  strbuf range = {0}, found = {0};
  put_range(&range, spec);
  value_print(v, &found);
  diag_error(b->d, v->at, "%s: %s must be %s, found %s", b->what, spec->name, strbuf_text(&range),
             strbuf_text(&found));
  b->failed = true;
  strbuf_free(&range);
  strbuf_free(&found);
}

static void check_path(binding *b, const arg_spec *spec, const value *v) {
  if (!spec->is_path || v->kind != VALUE_STRING || *v->text)
    return;
  diag_error(b->d, v->at, "%s: %s must name a file or folder, found \"\"", b->what, spec->name);
  b->failed = true;
}

static void check_value(binding *b, const arg_spec *spec, const value *v) {
  if (kind_fits(spec, v)) {
    check_range(b, spec, v);
    check_path(b, spec, v);
    return;
  }
  report_wrong_kind(b, spec, v);
  b->failed = true;
}

static void report_unknown(binding *b, const char *name, span at) {
  VEC(const char *) names = {0};
  strbuf list = {0};
  for (size_t i = 0; i < b->spec_count; i++) {
    vec_push(&names, b->specs[i].name);
    strbuf_printf(&list, "%s%s", i ? ", " : "", b->specs[i].name);
  }
  const char *near = suggest(name, names.data, names.len);
  if (near)
    diag_error(b->d, at, "%s has no %s '%s'; did you mean '%s'?", b->what, b->noun, name, near);
  else if (b->spec_count == 0)
    diag_error(b->d, at, "%s has no %s '%s'; it takes none", b->what, b->noun, name);
  else
    diag_help(diag_error(b->d, at, "%s has no %s '%s'", b->what, b->noun, name), "%s takes: %s", b->what,
              strbuf_text(&list));
  vec_free(&names);
  strbuf_free(&list);
  b->failed = true;
}

// A name that holds something: a mode if the argument has one of that name, else what it holds. Activations
// and the like are their owner's to judge, who has both.
static value *settle(const arg_spec *spec, value *v) {
  const unsigned owners = ARG_ANY | ARG_ACTIVATION | ARG_INITIALIZER | ARG_REGULARIZER | ARG_CONSTRAINT;
  for (size_t i = 0; v->kind == VALUE_LIST && i < v->count; i++)
    v->items[i] = settle(spec, v->items[i]);
  if (v->kind != VALUE_NAME || !v->held || (spec->kinds & owners))
    return v;
  return (spec->kinds & ARG_MODE) && is_mode(v->text, spec->modes) ? v : settle(spec, v->held);
}

static void bind_one(binding *b, size_t index, value *v, span at) {
  const arg_spec *spec = &b->specs[index];
  v = settle(spec, v);
  if (b->bound[index]) {
    diag *g = diag_error(b->d, at, "%s: the %s '%s' is given twice", b->what, b->noun, spec->name);
    diag_note(g, b->bound_at[index], "'%s' was given here first", spec->name);
    b->failed = true;
    return;
  }
  b->bound[index] = v;
  b->bound_at[index] = at;
  check_value(b, spec, v);
}

static void report_too_many(binding *b, size_t given, span at) {
  diag_error(b->d, at, "%s takes %s%zu argument%s, found %zu by position", b->what,
             b->spec_count ? "at most " : "", b->spec_count, b->spec_count == 1 ? "" : "s", given);
  b->failed = true;
}

static void bind_given(binding *b) {
  const value *call = b->call;
  size_t positional = 0, total = 0;
  bool named = false, out_of_order = false;
  for (size_t i = 0; i < call->count; i++)
    total += !(call->keys && call->keys[i]);
  for (size_t i = 0; i < call->count; i++) {
    value *v = call->items[i];
    const char *name = call->keys ? call->keys[i] : NULL;
    if (name) {
      named = true;
      span at = call->key_at ? call->key_at[i] : v->at;
      int index = args_index(b->specs, name);
      if (index < 0)
        report_unknown(b, name, at);
      else
        bind_one(b, (size_t)index, v, at);
    } else if (named) {
      if (!out_of_order)
        diag_error(b->d, v->at, "%s: an argument by position cannot follow one by name", b->what);
      out_of_order = b->failed = true;
    } else if (positional < b->spec_count) {
      bind_one(b, positional++, v, v->at);
    } else if (positional == b->spec_count) {
      report_too_many(b, total, v->at);
      positional++;
    }
  }
}

static void set_place(value *v, span at) {
  v->at = at;
  for (size_t i = 0; i < v->count; i++)
    set_place(v->items[i], at);
}

static void bind_defaults(arena *a, binding *b) {
  bool complete = !b->failed; // a missing argument may be one that was misspelt
  for (size_t i = 0; i < b->spec_count; i++) {
    const arg_spec *spec = &b->specs[i];
    if (b->bound[i])
      continue;
    if (!spec->default_text) {
      if (complete)
        diag_error(b->d, b->call->at, "%s needs the %s '%s'", b->what, b->noun, spec->name);
      b->failed = true;
      continue;
    }
    value *v = value_parse_literal(a, spec->default_text);
    if (!v)
      ICE("the default of %s's argument %s is no literal: %s", b->what, spec->name, spec->default_text);
    set_place(v, b->call->at);
    b->bound[i] = v;
  }
}

value **args_bind(arena *a, diags *d, const char *what, const arg_spec *specs, const value *call) {
  return args_bind_as(a, d, what, "argument", specs, call);
}

value **args_bind_as(arena *a, diags *d, const char *what, const char *noun, const arg_spec *specs,
                     const value *call) {
  size_t n = args_count(specs);
  binding b = {.d = d, .what = what, .noun = noun, .specs = specs, .spec_count = n, .call = call};
  b.bound = ARENA_ARRAY(a, value *, n + 1);
  b.bound_at = ARENA_ARRAY(a, span, n + 1);
  bind_given(&b);
  bind_defaults(a, &b);
  return b.failed ? NULL : b.bound;
}
