// nlmc emit: any stage of the compilation, as text, object file or library.
#include "driver/commands.h"
#include "driver/compile.h"
#include "driver/link.h"
#include "frontend/parse.h"
#include "ir/report.h"
#include "support/intern.h"
#include <stdio.h>
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

static int write_code(const emission *e, codegen_output kind) {
  int failed = codegen_write(e->c->module, kind, e->path);
  if (failed)
    fprintf(stderr, "nlmc: cannot write %s: %s\n", e->path, strerror(-failed));
  return failed ? EXIT_WRONG_INPUT : EXIT_DONE;
}

static int emit_object(const emission *e) {
  int code = write_code(e, CODEGEN_OBJECT);
  if (code != EXIT_DONE || !strcmp(e->path, "-"))
    return code;
  emission header = *e;
  header.path = output_beside(e->l->unit->mem, e->path, ".h");
  return emit_header(&header);
}

static int emit_asm(const emission *e) {
  return write_code(e, CODEGEN_ASSEMBLY);
}

static int emit_llvm(const emission *e) {
  return write_code(e, CODEGEN_LLVM);
}

static int emit_bitcode(const emission *e) {
  return write_code(e, CODEGEN_BITCODE);
}

static int emit_linked(const emission *e, int (*link)(const char *object, const char *output)) {
  char *object = arena_strdup(e->l->unit->mem, "/tmp/nlmc-XXXXXX.o");
  int fd = mkstemps(object, 2);
  if (fd < 0) {
    perror("nlmc: cannot make a temporary file");
    return EXIT_WRONG_INPUT;
  }
  close(fd);
  emission to_object = *e;
  to_object.path = object;
  int code = write_code(&to_object, CODEGEN_OBJECT);
  if (code == EXIT_DONE)
    code = link(object, e->path);
  unlink(object);
  if (code != EXIT_DONE)
    return code;
  emission header = *e;
  header.path = output_beside(e->l->unit->mem, e->path, ".h");
  return emit_header(&header);
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
} kinds[] = {
    {"ast", "-", LEVEL_SYNTAX, NULL},
    {"graph", "-", LEVEL_LAYERS, emit_graph},
    {"ops", "-", LEVEL_PROGRAMS, emit_ops},
    {"kernels", "-", LEVEL_PROGRAMS, emit_kernels},
    {"header", ".h", LEVEL_PROGRAMS, emit_header},
    {"llvm", "-", LEVEL_CODE, emit_llvm},
    {"bitcode", ".bc", LEVEL_CODE, emit_bitcode},
    {"asm", "-", LEVEL_CODE, emit_asm},
    {"obj", ".o", LEVEL_CODE, emit_object},
    {"lib", ".a", LEVEL_CODE, emit_lib},
    {"shared", ".so", LEVEL_CODE, emit_shared},
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
  char *text;
  size_t n;
  const char *path = o->words.data[1];
  int failed = file_read_all(path, &text, &n), code = EXIT_WRONG_INPUT;
  if (failed) {
    fprintf(stderr, "nlmc: cannot read %s: %s\n", path, strerror(-failed));
  } else {
    source *s = ARENA_NEW(mem, source);
    *s = (source){path, text, n};
    ast_file *file = parse_source(mem, d, s);
    strbuf out = {0};
    diags_print_text(d, &out, false);
    fputs(strbuf_text(&out), stderr);
    strbuf_free(&out);
    if (!diags_errors(d)) {
      ast_print(file, &out);
      code = write_output(o->output ? o->output : "-", &out);
      strbuf_free(&out);
    }
    free(text);
  }
  diags_free(d);
  arena_free(mem);
  return code;
}

static int emit_model(const options *o, int kind, loaded *l, compiled *c) {
  strbuf weights = {0};
  double start = seconds_now();
  int code = load_model(l, o, o->words.data[1]);
  c->times.load = seconds_now() - start;
  const char *ext = kinds[kind].extension;
  emission e = {.l = l, .c = c, .o = o};
  if (code == EXIT_DONE && kinds[kind].level >= LEVEL_PROGRAMS && !compile_programs(c, l, o, o->training))
    return EXIT_DONE;
  if (code == EXIT_DONE && kinds[kind].level >= LEVEL_CODE) {
    code = read_weights_image(l, o, &weights);
    if (code == EXIT_DONE)
      code = compile_code(c, l, o, &weights);
    strbuf_free(&weights);
  }
  if (code != EXIT_DONE)
    return code;
  e.path = o->output ? o->output : *ext == '-' ? "-" : output_beside(l->unit->mem, o->words.data[1], ext);
  start = seconds_now();
  code = kinds[kind].emit(&e);
  c->times.write += seconds_now() - start;
  return code == EXIT_DONE ? write_depfile(l, o, e.path) : code;
}

static int run(const options *o) {
  int kind = find_kind(o->words.data[0]);
  if (kind < 0)
    return EXIT_WRONG_USAGE;
  if (kinds[kind].level == LEVEL_SYNTAX)
    return emit_ast(o);
  loaded l = {0};
  compiled c = {0};
  int code = emit_model(o, kind, &l, &c);
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
