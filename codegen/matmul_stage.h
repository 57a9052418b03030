#ifndef NLM_CODEGEN_MATMUL_STAGE_H
#define NLM_CODEGEN_MATMUL_STAGE_H
// STAGE_MATMUL: generated products with gathered rows and elementwise epilogues, in blocks of rows and
// columns. Legend: a [..., M, K], b [..., K, N].
#include "codegen/gemm.h"
#include "codegen/loops.h"

typedef struct matmul_extents {
  const dim *batch, *m, *n, *k; // product of the leading extents; of one product
  bool shared_b;                // b has no leading axes
  bool transpose_a, transpose_b;
} matmul_extents;
matmul_extents matmul_extents_of(program_code *pc, const node *matmul);

// An epilogue being emitted into product functions. The extra parameters of those are, in order:
enum {
  EPILOGUE_CALL,
  EPILOGUE_ROW,
  EPILOGUE_COLUMN,
  EPILOGUE_BATCH,
  EPILOGUE_AREA,
  EPILOGUE_TM_ROW,
  EPILOGUE_COUNT,
  EPILOGUE_EXTRA
};
// call; first row and column (added to those of the product); number of the product in its batch; in a scan:
// the stack area, first TM row and active rows; in a band: routine.band, 0, 0; else null, 0, 0.
typedef struct epilogue {
  program_code *pc;
  const stage *st;
  struct scan_code *scan;
  routine r;           // of the function being emitted
  const buffer *first; // buffer that the product is written to, or NULL (a scan)
  LLVMTypeRef types[EPILOGUE_EXTRA];
  const char *name;
} epilogue;
bool stage_has_epilogue(const stage *st);
// Completes the specification of a product with the stage's epilogue.
void epilogue_begin(epilogue *ep, program_code *pc, const stage *st, struct scan_code *scan, gemm_spec *spec);
void epilogue_end(epilogue *ep);

// Rows begin .. end - 1 of all products of the batch, numbered through: a part of a function that is being
// emitted.
void emit_matmul_rows(routine *r, const stage *st, LLVMValueRef begin, LLVMValueRef end);
const dim *matmul_work(program_code *pc, const stage *st); // multiply-adds
// The buffer that a stage's result is written to first; the others that hold it too are copied from that one.
const buffer *matmul_target(const program_code *pc, const stage *st);
void copy_matmul_result(routine *r, const stage *st);

LLVMValueRef emit_matmul_kernel(program_code *pc, const stage *st);

#endif
