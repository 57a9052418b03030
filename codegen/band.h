#ifndef NLM_CODEGEN_BAND_H
#define NLM_CODEGEN_BAND_H
// KERNEL_BAND: all stages for a few rows, then for the next few. Blocks of rows run on threads; private
// buffers lie in scratch memory of the block.
#include "codegen/program.h"

LLVMValueRef emit_band_kernel(program_code *pc, const kernel *k);

#endif
