// nlmc build: an executable that trains, evaluates and predicts.
#include "driver/commands.h"
#include "driver/compile.h"
#include "driver/link.h"
#include <stdio.h>
#include <unistd.h>

static char *executable_name(const loaded *l, const options *o) {
  if (o->output)
    return arena_strdup(l->unit->mem, o->output);
  return output_beside(l->unit->mem, o->words.data[0], "");
}

static int write_and_link(const loaded *l, const options *o, compiled *c) {
  char *object = arena_strdup(l->unit->mem, "/tmp/nlmc-XXXXXX.o");
  int fd = mkstemps(object, 2);
  if (fd < 0) {
    perror("nlmc: cannot make a temporary file");
    return EXIT_WRONG_INPUT;
  }
  close(fd);
  const char *executable = executable_name(l, o);
  double start = seconds_now();
  int code = codegen_write(c->module, CODEGEN_OBJECT, object) ? EXIT_WRONG_INPUT : EXIT_DONE;
  if (code == EXIT_DONE)
    code = link_executable(object, codegen_symbol(c->module), executable);
  c->times.write += seconds_now() - start;
  unlink(object);
  return code == EXIT_DONE ? write_depfile(l, o, executable) : code;
}

static int run(const options *o) {
  loaded l;
  compiled c = {0};
  strbuf weights = {0};
  double start = seconds_now();
  int code = load_model(&l, o, o->words.data[0]);
  c.times.load = seconds_now() - start;
  if (code == EXIT_DONE)
    code = read_weights_image(&l, o, &weights);
  if (code == EXIT_DONE && compile_programs(&c, &l, o, true)) {
    code = compile_code(&c, &l, o, &weights);
    if (code == EXIT_DONE)
      code = write_and_link(&l, o, &c);
  }
  if (o->time_passes)
    compile_print_times(&c);
  strbuf_free(&weights);
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
