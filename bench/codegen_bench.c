// Times generated products beside OpenBLAS (single-threaded, loaded at run time) and the elementary
// functions, in one run, and relates them to this core's multiply-add peak. Figures are the best of many
// repetitions.
//   codegen_bench [CPU]
//   codegen_bench sweep [CPU]: products over a grid of shapes, one line each
#include "codegen/gemm.h"
#include "codegen/jit.h"
#include "codegen/math.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHAINS = 24, PEAK_STEPS = 20000, REPETITIONS = 60 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef void blas_gemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a,
                       int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void gemm_entry(const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc,
                        int64_t m, int64_t n, int64_t k);

static const struct {
  const char *what;
  int m, n, k, transpose_a, transpose_b;
} shapes[] = {
    {"input projection, distinct ids", 2400, 256, 256, 0, 0},
    {"input projection, packed rows", 6500, 256, 256, 0, 0},
    {"input projection, one text", 233, 256, 256, 0, 0},
    {"scan step, 8 rows", 8, 128, 32, 0, 0},
    {"scan step, 32 rows", 32, 128, 32, 0, 0},
    {"scan step, 64 units", 32, 256, 64, 0, 0},
    {"scan step, 128 units", 32, 384, 128, 0, 0},
    {"scan step, one row", 1, 128, 32, 0, 0},
    {"matrix-vector", 1, 256, 256, 0, 0},
    {"matrix-vector, 17 columns", 1, 17, 128, 0, 0},
    {"dense(1) on 32 rows", 32, 1, 64, 0, 0},
    {"dense(1) on many rows", 2400, 1, 256, 0, 0},
    {"dense(17) on many rows", 697, 17, 128, 0, 0},
    {"dW = X'dY", 256, 256, 2400, 1, 0},
    {"dU = H'dG", 32, 128, 6488, 1, 0},
    {"dX = dY W'", 2400, 256, 256, 0, 1},
    {"dH = dG U', 32 rows", 32, 32, 128, 0, 1},
    {"dW of a Conv1D, distinct ids", 128, 640, 1950, 1, 0},
    {"dW of a Conv2D, 13 x 13", 64, 576, 5408, 1, 0},
    {"dW of 128 units, 100 steps", 128, 384, 3200, 1, 0},
    {"dW of keys, 200 steps", 256, 512, 6400, 1, 0},
    {"keys, 200 steps", 6400, 512, 256, 0, 0},
    {"scores of a head", 200, 200, 256, 0, 1},
    {"scores times values", 200, 256, 200, 0, 0},
    {"Conv2D, 13 x 13, by taps", 5408, 576, 64, 0, 0},
    {"square", 1024, 1024, 1024, 0, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void emit_gemm_entry(emitter *e, const char *name, int transpose_a, int transpose_b, int n) {
  gemm_spec spec = {.transpose_a = transpose_a, .transpose_b = transpose_b, .n = n};
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->ptr, e->i64, e->i64, e->i64, e->i64};
  function_scope scope;
  function_begin(e, name, e->void_type, types, 9, FUNCTION_EXPORTED, &scope);
  LLVMValueRef p[9];
  for (unsigned i = 0; i < 9; i++)
    p[i] = LLVMGetParam(e->function, i);
  emit_gemm(e, &spec, &(gemm_operands){p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], NULL, NULL});
  emit_return(e, NULL);
  function_end(e, &scope);
}

// void peak(i64 steps, real *sink): CHAINS independent vector multiply-adds a step.
static void emit_peak(emitter *e) {
  function_scope scope;
  LLVMTypeRef types[] = {e->i64, e->ptr};
  function_begin(e, "peak", e->void_type, types, 2, FUNCTION_EXPORTED, &scope);
  LLVMValueRef sink = LLVMGetParam(e->function, 1), chains[CHAINS], next[CHAINS];
  LLVMValueRef x = emit_load(e, e->vector, sink, 0, NULL);
  for (int i = 0; i < CHAINS; i++)
    chains[i] = emit_add(e, x, const_real(e->vector, i));
  loop l;
  loop_begin(e, &l, "step", const_i64(e, 0), LLVMGetParam(e->function, 0), const_i64(e, 1), chains, CHAINS,
             LOOP_PLAIN);
  for (int i = 0; i < CHAINS; i++)
    next[i] = emit_fma(e, l.carried[i], x, x);
  loop_end(e, &l, next);
  for (int i = 1; i < CHAINS; i++)
    l.carried[0] = emit_add(e, l.carried[0], l.carried[i]);
  emit_store(e, l.carried[0], sink, 0, NULL);
  emit_return(e, NULL);
  function_end(e, &scope);
}

typedef LLVMValueRef emit_math(emitter *e, LLVMValueRef x);
static const struct {
  const char *name;
  emit_math *emit;
} functions[] = {{"exp", math_exp},         {"log", math_log}, {"tanh", math_tanh},
                 {"sigmoid", math_sigmoid}, {"erf", math_erf}, {"softplus", math_softplus}};
enum { FUNCTIONS = sizeof functions / sizeof *functions, ELEMENTS = 4096 };

typedef struct array_loop {
  emit_math *emit;
  LLVMValueRef in, out;
} array_loop;

static void array_step(emitter *e, LLVMValueRef index, LLVMValueRef mask, void *data) {
  array_loop *a = data;
  LLVMValueRef x = emit_masked_load(e, e->vector, emit_at(e, e->real, a->in, index), mask, NULL);
  emit_masked_store(e, a->emit(e, x), emit_at(e, e->real, a->out, index), mask, NULL);
}

static void emit_array_function(emitter *e, const char *name, emit_math *emit) {
  function_scope scope;
  LLVMTypeRef types[] = {e->ptr, e->ptr, e->i64};
  function_begin(e, name, e->void_type, types, 3, FUNCTION_EXPORTED | FUNCTION_NOALIAS, &scope);
  array_loop a = {emit, LLVMGetParam(e->function, 0), LLVMGetParam(e->function, 1)};
  emit_vector_loop(e, "x", LLVMGetParam(e->function, 2), array_step, &a);
  emit_return(e, NULL);
  function_end(e, &scope);
}

static float *random_floats(size_t n) {
  float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
  for (size_t i = 0; i < n; i++)
    x[i] = (float)(rand() % 2001 - 1000) * 1e-3f;
  return x;
}

static blas_gemm *load_blas(void) {
  void *library = dlopen("libopenblas.so.0", RTLD_NOW);
  if (!library)
    return NULL;
  void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
  if (set_threads)
    set_threads(1);
  char *(*core)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
  printf("OpenBLAS kernels: %s (an older OpenBLAS takes Haswell's on a CPU it does not know: set "
         "OPENBLAS_CORETYPE)\n",
         core ? core() : "?");
  return (blas_gemm *)dlsym(library, "cblas_sgemm");
}

static double peak_rate(jit *j, unsigned lanes) {
  void (*peak)(int64_t, float *) = (void (*)(int64_t, float *))jit_lookup(j, "peak");
  float sink[64] = {0};
  double best = 1e9;
  for (int r = 0; r < 20; r++) {
    double start = now();
    peak(PEAK_STEPS, sink);
    double took = now() - start;
    best = took < best ? took : best;
  }
  return 2.0 * CHAINS * lanes * PEAK_STEPS / best;
}

typedef struct product_shape {
  int m, n, k, transpose_a, transpose_b;
} product_shape;
typedef struct product_times {
  double ours, theirs; // seconds; theirs 1e9 without OpenBLAS
} product_times;

static product_times time_product(jit *j, blas_gemm *blas, const product_shape *s, int repetitions) {
  int m = s->m, n = s->n, k = s->k, ta = s->transpose_a, tb = s->transpose_b;
  static const char *const names[] = {"nn", "nt", "tn", "tt"};
  gemm_entry *run = (gemm_entry *)jit_lookup(j, n == 1 ? "column" : names[2 * ta + tb]);
  float *a = random_floats((size_t)m * (size_t)k), *b = random_floats((size_t)k * (size_t)n);
  float *c = random_floats((size_t)m * (size_t)n);
  int lda = ta ? m : k, ldb = tb ? k : n;
  double flop = 2.0 * m * n * k, ours = 1e9, theirs = 1e9;
  int inner = flop < 2e6 ? (int)(2e6 / flop) + 1 : 1;
  for (int r = 0; r < repetitions; r++) {
    double start = now();
    for (int t = 0; t < inner; t++)
      run(a, lda, b, ldb, c, n, m, n, k);
    double middle = now();
    for (int t = 0; blas && t < inner; t++)
      blas(101, ta ? 112 : 111, tb ? 112 : 111, m, n, k, 1, a, lda, b, ldb, 0, c, n);
    double end = now();
    ours = middle - start < ours ? middle - start : ours;
    theirs = end - middle < theirs ? end - middle : theirs;
  }
  free(a);
  free(b);
  free(c);
  return (product_times){ours / inner, blas ? theirs / inner : 1e9};
}

static void print_times(const char *what, const product_shape *s, product_times t, double peak) {
  double flop = 2.0 * s->m * s->n * s->k;
  printf("%-32s [%5d x %4d] [%4d x %4d] %s%s %9.2f us %6.1f GFLOP/s %3.0f%% of peak", what, s->m, s->k, s->k,
         s->n, s->transpose_a ? "A'" : "  ", s->transpose_b ? "B'" : "  ", t.ours * 1e6, flop / t.ours * 1e-9,
         100 * flop / t.ours / peak);
  if (t.theirs < 1e9)
    printf("   OpenBLAS %9.2f us, ours/OpenBLAS %.2f", t.theirs * 1e6, t.ours / t.theirs);
  printf("\n");
  fflush(stdout);
}

static void time_shape(jit *j, blas_gemm *blas, int i, double peak) {
  product_shape s = {shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].transpose_a, shapes[i].transpose_b};
  print_times(shapes[i].what, &s, time_product(j, blas, &s, REPETITIONS), peak);
}

// Every combination of extents and transpositions.
static void sweep(jit *j, blas_gemm *blas, double peak) {
  static const int sides[] = {8, 17, 32, 100, 256, 1024}, depths[] = {32, 128, 1000, 6400};
  enum { SIDES = sizeof sides / sizeof *sides, DEPTHS = sizeof depths / sizeof *depths };
  enum { CASES = SIDES * SIDES * DEPTHS * 4, LEAST = 3 };
  for (int i = 0; i < CASES; i++) {
    product_shape s = {sides[i / 4 / DEPTHS / SIDES], sides[i / 4 / DEPTHS % SIDES], depths[i / 4 % DEPTHS],
                       i & 1, i >> 1 & 1};
    double flop = 2.0 * s.m * s.n * s.k;
    int repetitions = flop < 1e8 ? (int)(1e9 / (flop + 2e7)) : LEAST;
    print_times("", &s, time_product(j, blas, &s, repetitions < 20 ? repetitions : 20), peak);
  }
}

static void time_function(jit *j, int i) {
  void (*run)(const float *, float *, int64_t) =
      (void (*)(const float *, float *, int64_t))jit_lookup(j, functions[i].name);
  float *in = random_floats(ELEMENTS), *out = random_floats(ELEMENTS);
  double best = 1e9;
  for (int r = 0; r < 400; r++) {
    double start = now();
    run(in, out, ELEMENTS);
    double took = now() - start;
    best = took < best ? took : best;
  }
  printf("%-10s %.3f ns an element\n", functions[i].name, best * 1e9 / ELEMENTS);
  free(in);
  free(out);
}

int main(int argc, char **argv) {
  strbuf error = {0};
  double start = now();
  bool wide = argc > 1 && strcmp(argv[1], "sweep") == 0;
  const char *cpu = argc > 1 + wide ? argv[1 + wide] : NULL;
  target *t = target_new(&(target_options){.cpu = cpu, .opt_level = 2}, &error);
  if (!t) {
    fprintf(stderr, "%s\n", strbuf_text(&error));
    return 1;
  }
  emitter *e = emitter_new(t, REAL_F32, "bench");
  emit_gemm_entry(e, "nn", 0, 0, 0);
  emit_gemm_entry(e, "nt", 0, 1, 0);
  emit_gemm_entry(e, "tn", 1, 0, 0);
  emit_gemm_entry(e, "tt", 1, 1, 0);
  emit_gemm_entry(e, "column", 0, 0, 1);
  emit_peak(e);
  for (int i = 0; i < FUNCTIONS; i++)
    emit_array_function(e, functions[i].name, functions[i].emit);
  jit *j = jit_new();
  jit_add(j, t, e->module);
  jit_lookup(j, "peak");
  printf("compiled for %s in %.1f ms\n", t->cpu, 1e3 * (now() - start));
  double peak = peak_rate(j, e->lanes);
  printf("multiply-add peak %.1f GFLOP/s\n", peak * 1e-9);
  blas_gemm *blas = load_blas();
  if (wide)
    sweep(j, blas, peak);
  for (int i = 0; i < SHAPES && !wide; i++)
    time_shape(j, blas, i, peak);
  for (int i = 0; i < FUNCTIONS && !wide; i++)
    time_function(j, i);
  jit_free(j);
  emitter_free(e);
  target_free(t);
  return 0;
}
