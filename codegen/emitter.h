#ifndef NLM_CODEGEN_EMITTER_H
#define NLM_CODEGEN_EMITTER_H
// The state of emission into one module, and the small helpers that every kernel is written with.
//
// Floating point: no fast-math flags anywhere. An operation gives the same bits for a scalar, a lane of a
// full vector and an active lane of a masked tail, so vector body, tail and scalar code agree (but for the
// sign and payload of a NaN, which LLVM leaves open).
// Operand types: value helpers take scalars or vectors of any length; both operands have the same type unless
// a comment says that a scalar is spread (see emit_like).
// Ownership: LLVM values belong to the module. Thread-safety: an emitter belongs to one thread at a time.
// Errors: malformed use is a defect (exit code 70).
#include "codegen/target.h"
#include <stdint.h>

typedef enum { REAL_F32, REAL_F64 } real_kind;

typedef struct emitter {
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef builder;
  const target *target;
  real_kind real_kind;
  unsigned real_bytes; // 4 or 8
  unsigned lanes;      // reals in a vector of the target
  LLVMTypeRef real, i1, i8, i32, i64, ptr, void_type;
  LLVMTypeRef vector;      // lanes x real
  LLVMTypeRef mask_type;   // lanes x i1
  LLVMValueRef function;   // being emitted, or NULL
  const struct loop *open; // the innermost loop being emitted, or NULL
} emitter;

// A new context and module; `name` is the module's identifier. emitter_free releases both (and all values).
emitter *emitter_new(const target *t, real_kind kind, const char *name);
void emitter_free(emitter *e); // NULL is allowed

// ---- types
LLVMTypeRef vector_of(LLVMTypeRef element, unsigned lanes);   // lanes == 1: the element type itself
unsigned type_lanes(LLVMTypeRef type);                        // 1 for a scalar
LLVMTypeRef type_element(LLVMTypeRef type);                   // a scalar is its own element
LLVMTypeRef type_with(LLVMTypeRef element, LLVMTypeRef like); // `element` in as many lanes as `like` has
LLVMTypeRef int_type_of(emitter *e, LLVMTypeRef real_type);   // integer type of the same width and lanes

// ---- constants; `type` may be a vector: all lanes alike
LLVMValueRef const_real(LLVMTypeRef type, double value); // rounded to the element type
LLVMValueRef const_int(LLVMTypeRef type, int64_t value);
LLVMValueRef const_i64(emitter *e, int64_t value);
LLVMValueRef const_i32(emitter *e, int32_t value);
LLVMValueRef const_i1(emitter *e, bool value);
LLVMValueRef const_iota(LLVMTypeRef vector_type); // 0, 1, 2, ...; integer vectors (0 for a scalar type)

// ---- vectors
LLVMValueRef emit_splat(emitter *e, LLVMValueRef scalar, unsigned lanes);
LLVMValueRef emit_like(emitter *e, LLVMValueRef value,
                       LLVMTypeRef type); // splat if `type` is a vector and value is not
LLVMValueRef emit_lane(emitter *e, LLVMValueRef vector, unsigned lane);
// Lanes first .. first+lanes-1 that lie below `end` (i64 both; end > first): <lanes x i1>.
LLVMValueRef emit_tail_mask(emitter *e, LLVMValueRef first, LLVMValueRef end, unsigned lanes);

// ---- arithmetic on reals
LLVMValueRef emit_add(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_sub(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_mul(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_div(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_neg(emitter *e, LLVMValueRef a);
// a*b + c rounded once where the target has FMA, as a product and a sum where it has not (one CPU type, one
// set of bits). `c` decides the type; scalars a and b are spread.
LLVMValueRef emit_fma(emitter *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);
LLVMValueRef emit_abs(emitter *e, LLVMValueRef a);
LLVMValueRef emit_sqrt(emitter *e, LLVMValueRef a); // correctly rounded
LLVMValueRef emit_floor(emitter *e, LLVMValueRef a);
LLVMValueRef emit_ceil(emitter *e, LLVMValueRef a);
LLVMValueRef emit_round_even(emitter *e, LLVMValueRef a);
LLVMValueRef emit_copysign(emitter *e, LLVMValueRef magnitude, LLVMValueRef sign);
// Smaller / larger of two; a NaN in either operand gives NaN.
LLVMValueRef emit_min(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_max(emitter *e, LLVMValueRef a, LLVMValueRef b);
// Limits against a bound that is no NaN: a NaN in `a` stays. One instruction on x86.
LLVMValueRef emit_at_most(emitter *e, LLVMValueRef a, double bound);
LLVMValueRef emit_at_least(emitter *e, LLVMValueRef a, double bound);

// ---- integers, comparison, conversion
LLVMValueRef emit_iadd(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_isub(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_imul(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_imin(emitter *e, LLVMValueRef a, LLVMValueRef b); // signed
LLVMValueRef emit_imax(emitter *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_compare(emitter *e, LLVMRealPredicate predicate, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_icompare(emitter *e, LLVMIntPredicate predicate, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_select(emitter *e, LLVMValueRef condition, LLVMValueRef yes, LLVMValueRef no);
LLVMValueRef emit_int_to_real(emitter *e, LLVMValueRef integer);                   // signed, to e->real
LLVMValueRef emit_real_to_int(emitter *e, LLVMValueRef real, LLVMTypeRef element); // towards zero, signed
LLVMValueRef emit_bits(emitter *e, LLVMValueRef real);                             // reinterpret as integers
LLVMValueRef emit_from_bits(emitter *e, LLVMValueRef integer); // of the width of f32 or f64
LLVMValueRef emit_int_cast(emitter *e, LLVMValueRef integer,
                           LLVMTypeRef element); // sign-extends or truncates

// ---- horizontal reductions in a fixed order: lane i with lane i + n/2, halving; lanes is a power of two
LLVMValueRef emit_reduce_add(emitter *e, LLVMValueRef vector);
LLVMValueRef emit_reduce_min(emitter *e, LLVMValueRef vector); // NaN as in emit_min
LLVMValueRef emit_reduce_max(emitter *e, LLVMValueRef vector);

// ---- memory
// Which memory an access touches. Accesses under different scopes of one emitter never overlap. NULL:
// unknown. Pointer parameters marked PARAMETER_NOALIAS need no scope.
typedef struct alias_scope {
  LLVMValueRef scope; // metadata lists, as values
  LLVMValueRef others;
} alias_scope;
// Makes `count` scopes that exclude each other (distinct buffers whose pointers were loaded from one table).
void emit_alias_scopes(emitter *e, size_t count, alias_scope *scopes);

// A metadata node equal to no other (it names itself first), with up to three further operands.
LLVMMetadataRef distinct_metadata(emitter *e, const LLVMMetadataRef *operands, unsigned count);

// Address of element `index` (i64) of an array of `element`.
LLVMValueRef emit_at(emitter *e, LLVMTypeRef element, LLVMValueRef base, LLVMValueRef index);
// Accesses are aligned to the element unless `align` (bytes) says more; 0: element alignment.
LLVMValueRef emit_load(emitter *e, LLVMTypeRef type, LLVMValueRef pointer, unsigned align,
                       const alias_scope *scope);
void emit_store(emitter *e, LLVMValueRef value, LLVMValueRef pointer, unsigned align,
                const alias_scope *scope);
// With a mask (NULL: all lanes) only active lanes touch memory; inactive lanes read as 0.
LLVMValueRef emit_masked_load(emitter *e, LLVMTypeRef type, LLVMValueRef pointer, LLVMValueRef mask,
                              const alias_scope *scope);
void emit_masked_store(emitter *e, LLVMValueRef value, LLVMValueRef pointer, LLVMValueRef mask,
                       const alias_scope *scope);
// Lane l reads base[index[l]] of e->real or another element type; index is a vector (or a scalar) of i32 or
// i64.
LLVMValueRef emit_gather(emitter *e, LLVMTypeRef element, LLVMValueRef base, LLVMValueRef index,
                         LLVMValueRef mask, const alias_scope *scope);
// A stack slot in the entry block of the current function: count elements, aligned to `align` bytes.
LLVMValueRef emit_stack(emitter *e, LLVMTypeRef element, uint64_t count, unsigned align, const char *name);
void emit_memory_set_zero(emitter *e, LLVMValueRef pointer, LLVMValueRef bytes);
void emit_memory_copy(emitter *e, LLVMValueRef to, LLVMValueRef from, LLVMValueRef bytes);

// ---- functions
enum {
  FUNCTION_EXPORTED = 1 << 0, // visible outside the module; else internal
  FUNCTION_HIDDEN = 1 << 1,   // external with hidden visibility
  FUNCTION_INLINE = 1 << 2,   // always inlined
  FUNCTION_NOINLINE = 1 << 3,
  FUNCTION_NOALIAS = 1 << 4, // every pointer parameter is noalias: the buffers do not overlap
};
typedef struct function_scope { // what function_end goes back to
  LLVMValueRef outer_function;
  LLVMBasicBlockRef outer_block;
} function_scope;
// Adds a function (nounwind, target-cpu, target-features, vector width, no frame pointer) and starts its
// entry block. Functions may nest: function_end returns to where the emission was.
LLVMValueRef function_begin(emitter *e, const char *name, LLVMTypeRef result, const LLVMTypeRef *parameters,
                            unsigned count, unsigned flags, function_scope *scope);
void function_end(emitter *e, const function_scope *scope);           // after the return was emitted
LLVMValueRef parameter(emitter *e, unsigned index, const char *name); // of the current function, named
void parameter_attribute(LLVMValueRef function, unsigned index,
                         const char *attribute); // "noalias", "readonly", ...
LLVMValueRef emit_call(emitter *e, LLVMValueRef function, const LLVMValueRef *arguments, unsigned count);
// Declares (once) an external function.
LLVMValueRef declare_function(emitter *e, const char *name, LLVMTypeRef result, const LLVMTypeRef *parameters,
                              unsigned count);
// Call of an intrinsic overloaded on `overloads`, e.g. ("llvm.fma", &vector, 1, ...).
LLVMValueRef emit_intrinsic(emitter *e, const char *name, const LLVMTypeRef *overloads,
                            unsigned overload_count, const LLVMValueRef *arguments, unsigned count);
void emit_return(emitter *e, LLVMValueRef value); // NULL: void

// ---- control flow
enum { LOOP_MAX_CARRIED = 64 };
enum {
  LOOP_PLAIN = 1 << 0, // LLVM neither vectorises nor unrolls it (already vectorised by hand)
};
typedef struct loop {
  LLVMBasicBlockRef header, body, latch, exit;
  LLVMValueRef index; // i64
  LLVMValueRef begin, step;
  const struct loop *outer; // that is being emitted, or NULL
  unsigned carried_count, flags;
  LLVMValueRef
      carried[LOOP_MAX_CARRIED]; // inside: at the start of the iteration; after the end: the final values
} loop;
// for (index = begin; index < end; index += step), signed i64, step > 0. `initial` holds the carried values.
void loop_begin(emitter *e, loop *l, const char *name, LLVMValueRef begin, LLVMValueRef end,
                LLVMValueRef step, const LLVMValueRef *initial, unsigned carried_count, unsigned flags);
void loop_end(emitter *e, loop *l, const LLVMValueRef *next); // next carried values; goes on after the loop
// Whether an i64 is known to be a multiple of a power of two, from how it is computed.
bool is_multiple(const emitter *e, LLVMValueRef v, int64_t of);

typedef struct branch {
  LLVMBasicBlockRef then_block, else_block, then_end, end;
  bool has_else;
} branch;
void if_begin(emitter *e, branch *b, LLVMValueRef condition, const char *name);
void if_else(emitter *e, branch *b);
void if_end(emitter *e, branch *b);
// if_end that joins a value of each side (needs if_else).
LLVMValueRef if_end_value(emitter *e, branch *b, LLVMValueRef then_value, LLVMValueRef else_value);

// A loop over 0 .. count-1 in steps of e->lanes: `body` is emitted for full vectors (mask NULL) and once more
// for the masked tail (not when `count` is a constant multiple of the lanes). index: i64 of the first lane.
typedef void vector_body(emitter *e, LLVMValueRef index, LLVMValueRef mask, void *data);
void emit_vector_loop(emitter *e, const char *name, LLVMValueRef count, vector_body *body, void *data);

#endif
