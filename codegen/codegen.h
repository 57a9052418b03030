#ifndef NLM_CODEGEN_CODEGEN_H
#define NLM_CODEGEN_CODEGEN_H
// Native code from schedules: one module for a model, holding an entry function for each of its programs and
// the descriptor of runtime/include/nlm/abi.h, exported as <prefix>nlm_model_<name>. Ownership: the caller's
// graph, schedules and strings must outlive codegen_model only, not the module it returns. Thread-safety: a
// codegen_module belongs to one thread at a time; modules are independent of each other.
#include "ir/kernel.h"
#include "support/strbuf.h"

typedef struct codegen_options {
  const char *cpu;    // NULL or "native": this machine's; else LLVM's name
  const char *triple; // NULL: this machine's
  int opt_level;      // 0..3
  bool f64;           // REAL is f64, else f32
  const char *prefix; // before the symbol's name; NULL: none
  const char *name;   // of the model
  const char *source_hash, *compiler_version, *config_json;
  const void *weights; // image of a weights file to place in the object, or NULL
  size_t weights_bytes;
} codegen_options;

typedef struct codegen_module codegen_module;

// Generates all programs of a model; n_schedules > 0, at most one of each kind. Returns NULL after adding a
// message without a line break to `error` when the CPU or the triple is unknown.
codegen_module *codegen_model(const model *m, const program_inputs *inputs, const schedule *const *schedules,
                              int n_schedules, dim_table *dims, const codegen_options *options,
                              strbuf *error);
void codegen_free(codegen_module *m); // NULL is allowed

typedef enum { CODEGEN_OBJECT, CODEGEN_ASSEMBLY, CODEGEN_LLVM, CODEGEN_BITCODE } codegen_output;
// Writes a file as a whole ("-": standard output); 0 or a negative errno. LLVM text and bitcode are of the
// optimised module; ask for them before objects and assembly.
int codegen_write(codegen_module *m, codegen_output kind, const char *path);
// The same into memory.
void codegen_print(codegen_module *m, codegen_output kind, strbuf *out);
// LLVM text as emitted, before optimisation; only before any other output.
void codegen_print_unoptimized(codegen_module *m, strbuf *out);
const char *codegen_symbol(const codegen_module *m); // "nlm_model_sentiment"

// Runs the code inside this process, for tests and tools: the model's descriptor (const struct nlm_abi_model
// *), valid until codegen_free. Last use of the module.
const void *codegen_load(codegen_module *m);

#endif
