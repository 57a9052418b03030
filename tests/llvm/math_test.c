// Errors of the generated elementary functions in units of the last place, against the long double functions
// of libm; vector, masked tail and scalar must agree to the bit.
#include "codegen/math.h"
#include "llvm_test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static long double sigmoid_exact(long double x) {
  return 1 / (1 + expl(-x));
}
static long double softplus_exact(long double x) {
  return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}
static long double log_sigmoid_exact(long double x) {
  return -softplus_exact(-x);
}

typedef LLVMValueRef emit_math(emitter *e, LLVMValueRef x);
static const struct {
  const char *name;
  emit_math *emit;
  long double (*exact)(long double);
  double bound;
  bool tiny_may_vanish; // subnormal results may be 0
} functions[] = {
    {"exp", math_exp, expl, 2, false},
    {"log", math_log, logl, 2, false},
    {"expm1", math_expm1, expm1l, 2, false},
    {"log1p", math_log1p, log1pl, 2, false},
    {"tanh", math_tanh, tanhl, 3, false},
    {"sigmoid", math_sigmoid, sigmoid_exact, 3, true},
    {"erf", math_erf, erfl, 3, false},
    {"softplus", math_softplus, softplus_exact, 3, false},
    {"log_sigmoid", math_log_sigmoid, log_sigmoid_exact, 3, false},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

typedef struct arrays {
  emit_math *emit;
  LLVMValueRef in, out;
} arrays;

static void vector_step(emitter *e, LLVMValueRef index, LLVMValueRef mask, void *data) {
  arrays *a = data;
  LLVMValueRef x = emit_masked_load(e, e->vector, emit_at(e, e->real, a->in, index), mask, NULL);
  emit_masked_store(e, a->emit(e, x), emit_at(e, e->real, a->out, index), mask, NULL);
}

// void name(const real *in, real *out, i64 count), over vectors or one element at a time.
static void emit_array_function(emitter *e, const char *name, emit_math *emit, bool vectors) {
  function_scope scope;
  LLVMTypeRef types[] = {e->ptr, e->ptr, e->i64};
  function_begin(e, name, e->void_type, types, 3, FUNCTION_EXPORTED | FUNCTION_NOALIAS, &scope);
  arrays a = {emit, parameter(e, 0, "in"), parameter(e, 1, "out")};
  LLVMValueRef count = parameter(e, 2, "count");
  if (vectors) {
    emit_vector_loop(e, "x", count, vector_step, &a);
  } else {
    loop l;
    loop_begin(e, &l, "x", const_i64(e, 0), count, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
    LLVMValueRef x = emit_load(e, e->real, emit_at(e, e->real, a.in, l.index), 0, NULL);
    emit_store(e, emit(e, x), emit_at(e, e->real, a.out, l.index), 0, NULL);
    loop_end(e, &l, NULL);
  }
  emit_return(e, NULL);
  function_end(e, &scope);
}

typedef void array_function(const void *in, void *out, int64_t count);

static double ulp_error(real_kind kind, double got, long double exact) {
  int digits = kind == REAL_F32 ? 24 : 53, lowest = kind == REAL_F32 ? -149 : -1074;
  long double largest = kind == REAL_F32 ? 0x1.ffffffp127L : 0x1.fffffffffffff8p1023L;
  if (isnan(exact) || isnan(got))
    return isnan(exact) && isnan(got) ? 0 : INFINITY;
  if (isinf(got) || fabsl(exact) >= largest)
    return isinf(got) && fabsl(exact) >= largest * (1 - ldexpl(1, -digits)) && (got > 0) == (exact > 0)
               ? 0
               : INFINITY;
  if (exact == 0)
    return got == 0 ? 0 : INFINITY;
  int exponent;
  frexpl(exact, &exponent);
  int unit = exponent - digits < lowest ? lowest : exponent - digits;
  return (double)fabsl(ldexpl((long double)got - exact, -unit));
}

// Arguments: all specials, every exponent with random mantissas of both signs, and the range where the
// functions bend.
static size_t make_arguments(real_kind kind, double *x, size_t room) {
  static const double special[] = {
      0.0,    -0.0, INFINITY, -INFINITY, NAN,      1,     -1,     88.72, 88.73, -87.33, -104, 20, -20,
      709.78, -745, -746,     0x1p-149,  0x1p-127, 1e-30, -1e-30, 0.5,   -0.5,  9,      10,   -10};
  uint64_t state = 1;
  size_t n = 0;
  for (size_t i = 0; i < sizeof special / sizeof *special; i++)
    x[n++] = special[i];
  int low = kind == REAL_F32 ? -149 : -1074, high = kind == REAL_F32 ? 127 : 1023;
  for (int exponent = low; exponent <= high; exponent++)
    for (int i = 0; i < (abs(exponent) < 14 ? 3000 : 60) && n < room; i++) {
      double mantissa = 1.5 + 0.5 * random_real(&state);
      x[n++] = ldexp(i & 1 ? mantissa : -mantissa, exponent);
    }
  for (; n < room; n++)
    x[n] = (n & 1 ? 12 : kind == REAL_F32 ? 110 : 760) * random_real(&state);
  for (size_t i = 0; i < n; i++)
    if (kind == REAL_F32)
      x[i] = (double)(float)x[i];
  return n;
}

static double value_at(real_kind kind, const void *array, size_t i) {
  return kind == REAL_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void check_function(real_kind kind, const char *cpu, size_t f, array_function *vector,
                           array_function *scalar, const void *in, size_t n) {
  size_t bytes = kind == REAL_F32 ? 4 : 8;
  char *by_vector = calloc(n, bytes), *by_scalar = calloc(n, bytes);
  vector(in, by_vector, (int64_t)n);
  scalar(in, by_scalar, (int64_t)n);
  double worst = 0, worst_x = 0;
  double smallest_normal = kind == REAL_F32 ? 0x1p-126 : 0x1p-1022;
  for (size_t i = 0; i < n; i++) {
    double x = value_at(kind, in, i), y = value_at(kind, by_vector, i);
    bool same = memcmp(by_vector + i * bytes, by_scalar + i * bytes, bytes) == 0;
    EXPECT(same || (isnan(y) && isnan(value_at(kind, by_scalar, i))), "%s(%a): vector %a, scalar %a",
           functions[f].name, x, y, value_at(kind, by_scalar, i));
    long double exact = functions[f].exact((long double)x);
    if (y == 0 && functions[f].tiny_may_vanish && fabsl(exact) < smallest_normal)
      continue;
    double error = ulp_error(kind, y, exact);
    EXPECT(error <= functions[f].bound, "%s %s(%a) = %a, exact %La: %g ulp", cpu ? cpu : "native",
           functions[f].name, x, y, exact, error);
    EXPECT(exact != 0 || signbit(exact) == signbit((long double)y), "%s(%a): sign of zero", functions[f].name,
           x);
    if (error > worst) {
      worst = error;
      worst_x = x;
    }
  }
  printf("%-9s %s %-12s %.3f ulp at %.9g\n", cpu ? cpu : "native", kind == REAL_F32 ? "f32" : "f64",
         functions[f].name, worst, worst_x);
  free(by_vector);
  free(by_scalar);
}

static void check_target(const char *cpu, real_kind kind, const double *arguments, size_t n) {
  target *t = make_target(cpu, 2);
  emitter *e = emitter_new(t, kind, "math");
  char name[64];
  for (size_t f = 0; f < FUNCTIONS; f++)
    for (int vectors = 0; vectors < 2; vectors++) {
      snprintf(name, sizeof name, "%s.%s", functions[f].name, vectors ? "vector" : "scalar");
      emit_array_function(e, name, functions[f].emit, vectors);
    }
  jit *j = jit_new();
  jit_add(j, t, e->module);
  char *in = calloc(n, e->real_bytes);
  for (size_t i = 0; i < n; i++)
    if (kind == REAL_F32)
      ((float *)in)[i] = (float)arguments[i];
    else
      ((double *)in)[i] = arguments[i];
  for (size_t f = 0; f < FUNCTIONS; f++) {
    snprintf(name, sizeof name, "%s.vector", functions[f].name);
    array_function *vector = (array_function *)jit_lookup(j, name);
    snprintf(name, sizeof name, "%s.scalar", functions[f].name);
    check_function(kind, cpu, f, vector, (array_function *)jit_lookup(j, name), in, n);
  }
  free(in);
  jit_free(j);
  emitter_free(e);
  target_free(t);
}

int main(void) {
  enum { ARGUMENTS = 150001 };
  static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64"};
  double *arguments = calloc(ARGUMENTS, sizeof *arguments);
  for (real_kind kind = REAL_F32; kind <= REAL_F64; kind++) {
    size_t n = make_arguments(kind, arguments, ARGUMENTS);
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
      if (cpu_runs(cpus[i]))
        check_target(cpus[i], kind, arguments, n);
  }
  free(arguments);
  printf("%d failures\n", failures);
  return failures != 0;
}
