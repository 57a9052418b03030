#ifndef NLM_TESTS_RUN_MODEL_H
#define NLM_TESTS_RUN_MODEL_H
// Runs a lowered program of a small model by the reference interpreter, in double. Weights hold fixed numbers
// that depend on nothing but their place, so that a test can compute with them too.
#include "ir/lower.h"
#include "tests/unit/small_model.h"

typedef struct model_run {
  const model *m;
  program_inputs *inputs;
  program *p;
  double **weights;     // by weight index
  const double **feeds; // by program input
  int64_t *extents;     // by symbol
  int n_extents;
} model_run;

void run_begin(model_run *r, small_model *s, program_kind kind);
void run_end(model_run *r);
void run_extent(model_run *r, const char *dimension, int64_t extent);
void run_feed(model_run *r, const char *input, const double *values); // integers as doubles; kept, not copied
double *run_weight(model_run *r, const char *name, size_t *count);
// The value of the first root with this role and index, malloc'ed.
double *run_root(model_run *r, root_role role, int index, size_t *count);
// Runs and returns the message of the failing check, or NULL when none failed.
const char *run_failure(model_run *r);

#endif
