// nlm_main: the command line of a compiled model.
#include "nlm/nlm.h"
#include "runtime/cli/cli.h"
#include "runtime/model.h"
#include "support/intern.h"
#include "support/spill.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct command_row {
  const char *name;
  command_function *run;
  const char *summary;
} command_row;

static const command_row commands[] = {
    {"train", command_train, "learn from labelled data and write the weights"},
    {"evaluate", command_evaluate, "loss and metrics on labelled data"},
    {"predict", command_predict, "labels and probabilities for texts"},
    {"check-data", command_check_data, "look at data: labels, lengths, vocabulary, duplicates, problems"},
    {"summary", command_summary, "layers, shapes and parameters"},
    {"info", command_info, "what is inside the weights"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const command_row *find_command(const char *name) {
  for (size_t k = 0; k < COMMANDS; k++)
    if (!strcmp(commands[k].name, name))
      return &commands[k];
  return NULL;
}

static void print_overview(const struct nlm_abi_model *model, FILE *to) {
  fprintf(to, "usage: %s COMMAND [ARGUMENTS]\n\n", model->name);
  for (size_t k = 0; k < COMMANDS; k++)
    fprintf(to, "  %-12s %s\n", commands[k].name, commands[k].summary);
  fprintf(to, "  %-12s %s\n\n", "help", "this list, or the options of one command: help COMMAND");
  fprintf(to, "The weights are %s.safetensors in the working directory unless --weights names others%s.\n",
          model->name, model->weights_bytes ? "; without such a file, those inside this program" : "");
}

static int unknown_command(const struct nlm_abi_model *model, const char *word) {
  const char *names[COMMANDS + 1];
  for (size_t k = 0; k < COMMANDS; k++)
    names[k] = commands[k].name;
  names[COMMANDS] = "help";
  const char *near = suggest(word, names, COMMANDS + 1);
  if (near)
    fprintf(stderr, "%s: there is no command '%s'; did you mean '%s'?\n", model->name, word, near);
  else
    fprintf(stderr, "%s: there is no command '%s'\n", model->name, word);
  fprintf(stderr, "see '%s help'\n", model->name);
  return EXIT_WRONG_USAGE;
}

static int help(const struct nlm_abi_model *model, int argc, char **argv) {
  if (argc == 0) {
    print_overview(model, stdout);
    return EXIT_DONE;
  }
  const command_row *c = find_command(argv[0]);
  if (!c)
    return unknown_command(model, argv[0]);
  char word[] = "--help", *words[] = {word, NULL};
  return c->run(1, words, model);
}

int nlm_main(const struct nlm_abi_model *compiled, int argc, char **argv) {
  if (argc < 2) {
    print_overview(compiled, stderr);
    return EXIT_WRONG_USAGE;
  }
  const char *word = argv[1];
  if (!strcmp(word, "--version")) {
    printf("%s, compiled by nlmc %s for %s, runtime %s\n", compiled->name, compiled->compiler, compiled->cpu,
           NLM_VERSION);
    return EXIT_DONE;
  }
  if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h"))
    return help(compiled, argc - 2, argv + 2);
  const command_row *c = find_command(word);
  if (!c)
    return unknown_command(compiled, word);
  strbuf error = {0};
  if (model_check_version(compiled, &error))
    return cli_fail(compiled, "%s", strbuf_text(&error));
  strbuf_free(&error);
  const char *memory = getenv("NLM_DATA_MEMORY");
  if (memory && *memory && !spill_set_limit(memory)) {
    cli_say(compiled, "NLM_DATA_MEMORY is '%s'; a size is needed, as 512M or 2G", memory);
    return EXIT_WRONG_USAGE;
  }
  int code = c->run(argc - 2, argv + 2, compiled);
  if (code == EXIT_DONE && (fflush(stdout) || ferror(stdout)))
    return cli_fail(compiled, "the results cannot be written");
  return code;
}
