#ifndef NLM_CODEGEN_MATH_H
#define NLM_CODEGEN_MATH_H
// Elementary functions as straight-line polynomial code for a scalar or vector of f32 or f64 (the operand's
// type decides). No calls, no tables, no branches; a lane has the bits of the scalar. NaN gives NaN.
// Bounds in ulp of the true result over all finite arguments, measured by tests/llvm/math_test.c;
// coefficients come from codegen/tools/fit_polynomials.py.
//
//             f32   f64
//   exp       2     2    subnormal results are right to 1 unit of the smallest subnormal; overflow gives +inf
//   log       2     2    log(0) = -inf, log(x < 0) = NaN, subnormal arguments included
//   expm1     2     2
//   log1p     2     2    log1p(-1) = -inf
//   tanh      3     3    +-1 exactly at the ends
//   sigmoid   3     3    1/(1+exp(-x)); 0 and 1 exactly at the ends; subnormal results may be 0
//   erf       3     3
//   softplus  3     3    log(1+exp(x)) = max(x, 0) + log1p(exp(-|x|))
//   log_sigmoid 3   3    -softplus(-x)
#include "codegen/emitter.h"

LLVMValueRef math_exp(emitter *e, LLVMValueRef x);
LLVMValueRef math_log(emitter *e, LLVMValueRef x);
LLVMValueRef math_expm1(emitter *e, LLVMValueRef x);
LLVMValueRef math_log1p(emitter *e, LLVMValueRef x);
LLVMValueRef math_tanh(emitter *e, LLVMValueRef x);
LLVMValueRef math_sigmoid(emitter *e, LLVMValueRef x);
LLVMValueRef math_erf(emitter *e, LLVMValueRef x);
LLVMValueRef math_softplus(emitter *e, LLVMValueRef x);
LLVMValueRef math_log_sigmoid(emitter *e, LLVMValueRef x);

#endif
