#ifndef NLM_DRIVER_LOAD_H
#define NLM_DRIVER_LOAD_H
// From a path on the command line to models with checked train blocks; diagnostics are printed on the way.
#include "driver/options.h"
#include "ir/train.h"

typedef struct loaded {
  diags *diags;
  unit *unit;
  model *model; // the one model that a command works on, or NULL (load_file)
} loaded;

// Reads a file, binds train blocks, prints diagnostics (text on standard error, JSON on standard output).
// Returns EXIT_DONE or EXIT_WRONG_INPUT; `l` is to be released either way.
int load_file(loaded *l, const options *o, const char *path);
// The same, then picks the model: the file's only one, or --model.
int load_model(loaded *l, const options *o, const char *path);
void load_free(loaded *l);

// The runtime's optimizers, metrics and callbacks as the binder wants them.
const registries *runtime_registries(void);

#endif
