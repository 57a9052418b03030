#ifndef NLM_CODEGEN_GEMM_PARTS_H
#define NLM_CODEGEN_GEMM_PARTS_H
// What the generated matrix product is made of; see gemm.h for the product itself.
#include "codegen/gemm.h"

enum {
  GEMM_BLOCK_K = 256,     // terms of a chain between two visits of C
  GEMM_PANEL_VECTORS = 2, // columns of B that are packed at once
  GEMM_MAX_ROWS = 8,      // of a tile
};

// A tile of rows x vectors accumulators in registers.
typedef struct gemm_tile {
  unsigned rows, vectors;
  bool masked;           // the last vector has `columns` active lanes only
  const gemm_spec *spec; // transpose_a and the epilogue matter
} gemm_tile;

// Arguments of a tile's function, in order; the extra ones of the epilogue follow.
typedef enum {
  TILE_A,       // transpose_a: const real *, element (i, k) at a[k * step + i]; else const real *const rows[]
  TILE_A_STEP,  // i64: transpose_a: leading dimension; else the first k, added to every row
  TILE_B,       // const real *
  TILE_LDB,     // i64
  TILE_C,       // real *
  TILE_LDC,     // i64
  TILE_K,       // i64
  TILE_COLUMNS, // i64: active lanes of the last vector
  TILE_LOAD_C,  // i1: chains start from C, not from 0
  TILE_FINISH,  // i1: the chains end here, so the epilogue applies
  TILE_ROW,     // i64: place of the tile in C, for the epilogue
  TILE_COLUMN,
  TILE_ARGUMENTS
} tile_argument;

// Internal function of a tile, created at first use.
LLVMValueRef gemm_tile_function(emitter *e, const gemm_tile *tile);

// void (const real *B, i64 ldb, real *out, i64 K, i64 columns): copies K x columns elements of op(B) into
// out[K][GEMM_PANEL_VECTORS * lanes], zeros behind the columns.
LLVMValueRef gemm_pack_function(emitter *e, bool transpose_b);

// Adds the suffix that distinguishes functions with different epilogues.
const char *gemm_epilogue_suffix(const gemm_spec *spec);

#endif
