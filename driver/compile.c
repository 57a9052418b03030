#include "driver/compile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static pipeline_options pipeline_of(const options *o, strbuf *dump, double *seconds, const char ***disabled) {
  *disabled = xcalloc(o->disabled_passes.len + 1, sizeof **disabled);
  for (size_t k = 0; k < o->disabled_passes.len; k++)
    (*disabled)[k] = o->disabled_passes.data[k];
  return (pipeline_options){.disabled = *disabled,
                            .dump_before = o->dump_before,
                            .dump_after = o->dump_after,
                            .stop_after = o->stop_after,
                            .verify = true,
                            .dump = dump,
                            .seconds = seconds};
}

static bool compile_program(compiled *c, const loaded *l, program_kind kind, const pipeline_options *how) {
  double start = seconds_now();
  program *p = lower_program(l->model, c->inputs, kind, NULL);
  c->times.lower += seconds_now() - start;
  compilation work = {.program = p};
  bool finished = pipeline_run(&work, how);
  c->programs[c->n_programs] = p;
  c->schedules[c->n_programs++] = work.schedule;
  return finished;
}

bool compile_programs(compiled *c, const loaded *l, const options *o, bool training, bool probes) {
  strbuf dump = {0};
  const char **disabled;
  pipeline_options how = pipeline_of(o, &dump, c->times.passes, &disabled);
  c->inputs = program_inputs_of(l->model);
  bool finished = compile_program(c, l, PROGRAM_INFER, &how);
  if (training && l->model->training) {
    finished = compile_program(c, l, PROGRAM_EVALUATE, &how) && finished;
    finished = compile_program(c, l, PROGRAM_GRAD, &how) && finished;
  }
  if (probes)
    finished = compile_program(c, l, PROGRAM_PROBE, &how) && finished;
  fputs(strbuf_text(&dump), stdout);
  strbuf_free(&dump);
  free(disabled);
  return finished;
}

// Files that the source names are read when the program trains, wherever that is: their paths become
// absolute, from the folder of the source file that names them.
static const char *from_folder_of(arena *a, const char *named_in, const char *path) {
  const char *slash = strrchr(named_in, '/');
  if (*path == '/')
    return path;
  char *folder = slash ? xstrdup(named_in) : xstrdup(".");
  if (slash)
    folder[slash == named_in ? 1 : slash - named_in] = 0;
  char *whole = realpath(folder, NULL);
  const char *base = whole ? whole : folder;
  const char *result = arena_printf(a, "%s/%s", strcmp(base, "/") ? base : "", path);
  free(folder);
  free(whole);
  return result;
}

static void make_paths_absolute(const loaded *l) {
  for (size_t k = 0; k < l->model->weights.len; k++) {
    weight *w = l->model->weights.data[k];
    const source *file = w->pretrained_at.file;
    if (w->pretrained)
      w->pretrained = from_folder_of(l->unit->mem, file ? file->path : l->unit->source_path, w->pretrained);
  }
}

int compile_code(compiled *c, const loaded *l, const options *o, const strbuf *weights) {
  strbuf config = {0}, error = {0};
  make_paths_absolute(l);
  config_print(l->model, c->inputs, &config);
  codegen_options how = {.cpu = o->cpu,
                         .triple = o->target,
                         .opt_level = o->opt_level,
                         .f64 = o->f64,
                         .prefix = o->prefix,
                         .name = l->model->name,
                         .source_hash = load_source_hash(l->unit),
                         .compiler_version = NLM_VERSION,
                         .config_json = strbuf_text(&config),
                         .weights = weights && weights->len ? weights->data : NULL,
                         .weights_bytes = weights ? weights->len : 0};
  double start = seconds_now();
  c->module = codegen_model(l->model, c->inputs, (const schedule *const *)c->schedules, c->n_programs,
                            l->unit->dims, &how, &error);
  c->times.codegen += seconds_now() - start;
  if (!c->module)
    fprintf(stderr, "nlmc: %s\n", strbuf_text(&error));
  strbuf_free(&config);
  strbuf_free(&error);
  return c->module ? EXIT_DONE : EXIT_WRONG_USAGE;
}

static void print_time(const char *what, double seconds) {
  fprintf(stderr, "%10.3f ms  %s\n", 1e3 * seconds, what);
}

void compile_print_times(const compiled *c) {
  print_time("reading and checking", c->times.load);
  print_time("lowering", c->times.lower);
  for (int k = 0; pass_table[k]; k++)
    print_time(pass_table[k]->name, c->times.passes[k]);
  print_time("code generation", c->times.codegen);
  print_time("optimising, writing, linking", c->times.write);
}

void compile_free(compiled *c) {
  codegen_free(c->module);
  for (int k = 0; k < c->n_programs; k++) {
    schedule_free(c->schedules[k]);
    program_free(c->programs[k]);
  }
  if (c->inputs)
    program_inputs_free(c->inputs);
  *c = (compiled){0};
}

char *output_beside(arena *a, const char *path, const char *extension) {
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
  if (!strcmp(path, "-"))
    return arena_printf(a, "model%s", extension);
  size_t stem = dot && dot > base ? (size_t)(dot - path) : strlen(path);
  return arena_printf(a, "%.*s%s", (int)stem, path, extension);
}

int write_output(const char *path, const strbuf *bytes) {
  int failed = file_write_atomic(path, strbuf_text(bytes), bytes->len);
  if (failed)
    fprintf(stderr, "nlmc: cannot write %s: %s\n", path, strerror(-failed));
  return failed ? EXIT_WRONG_INPUT : EXIT_DONE;
}

static bool is_same_file(const char *a, const char *b) {
  struct stat x, y;
  if (!a || !b || !strcmp(a, "-") || !strcmp(b, "-"))
    return false;
  return !strcmp(a, b) ||
         (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static bool is_refused(const char *const *paths, size_t n, const options *o, const char *result) {
  for (size_t k = 0; k <= n; k++) {
    const char *path = k < n ? paths[k] : o->weights;
    if (!is_same_file(path, result))
      continue;
    fprintf(stderr, "nlmc: the result would replace %s, which was read; name another file with %s\n", path,
            result == o->depfile ? "--depfile" : "-o");
    return true;
  }
  return false;
}

static bool has_folder(const char *result) {
  const char *slash = result ? strrchr(result, '/') : NULL;
  struct stat st;
  if (!slash || slash == result)
    return true;
  strbuf folder = {0};
  strbuf_printf(&folder, "%.*s", (int)(slash - result), result);
  bool missing = stat(strbuf_text(&folder), &st) != 0, fine = !missing && S_ISDIR(st.st_mode);
  if (!fine)
    fprintf(stderr, "nlmc: cannot write %s: %s %s\n", result, strbuf_text(&folder),
            missing ? "does not exist" : "is no folder");
  strbuf_free(&folder);
  return fine;
}

int refuse_overwriting_of(const char *const *paths, size_t n, const options *o, const char *const *results,
                          size_t n_results) {
  for (size_t k = 0; k <= n_results; k++) {
    const char *result = k < n_results ? results[k] : o->depfile;
    if (is_refused(paths, n, o, result))
      return EXIT_WRONG_USAGE;
    if (!has_folder(result))
      return EXIT_WRONG_INPUT;
    for (size_t j = 0; j < k; j++)
      if (is_same_file(results[j], result)) {
        fprintf(stderr, "nlmc: %s would be two results at once; name another file with %s\n", result,
                k < n_results ? "-o" : "--depfile");
        return EXIT_WRONG_USAGE;
      }
  }
  return EXIT_DONE;
}

int refuse_overwriting(const loaded *l, const options *o, const char *const *results, size_t n_results) {
  const char *const *paths;
  size_t n = load_dependencies(l->unit, &paths);
  return refuse_overwriting_of(paths, n, o, results, n_results);
}

int say_stopped(const options *o) {
  fprintf(stderr, "nlmc: stopped after the pass '%s'; nothing is written\n", o->stop_after);
  return EXIT_DONE;
}

int write_code(const compiled *c, codegen_output kind, const char *path) {
  int failed = codegen_write(c->module, kind, path);
  if (failed)
    fprintf(stderr, "nlmc: cannot write %s: %s\n", path, strerror(-failed));
  return failed ? EXIT_WRONG_INPUT : EXIT_DONE;
}

static void put_make_path(strbuf *out, const char *path) {
  for (; *path; path++) {
    if (*path == ' ' || *path == '#')
      strbuf_putc(out, '\\');
    if (*path == '$')
      strbuf_putc(out, '$');
    strbuf_putc(out, *path);
  }
}

int write_depfile_of(const char *const *paths, size_t n, const options *o, const char *output) {
  if (!o->depfile)
    return EXIT_DONE;
  strbuf out = {0};
  put_make_path(&out, output);
  strbuf_putc(&out, ':');
  for (size_t k = 0; k <= n; k++) {
    const char *path = k < n ? paths[k] : o->weights;
    if (!path || !strcmp(path, "-"))
      continue;
    strbuf_putc(&out, ' ');
    put_make_path(&out, path);
  }
  strbuf_putc(&out, '\n');
  int code = write_output(o->depfile, &out);
  strbuf_free(&out);
  return code;
}

int write_depfile(const loaded *l, const options *o, const char *output) {
  const char *const *paths;
  size_t n = load_dependencies(l->unit, &paths);
  return write_depfile_of(paths, n, o, output);
}
