// Compiled code beside the interpreter, for every layer, function and loss.
#include "tests/exec/trial.h"
#include <stdio.h>
#include <string.h>

// values_test f32|f64 layers|functions|losses [part of a title]
int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  subject_set set = !strcmp(argv[2], "layers")      ? SUBJECTS_LAYERS
                    : !strcmp(argv[2], "functions") ? SUBJECTS_FUNCTIONS
                                                    : SUBJECTS_LOSSES;
  // Optimising is what takes time: f64 shows that the code means the right thing, f32 that it stays so.
  bool f64 = !strcmp(argv[1], "f64"), losses = set == SUBJECTS_LOSSES;
  trial_setting how = {.f64 = f64,
                       .weigh_outputs = !losses,
                       .kinds = KIND_GRAD | (f64 || losses ? KIND_EVALUATE : 0) | (losses ? 0 : KIND_INFER),
                       .opt_level = f64 ? 0 : 2,
                       .tolerance = f64 ? 1e-10 : 2e-5,
                       .two = pool_new(2),
                       .seven = pool_new(7)};
  const char *only = argc > 3 ? argv[3] : losses && !f64 ? "form 2" : NULL;
  int failed = subjects_each(set, only, trial_check, &how);
  pool_free(how.two);
  pool_free(how.seven);
  printf("%d failed\n", failed);
  return failed != 0;
}
