// nlmc check: diagnostics of any number of files, nothing else.
#include "driver/commands.h"
#include "driver/load.h"

static int run(const options *o) {
  int worst = EXIT_DONE;
  for (size_t k = 0; k < o->words.len; k++) {
    loaded l;
    int code = load_file(&l, o, o->words.data[k]);
    load_free(&l);
    worst = code > worst ? code : worst;
  }
  return worst;
}

const command command_check = {
    "check", COMMAND_CHECK, "nlmc check FILE.nlm...", "diagnostics only", 1, SIZE_MAX, run};
