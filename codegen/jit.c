#include "codegen/jit.h"
#include "support/diag.h"
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <stdlib.h>

struct jit {
  LLVMOrcLLJITRef lljit;
};

static void check(LLVMErrorRef failed) {
  if (failed)
    ICE("running code in process: %s", LLVMGetErrorMessage(failed));
}

jit *jit_new(void) {
  LLVMInitializeNativeTarget();
  LLVMInitializeNativeAsmPrinter();
  jit *j = xcalloc(1, sizeof *j);
  check(LLVMOrcCreateLLJIT(&j->lljit, NULL));
  LLVMOrcDefinitionGeneratorRef symbols_of_process;
  check(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
      &symbols_of_process, LLVMOrcLLJITGetGlobalPrefix(j->lljit), NULL, NULL));
  LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(j->lljit), symbols_of_process);
  return j;
}

void jit_free(jit *j) {
  if (!j)
    return;
  check(LLVMOrcDisposeLLJIT(j->lljit));
  free(j);
}

void jit_define(jit *j, const char *name, const void *address) {
  LLVMOrcCSymbolMapPair pair = {.Name = LLVMOrcLLJITMangleAndIntern(j->lljit, name),
                                .Sym = {.Address = (LLVMOrcExecutorAddress)(uintptr_t)address,
                                        .Flags = {LLVMJITSymbolGenericFlagsExported, 0}}};
  check(LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(j->lljit), LLVMOrcAbsoluteSymbols(&pair, 1)));
}

void jit_add(jit *j, const target *t, LLVMModuleRef module) {
  target_optimize(t, module);
  strbuf object = {0};
  target_emit(t, module, EMISSION_OBJECT, &object);
  LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(object.data, object.len, "object");
  strbuf_free(&object);
  check(LLVMOrcLLJITAddObjectFile(j->lljit, LLVMOrcLLJITGetMainJITDylib(j->lljit), buffer));
}

void *jit_lookup(jit *j, const char *name) {
  LLVMOrcExecutorAddress address;
  check(LLVMOrcLLJITLookup(j->lljit, &address, name));
  return (void *)(uintptr_t)address;
}
