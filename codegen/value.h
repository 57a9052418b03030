#ifndef NLM_CODEGEN_VALUE_H
#define NLM_CODEGEN_VALUE_H
// Pulling evaluation: the value of a node at an index. An index names one element, or one element for each
// lane of a vector: lane l of axis k is at base + l*step, or at base[l] where base is a vector. A value is a
// vector when some component that it depends on differs between lanes, else a scalar: what is the same in all
// lanes is computed once.
//
// routine.mask tells which lanes are wanted: others may hold anything (they are never loaded from memory).
#include "codegen/program.h"

LLVMValueRef value_at(routine *r, node *n, const place *p);
// Whether n is computed here although it has memory: a root of the stage.
bool is_computed_here(const routine *r, const node *n);
// Evaluates n itself even when it has memory (a root of the stage).
LLVMValueRef value_computed(routine *r, node *n, const place *p);
void memo_set(routine *r, node *n, const place *p, LLVMValueRef value);

// Values computed from here on are forgotten at memo_release: around every loop body and branch.
size_t memo_mark(const routine *r);
void memo_release(routine *r, size_t mark);

// What emission asks about a node that it reads from memory: a bit that an estimate of work takes in, and
// that an index needs no test for -1.
bool value_is_costly(const node *n);
bool index_never_negative(const node *n);

// Loads and stores at a place; the value may be a scalar (spread when the place is not uniform).
LLVMValueRef load_at(routine *r, const memory *m, elem_type type, const shape *s, const place *p);
void store_at(routine *r, const memory *m, const shape *s, const place *p, LLVMValueRef value);

// ---- index arithmetic (codegen/place.c)
component component_const(routine *r, int64_t value);
component component_of(LLVMValueRef base, int64_t step);
bool component_uniform(const component *c);
component component_add(routine *r, component a, component b, unsigned lanes);
component component_offset(routine *r, component a, LLVMValueRef offset);
component component_scale(routine *r, component a, LLVMValueRef factor, unsigned lanes); // factor: scalar i64
LLVMValueRef component_lanes(routine *r, component a,
                             unsigned lanes); // scalar when uniform, else vector of i64
component linear_place(routine *r, const shape *s, const place *p);
place unflatten(routine *r, const shape *s, const place *p);
place reshaped_place(routine *r, const shape *from, const shape *to, const place *p); // `p` indexes `to`

// ---- elementwise ops (codegen/elementwise.c): operands already evaluated
LLVMValueRef elementwise_value(routine *r, const node *n, LLVMValueRef *in);
// Uniform numbers of stream `stream` for logical elements (i64, scalar or vector).
LLVMValueRef random_value(routine *r, int64_t stream, LLVMValueRef element);

#endif
