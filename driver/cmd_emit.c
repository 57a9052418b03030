// nlmc emit: any stage of the compilation, as text, object file or library.
#include "driver/commands.h"
#include "driver/compile.h"
#include "driver/link.h"
#include "driver/temporary.h"
#include "frontend/parse.h"
#include "ir/report.h"
#include "support/intern.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { LEVEL_SYNTAX, LEVEL_LAYERS, LEVEL_PROGRAMS, LEVEL_CODE } emit_level;

typedef struct emission {
  const loaded *l;
  compiled *c;
  const options *o;
  const char *path; // of the result
} emission;

static int put(const emission *e, strbuf *out) {
  int code = write_output(e->path, out);
  strbuf_free(out);
  return code;
}

static int emit_graph(const emission *e) {
  strbuf out = {0};
  report_options how = {.f64 = e->o->f64};
  report_print(e->l->model, REPORT_DOT, &how, &out);
  return put(e, &out);
}

static int emit_ops(const emission *e) {
  static const char *const kinds[] = {"infer", "evaluate", "grad"};
  strbuf out = {0};
  for (int k = 0; k < e->c->n_programs; k++) {
    strbuf_printf(&out, "program %s\n", kinds[e->c->programs[k]->kind]);
    compilation_print(&(compilation){.program = e->c->programs[k]}, &out);
  }
  return put(e, &out);
}

static int emit_kernels(const emission *e) {
  strbuf out = {0};
  for (int k = 0; k < e->c->n_programs; k++)
    schedule_print(e->c->schedules[k], &out);
  return put(e, &out);
}

static int emit_header(const emission *e) {
  strbuf out = {0};
  header_print(e->l->model, e->c->inputs, e->o, &out);
  return put(e, &out);
}

// What goes to standard output has nothing beside it.
static const char *header_path(const emission *e) {
  return output_beside(e->l->unit->mem, e->path, ".h");
}

static int emit_header_beside(const emission *e) {
  if (!strcmp(e->path, "-"))
    return EXIT_DONE;
  emission header = *e;
  header.path = header_path(e);
  return emit_header(&header);
}

static int emit_object(const emission *e) {
  int code = write_code(e->c, CODEGEN_OBJECT, e->path);
  return code == EXIT_DONE ? emit_header_beside(e) : code;
}

static int emit_asm(const emission *e) {
  return write_code(e->c, CODEGEN_ASSEMBLY, e->path);
}

static int emit_llvm(const emission *e) {
  return write_code(e->c, CODEGEN_LLVM, e->path);
}

static int emit_bitcode(const emission *e) {
  return write_code(e->c, CODEGEN_BITCODE, e->path);
}

static int emit_linked(const emission *e, int (*link)(const char *object, const char *output)) {
  strbuf name = {0}; // of the archive's member
  strbuf_printf(&name, "%s.o", codegen_symbol(e->c->module));
  char *object = temporary_file(strbuf_text(&name));
  strbuf_free(&name);
  if (!object)
    return EXIT_WRONG_INPUT;
  int code = write_code(e->c, CODEGEN_OBJECT, object);
  if (code == EXIT_DONE)
    code = link(object, e->path);
  temporary_remove(object);
  return code == EXIT_DONE ? emit_header_beside(e) : code;
}

static int emit_lib(const emission *e) {
  return emit_linked(e, link_archive);
}

static int emit_shared(const emission *e) {
  return emit_linked(e, link_shared);
}

static const struct {
  const char *kind, *extension;
  emit_level level;
  int (*emit)(const emission *e);
  bool with_header; // beside the result
} kinds[] = {
    {"ast", "-", LEVEL_SYNTAX, NULL, false},
    {"graph", "-", LEVEL_LAYERS, emit_graph, false},
    {"ops", "-", LEVEL_PROGRAMS, emit_ops, false},
    {"kernels", "-", LEVEL_PROGRAMS, emit_kernels, false},
    {"header", ".h", LEVEL_PROGRAMS, emit_header, false},
    {"llvm", "-", LEVEL_CODE, emit_llvm, false},
    {"bitcode", ".bc", LEVEL_CODE, emit_bitcode, false},
    {"asm", "-", LEVEL_CODE, emit_asm, false},
    {"obj", ".o", LEVEL_CODE, emit_object, true},
    {"lib", ".a", LEVEL_CODE, emit_lib, true},
    {"shared", ".so", LEVEL_CODE, emit_shared, true},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static int find_kind(const char *word) {
  const char *names[N_KINDS];
  for (int k = 0; k < N_KINDS; k++) {
    names[k] = kinds[k].kind;
    if (!strcmp(word, kinds[k].kind))
      return k;
  }
  const char *near = suggest(word, names, N_KINDS);
  fprintf(stderr, "nlmc: 'emit' has no kind '%s'", word);
  fprintf(stderr, near ? "; did you mean '%s'?\n" : "; it is one of", near);
  for (int k = 0; !near && k < N_KINDS; k++)
    fprintf(stderr, "%s %s", k ? "," : "", names[k]);
  if (!near)
    fputc('\n', stderr);
  return -1;
}

static int emit_ast(const options *o) {
  arena *mem = arena_new();
  diags *d = diags_new();
  const char *path = o->words.data[1];
  int error, code = EXIT_WRONG_INPUT;
  const source *s = source_read(mem, path, &error);
  const ast_file *file = s ? parse_source(mem, d, s) : NULL;
  if (!s)
    diag_error(d, (span){0}, "%s cannot be read: %s", path, strerror(error));
  print_diagnostics(o, d);
  const char *output = o->output ? o->output : "-";
  if (!diags_errors(d))
    code = refuse_overwriting_of(&path, 1, o, &output, 1);
  if (!diags_errors(d) && code == EXIT_DONE) {
    strbuf out = {0};
    ast_print(file, &out);
    code = write_output(output, &out);
    if (code == EXIT_DONE)
      code = write_depfile_of(&path, 1, o, output);
    strbuf_free(&out);
  }
  diags_free(d);
  arena_free(mem);
  return code;
}

static int compile(const emission *e, emit_level level) {
  if (level < LEVEL_PROGRAMS)
    return EXIT_DONE;
  bool finished = compile_programs(e->c, e->l, e->o, e->o->training, false);
  if (!finished || level < LEVEL_CODE)
    return EXIT_DONE;
  strbuf weights = {0};
  int code = read_weights_image(e->l, e->o, &weights);
  if (code == EXIT_DONE)
    code = compile_code(e->c, e->l, e->o, &weights);
  strbuf_free(&weights);
  return code;
}

// `emit ops` shows programs at any stage and `emit kernels` schedules; everything else needs all passes.
static bool is_stopped(const emission *e, int kind) {
  bool any = kinds[kind].emit == emit_ops || (kinds[kind].emit == emit_kernels && e->c->schedules[0]);
  return e->o->stop_after && kinds[kind].level >= LEVEL_PROGRAMS && !any;
}

static int emit_model(emission *e, int kind) {
  const options *o = e->o;
  const char *extension = kinds[kind].extension, *from = o->words.data[1];
  e->path = o->output ? o->output : *extension == '-' ? "-" : output_beside(e->l->unit->mem, from, extension);
  const char *results[] = {e->path,
                           kinds[kind].with_header && strcmp(e->path, "-") != 0 ? header_path(e) : NULL};
  int code = refuse_overwriting(e->l, o, results, 2);
  if (code == EXIT_DONE)
    code = compile(e, kinds[kind].level);
  if (code != EXIT_DONE)
    return code;
  if (is_stopped(e, kind))
    return say_stopped(o);
  double start = seconds_now();
  code = kinds[kind].emit(e);
  e->c->times.write += seconds_now() - start;
  return code == EXIT_DONE ? write_depfile(e->l, o, e->path) : code;
}

static int run(const options *o) {
  int kind = find_kind(o->words.data[0]);
  if (kind < 0)
    return EXIT_WRONG_USAGE;
  if (kinds[kind].level == LEVEL_SYNTAX)
    return emit_ast(o);
  loaded l;
  compiled c = {0};
  double start = seconds_now();
  int code = load_model(&l, o, o->words.data[1]);
  c.times.load = seconds_now() - start;
  emission e = {.l = &l, .c = &c, .o = o};
  if (code == EXIT_DONE)
    code = emit_model(&e, kind);
  if (o->time_passes)
    compile_print_times(&c);
  compile_free(&c);
  load_free(&l);
  return code;
}

const command command_emit = {"emit",
                              COMMAND_EMIT,
                              "nlmc emit KIND FILE.nlm [-o OUT]",
                              "any stage: ast graph ops kernels header llvm bitcode asm obj lib shared",
                              2,
                              2,
                              run};
