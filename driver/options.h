#ifndef NLM_DRIVER_OPTIONS_H
#define NLM_DRIVER_OPTIONS_H
// The command line of nlmc. One table describes every option: which commands take it, its value, its help.
#include "frontend/resolve.h"
#include "support/strbuf.h"
#include "support/vec.h"

// Exit codes of nlmc.
enum { EXIT_DONE = 0, EXIT_WRONG_INPUT = 1, EXIT_WRONG_USAGE = 2 };

typedef struct dim_assignment {
  const char *name;
  long long value;
} dim_assignment;

typedef struct options {
  const struct command *command;
  VEC(const char *) words; // what is no option, in order
  const char *output, *weights, *depfile, *prefix, *format, *expect, *cpu, *target, *model, *diagnostics;
  const char *dump_before, *dump_after, *stop_after;
  VEC(const char *) disabled_passes;
  VEC(definition) definitions;
  VEC(dim_assignment) dims;
  int opt_level;
  bool f64, training, time_passes, check, help;
} options;

// Commands as bits, for the option table.
enum {
  COMMAND_BUILD = 1 << 0,
  COMMAND_SHAPES = 1 << 1,
  COMMAND_EMIT = 1 << 2,
  COMMAND_CHECK = 1 << 3,
  COMMAND_FMT = 1 << 4,
  COMMAND_HELP = 1 << 5,
  COMMAND_COMPILES = COMMAND_BUILD | COMMAND_EMIT,
  COMMAND_RESOLVES = COMMAND_BUILD | COMMAND_SHAPES | COMMAND_EMIT | COMMAND_CHECK,
  COMMAND_READS = COMMAND_RESOLVES | COMMAND_FMT,
};

typedef struct command {
  const char *name;
  unsigned bit;
  const char *usage, *doc;
  size_t min_words, max_words; // max SIZE_MAX: any number
  int (*run)(const options *o);
} command;

extern const command *const command_table[]; // NULL-terminated
const command *command_find(const char *name);

// Parses argv after the command's name. False after a message on standard error (wrong usage).
bool options_parse(options *o, int argc, char **argv);
void options_free(options *o);
void options_help(const command *c, strbuf *out); // the options that a command takes

#endif
