// Elementwise ops on values: scalars, or vectors with scalars spread where the other operand is a vector.
#include "codegen/math.h"
#include "codegen/value.h"
#include "support/diag.h"

static bool is_real(LLVMValueRef v) {
  LLVMTypeKind kind = LLVMGetTypeKind(type_element(LLVMTypeOf(v)));
  return kind == LLVMFloatTypeKind || kind == LLVMDoubleTypeKind;
}

static void spread(emitter *e, LLVMValueRef *values, int count) {
  unsigned lanes = 1;
  for (int k = 0; k < count; k++)
    if (type_lanes(LLVMTypeOf(values[k])) > lanes)
      lanes = type_lanes(LLVMTypeOf(values[k]));
  for (int k = 0; lanes > 1 && k < count; k++)
    values[k] = emit_like(e, values[k], vector_of(type_element(LLVMTypeOf(values[k])), lanes));
}

static LLVMValueRef truth(emitter *e, LLVMValueRef condition) { // i1 -> INT 0 or 1
  return LLVMBuildZExt(e->builder, condition, type_with(e->i32, LLVMTypeOf(condition)), "");
}

static LLVMValueRef intrinsic(emitter *e, const char *name, LLVMValueRef *in, unsigned count) {
  LLVMTypeRef type = LLVMTypeOf(in[0]);
  return emit_intrinsic(e, name, &type, 1, in, count);
}

static LLVMValueRef sign_of(emitter *e, LLVMValueRef x) {
  LLVMTypeRef type = LLVMTypeOf(x);
  if (!is_real(x)) {
    LLVMValueRef limited = emit_imin(e, x, const_int(type, 1));
    return emit_imax(e, limited, const_int(type, -1));
  }
  LLVMValueRef zero = const_real(type, 0), negative = emit_compare(e, LLVMRealOLT, x, zero);
  LLVMValueRef other = emit_select(e, negative, const_real(type, -1), x); // 0 and NaN stay
  return emit_select(e, emit_compare(e, LLVMRealOGT, x, zero), const_real(type, 1), other);
}

static LLVMValueRef abs_of(emitter *e, LLVMValueRef x) {
  return is_real(x) ? emit_abs(e, x) : emit_imax(e, x, LLVMBuildNeg(e->builder, x, ""));
}

// Truncates towards zero; out of range: the nearest number, NaN: 0.
static LLVMValueRef to_int(emitter *e, LLVMValueRef x) {
  LLVMTypeRef overloads[] = {type_with(e->i32, LLVMTypeOf(x)), LLVMTypeOf(x)};
  return emit_intrinsic(e, "llvm.fptosi.sat", overloads, 2, &x, 1);
}

static LLVMValueRef cast_to(emitter *e, LLVMValueRef x, elem_type type) {
  if (is_real(x))
    return type == REAL ? x : to_int(e, x);
  return type == REAL ? emit_int_to_real(e, x) : x;
}

static LLVMValueRef unary_value(emitter *e, const node *n, LLVMValueRef x) {
  switch (n->op) {
  case OP_NEG:
    return is_real(x) ? emit_neg(e, x) : LLVMBuildNeg(e->builder, x, "");
  case OP_ABS:
    return abs_of(e, x);
  case OP_SIGN:
    return sign_of(e, x);
  case OP_EXP:
    return math_exp(e, x);
  case OP_LOG:
    return math_log(e, x);
  case OP_LOG1P:
    return math_log1p(e, x);
  case OP_SQRT:
    return emit_sqrt(e, x);
  case OP_TANH:
    return math_tanh(e, x);
  case OP_SIGMOID:
    return math_sigmoid(e, x);
  case OP_ERF:
    return math_erf(e, x);
  case OP_SIN:
    return intrinsic(e, "llvm.sin", &x, 1);
  case OP_COS:
    return intrinsic(e, "llvm.cos", &x, 1);
  case OP_FLOOR:
    return is_real(x) ? emit_floor(e, x) : x;
  case OP_COPY:
    return x;
  case OP_CAST:
    return cast_to(e, x, n->type);
  default:
    ICE("%s is not unary", op_name(n->op));
  }
}

// In 64 bits, where no quotient of 32-bit numbers overflows; inactive lanes may hold a divisor of 0.
static LLVMValueRef divide_ints(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef type = LLVMTypeOf(b);
  LLVMValueRef safe =
      emit_select(e, emit_icompare(e, LLVMIntEQ, b, LLVMConstNull(type)), const_int(type, 1), b);
  LLVMValueRef wide =
      LLVMBuildSDiv(e->builder, emit_int_cast(e, a, e->i64), emit_int_cast(e, safe, e->i64), "");
  return emit_int_cast(e, wide, e->i32);
}

static LLVMValueRef power(emitter *e, const node *n, LLVMValueRef *in) {
  const node *exponent = n->in[1];
  while (exponent->op == OP_BROADCAST)
    exponent = exponent->in[0];
  if (exponent->op == OP_CONST && exponent->f == 2)
    return emit_mul(e, in[0], in[0]);
  return intrinsic(e, "llvm.pow", in, 2);
}

static LLVMValueRef compared(emitter *e, op_code op, LLVMValueRef a, LLVMValueRef b) {
  if (is_real(a))
    return truth(e, emit_compare(e,
                                 op == OP_LT   ? LLVMRealOLT
                                 : op == OP_LE ? LLVMRealOLE
                                               : LLVMRealOEQ,
                                 a, b));
  return truth(e, emit_icompare(e, op == OP_LT ? LLVMIntSLT : op == OP_LE ? LLVMIntSLE : LLVMIntEQ, a, b));
}

static LLVMValueRef binary_value(emitter *e, const node *n, LLVMValueRef *in) {
  LLVMValueRef a = in[0], b = in[1];
  bool real = is_real(a);
  switch (n->op) {
  case OP_ADD:
    return real ? emit_add(e, a, b) : emit_iadd(e, a, b);
  case OP_SUB:
    return real ? emit_sub(e, a, b) : emit_isub(e, a, b);
  case OP_MUL:
    return real ? emit_mul(e, a, b) : emit_imul(e, a, b);
  case OP_DIV:
    return real ? emit_div(e, a, b) : divide_ints(e, a, b);
  case OP_POW:
    return power(e, n, in);
  case OP_MIN: // a NaN in b stays, one in a does not: one instruction on x86
    return real ? emit_select(e, emit_compare(e, LLVMRealOLT, a, b), a, b) : emit_imin(e, a, b);
  case OP_MAX:
    return real ? emit_select(e, emit_compare(e, LLVMRealOGT, a, b), a, b) : emit_imax(e, a, b);
  case OP_LT:
  case OP_LE:
  case OP_EQ:
    return compared(e, n->op, a, b);
  case OP_AND:
    return LLVMBuildAnd(e->builder, a, b, "");
  case OP_OR:
    return LLVMBuildOr(e->builder, a, b, "");
  default:
    ICE("%s is not binary", op_name(n->op));
  }
}

LLVMValueRef elementwise_value(routine *r, const node *n, LLVMValueRef *in) {
  emitter *e = r->e;
  if (n->n_in == 1)
    return unary_value(e, n, in[0]);
  spread(e, in, n->n_in);
  if (n->n_in == 2)
    return binary_value(e, n, in);
  INVARIANT(n->op == OP_SELECT);
  LLVMValueRef condition = emit_icompare(e, LLVMIntNE, in[0], LLVMConstNull(LLVMTypeOf(in[0])));
  return emit_select(e, condition, in[1], in[2]);
}
