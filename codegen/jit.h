#ifndef NLM_CODEGEN_JIT_H
#define NLM_CODEGEN_JIT_H
// Generated code run inside this process: for tests. The module goes through the same object emission as a
// file does. Names that the module leaves open are looked up among the symbols of the process (libc, libm,
// the runtime when linked in and exported) and among those given to jit_define.
#include "codegen/target.h"

typedef struct jit jit;

jit *jit_new(void);
void jit_free(jit *j); // NULL is allowed; the code goes with it

// Makes a function or object of ours visible to modules that are added later.
void jit_define(jit *j, const char *name, const void *address);

// Optimises the module at the target's level and adds its code. The module stays the caller's.
void jit_add(jit *j, const target *t, LLVMModuleRef module);

// Address of a function or object by name; an unknown name ends the process (exit code 70).
void *jit_lookup(jit *j, const char *name);

#endif
