#ifndef NLM_CODEGEN_GEMM_H
#define NLM_CODEGEN_GEMM_H
// Generated matrix products: C[M,N] = (accumulate ? C : 0) + op(A)[M,K] · op(B)[K,N], all row-major, leading
// dimensions in elements.
//
// Same bits always: an element is one chain of multiply-adds over k = 0, 1, ..., K-1, starting from 0 or from
// the old C. It depends neither on M and N nor on the element's place, on tiles or on cache blocks (a chain
// interrupted between two blocks of K goes on from the stored value). A row computed alone has the bits it
// has in any batch, and rows may be split over threads at will.
#include "codegen/emitter.h"

// Applied once to every finished element, right after a block of C was stored and while it is in cache.
// `value`: a vector of consecutive columns; `row`, `column`: i64 place in C of the first lane; `mask`: active
// lanes of a tail, else NULL; `extra`: the extra parameters of the function. Returns the value to store. May
// store elsewhere (masked). Columns arrive in pieces and in any order: an epilogue may not look at other
// elements of C.
typedef LLVMValueRef gemm_epilogue(emitter *e, LLVMValueRef value, LLVMValueRef row, LLVMValueRef column,
                                   LLVMValueRef mask, const LLVMValueRef *extra, void *data);

enum { GEMM_MAX_EXTRA = 16 };

typedef struct gemm_spec {
  bool transpose_a; // A is stored [K, M]
  bool transpose_b; // B is stored [N, K]
  bool accumulate;
  bool packed_b; // B is op(B) as gemm_pack_function packs all its terms (not with transpose_a or _b)
  bool gather_a; // row i of A is A[index[i]] (not with transpose_a); adds a parameter
  int64_t n, k;  // static extents, or 0: known at run time only (the arguments must agree)
  gemm_epilogue *epilogue; // NULL: none
  void *epilogue_data;
  const char *epilogue_name; // distinguishes epilogues; needed with one
  const LLVMTypeRef *extra;  // types of further parameters, for the epilogue
  unsigned extra_count;      // <= GEMM_MAX_EXTRA
} gemm_spec;

// The internal function of a specification, created at first use and found by name later:
//   void (const real *A, i64 lda, const real *B, i64 ldb, real *C, i64 ldc, i64 M, i64 N, i64 K
//         [, const int32_t *index] [, extra...])
// C overlaps neither A nor B. Uses at most 300 KiB of stack, with transpose_a 600 KiB; reentrant.
// K = 0 gives 0 or the old C (through the epilogue); M or N = 0 does nothing.
// transpose_b repacks B at each call: for many small products with one B, transpose it once beforehand.
LLVMValueRef gemm_function(emitter *e, const gemm_spec *spec);

// Calls the function of `spec`. `index` is NULL without gather_a.
typedef struct gemm_operands {
  LLVMValueRef a, lda, b, ldb, c, ldc, m, n, k, index;
  const LLVMValueRef *extra;
} gemm_operands;
void emit_gemm(emitter *e, const gemm_spec *spec, const gemm_operands *operands);

// void (const real *in, i64 ld_in, real *out, i64 ld_out, i64 rows, i64 columns): out[c, r] = in[r, c].
LLVMValueRef transpose_function(emitter *e);

#endif
