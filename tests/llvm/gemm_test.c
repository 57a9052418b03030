// Generated matrix products against one chain of multiply-adds per element, written out in C: every bit must
// agree, for all transpositions, odd sizes, blocks, gathered rows, static extents and epilogues; hence a row
// has the same bits alone and in any batch. The chain itself is compared with a sum in long double.
#include "codegen/gemm.h"
#include "llvm_test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSPOSE_A = 1, TRANSPOSE_B = 2, ACCUMULATE = 4, GATHER = 8, EPILOGUE = 16, STATIC = 32, FLAGS = 64 };

typedef struct shape {
  int64_t m, n, k;
} shape;

typedef struct matrix {
  real_kind kind;
  int64_t ld;
  void *data;
} matrix;

static matrix matrix_new(real_kind kind, int64_t rows, int64_t ld, uint64_t *state) {
  matrix x = {kind, ld, calloc((size_t)(rows * ld) + 1, kind == REAL_F32 ? 4 : 8)};
  for (int64_t i = 0; i < rows * ld; i++)
    if (kind == REAL_F32)
      ((float *)x.data)[i] = (float)random_real(state);
    else
      ((double *)x.data)[i] = random_real(state);
  return x;
}

static double get(const matrix *x, int64_t row, int64_t column) {
  int64_t i = row * x->ld + column;
  return x->kind == REAL_F32 ? (double)((float *)x->data)[i] : ((double *)x->data)[i];
}

static double multiply_add(real_kind kind, bool fused, double a, double b, double c) {
  if (kind == REAL_F32 && fused)
    return (double)fmaf((float)a, (float)b, (float)c);
  if (kind == REAL_F32) {
    float product = (float)a * (float)b;
    return (double)(product + (float)c);
  }
  return fused ? fma(a, b, c) : a * b + c;
}

// + bias[column], then relu; with its scale by row parity.
static LLVMValueRef bias_relu(emitter *e, LLVMValueRef value, LLVMValueRef row, LLVMValueRef column,
                              LLVMValueRef mask, const LLVMValueRef *extra, void *data) {
  (void)row;
  (void)data;
  LLVMValueRef at = emit_at(e, e->real, extra[0], column);
  return emit_at_least(e, emit_add(e, value, emit_masked_load(e, LLVMTypeOf(value), at, mask, NULL)), 0);
}

typedef struct job {
  real_kind kind;
  bool fused;
  unsigned flags;
  shape size;
  matrix a, b, c, bias;
  int32_t *index;
} job;

static double expected(const job *j, int64_t row, int64_t column) {
  double sum = j->flags & ACCUMULATE ? get(&j->c, row, column) : 0;
  long double exact = sum, magnitude = fabs(sum);
  int64_t from = j->flags & GATHER ? j->index[row] : row;
  for (int64_t k = 0; k < j->size.k; k++) {
    double a = j->flags & TRANSPOSE_A ? get(&j->a, k, from) : get(&j->a, from, k);
    double b = j->flags & TRANSPOSE_B ? get(&j->b, column, k) : get(&j->b, k, column);
    sum = multiply_add(j->kind, j->fused, a, b, sum);
    exact += (long double)a * b;
    magnitude += fabsl((long double)a * b);
  }
  long double unit = j->kind == REAL_F32 ? 0x1p-24L : 0x1p-53L;
  EXPECT(fabsl(exact - sum) <= 2 * (long double)(j->size.k + 1) * unit * magnitude, "chain is off");
  if (j->flags & EPILOGUE) {
    double bias = get(&j->bias, 0, column);
    sum = j->kind == REAL_F32 ? (double)((float)sum + (float)bias) : sum + bias;
    sum = sum < 0 ? 0 : sum;
  }
  return sum;
}

typedef void gemm_entry(const void *a, int64_t lda, const void *b, int64_t ldb, void *c, int64_t ldc,
                        int64_t m, int64_t n, int64_t k, const int32_t *index, const void *bias);

static const char *job_name(const job *j, char *text, size_t bytes) {
  snprintf(text, bytes, "%s flags %u [%ld, %ld, %ld]", j->kind == REAL_F32 ? "f32" : "f64", j->flags,
           (long)j->size.m, (long)j->size.n, (long)j->size.k);
  return text;
}

static void check_product(const job *j, gemm_entry *run) {
  size_t element = j->kind == REAL_F32 ? 4 : 8;
  size_t bytes = (size_t)(j->size.m * j->c.ld) * element;
  matrix c = j->c;
  c.data = calloc(1, bytes + element);
  memcpy(c.data, j->c.data, bytes);
  run(j->a.data, j->a.ld, j->b.data, j->b.ld, c.data, c.ld, j->size.m, j->size.n, j->size.k, j->index,
      j->bias.data);
  char name[96];
  for (int64_t i = 0; i < j->size.m; i++)
    for (int64_t n = 0; n < c.ld; n++) {
      double want = n < j->size.n ? expected(j, i, n) : get(&j->c, i, n), got = get(&c, i, n);
      EXPECT(got == want, "%s: element %ld, %ld is %a, want %a", job_name(j, name, sizeof name), (long)i,
             (long)n, got, want);
    }
  free(c.data);
}

static void run_job(real_kind kind, bool fused, unsigned flags, shape size, gemm_entry *run,
                    uint64_t *state) {
  job j = {.kind = kind, .fused = fused, .flags = flags, .size = size};
  int64_t pad = (int64_t)(next_random(state) % 4), table = flags & GATHER ? 2 * size.m + 1 : size.m;
  j.a = flags & TRANSPOSE_A ? matrix_new(kind, size.k, size.m + pad, state)
                            : matrix_new(kind, table, size.k + pad, state);
  j.b = flags & TRANSPOSE_B ? matrix_new(kind, size.n, size.k + pad, state)
                            : matrix_new(kind, size.k, size.n + pad, state);
  j.c = matrix_new(kind, size.m, size.n + (size.n == 1 ? pad % 2 : pad), state);
  j.bias = matrix_new(kind, 1, size.n, state);
  j.index = calloc((size_t)size.m + 1, sizeof *j.index);
  for (int64_t i = 0; i < size.m; i++)
    j.index[i] = (int32_t)(next_random(state) % (uint64_t)table);
  check_product(&j, run);
  free(j.a.data);
  free(j.b.data);
  free(j.c.data);
  free(j.bias.data);
  free(j.index);
}

static bool flags_allowed(unsigned flags) {
  return !(flags & TRANSPOSE_A && flags & GATHER);
}

static const shape static_shapes[] = {{9, 40, 32}, {70, 1, 65}, {3, 1, 20}, {3, 128, 32}, {66, 48, 70}};
enum { STATIC_SHAPES = sizeof static_shapes / sizeof *static_shapes };

// An exported entry that takes all parameters and calls the product of the specification.
static void emit_entry(emitter *e, const char *name, unsigned flags, const shape *size) {
  gemm_spec spec = {.transpose_a = flags & TRANSPOSE_A,
                    .transpose_b = flags & TRANSPOSE_B,
                    .accumulate = flags & ACCUMULATE,
                    .gather_a = flags & GATHER,
                    .n = flags & STATIC ? size->n : 0,
                    .k = flags & STATIC ? size->k : 0};
  if (flags & EPILOGUE) {
    spec.epilogue = bias_relu;
    spec.epilogue_name = "bias_relu";
    spec.extra = &e->ptr;
    spec.extra_count = 1;
  }
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->ptr, e->i64,
                         e->i64, e->i64, e->i64, e->ptr, e->ptr};
  function_scope scope;
  function_begin(e, name, e->void_type, types, 11, FUNCTION_EXPORTED, &scope);
  LLVMValueRef p[11];
  for (unsigned i = 0; i < 11; i++)
    p[i] = LLVMGetParam(e->function, i);
  emit_gemm(e, &spec, &(gemm_operands){p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], &p[10]});
  emit_return(e, NULL);
  function_end(e, &scope);
}

static void entry_name(char *name, size_t bytes, unsigned flags, unsigned which) {
  snprintf(name, bytes, "entry.%u.%u", flags, which);
}

static void emit_entries(emitter *e) {
  char name[64];
  for (unsigned flags = 0; flags < FLAGS; flags++)
    for (unsigned which = 0; flags_allowed(flags) && which < (flags & STATIC ? STATIC_SHAPES : 1); which++) {
      entry_name(name, sizeof name, flags, which);
      emit_entry(e, name, flags, &static_shapes[which]);
    }
}

static void check_flags(jit *j, real_kind kind, bool fused, unsigned flags, uint64_t *state) {
  static const shape fixed[] = {{1, 1, 1},    {8, 32, 16},   {3, 5, 0},   {66, 20, 0},
                                {64, 64, 64}, {70, 70, 300}, {1, 100, 40}};
  char name[64];
  if (flags & STATIC) {
    for (unsigned which = 0; which < STATIC_SHAPES; which++) {
      entry_name(name, sizeof name, flags, which);
      run_job(kind, fused, flags, static_shapes[which], (gemm_entry *)jit_lookup(j, name), state);
    }
    return;
  }
  entry_name(name, sizeof name, flags, 0);
  gemm_entry *run = (gemm_entry *)jit_lookup(j, name);
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    run_job(kind, fused, flags, fixed[i], run, state);
  for (int i = 0; i < 8; i++) {
    shape size = {1 + (int64_t)(next_random(state) % 70), 1 + (int64_t)(next_random(state) % 70),
                  1 + (int64_t)(next_random(state) % 70)};
    run_job(kind, fused, flags, size, run, state);
  }
  if (flags < GATHER)
    run_job(kind, fused, flags, (shape){261, 37, 270}, run, state);
  if (flags < GATHER) // narrow, more than one stretch of rows
    run_job(kind, fused, flags, (shape){530, 9, 40}, run, state);
  if (flags < ACCUMULATE) // far apart rows, more than one block of columns
    run_job(kind, fused, flags, (shape){66, 140, 1040}, run, state);
}

static void check_transpose(jit *j, real_kind kind, uint64_t *state) {
  typedef void entry(const void *in, int64_t ld_in, void *out, int64_t ld_out, int64_t rows, int64_t columns);
  entry *run = (entry *)jit_lookup(j, "transpose_entry");
  for (int i = 0; i < 12; i++) {
    int64_t rows = 1 + (int64_t)(next_random(state) % 50), columns = 1 + (int64_t)(next_random(state) % 50);
    matrix in = matrix_new(kind, rows, columns + 3, state), out = matrix_new(kind, columns, rows + 2, state);
    matrix before = out;
    size_t bytes = (size_t)(columns * out.ld) * (kind == REAL_F32 ? 4 : 8);
    before.data = malloc(bytes);
    memcpy(before.data, out.data, bytes);
    run(in.data, in.ld, out.data, out.ld, rows, columns);
    for (int64_t c = 0; c < columns; c++)
      for (int64_t r = 0; r < out.ld; r++)
        EXPECT(get(&out, c, r) == (r < rows ? get(&in, r, c) : get(&before, c, r)), "transpose %ld %ld",
               (long)rows, (long)columns);
    free(in.data);
    free(out.data);
    free(before.data);
  }
}

static void emit_transpose_entry(emitter *e) {
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->i64, e->i64};
  function_scope scope;
  function_begin(e, "transpose_entry", e->void_type, types, 6, FUNCTION_EXPORTED, &scope);
  LLVMValueRef p[6];
  for (unsigned i = 0; i < 6; i++)
    p[i] = LLVMGetParam(e->function, i);
  emit_call(e, transpose_function(e), p, 6);
  emit_return(e, NULL);
  function_end(e, &scope);
}

static void check_target(const char *cpu, real_kind kind, int opt_level) {
  target *t = make_target(cpu, opt_level);
  emitter *e = emitter_new(t, kind, "gemm");
  emit_entries(e);
  emit_transpose_entry(e);
  jit *j = jit_new();
  jit_add(j, t, e->module);
  uint64_t state = 7;
  for (unsigned flags = 0; flags < FLAGS; flags++)
    if (flags_allowed(flags))
      check_flags(j, kind, t->has_fma, flags, &state);
  check_transpose(j, kind, &state);
  jit_free(j);
  emitter_free(e);
  target_free(t);
}

int main(void) {
  check_target(NULL, REAL_F32, 2);
  check_target(NULL, REAL_F64, 2);
  if (cpu_runs("x86-64-v3"))
    check_target("x86-64-v3", REAL_F32, 1);
  if (cpu_runs("x86-64"))
    check_target("x86-64", REAL_F64, 1);
  printf("%d failures\n", failures);
  return failures != 0;
}
