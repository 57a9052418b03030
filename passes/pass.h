#ifndef NLM_PASSES_PASS_H
#define NLM_PASSES_PASS_H
// The pipeline from a lowered program to a schedule of kernels. Each pass is one file and one line in
// passes.def, in the order in which it runs. Thread-safety: one thread per compilation.
#include "ir/kernel.h"

// What passes work on: `program` is set from the start, `schedule` from the schedule pass on.
typedef struct compilation {
  program *program;
  schedule *schedule;
  bool fuse;          // set by the fusion pass: inline what one kernel reads; else every node gets memory
  bool fuse_epilogue; // set by the epilogue pass: elementwise work behind a product is done in its kernel
} compilation;

typedef struct pass {
  const char *name;
  const char *doc; // one line
  bool required;   // may not be disabled
  void (*run)(compilation *c);
} pass;

extern const pass *const pass_table[]; // NULL-terminated, in execution order
const pass *pass_find(const char *name);
const char *pass_suggest(const char *name);

typedef struct pipeline_options {
  const char *const *disabled;                       // names, NULL-terminated; or NULL
  const char *dump_before, *dump_after, *stop_after; // names or NULL
  bool verify;     // check the program or schedule after every pass; a failure is a defect of ours
  strbuf *dump;    // where dumps go
  double *seconds; // [number of passes], added to; or NULL
} pipeline_options;

// Runs the passes; false when stopped early by stop_after.
bool pipeline_run(compilation *c, const pipeline_options *options);
// Prints the program (before the schedule exists) or the schedule.
void compilation_print(const compilation *c, strbuf *out);

// Rewrites what the program's roots reach and puts the results in their place.
void program_rewrite(program *p, rewrite_rule rule, void *context);

#endif
