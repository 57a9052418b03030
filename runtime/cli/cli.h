#ifndef NLM_RUNTIME_CLI_CLI_H
#define NLM_RUNTIME_CLI_CLI_H
// The command line of a compiled model: one file per command, option tables as data. A command gets the words
// behind its name and returns an exit code. Results go to stdout, progress and messages to stderr.
#include "nlm/abi.h"
#include "support/strbuf.h"
#include "support/vec.h"
#include <stdbool.h>

enum { EXIT_DONE = 0, EXIT_WRONG_INPUT = 1, EXIT_WRONG_USAGE = 2 };

typedef int command_function(int argc, char **argv, const struct nlm_abi_model *model);
command_function command_train, command_evaluate, command_predict, command_check_data, command_summary,
    command_info;

typedef VEC(const char *) cli_words;

typedef enum {
  OPTION_FLAG,    // to: bool
  OPTION_NO_FLAG, // to: bool, set to false
  OPTION_TEXT,    // to: const char *
  OPTION_INT,     // to: int64_t, within [min, max]
  OPTION_NUMBER,  // to: double, within [min, max]
  OPTION_TEXTS,   // to: cli_words, appended; may be repeated
} option_kind;

typedef struct cli_option {
  const char *name; // "--batch-size"; "" for words that are no option (kind OPTION_TEXTS); NULL ends a table
  option_kind kind;
  void *to;
  double min, max;
  const char *placeholder; // "N"; NULL for flags
  const char *help;
  const char *const *choices; // NULL-terminated, for OPTION_TEXT; may be NULL
  bool *given;                // set when the option is there; may be NULL
} cli_option;

typedef struct cli_command {
  const char *name;      // "train"
  const char *arguments; // "DATA... [--validation DATA]"
  const char *summary;   // one line
} cli_command;

// Reads the words into the places of the table. `--name=value` and `--name value` serve alike; `-` and words
// behind `--` are no options. False after a message on stderr ("did you mean"): the command returns
// EXIT_WRONG_USAGE. `--help` prints the command's help to stdout and exits the process with 0.
bool cli_parse(const struct nlm_abi_model *model, const cli_command *command, const cli_option *options,
               int argc, char **argv);
void cli_print_help(const struct nlm_abi_model *model, const cli_command *command, const cli_option *options);

// "imdb: error: ..." on stderr; `text` may span lines and end in one. Returns EXIT_WRONG_INPUT.
int cli_fail(const struct nlm_abi_model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// "imdb: ..." on stderr.
void cli_say(const struct nlm_abi_model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Splits NAME=VALUE (the words of --input and --target); false after a message. The parts are views into
// `word`, which is changed.
bool cli_split_pair(const struct nlm_abi_model *model, const char *option, char *word, const char **name,
                    const char **value);
// Online cores, at most 8.
int cli_default_threads(void);

#endif
