#include "tests/exec/trial.h"
#include <stdio.h>
#include <string.h>

typedef struct trial {
  const subject *s;
  const trial_setting *how;
  native n;
  program *plain[PROGRAM_KINDS]; // what the interpreter evaluates: no pass but differentiation
} trial;

// ---- beside the interpreter, whatever the layout and the threads

static int check_kind(trial *t, const feed *f, program_kind kind, const char *what) {
  results expected = {0}, planned = {0};
  interpret(t->plain[kind], f, &expected);
  int failed = native_run(&t->n, kind, f, &(run_options){PLACES_PLANNED, NULL, NULL}, &planned);
  failed += results_differ(&expected, &planned, t->how->tolerance, what);
  const run_options ways[] = {{PLACES_APART, NULL, NULL},
                              {PLACES_DYING, NULL, NULL},
                              {PLACES_PLANNED, t->how->two, NULL},
                              {PLACES_APART, t->how->seven, NULL}};
  for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
    results other = {0};
    failed += native_run(&t->n, kind, f, &ways[k], &other);
    failed += results_differ_in_bits(&planned, &other, what);
    results_free(&other);
  }
  results_free(&expected);
  results_free(&planned);
  return failed;
}

// ---- company in the batch

// Elements of an output of `whole` that stand at the rows and steps of `part`, whose first row is row
// `first`.
static int compare_part(const trial *t, const feed *whole, const feed *part, const results *a,
                        const results *b, int64_t first, const char *what) {
  for (size_t k = 0; k < b->list.len; k++) {
    const result *small = &b->list.data[k], *large = results_find(a, small->role, small->index);
    const shape *s = &t->s->m->outputs.data[small->index].value->shape;
    size_t rows = (size_t)feed_extent(part, s->d[0]), rows_large = (size_t)feed_extent(whole, s->d[0]);
    size_t row = small->count / rows, row_large = large->count / rows_large;
    for (size_t r = 0; r < rows; r++)
      if (memcmp(small->values + r * row, large->values + (r + (size_t)first) * row_large,
                 row * sizeof(double))) {
        printf("%s: output %d, row %zu has other bits\n", what, small->index, r + (size_t)first);
        return 1;
      }
  }
  return 0;
}

static int compare_runs(trial *t, const feed *whole, const feed *part, int64_t first, const char *what) {
  results a = {0}, b = {0};
  run_options plain = {PLACES_PLANNED, NULL, NULL};
  int failed = native_run(&t->n, PROGRAM_INFER, whole, &plain, &a);
  failed += native_run(&t->n, PROGRAM_INFER, part, &plain, &b);
  if (!failed)
    failed = compare_part(t, whole, part, &a, &b, first, what);
  results_free(&a);
  results_free(&b);
  return failed;
}

static int check_company(trial *t, const feed *f, int64_t batch, const char *scene_text) {
  char what[240];
  int failed = 0;
  for (int64_t row = 0; row < batch && batch > 1; row++) {
    feed alone = feed_rows(f, row, 1);
    snprintf(what, sizeof what, "%s, row alone", scene_text);
    failed += compare_runs(t, f, &alone, row, what);
    feed_free(&alone);
  }
  int64_t more_time = subject_ignores_padding(t->s) ? 5 : 0;
  feed padded = feed_padded(f, 9, more_time);
  snprintf(what, sizeof what, "%s, %d more steps of padding, 9 more rows", scene_text, (int)more_time);
  failed += compare_runs(t, &padded, f, 0, what);
  feed_free(&padded);
  return failed;
}

// ---- all scenes

static int check_scene(trial *t, const scene *sc) {
  static const char *const kinds[] = {"prediction", "evaluation", "gradients"};
  char what[200];
  int failed = 0;
  feed f = feed_new(t->s, sc, 7);
  for (int kind = 0; kind < PROGRAM_KINDS; kind++) {
    if (!t->plain[kind])
      continue;
    snprintf(what, sizeof what, "%s, %s, %s, %s", t->s->title, scene_name(sc), t->how->f64 ? "f64" : "f32",
             kinds[kind]);
    failed += check_kind(t, &f, (program_kind)kind, what);
  }
  snprintf(what, sizeof what, "%s, %s, %s", t->s->title, scene_name(sc), t->how->f64 ? "f64" : "f32");
  if (t->plain[PROGRAM_INFER])
    failed += check_company(t, &f, sc->batch, what);
  feed_free(&f);
  return failed;
}

int trial_check(const subject *s, void *context) {
  const trial_setting *how = context;
  trial t = {.s = s, .how = how};
  native_open(&t.n, s,
              &(build_options){.kinds = how->kinds,
                               .f64 = how->f64,
                               .weigh_outputs = how->weigh_outputs,
                               .opt_level = how->opt_level});
  for (int kind = 0; kind < PROGRAM_KINDS; kind++)
    if (how->kinds >> kind & 1)
      t.plain[kind] = subject_lower(s, (program_kind)kind, how->weigh_outputs);
  if (t.plain[PROGRAM_GRAD])
    program_add_gradients(t.plain[PROGRAM_GRAD]);
  int failed = 0;
  for (const scene *sc = scenes; sc->batch && failed < 3; sc++)
    failed += check_scene(&t, sc);
  native_close(&t.n);
  for (int kind = 0; kind < PROGRAM_KINDS; kind++)
    program_free(t.plain[kind]);
  return failed;
}
