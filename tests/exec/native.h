#ifndef NLM_TESTS_EXEC_NATIVE_H
#define NLM_TESTS_EXEC_NATIVE_H
// Models compiled in process, and their programs run through the runtime's sessions. Thread-safety: one
// thread.
#include "codegen/codegen.h"
#include "passes/pass.h"
#include "runtime/session.h"
#include "tests/exec/guard.h"
#include "tests/exec/results.h"

enum {
  KIND_INFER = 1 << PROGRAM_INFER,
  KIND_EVALUATE = 1 << PROGRAM_EVALUATE,
  KIND_GRAD = 1 << PROGRAM_GRAD
};

typedef struct build_options {
  unsigned kinds; // KIND_*
  bool f64, weigh_outputs;
  int opt_level;
  const char *cpu;             // NULL: this machine's
  const char *const *disabled; // passes; NULL-terminated, or NULL
} build_options;

typedef struct native {
  const subject *s;
  bool f64;
  program *programs[PROGRAM_KINDS]; // as compiled; NULL: not asked for
  schedule *schedules[PROGRAM_KINDS];
  codegen_module *module;
  const struct nlm_abi_model *abi;
} native;

// Ends the process on a defect (an unsound schedule, a refusal of the code generator).
void native_open(native *n, const subject *s, const build_options *o);
void native_close(native *n);

typedef enum {
  PLACES_PLANNED, // one guarded block, laid out as the runtime plans it
  PLACES_APART,   // every buffer guarded by itself
  PLACES_DYING,   // apart, and spoilt after the last kernel that may use it
} buffer_places;

typedef struct run_options {
  buffer_places places;
  thread_pool *pool;           // NULL: this thread alone
  void (*watch)(bool running); // called around the program itself; or NULL
} run_options;

// Runs one program. Inputs and parameters cannot be written meanwhile, everything ends at a forbidden page,
// and memory not yet written holds NaN. Prints and counts in the returned number a failing status and a write
// before a buffer's start.
int native_run(const native *n, program_kind kind, const feed *f, const run_options *o, results *out);

// ---- for tests that run programs themselves
// Sets s->dims from the feed and returns them.
int64_t *native_dims(const native *n, session *s, const feed *f);
// Converts numbers to the element type in place of `to`.
void native_store(void *to, const double *from, size_t count, bool is_int, bool f64);
double native_load(const void *from, size_t k, bool is_int, bool f64);

#endif
