// nlmc: the compiler's command line.
#include "driver/commands.h"
#include "support/intern.h"
#include <stdio.h>
#include <string.h>

const command *const command_table[] = {&command_build, &command_shapes, &command_emit, &command_check,
                                        &command_fmt,   &command_help,   NULL};

const command *command_find(const char *name) {
  for (int k = 0; command_table[k]; k++)
    if (!strcmp(command_table[k]->name, name))
      return command_table[k];
  return NULL;
}

static int unknown_command(const char *word) {
  const char *names[sizeof command_table / sizeof *command_table];
  size_t n = 0;
  for (; command_table[n]; n++)
    names[n] = command_table[n]->name;
  const char *near = suggest(word, names, n);
  fprintf(stderr, "nlmc: there is no command '%s'", word);
  fprintf(stderr, near ? "; did you mean '%s'?\n" : "; see 'nlmc help'\n", near);
  return EXIT_WRONG_USAGE;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs("nlmc: a command is needed; 'nlmc help' lists them, for example: nlmc build FILE.nlm\n", stderr);
    return EXIT_WRONG_USAGE;
  }
  if (!strcmp(argv[1], "--version")) {
    puts("nlmc " NLM_VERSION);
    return EXIT_DONE;
  }
  const char *word = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ? "help" : argv[1];
  const command *c = command_find(word);
  if (!c)
    return unknown_command(word);
  options o = {.command = c};
  int code = !options_parse(&o, argc - 2, argv + 2) ? EXIT_WRONG_USAGE
             : o.help                               ? help_command(c)
                                                    : c->run(&o);
  options_free(&o);
  if (code == EXIT_DONE && (fflush(stdout) || ferror(stdout))) {
    perror("nlmc: standard output");
    code = EXIT_WRONG_INPUT;
  }
  return code;
}
