#ifndef NLM_CODEGEN_GEMM_PARTS_H
#define NLM_CODEGEN_GEMM_PARTS_H
// What the generated matrix product is made of; see gemm.h for the product itself. All parts but the
// outermost function are shared by the products of a module, so that a further product costs little to
// compile.
#include "codegen/gemm.h"

enum {
  GEMM_BLOCK_K = 256,     // terms of a chain between two visits of C
  GEMM_PANEL_VECTORS = 2, // columns of B that are packed at once
  GEMM_MAX_ROWS = 8,      // of a tile
};

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
  BLOCK_A, // whole matrix
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

// Internal function for the specification's way of reading A, created at first use.
LLVMValueRef gemm_block_function(emitter *e, const gemm_spec *spec);

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
// out[K][GEMM_PANEL_VECTORS * lanes]. What lies behind the columns is left open.
LLVMValueRef gemm_pack_function(emitter *e, bool transpose_b);

#endif
