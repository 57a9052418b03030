#include "codegen/emitter.h"
#include "support/diag.h"

LLVMTypeRef vector_of(LLVMTypeRef element, unsigned lanes) {
  return lanes == 1 ? element : LLVMVectorType(element, lanes);
}

unsigned type_lanes(LLVMTypeRef type) {
  return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetVectorSize(type) : 1;
}

LLVMTypeRef type_element(LLVMTypeRef type) {
  return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) : type;
}

LLVMTypeRef type_with(LLVMTypeRef element, LLVMTypeRef like) {
  return vector_of(element, type_lanes(like));
}

LLVMTypeRef int_type_of(emitter *e, LLVMTypeRef real_type) {
  bool is_double = LLVMGetTypeKind(type_element(real_type)) == LLVMDoubleTypeKind;
  return type_with(is_double ? e->i64 : e->i32, real_type);
}

// ---- constants

static LLVMValueRef splat_constant(LLVMValueRef scalar, unsigned lanes) {
  LLVMValueRef elements[64];
  if (lanes == 1)
    return scalar;
  INVARIANT(lanes <= 64);
  for (unsigned i = 0; i < lanes; i++)
    elements[i] = scalar;
  return LLVMConstVector(elements, lanes);
}

LLVMValueRef const_real(LLVMTypeRef type, double value) {
  LLVMTypeRef element = type_element(type);
  bool single = LLVMGetTypeKind(element) == LLVMFloatTypeKind;
  return splat_constant(LLVMConstReal(element, single ? (double)(float)value : value), type_lanes(type));
}

LLVMValueRef const_int(LLVMTypeRef type, int64_t value) {
  return splat_constant(LLVMConstInt(type_element(type), (unsigned long long)value, 1), type_lanes(type));
}

LLVMValueRef const_i64(emitter *e, int64_t value) {
  return const_int(e->i64, value);
}

LLVMValueRef const_i32(emitter *e, int32_t value) {
  return const_int(e->i32, value);
}

LLVMValueRef const_i1(emitter *e, bool value) {
  return LLVMConstInt(e->i1, value, 0);
}

LLVMValueRef const_iota(LLVMTypeRef vector_type) {
  unsigned lanes = type_lanes(vector_type);
  LLVMTypeRef element = type_element(vector_type);
  LLVMValueRef elements[64];
  INVARIANT(lanes <= 64);
  for (unsigned i = 0; i < lanes; i++)
    elements[i] = LLVMConstInt(element, i, 0);
  return lanes == 1 ? elements[0] : LLVMConstVector(elements, lanes);
}

// ---- vectors

LLVMValueRef emit_splat(emitter *e, LLVMValueRef scalar, unsigned lanes) {
  if (lanes == 1)
    return scalar;
  if (LLVMIsConstant(scalar))
    return splat_constant(scalar, lanes);
  LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), lanes);
  LLVMValueRef first = LLVMBuildInsertElement(e->builder, LLVMGetPoison(type), scalar, const_i32(e, 0), "");
  LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(e->i32, lanes));
  return LLVMBuildShuffleVector(e->builder, first, LLVMGetPoison(type), zeros, "");
}

LLVMValueRef emit_like(emitter *e, LLVMValueRef value, LLVMTypeRef type) {
  unsigned lanes = type_lanes(type), have = type_lanes(LLVMTypeOf(value));
  INVARIANT(have == 1 || have == lanes);
  return have == lanes ? value : emit_splat(e, value, lanes);
}

LLVMValueRef emit_lane(emitter *e, LLVMValueRef vector, unsigned lane) {
  return LLVMBuildExtractElement(e->builder, vector, const_i32(e, (int32_t)lane), "");
}

LLVMValueRef emit_tail_mask(emitter *e, LLVMValueRef first, LLVMValueRef end, unsigned lanes) {
  LLVMValueRef left = emit_imin(e, emit_isub(e, end, first), const_i64(e, lanes));
  LLVMValueRef limit = emit_int_cast(e, left, e->i32);
  LLVMTypeRef type = vector_of(e->i32, lanes);
  return emit_icompare(e, LLVMIntSLT, const_iota(type), emit_splat(e, limit, lanes));
}

// ---- arithmetic on reals

LLVMValueRef emit_add(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildFAdd(e->builder, a, b, "");
}

LLVMValueRef emit_sub(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildFSub(e->builder, a, b, "");
}

LLVMValueRef emit_mul(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildFMul(e->builder, a, b, "");
}

LLVMValueRef emit_div(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildFDiv(e->builder, a, b, "");
}

LLVMValueRef emit_neg(emitter *e, LLVMValueRef a) {
  return LLVMBuildFNeg(e->builder, a, "");
}

LLVMValueRef emit_fma(emitter *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
  LLVMTypeRef type = LLVMTypeOf(c);
  LLVMValueRef operands[] = {emit_like(e, a, type), emit_like(e, b, type), c};
  if (!e->target->has_fma)
    return emit_add(e, emit_mul(e, operands[0], operands[1]), c);
  return emit_intrinsic(e, "llvm.fma", &type, 1, operands, 3);
}

static LLVMValueRef unary(emitter *e, const char *intrinsic, LLVMValueRef a) {
  LLVMTypeRef type = LLVMTypeOf(a);
  return emit_intrinsic(e, intrinsic, &type, 1, &a, 1);
}

LLVMValueRef emit_abs(emitter *e, LLVMValueRef a) {
  return unary(e, "llvm.fabs", a);
}

LLVMValueRef emit_sqrt(emitter *e, LLVMValueRef a) {
  return unary(e, "llvm.sqrt", a);
}

LLVMValueRef emit_floor(emitter *e, LLVMValueRef a) {
  return unary(e, "llvm.floor", a);
}

LLVMValueRef emit_ceil(emitter *e, LLVMValueRef a) {
  return unary(e, "llvm.ceil", a);
}

LLVMValueRef emit_round_even(emitter *e, LLVMValueRef a) {
  return unary(e, "llvm.roundeven", a);
}

LLVMValueRef emit_copysign(emitter *e, LLVMValueRef magnitude, LLVMValueRef sign) {
  LLVMTypeRef type = LLVMTypeOf(magnitude);
  LLVMValueRef operands[] = {magnitude, sign};
  return emit_intrinsic(e, "llvm.copysign", &type, 1, operands, 2);
}

// The comparison is false for a NaN in either operand and then picks b; a NaN in `a` is put back.
static LLVMValueRef pick(emitter *e, LLVMRealPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
  LLVMValueRef picked = emit_select(e, emit_compare(e, predicate, a, b), a, b);
  return emit_select(e, emit_compare(e, LLVMRealUNO, a, a), a, picked);
}

LLVMValueRef emit_min(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return pick(e, LLVMRealOLT, a, b);
}

LLVMValueRef emit_max(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return pick(e, LLVMRealOGT, a, b);
}

LLVMValueRef emit_at_most(emitter *e, LLVMValueRef a, double bound) {
  LLVMValueRef limit = const_real(LLVMTypeOf(a), bound);
  return emit_select(e, emit_compare(e, LLVMRealOLT, limit, a), limit, a);
}

LLVMValueRef emit_at_least(emitter *e, LLVMValueRef a, double bound) {
  LLVMValueRef limit = const_real(LLVMTypeOf(a), bound);
  return emit_select(e, emit_compare(e, LLVMRealOGT, limit, a), limit, a);
}

// ---- integers, comparison, conversion

LLVMValueRef emit_iadd(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildAdd(e->builder, a, b, "");
}

LLVMValueRef emit_isub(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSub(e->builder, a, b, "");
}

LLVMValueRef emit_imul(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildMul(e->builder, a, b, "");
}

static LLVMValueRef binary(emitter *e, const char *intrinsic, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef type = LLVMTypeOf(a);
  LLVMValueRef operands[] = {a, b};
  return emit_intrinsic(e, intrinsic, &type, 1, operands, 2);
}

LLVMValueRef emit_imin(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return binary(e, "llvm.smin", a, b);
}

LLVMValueRef emit_imax(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return binary(e, "llvm.smax", a, b);
}

LLVMValueRef emit_compare(emitter *e, LLVMRealPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildFCmp(e->builder, predicate, a, b, "");
}

LLVMValueRef emit_icompare(emitter *e, LLVMIntPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildICmp(e->builder, predicate, a, b, "");
}

LLVMValueRef emit_select(emitter *e, LLVMValueRef condition, LLVMValueRef yes, LLVMValueRef no) {
  return LLVMBuildSelect(e->builder, condition, yes, no, "");
}

LLVMValueRef emit_int_to_real(emitter *e, LLVMValueRef integer) {
  return LLVMBuildSIToFP(e->builder, integer, type_with(e->real, LLVMTypeOf(integer)), "");
}

LLVMValueRef emit_real_to_int(emitter *e, LLVMValueRef real, LLVMTypeRef element) {
  return LLVMBuildFPToSI(e->builder, real, type_with(element, LLVMTypeOf(real)), "");
}

LLVMValueRef emit_bits(emitter *e, LLVMValueRef real) {
  return LLVMBuildBitCast(e->builder, real, int_type_of(e, LLVMTypeOf(real)), "");
}

LLVMValueRef emit_from_bits(emitter *e, LLVMValueRef integer) {
  LLVMTypeRef type = LLVMTypeOf(integer);
  bool wide = LLVMGetIntTypeWidth(type_element(type)) == 64;
  LLVMTypeRef real = wide ? LLVMDoubleTypeInContext(e->context) : LLVMFloatTypeInContext(e->context);
  return LLVMBuildBitCast(e->builder, integer, type_with(real, type), "");
}

LLVMValueRef emit_int_cast(emitter *e, LLVMValueRef integer, LLVMTypeRef element) {
  return LLVMBuildIntCast2(e->builder, integer, type_with(element, LLVMTypeOf(integer)), 1, "");
}

// ---- reductions

typedef LLVMValueRef combine(emitter *e, LLVMValueRef a, LLVMValueRef b);

static LLVMValueRef half_of(emitter *e, LLVMValueRef vector, unsigned first, unsigned lanes) {
  LLVMValueRef picks[64];
  if (lanes == 1)
    return emit_lane(e, vector, first);
  for (unsigned i = 0; i < lanes; i++)
    picks[i] = const_i32(e, (int32_t)(first + i));
  return LLVMBuildShuffleVector(e->builder, vector, LLVMGetPoison(LLVMTypeOf(vector)),
                                LLVMConstVector(picks, lanes), "");
}

static LLVMValueRef reduce(emitter *e, LLVMValueRef vector, combine *join) {
  for (unsigned lanes = type_lanes(LLVMTypeOf(vector)) / 2; lanes >= 1; lanes /= 2)
    vector = join(e, half_of(e, vector, 0, lanes), half_of(e, vector, lanes, lanes));
  return vector;
}

LLVMValueRef emit_reduce_add(emitter *e, LLVMValueRef vector) {
  return reduce(e, vector, emit_add);
}

LLVMValueRef emit_reduce_min(emitter *e, LLVMValueRef vector) {
  return reduce(e, vector, emit_min);
}

LLVMValueRef emit_reduce_max(emitter *e, LLVMValueRef vector) {
  return reduce(e, vector, emit_max);
}
