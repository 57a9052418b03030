// nlmc shapes: layers, shapes, masks and parameters.
#include "driver/commands.h"
#include "driver/compile.h"
#include "ir/report.h"
#include "support/intern.h"
#include "support/memory_plan.h"
#include <stdio.h>
#include <string.h>

static report_format format_of(const options *o) {
  if (!o->format || !strcmp(o->format, "table"))
    return REPORT_TABLE;
  return !strcmp(o->format, "json") ? REPORT_JSON : !strcmp(o->format, "dot") ? REPORT_DOT : REPORT_SVG;
}

// Extents by symbol number from --dim, -1 where none is given. A name that the model does not have is told
// and left out: one set of extents may serve several models.
static void assign_dims(const loaded *l, const options *o, int64_t *extents, int n) {
  const dim *named[64];
  const char *names[64];
  size_t n_named = model_dimensions(l->model, named, 64);
  n_named = n_named > 64 ? 64 : n_named;
  for (int k = 0; k < n; k++)
    extents[k] = -1;
  for (size_t k = 0; k < o->dims.len; k++) {
    bool found = false;
    for (size_t j = 0; j < n_named; j++) {
      names[j] = named[j]->name;
      if (strcmp(named[j]->name, o->dims.data[k].name))
        continue;
      extents[named[j]->symbol] = o->dims.data[k].value;
      found = true;
    }
    if (found)
      continue;
    const char *near = suggest(o->dims.data[k].name, names, n_named);
    fprintf(stderr, "nlmc: warning: model %s has no dimension '%s'", l->model->name, o->dims.data[k].name);
    fprintf(stderr, near ? "; did you mean '%s'?\n" : "\n", near);
  }
}

// Sizes in bytes need every dimension: says which ones are missing.
static bool all_given(const model *m, const int64_t *extents) {
  const dim *named[64];
  size_t n = model_dimensions(m, named, 64);
  strbuf missing = {0};
  for (size_t k = 0; k < n && k < 64; k++)
    if (extents[named[k]->symbol] < 0)
      strbuf_printf(&missing, " --dim %s=N", named[k]->name);
  bool given = missing.len == 0 && n <= 64;
  bool some = false;
  for (size_t k = 0; k < n && k < 64; k++)
    some |= extents[named[k]->symbol] >= 0;
  if (!given)
    fprintf(stderr, "nlmc: sizes in bytes%s need%s\n", some ? " also" : "", strbuf_text(&missing));
  strbuf_free(&missing);
  return given;
}

// Buffers of a program's workspace with their lifetimes; false where 64 bits do not hold their sizes. The
// caller frees *slots.
static bool list_slots(const schedule *s, dim_table *dims, const int64_t *extents, bool f64,
                       memory_slot **slots, size_t *n) {
  bool fits = true;
  *slots = xcalloc(s->buffers.len + 1, sizeof **slots);
  *n = 0;
  for (size_t k = 0; k < s->buffers.len; k++) {
    const buffer *b = &s->buffers.data[k];
    if (b->place != PLACE_WORKSPACE)
      continue;
    int64_t size = b->type == INT ? 4 : f64 ? 8 : 4;
    int64_t elements = dim_eval(dim_upper_bound(dims, b->elements), extents);
    fits = fits && elements <= INT64_MAX / 16;
    (*slots)[(*n)++] = (memory_slot){.bytes = fits ? size * elements : 0, .first = b->first, .last = b->last};
  }
  return fits;
}

// The kernel with which the forward pass ends: the last one that stores a loss.
static int end_of_forward(const schedule *s) {
  int end = -1;
  for (size_t k = 0; k < s->buffers.len; k++) {
    const buffer *b = &s->buffers.data[k];
    for (size_t j = 0; j < s->program->roots.len; j++)
      if (s->program->roots.data[j].role == ROOT_LOSS && s->program->roots.data[j].value == b->value &&
          b->first > end)
        end = b->first;
  }
  return end;
}

static int64_t saved_bytes(const schedule *s, const memory_slot *slots, size_t n) {
  int end = end_of_forward(s);
  int64_t sum = 0;
  for (size_t k = 0; k < n; k++)
    if (slots[k].first >= 0 && slots[k].first <= end && slots[k].last > end)
      sum = sum > INT64_MAX - slots[k].bytes ? INT64_MAX : sum + slots[k].bytes;
  return sum;
}

// As the planner lays it out that sessions use; -1 for more than 64 bits hold.
static void measure_workspace(const schedule *s, dim_table *dims, const int64_t *extents, bool f64,
                              report_options *how) {
  memory_slot *slots;
  size_t n;
  bool fits = list_slots(s, dims, extents, f64, &slots, &n);
  how->workspace[s->program->kind] = fits ? memory_plan(slots, n) : -1;
  if (s->program->kind == PROGRAM_GRAD)
    how->saved = fits ? saved_bytes(s, slots, n) : -1;
  free(slots);
}

// The symbols of run-time counts come after the given ones; bounds have none of them.
static void measure_workspaces(const loaded *l, const options *o, const int64_t *extents,
                               report_options *how) {
  compiled c = {0};
  options quiet = *o;
  quiet.dump_before = quiet.dump_after = quiet.stop_after = NULL;
  compile_programs(&c, l, &quiet, o->training, false);
  for (int k = 0; k < c.n_programs; k++)
    measure_workspace(c.schedules[k], l->unit->dims, extents, o->f64, how);
  how->n_workspaces = c.n_programs;
  compile_free(&c);
}

static int compare(const loaded *l, const options *o, const report_options *how) {
  char *text;
  size_t n;
  int failed = file_read_all(o->expect, &text, &n);
  if (failed) {
    fprintf(stderr, "nlmc: cannot read %s: %s\n", o->expect, strerror(-failed));
    return EXIT_WRONG_INPUT;
  }
  strbuf differences = {0};
  int found = report_compare(l->model, how, text, &differences);
  if (found < 0)
    fprintf(stderr, "nlmc: %s is no shape report\n", o->expect);
  else
    fputs(strbuf_text(&differences), stderr);
  strbuf_free(&differences);
  free(text);
  return found ? EXIT_WRONG_INPUT : EXIT_DONE;
}

static int report(const loaded *l, const options *o, const int64_t *extents, int n) {
  report_options how = {.f64 = o->f64, .training = o->training && l->model->training};
  if (o->training && !how.training)
    fprintf(stderr, "nlmc: model %s has no train block: these are the figures of a prediction\n",
            l->model->name);
  if ((o->dims.len || how.training) && all_given(l->model, extents)) {
    how.extents = extents;
    how.n_extents = n;
    measure_workspaces(l, o, extents, &how);
  }
  if (o->expect)
    return compare(l, o, &how);
  strbuf out = {0};
  report_print(l->model, format_of(o), &how, &out);
  fputs(strbuf_text(&out), stdout);
  strbuf_free(&out);
  return EXIT_DONE;
}

static int run(const options *o) {
  loaded l;
  int code = load_model(&l, o, o->words.data[0]);
  if (code == EXIT_DONE) {
    int n = dim_symbol_count(l.unit->dims);
    int64_t *extents = xcalloc((size_t)n + 1, sizeof *extents);
    assign_dims(&l, o, extents, n);
    code = report(&l, o, extents, n);
    free(extents);
  }
  load_free(&l);
  return code;
}

const command command_shapes = {
    "shapes", COMMAND_SHAPES, "nlmc shapes FILE.nlm", "layers, shapes, masks, parameters", 1, 1, run};
