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

// Extents by symbol number from --dim; false after a message for a name that the model does not have.
static bool assign_dims(const loaded *l, const options *o, int64_t *extents, int n) {
  const dim *named[64];
  size_t n_named = model_dimensions(l->model, named, 64);
  n_named = n_named > 64 ? 64 : n_named;
  for (int k = 0; k < n; k++)
    extents[k] = -1;
  for (size_t k = 0; k < o->dims.len; k++) {
    const char *names[64];
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
    fprintf(stderr, "nlmc: model %s has no dimension '%s'", l->model->name, o->dims.data[k].name);
    fprintf(stderr, near ? "; did you mean '%s'?\n" : "\n", near);
    return false;
  }
  return true;
}

static bool all_given(const model *m, const int64_t *extents) {
  const dim *named[64];
  size_t n = model_dimensions(m, named, 64);
  for (size_t k = 0; k < n && k < 64; k++)
    if (extents[named[k]->symbol] < 0)
      return false;
  return n <= 64;
}

// Bytes of workspace of one program, laid out by the planner that sessions use.
static int64_t workspace_bytes(const schedule *s, dim_table *dims, const int64_t *extents, bool f64) {
  memory_slot *slots = xcalloc(s->buffers.len + 1, sizeof *slots);
  size_t n = 0;
  for (size_t k = 0; k < s->buffers.len; k++) {
    const buffer *b = &s->buffers.data[k];
    if (b->place != PLACE_WORKSPACE)
      continue;
    int64_t size = b->type == INT ? 4 : f64 ? 8 : 4;
    slots[n++] = (memory_slot){.bytes = size * dim_eval(dim_upper_bound(dims, b->elements), extents),
                               .first = b->first,
                               .last = b->last};
  }
  int64_t total = memory_plan(slots, n);
  free(slots);
  return total;
}

static int print_workspace(const loaded *l, const options *o, const int64_t *extents) {
  static const char *const names[] = {"prediction", "evaluation", "training"};
  compiled c = {0};
  if (compile_programs(&c, l, o, o->training))
    for (int k = 0; k < c.n_programs; k++)
      printf("Workspace for %s: %lld bytes\n", names[c.programs[k]->kind],
             (long long)workspace_bytes(c.schedules[k], l->unit->dims, extents, o->f64));
  compile_free(&c);
  return EXIT_DONE;
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

static int report(const loaded *l, const options *o) {
  int n = dim_symbol_count(l->unit->dims);
  int64_t *extents = xcalloc((size_t)n + 1, sizeof *extents);
  report_options how = {.f64 = o->f64, .training = o->training && l->model->training};
  int code = EXIT_WRONG_USAGE;
  if (assign_dims(l, o, extents, n)) {
    if (o->dims.len) {
      how.extents = extents;
      how.n_extents = n;
    }
    if (o->expect) {
      code = compare(l, o, &how);
    } else {
      strbuf out = {0};
      report_print(l->model, format_of(o), &how, &out);
      fputs(strbuf_text(&out), stdout);
      strbuf_free(&out);
      code = EXIT_DONE;
      if (o->dims.len && format_of(o) == REPORT_TABLE && all_given(l->model, extents))
        code = print_workspace(l, o, extents);
    }
  }
  free(extents);
  return code;
}

static int run(const options *o) {
  loaded l;
  int code = load_model(&l, o, o->words.data[0]);
  if (code == EXIT_DONE)
    code = report(&l, o);
  load_free(&l);
  return code;
}

const command command_shapes = {
    "shapes", COMMAND_SHAPES, "nlmc shapes FILE.nlm", "layers, shapes, masks, parameters", 1, 1, run};
