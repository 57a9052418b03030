// nlmc build: an executable that trains, evaluates and predicts.
#include "driver/commands.h"
#include "driver/compile.h"
#include "driver/link.h"
#include "driver/temporary.h"

static char *executable_name(const loaded *l, const options *o) {
  if (o->output)
    return arena_strdup(l->unit->mem, o->output);
  return output_beside(l->unit->mem, o->words.data[0], "");
}

static int write_and_link(const loaded *l, const options *o, compiled *c, const char *executable) {
  char *object = temporary_file("model.o");
  if (!object)
    return EXIT_WRONG_INPUT;
  double start = seconds_now();
  int code = write_code(c, CODEGEN_OBJECT, object);
  if (code == EXIT_DONE)
    code = link_executable(object, codegen_symbol(c->module), executable);
  c->times.write += seconds_now() - start;
  temporary_remove(object);
  return code == EXIT_DONE ? write_depfile(l, o, executable) : code;
}

static int compile(const loaded *l, const options *o, compiled *c, const char *executable) {
  strbuf weights = {0};
  int code = read_weights_image(l, o, &weights);
  if (code == EXIT_DONE && !compile_programs(c, l, o, true, true)) {
    strbuf_free(&weights);
    return say_stopped(o);
  }
  if (code == EXIT_DONE)
    code = compile_code(c, l, o, &weights);
  strbuf_free(&weights);
  return code == EXIT_DONE ? write_and_link(l, o, c, executable) : code;
}

static int run(const options *o) {
  loaded l;
  compiled c = {0};
  double start = seconds_now();
  int code = load_model(&l, o, o->words.data[0]);
  c.times.load = seconds_now() - start;
  const char *executable = code == EXIT_DONE ? executable_name(&l, o) : NULL;
  if (code == EXIT_DONE)
    code = refuse_overwriting(&l, o, &executable, 1);
  if (code == EXIT_DONE)
    code = compile(&l, o, &c, executable);
  if (o->time_passes)
    compile_print_times(&c);
  compile_free(&c);
  load_free(&l);
  return code;
}

const command command_build = {"build",
                               COMMAND_BUILD,
                               "nlmc build FILE.nlm [-o EXE]",
                               "an executable that trains, evaluates and predicts",
                               1,
                               1,
                               run};
