#ifndef NLM_CODEGEN_TARGET_H
#define NLM_CODEGEN_TARGET_H
// The machine that code is generated for: choosing it, optimising a module for it, writing a module out.
// Thread-safety: a target and the modules emitted for it belong to one thread at a time.
#include "support/strbuf.h"
#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <stdbool.h>

typedef struct target_options {
  const char *triple; // NULL: this machine's
  const char *cpu;    // NULL or "native": this machine's CPU and features; else LLVM's name ("x86-64-v3")
  int opt_level;      // 0..3
} target_options;

typedef struct target {
  LLVMTargetMachineRef machine;
  LLVMTargetDataRef layout;
  char *triple, *cpu, *features;
  int opt_level;
  unsigned vector_bytes;     // of the widest vector worth using: 64, 32 or 16
  unsigned vector_registers; // how many such registers a function may fill: 32 or 16
  bool has_fma;              // without it a*b + c is rounded twice (see emit_fma)
} target;

// Returns NULL after adding a message without a line break to `error` when the triple or the CPU is unknown;
// the message names the nearest known CPU. Owned by the caller.
target *target_new(const target_options *options, strbuf *error);
void target_free(target *t); // NULL is allowed

// Sets triple and data layout of a module.
void target_prepare(const target *t, LLVMModuleRef module);

// Ends the process (exit code 70) with LLVM's complaint if the module is not well formed.
void target_verify(LLVMModuleRef module);

// Runs LLVM's pipeline of the target's level, with the target machine's cost model. Verifies first.
void target_optimize(const target *t, LLVMModuleRef module);

typedef enum { EMISSION_OBJECT, EMISSION_ASSEMBLY, EMISSION_LLVM, EMISSION_BITCODE } emission;

// Appends the module's machine code or text to `out`. Object and assembly emission change the module (code
// generation prepares it): ask for IR text and bitcode first.
void target_emit(const target *t, LLVMModuleRef module, emission kind, strbuf *out);
// The same into a file, replaced as a whole ("-": standard output). Returns 0 or a negative errno.
int target_emit_file(const target *t, LLVMModuleRef module, emission kind, const char *path);

#endif
