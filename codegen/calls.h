#ifndef NLM_CODEGEN_CALLS_H
#define NLM_CODEGEN_CALLS_H
// Kernels that are a call into the runtime.
#include "codegen/program.h"

LLVMValueRef emit_unique_kernel(program_code *pc);
LLVMValueRef emit_pack_kernel(program_code *pc);
LLVMValueRef emit_touch_kernel(program_code *pc);
LLVMValueRef emit_check_kernel(program_code *pc);

#endif
