#ifndef NLM_DRIVER_LOAD_H
#define NLM_DRIVER_LOAD_H
// From a path on the command line to models with checked train blocks; diagnostics are printed on the way.
#include "driver/options.h"
#include "ir/train.h"

typedef struct loaded {
  diags *diags; // of load_model, else NULL
  unit *unit;
  model *model; // the one model that a command works on, or NULL (load_file)
} loaded;

// Reads a file and checks it all, train blocks included, into `d`; prints nothing. `l` is to be released
// before `d` is, and after its diagnostics are printed.
void read_models(loaded *l, const options *o, const char *path, diags *d);
// The same for the one model that a command works on, the file's only one or --model, and prints what there
// is to say. EXIT_DONE or EXIT_WRONG_INPUT; `l` is to be released either way.
int load_model(loaded *l, const options *o, const char *path);
void load_free(loaded *l);
// Text on standard error, in colours on a terminal. With --diagnostics json one array on standard output, or
// on standard error where the command's result goes to standard output.
void print_diagnostics(const options *o, diags *d);

// The runtime's optimizers, metrics and callbacks as the binder wants them.
const registries *runtime_registries(void);

#endif
