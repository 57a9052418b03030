#ifndef NLM_CODEGEN_MODULE_H
#define NLM_CODEGEN_MODULE_H
// Inside of codegen_model: entry functions and the descriptor.
#include "codegen/codegen.h"
#include "codegen/program.h"

typedef struct entry_code {
  const schedule *s;
  LLVMValueRef entry;    // i64 (nlm_frame *)
  scratch_slot *scratch; // further workspace slots
  size_t n_scratch;
  int *runs_at; // by kernel: the position at which it runs (a scan runs with its partner)
} entry_code;

// Emits the schedule's kernels that `store` does not hold yet, and the function that runs them all.
entry_code emit_program(emitter *e, body_store *store, const schedule *s, dim_table *dims, arena *mem,
                        const char *prefix);

typedef struct descriptor_source {
  const model *model;
  const program_inputs *inputs;
  const entry_code *programs;
  int n_programs;
  dim_table *dims;
  const codegen_options *options;
  const char *symbol;
} descriptor_source;
// Adds the constant tables and the exported descriptor to the module.
void emit_descriptor(emitter *e, arena *mem, const descriptor_source *source);

#endif
