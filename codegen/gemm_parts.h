#ifndef NLM_CODEGEN_GEMM_PARTS_H
#define NLM_CODEGEN_GEMM_PARTS_H
// What the generated matrix product is made of; see gemm.h for the product itself. All parts but the
// outermost function are shared by the products of a module, so that a further product costs little to
// compile.
#include "codegen/gemm.h"

enum {
  GEMM_BLOCK_K = 256,     // terms of a chain between two visits of C
  GEMM_PANEL_VECTORS = 2, // columns of a panel of B, which are packed beside each other
  GEMM_MAX_ROWS = 8,      // of a tile
  GEMM_STRIP = 8,         // rows of A that are packed beside each other
};

// Elements from one packed panel of B, strip of A or copied row of A to the next, for blocks of `terms`
// terms. A little more than they hold: at a distance of a power of two, all of them would share a few lines
// of the cache.
static inline LLVMValueRef gemm_panel_stride(emitter *e, LLVMValueRef terms) {
  return emit_imul(e, emit_iadd(e, terms, const_i64(e, 1)), const_i64(e, GEMM_PANEL_VECTORS * e->lanes));
}
static inline LLVMValueRef gemm_strip_stride(emitter *e, LLVMValueRef terms) {
  return emit_imul(e, emit_iadd(e, terms, const_i64(e, 2)), const_i64(e, GEMM_STRIP));
}
enum { GEMM_COPY_GAP = 16, GEMM_COPY_STRIDE = GEMM_BLOCK_K + GEMM_COPY_GAP };

// How a block reads op(A).
typedef enum {
  A_ROWS,     // A is stored [M, K]
  A_COLUMNS,  // A is stored [K, M]
  A_GATHERED, // row i is A[index[i]]
  A_STRIPS,   // the block's rows and terms alone, by gemm_pack_strips_function
  A_COPIES,   // the block's rows and terms alone, by gemm_copy_rows_function
  A_FORMS
} a_form;

// A tile of rows x vectors accumulators in registers.
typedef struct gemm_tile {
  unsigned rows, vectors;
  bool masked; // the last vector has `columns` active lanes only
} gemm_tile;

// Arguments of a tile's function, in order.
typedef enum {
  TILE_ROWS,    // const real *const [rows]: element (i, k) of op(A) is rows[i][k * step]
  TILE_STEP,    // i64
  TILE_B,       // const real *
  TILE_LDB,     // i64
  TILE_C,       // real *
  TILE_LDC,     // i64
  TILE_K,       // i64
  TILE_COLUMNS, // i64: active lanes of the last vector
  TILE_LOAD_C,  // i1: chains start from C, not from 0
  TILE_ARGUMENTS
} tile_argument;

// Internal function of a tile, created at first use.
LLVMValueRef gemm_tile_function(emitter *e, const gemm_tile *tile);

// Arguments of the function that runs tiles over a block of C, in order; the index of gathered rows follows.
typedef enum {
  BLOCK_A, // whole matrix, or the strips or copied rows of the block
  BLOCK_LDA,
  BLOCK_B, // op(B) at (k_first, column_first)
  BLOCK_LDB,
  BLOCK_C, // whole matrix
  BLOCK_LDC,
  BLOCK_ROW_FIRST,
  BLOCK_ROW_END,
  BLOCK_COLUMN_FIRST,
  BLOCK_COLUMN_END,
  BLOCK_K_FIRST,
  BLOCK_K_COUNT,
  BLOCK_LOAD_C, // i1: chains start from C, not from 0
  BLOCK_ARGUMENTS
} block_argument;

// Internal function for a way of reading A, created at first use.
LLVMValueRef gemm_block_function(emitter *e, a_form form);

// Arguments of the function that applies an epilogue to a block of C, in order; the epilogue's extra
// parameters follow.
typedef enum {
  FINISH_C, // whole matrix
  FINISH_LDC,
  FINISH_ROW_FIRST,
  FINISH_ROW_END,
  FINISH_COLUMN_FIRST,
  FINISH_COLUMN_END,
  FINISH_ARGUMENTS
} finish_argument;

// Internal function for the specification's epilogue, created at first use.
LLVMValueRef gemm_finish_function(emitter *e, const gemm_spec *spec);

// void (const real *B, i64 ldb, real *out, i64 K, i64 columns): copies K x columns elements of op(B) into
// panels [K][W], W = GEMM_PANEL_VECTORS * lanes, gemm_panel_stride apart. What lies behind the columns is
// left open.
LLVMValueRef gemm_pack_function(emitter *e, bool transpose_b);

// void (const real *A, i64 lda, real *out, i64 K, i64 rows): copies K x rows elements of A, stored [K, M],
// into strips [K][GEMM_STRIP], gemm_strip_stride apart, so that a tile reads consecutive elements. What lies
// behind the rows is left open.
LLVMValueRef gemm_pack_strips_function(emitter *e);

// void (const real *A, i64 lda, real *out, i64 K, i64 rows): copies rows of K <= GEMM_BLOCK_K elements,
// GEMM_COPY_STRIDE apart.
LLVMValueRef gemm_copy_rows_function(emitter *e);

#endif
