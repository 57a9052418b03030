// summary: the table of layers, as the compiler printed it.
#include "runtime/cli/cli.h"
#include "runtime/model.h"
#include <stdio.h>

int command_summary(int argc, char **argv, const struct nlm_abi_model *model) {
  static const cli_command command = {"summary", "", "the table of layers, shapes and parameters"};
  static const cli_option options[] = {{0}};
  if (!cli_parse(model, &command, options, argc, argv))
    return EXIT_WRONG_USAGE;
  loaded_model m;
  strbuf error = {0};
  int code = EXIT_DONE;
  if (model_open(&m, model, &error)) {
    code = cli_fail(model, "%s", strbuf_text(&error));
  } else {
    fputs(m.summary ? m.summary : "", stdout);
    model_close(&m);
  }
  strbuf_free(&error);
  return code;
}
