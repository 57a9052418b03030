#ifndef NLM_CODEGEN_LOOPS_H
#define NLM_CODEGEN_LOOPS_H
// Loop nests of stages. A stage is a loop over `rows` (its outer iterations, any range of which may run by
// itself, in any order) around vector loops. Legend: L the lane axis: the last axis of more than one element.
#include "codegen/value.h"

// ---- columns
typedef void column_body(routine *r, component at, unsigned lanes, void *data);
// Calls body for vectors of elements begin, begin + lanes, ... below end, with routine.mask set for the last
// one when it is not full. lanes 1: a scalar loop. A few vectors of known number become straight code.
void emit_columns(routine *r, const char *name, LLVMValueRef begin, LLVMValueRef end, unsigned lanes,
                  column_body *body, void *data);
// Lanes for an axis: those of the target, or the next power of two of a smaller known extent.
unsigned lanes_for(const routine *r, const dim *extent);
// Axis L of a shape, or -1 when it has one element.
int lane_axis(const shape *s);
bool extent_is_one(const dim *d);
// Sets the axes of `axes_mask` (others stay) from their row-major number.
void place_rows(routine *r, const shape *s, unsigned axes_mask, LLVMValueRef number, place *p);
const dim *masked_product(program_code *pc, const shape *s, unsigned axes_mask);

// ---- stages (MAP, REDUCE, SEGMENT, SCATTER)
// Every operand is read at the element number of the result: one loop over all elements serves.
bool stage_is_flat(const routine *r, const stage *st);
bool value_is_flat(const routine *r, const node *n);
// Number of rows, and an estimate of the work of all of them together in element operations.
const dim *stage_rows(program_code *pc, const routine *r, const stage *st);
const dim *stage_work(program_code *pc, const routine *r, const stage *st);
// Rows for each row of a band over the first `axes` axes.
const dim *stage_band_rows(program_code *pc, const routine *r, const stage *st, int axes);
void emit_stage_rows(routine *r, const stage *st, LLVMValueRef begin, LLVMValueRef end);
// Nodes that evaluating n inline visits, costly ones counted several times.
int64_t inline_weight(const routine *r, const node *n);

// Stores a computed root to all its places; in a scan also to the state and outputs that it is
// (codegen/scan.h).
void store_root(routine *r, node *root, const place *p, LLVMValueRef value);

// ---- reductions (codegen/reduce.c)
typedef struct reduction {
  node *root, *x;
  unsigned reduced;        // axes of x
  int lanes_axis;          // of x
  bool along_lanes;        // the lane axis is reduced
  unsigned lanes, vectors; // vectors of a column tile when the lane axis is kept
} reduction;
reduction reduction_of(const routine *r, node *root);
const dim *reduction_rows(program_code *pc, const reduction *d);
const dim *reduction_rows_inside(program_code *pc, const reduction *d); // for one row of axis 0
void emit_reduction_rows(routine *r, const reduction *d, LLVMValueRef begin, LLVMValueRef end);
void emit_segment_rows(routine *r, node *root, LLVMValueRef begin, LLVMValueRef end);
// First segment of a block, such that blocks have about as many rows and segments together: the segments of
// frequent words are long. Borders depend on the starts, the sum of a segment does not depend on them.
LLVMValueRef segment_border(routine *r, node *root, LLVMValueRef block, LLVMValueRef blocks);
// A whole kernel that reduces over everything but a row of columns, in fixed blocks joined in order; false
// when the reduction has another form.
bool emit_split_reduction(program_code *pc, const stage *st, LLVMValueRef *made);

// The kernel function of a stage of any kind but MATMUL.
LLVMValueRef emit_stage_kernel(program_code *pc, const stage *st);

#endif
