#ifndef NLM_CODEGEN_REDUCE_H
#define NLM_CODEGEN_REDUCE_H
// Parts of reductions, shared by reduce.c and reduce_split.c.
#include "codegen/loops.h"

// Vectors of columns side by side. Of segments, whose rows may lie anywhere, as many as registers hold.
enum { TILE_VECTORS = 4, WIDE_TILE_VECTORS = 16 };

// `root` (REDUCE_* or SEGMENT_*) decides between sum and maximum.
LLVMValueRef reduction_identity(const node *root, LLVMTypeRef type);
LLVMValueRef reduction_joined(emitter *e, const node *root, LLVMValueRef a, LLVMValueRef b);
unsigned reduction_kept_rows(const reduction *d); // kept axes besides the lane axis
unsigned reduction_lane_bit(const reduction *d);
const dim *reduction_tiles(program_code *pc, const reduction *d);

// ---- along the lanes
typedef struct lane_sum {
  const reduction *d;
  place row;         // flat: sum_vector takes element numbers
  LLVMValueRef slot; // accumulator: a vector on the stack that LLVM keeps in a register
} lane_sum;
void lane_sum_clear(routine *r, lane_sum *sum);
void lane_sum_vector(routine *r, component at, unsigned lanes, void *data); // a column_body; data: lane_sum *
// Adds the reduced rows [begin, end) (axes besides the lane axis) with all their columns.
void lane_sum_rows(routine *r, lane_sum *sum, LLVMValueRef begin, LLVMValueRef end);
LLVMValueRef lane_sum_result(routine *r, const lane_sum *sum); // a scalar

// ---- across the lanes: one tile of columns, rows in order
typedef void set_row(routine *r, LLVMValueRef row, place *p, const void *data);
typedef struct tile {
  node *root, *x;
  place at; // axes that stay
  int axis; // of the columns; -1: a single scalar column
  unsigned lanes, vectors;
  LLVMValueRef first, columns;          // first column of the tile, number of all columns
  LLVMValueRef mask[WIDE_TILE_VECTORS]; // NULL: all lanes
  LLVMValueRef sum[WIDE_TILE_VECTORS];  // result
  set_row *set;
  const void *data;
} tile;
tile tile_of(const reduction *d);
void tile_set_columns(routine *r, const tile *t, unsigned vector, place *p);
void tile_sum(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end);
// Calls `use` for the tile that starts at t->first, with masks when it is the last, partial one of its row.
typedef void use_tile(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, void *data);
void tile_each(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, use_tile *use, void *data);

#endif
