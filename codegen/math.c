#include "codegen/math.h"
#include "codegen/math_coefficients.h"

// What differs between f32 and f64.
typedef struct format {
  bool wide;
  int mantissa_bits;
  int64_t bias;
  double round_magic; // added and removed again it rounds to an integer, which then stands in the low bits
  double ln2_high, ln2_low;
  double smallest_normal;
} format;

static format format_of(LLVMValueRef x) {
  bool wide = LLVMGetTypeKind(type_element(LLVMTypeOf(x))) == LLVMDoubleTypeKind;
  return wide ? (format){true, 52, 1023, 0x1.8p52, ln2_high_f64, ln2_low_f64, 0x1p-1022}
              : (format){false, 23, 127, 0x1.8p23, ln2_high_f32, ln2_low_f32, 0x1p-126};
}

static LLVMValueRef real_like(LLVMValueRef x, double value) {
  return const_real(LLVMTypeOf(x), value);
}

static LLVMValueRef int_like(LLVMValueRef x, int64_t value) {
  return const_int(LLVMTypeOf(x), value);
}

static int64_t exponent_bits(const format *f, int64_t exponent) {
  return (exponent + f->bias) << f->mantissa_bits;
}

static LLVMValueRef horner(emitter *e, LLVMValueRef x, const double *coefficients, size_t count) {
  LLVMValueRef y = real_like(x, coefficients[count - 1]);
  for (size_t i = count - 1; i-- > 0;)
    y = emit_fma(e, y, x, real_like(x, coefficients[i]));
  return y;
}

#define POLYNOMIAL(e, f, x, name)                                                                            \
  ((f)->wide ? horner(e, x, name##_f64, sizeof name##_f64 / sizeof(double))                                  \
             : horner(e, x, name##_f32, sizeof name##_f32 / sizeof(double)))

// ---- exponentials

// x = n ln 2 + r with |r| <= ln(2)/2.
typedef struct exp_parts {
  LLVMValueRef shifted; // n + round_magic
  LLVMValueRef tail;    // e^r - 1
} exp_parts;

static exp_parts exp_reduce(emitter *e, const format *f, LLVMValueRef x) {
  LLVMValueRef magic = real_like(x, f->round_magic);
  LLVMValueRef shifted = emit_fma(e, x, real_like(x, 0x1.71547652b82fep+0), magic);
  LLVMValueRef n = emit_sub(e, shifted, magic);
  LLVMValueRef r = emit_fma(e, n, real_like(x, -f->ln2_high), x);
  r = emit_fma(e, n, real_like(x, -f->ln2_low), r);
  LLVMValueRef p = POLYNOMIAL(e, f, r, exp_tail);
  return (exp_parts){shifted, emit_fma(e, emit_mul(e, r, r), p, r)};
}

// 2^(n + offset), for results that are normal or infinite.
static LLVMValueRef power_of_two(emitter *e, const format *f, LLVMValueRef shifted, int64_t offset) {
  LLVMValueRef bits = emit_bits(e, shifted);
  bits = LLVMBuildShl(e->builder, bits, int_like(bits, f->mantissa_bits), "");
  return emit_from_bits(e, emit_iadd(e, bits, int_like(bits, exponent_bits(f, offset))));
}

// e^x where the result is normal.
static LLVMValueRef exp_bounded(emitter *e, const format *f, LLVMValueRef x) {
  exp_parts parts = exp_reduce(e, f, x);
  LLVMValueRef scale = power_of_two(e, f, parts.shifted, 0);
  return emit_fma(e, parts.tail, scale, scale);
}

LLVMValueRef math_exp(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  x = emit_at_most(e, emit_at_least(e, x, f.wide ? -746 : -104), f.wide ? 710 : 89);
  exp_parts parts = exp_reduce(e, &f, x);
  // 2^n in two factors: the result may be subnormal, and 2^128 is needed below the largest finite result.
  LLVMValueRef bits = emit_bits(e, parts.shifted);
  LLVMValueRef magic = emit_bits(e, real_like(x, f.round_magic));
  LLVMValueRef n = emit_isub(e, bits, magic);
  LLVMValueRef half = LLVMBuildAShr(e->builder, n, int_like(n, 1), "");
  LLVMValueRef first = power_of_two(e, &f, emit_from_bits(e, emit_iadd(e, half, magic)), 0);
  LLVMValueRef second = power_of_two(e, &f, emit_from_bits(e, emit_iadd(e, emit_isub(e, n, half), magic)), 0);
  return emit_mul(e, emit_fma(e, parts.tail, first, first), second);
}

LLVMValueRef math_expm1(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  LLVMValueRef limited = emit_at_most(e, emit_at_least(e, x, f.wide ? -40 : -20), f.wide ? 710 : 89);
  exp_parts parts = exp_reduce(e, &f, limited);
  // Twice the result of half the scale, so that the scale is finite wherever the result is.
  LLVMValueRef scale = power_of_two(e, &f, parts.shifted, -1);
  LLVMValueRef half = emit_fma(e, parts.tail, scale, emit_sub(e, scale, real_like(x, 0.5)));
  return emit_copysign(e, emit_add(e, half, half), x);
}

// t / (t + 2) with t = e^(2|x|) - 1: exact near 0, one division.
LLVMValueRef math_tanh(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  LLVMValueRef a = emit_at_most(e, emit_abs(e, x), f.wide ? 20 : 10);
  exp_parts parts = exp_reduce(e, &f, emit_add(e, a, a));
  LLVMValueRef scale = power_of_two(e, &f, parts.shifted, 0);
  LLVMValueRef t = emit_fma(e, parts.tail, scale, emit_sub(e, scale, real_like(x, 1)));
  return emit_copysign(e, emit_div(e, t, emit_add(e, t, real_like(x, 2))), x);
}

// The upper limit makes e^-x infinite (n = 128 or 1024), hence the result 0.
LLVMValueRef math_sigmoid(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  LLVMValueRef z = emit_at_most(e, emit_at_least(e, emit_neg(e, x), f.wide ? -708 : -87), f.wide ? 710 : 89);
  exp_parts parts = exp_reduce(e, &f, z);
  LLVMValueRef one = real_like(x, 1);
  LLVMValueRef scale = power_of_two(e, &f, parts.shifted, 0);
  LLVMValueRef denominator = emit_fma(e, emit_add(e, parts.tail, one), scale, one);
  return emit_div(e, one, denominator);
}

// ---- logarithms

// log(x) for a positive normal x as exponent * ln 2 + fraction + rest.
typedef struct log_parts {
  LLVMValueRef exponent, fraction, rest;
} log_parts;

static log_parts log_reduce(emitter *e, const format *f, LLVMValueRef x) {
  int64_t root_bits = f->wide ? 0x3fe6a09e667f3bcd : 0x3f3504f3; // sqrt(1/2)
  int64_t mantissa = ((int64_t)1 << f->mantissa_bits) - 1;
  LLVMValueRef bits = emit_bits(e, x);
  bits = emit_iadd(e, bits, int_like(bits, exponent_bits(f, 0) - root_bits));
  // The biased exponent in the low bits of 2^52 or 2^23 makes that number plus the exponent.
  LLVMValueRef exponent = LLVMBuildLShr(e->builder, bits, int_like(bits, f->mantissa_bits), "");
  exponent = LLVMBuildOr(e->builder, exponent, int_like(bits, exponent_bits(f, f->mantissa_bits)), "");
  double removed = (double)((int64_t)1 << f->mantissa_bits) + (double)f->bias;
  LLVMValueRef n = emit_sub(e, emit_from_bits(e, exponent), real_like(x, removed));
  LLVMValueRef low = LLVMBuildAnd(e->builder, bits, int_like(bits, mantissa), "");
  LLVMValueRef m = emit_from_bits(e, emit_iadd(e, low, int_like(low, root_bits)));
  LLVMValueRef fraction = emit_sub(e, m, real_like(x, 1));
  LLVMValueRef square = emit_mul(e, fraction, fraction);
  LLVMValueRef half_square = emit_mul(e, square, real_like(x, 0.5));
  LLVMValueRef rest;
  if (f->wide) {
    LLVMValueRef s = emit_div(e, fraction, emit_add(e, fraction, real_like(x, 2)));
    LLVMValueRef z = emit_mul(e, s, s);
    LLVMValueRef p = horner(e, z, log_odd_tail_f64, sizeof log_odd_tail_f64 / sizeof(double));
    rest = emit_mul(e, s, emit_fma(e, z, p, half_square));
  } else {
    LLVMValueRef p = horner(e, fraction, log_tail_f32, sizeof log_tail_f32 / sizeof(double));
    rest = emit_mul(e, emit_mul(e, square, fraction), p);
  }
  return (log_parts){n, fraction, emit_sub(e, rest, half_square)};
}

static LLVMValueRef log_join(emitter *e, const format *f, const log_parts *parts) {
  LLVMValueRef n = parts->exponent;
  LLVMValueRef rest = emit_fma(e, n, real_like(n, f->ln2_low), parts->rest);
  return emit_fma(e, n, real_like(n, f->ln2_high), emit_add(e, parts->fraction, rest));
}

// -inf at `pole`, NaN below it and for NaN, inf for inf, else y.
static LLVMValueRef log_limits(emitter *e, LLVMValueRef x, double pole, LLVMValueRef y) {
  LLVMValueRef at = real_like(x, pole), infinity = real_like(x, __builtin_inf());
  y = emit_select(e, emit_compare(e, LLVMRealOEQ, x, infinity), x, y);
  y = emit_select(e, emit_compare(e, LLVMRealOEQ, x, at), real_like(x, -__builtin_inf()), y);
  return emit_select(e, emit_compare(e, LLVMRealULT, x, at), real_like(x, __builtin_nan("")), y);
}

LLVMValueRef math_log(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  double shift = f.wide ? 54 : 25;
  LLVMValueRef small = emit_compare(e, LLVMRealOLT, x, real_like(x, f.smallest_normal));
  LLVMValueRef scaled = emit_mul(e, x, real_like(x, f.wide ? 0x1p54 : 0x1p25));
  log_parts parts = log_reduce(e, &f, emit_select(e, small, scaled, x));
  LLVMValueRef less = emit_sub(e, parts.exponent, real_like(x, shift));
  parts.exponent = emit_select(e, small, less, parts.exponent);
  return log_limits(e, x, 0, log_join(e, &f, &parts));
}

// log(u) with u = 1 + x as rounded, and the rounding's effect (1 + x - u) / u.
LLVMValueRef math_log1p(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  LLVMValueRef one = real_like(x, 1);
  LLVMValueRef u = emit_add(e, x, one);
  LLVMValueRef x_in_u = emit_sub(e, u, one);
  LLVMValueRef lost = emit_add(e, emit_sub(e, one, emit_sub(e, u, x_in_u)), emit_sub(e, x, x_in_u));
  log_parts parts = log_reduce(e, &f, u);
  parts.rest = emit_add(e, parts.rest, emit_div(e, lost, u));
  return log_limits(e, x, -1, emit_copysign(e, log_join(e, &f, &parts), x));
}

LLVMValueRef math_softplus(emitter *e, LLVMValueRef x) {
  LLVMValueRef tail = math_log1p(e, math_exp(e, emit_neg(e, emit_abs(e, x))));
  return emit_add(e, emit_at_least(e, x, 0), tail);
}

LLVMValueRef math_log_sigmoid(emitter *e, LLVMValueRef x) {
  return emit_neg(e, math_softplus(e, emit_neg(e, x)));
}

// ---- error function

LLVMValueRef math_erf(emitter *e, LLVMValueRef x) {
  format f = format_of(x);
  LLVMValueRef a = emit_abs(e, x);
  LLVMValueRef a_near = emit_at_most(e, a, 1),
               a_far = emit_at_least(e, emit_at_most(e, a, f.wide ? 6 : 4), 1);
  LLVMValueRef excess = POLYNOMIAL(e, &f, emit_mul(e, a_near, a_near), erf_near);
  LLVMValueRef near = emit_fma(e, a_near, excess, a_near);
  LLVMValueRef logarithm = POLYNOMIAL(e, &f, a_far, erf_far);
  LLVMValueRef far = emit_sub(e, real_like(x, 1), exp_bounded(e, &f, emit_neg(e, logarithm)));
  LLVMValueRef is_near = emit_compare(e, LLVMRealOLT, a, real_like(x, 1));
  return emit_copysign(e, emit_select(e, is_near, near, far), x);
}
