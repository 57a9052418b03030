#ifndef NLM_CODEGEN_ABI_TABLE_H
#define NLM_CODEGEN_ABI_TABLE_H
// Constant tables of a descriptor: rows of the structs whose field lists nlm/abi.h has.
#include "codegen/module.h"
#include "support/vec.h"

#define ABI_STRUCTS(S)                                                                                       \
  S(EXPR)                                                                                                    \
  S(DIM)                                                                                                     \
  S(EXTENT) S(TENSOR) S(PARAM) S(BUFFER) S(KERNEL) S(GRADIENT) S(ASSIGNMENT) S(STATE) S(PROGRAM) S(MODEL)
#define ABI_NAME(S) ABI_##S,
typedef enum { ABI_STRUCTS(ABI_NAME) } abi_struct;

// A row under construction: fields by name, in any order; fields not set are zero. A name that the struct
// does not have, or a value of another type than its field's, is an internal error.
enum { ABI_MAX_FIELDS = 32 };
typedef struct abi_row {
  abi_struct type;
  LLVMValueRef fields[ABI_MAX_FIELDS];
} abi_row;

abi_row abi_row_begin(emitter *e, abi_struct type);
void abi_row_set(abi_row *r, const char *field, LLVMValueRef v);
LLVMValueRef abi_row_end(emitter *e, abi_row *r);

// What the tables of one descriptor share: the expressions for extents that they name by number.
typedef struct abi_builder {
  emitter *e;
  arena *mem;
  const descriptor_source *from;
  VEC(LLVMValueRef) exprs;
  VEC(const dim *) expr_dims;
} abi_builder;

// The number of an expression, as an i64; -1 for NULL.
LLVMValueRef abi_expr(abi_builder *t, const dim *d);

// Private constants of the module. A table of no rows and a text of NULL are the null pointer.
LLVMValueRef abi_global(emitter *e, LLVMValueRef v, unsigned align);
LLVMValueRef abi_table(emitter *e, LLVMValueRef *rows, size_t count);
LLVMValueRef abi_text(emitter *e, const char *string);

// The row of a program, with its buffers, kernels and what it gives (abi_program.c).
LLVMValueRef abi_program_row(abi_builder *t, const entry_code *p);

#endif
