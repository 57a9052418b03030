// nlmc check: diagnostics of any number of files, nothing else.
#include "driver/commands.h"
#include "driver/load.h"

static int run(const options *o) {
  diags *d = diags_new();
  loaded *files = xcalloc(o->words.len, sizeof *files);
  for (size_t k = 0; k < o->words.len; k++)
    read_models(&files[k], o, o->words.data[k], d);
  print_diagnostics(o, d);
  int code = diags_errors(d) ? EXIT_WRONG_INPUT : EXIT_DONE;
  for (size_t k = 0; k < o->words.len; k++)
    load_free(&files[k]);
  free(files);
  diags_free(d);
  return code;
}

const command command_check = {
    "check", COMMAND_CHECK, "nlmc check FILE.nlm...", "diagnostics only", 1, SIZE_MAX, run};
