// The emission helpers: control flow, vectors, memory, targets and the forms a module is written in.
#include "codegen/gemm.h"
#include "codegen/math.h"
#include "llvm_test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 37 };

static void square_step(emitter *e, LLVMValueRef index, LLVMValueRef mask, void *data) {
  LLVMValueRef *arrays = data;
  LLVMValueRef x = emit_masked_load(e, e->vector, emit_at(e, e->real, arrays[0], index), mask, NULL);
  emit_masked_store(e, emit_mul(e, x, x), emit_at(e, e->real, arrays[1], index), mask, NULL);
}

// void squares(const real *in, real *out, i64 count)
static void emit_squares(emitter *e) {
  function_scope scope;
  LLVMTypeRef types[] = {e->ptr, e->ptr, e->i64};
  function_begin(e, "squares", e->void_type, types, 3, FUNCTION_EXPORTED | FUNCTION_NOALIAS, &scope);
  LLVMValueRef arrays[] = {parameter(e, 0, "in"), parameter(e, 1, "out")};
  emit_vector_loop(e, "i", parameter(e, 2, "count"), square_step, arrays);
  emit_return(e, NULL);
  function_end(e, &scope);
}

// i64 collatz(i64 n): steps until 1, at most 1000; a loop with carried values and a branch with values.
static void emit_collatz(emitter *e) {
  function_scope scope;
  function_begin(e, "collatz", e->i64, &e->i64, 1, FUNCTION_EXPORTED, &scope);
  LLVMValueRef one = const_i64(e, 1), zero = const_i64(e, 0);
  LLVMValueRef initial[] = {parameter(e, 0, "n"), zero};
  loop l;
  loop_begin(e, &l, "step", zero, const_i64(e, 1000), one, initial, 2, LOOP_PLAIN);
  LLVMValueRef n = l.carried[0], steps = l.carried[1];
  branch running;
  if_begin(e, &running, emit_icompare(e, LLVMIntSGT, n, one), "running");
  LLVMValueRef odd = emit_icompare(e, LLVMIntEQ, LLVMBuildAnd(e->builder, n, one, ""), one);
  LLVMValueRef triple = emit_iadd(e, emit_imul(e, n, const_i64(e, 3)), one);
  LLVMValueRef moved = emit_select(e, odd, triple, LLVMBuildLShr(e->builder, n, one, ""));
  if_else(e, &running);
  LLVMValueRef next[2] = {if_end_value(e, &running, moved, n)};
  LLVMValueRef still = emit_icompare(e, LLVMIntSGT, n, one);
  next[1] = emit_iadd(e, steps, emit_select(e, still, one, zero));
  loop_end(e, &l, next);
  emit_return(e, l.carried[1]);
  function_end(e, &scope);
}

// void lanes(const real *table, const int32_t *index, real *out): a gather, its sum, smallest and largest
// lane, all through scoped accesses and a stack copy.
static void emit_lanes(emitter *e) {
  function_scope scope;
  LLVMTypeRef types[] = {e->ptr, e->ptr, e->ptr};
  function_begin(e, "lanes", e->void_type, types, 3, FUNCTION_HIDDEN | FUNCTION_EXPORTED, &scope);
  LLVMValueRef out = parameter(e, 2, "out");
  alias_scope scopes[3];
  emit_alias_scopes(e, 3, scopes);
  LLVMValueRef index = emit_load(e, vector_of(e->i32, e->lanes), parameter(e, 1, "index"), 0, &scopes[1]);
  LLVMValueRef x = emit_gather(e, e->real, parameter(e, 0, "table"), index, NULL, &scopes[0]);
  LLVMValueRef copy = emit_stack(e, e->real, e->lanes, 64, "copy");
  emit_store(e, x, copy, 64, NULL);
  x = emit_load(e, e->vector, copy, 64, NULL);
  LLVMValueRef results[] = {emit_reduce_add(e, x),
                            emit_reduce_min(e, x),
                            emit_reduce_max(e, x),
                            emit_int_to_real(e, emit_real_to_int(e, emit_reduce_add(e, x), e->i32)),
                            emit_floor(e, emit_reduce_add(e, x)),
                            emit_sqrt(e, emit_abs(e, emit_reduce_min(e, x)))};
  for (size_t i = 0; i < sizeof results / sizeof *results; i++)
    emit_store(e, results[i], emit_at(e, e->real, out, const_i64(e, (int64_t)i)), 0, &scopes[2]);
  emit_return(e, NULL);
  function_end(e, &scope);
}

// real smaller(real a, real b), real larger(real a, real b)
static void emit_extremes(emitter *e) {
  function_scope scope;
  LLVMTypeRef types[] = {e->real, e->real};
  function_begin(e, "smaller", e->real, types, 2, FUNCTION_EXPORTED, &scope);
  emit_return(e, emit_min(e, parameter(e, 0, "a"), parameter(e, 1, "b")));
  function_end(e, &scope);
  function_begin(e, "larger", e->real, types, 2, FUNCTION_EXPORTED, &scope);
  emit_return(e, emit_max(e, parameter(e, 0, "a"), parameter(e, 1, "b")));
  function_end(e, &scope);
}

static emitter *emit_all(const target *t) {
  emitter *e = emitter_new(t, REAL_F64, "helpers");
  emit_squares(e);
  emit_collatz(e);
  emit_lanes(e);
  emit_extremes(e);
  return e;
}

static void check_lanes(jit *j, unsigned lanes) {
  void (*run)(const double *, const int32_t *, double *) = jit_lookup(j, "lanes");
  double table[64], out[6], sum = 0, least = INFINITY, most = -INFINITY;
  int32_t index[64];
  for (int i = 0; i < 64; i++)
    table[i] = i * 0.75 - 20;
  for (int i = 0; i < (int)lanes; i++) {
    index[i] = (i * 29 + 11) % 64;
    sum += table[index[i]];
    least = fmin(least, table[index[i]]);
    most = fmax(most, table[index[i]]);
  }
  run(table, index, out);
  EXPECT(out[0] == sum && out[1] == least && out[2] == most, "lanes: %g %g %g", out[0], out[1], out[2]);
  EXPECT(out[3] == trunc(sum) && out[4] == floor(sum) && out[5] == sqrt(fabs(least)), "conversions: %g %g %g",
         out[3], out[4], out[5]);
}

static void check_run(const char *cpu, int opt_level) {
  target *t = make_target(cpu, opt_level);
  emitter *e = emit_all(t);
  jit *j = jit_new();
  jit_add(j, t, e->module);
  void (*squares)(const double *, double *, int64_t) = jit_lookup(j, "squares");
  double in[COUNT + 1], out[COUNT + 1] = {0};
  for (int i = 0; i <= COUNT; i++)
    in[i] = i - 9.5;
  out[COUNT] = 77;
  squares(in, out, COUNT);
  for (int i = 0; i < COUNT; i++)
    EXPECT(out[i] == in[i] * in[i], "square %d", i);
  EXPECT(out[COUNT] == 77, "the tail wrote past the end");
  int64_t (*collatz)(int64_t) = jit_lookup(j, "collatz");
  EXPECT(collatz(27) == 111 && collatz(1) == 0 && collatz(97) == 118, "collatz");
  double (*smaller)(double, double) = jit_lookup(j, "smaller"),
                            (*larger)(double, double) = jit_lookup(j, "larger");
  EXPECT(smaller(1, 2) == 1 && smaller(2, 1) == 1 && larger(1, 2) == 2 && larger(2, 1) == 2, "extremes");
  EXPECT(isnan(smaller(NAN, 1)) && isnan(smaller(1, NAN)) && isnan(larger(NAN, 1)) && isnan(larger(1, NAN)),
         "NaN");
  check_lanes(j, e->lanes);
  jit_free(j);
  emitter_free(e);
  target_free(t);
}

static void check_messages(void) {
  strbuf error = {0};
  EXPECT(!target_new(&(target_options){.cpu = "skylak"}, &error), "an unknown CPU was accepted");
#if defined(__x86_64__)
  EXPECT(strstr(strbuf_text(&error), "\"skylake\""), "message: %s", strbuf_text(&error));
#endif
  error.len = 0;
  EXPECT(!target_new(&(target_options){.triple = "pdp11-dec-unix"}, &error),
         "an unknown target was accepted");
  EXPECT(strstr(strbuf_text(&error), "pdp11"), "message: %s", strbuf_text(&error));
  strbuf_free(&error);
}

// Every form for some targets, native or not; levels differ in width and FMA.
static void check_emission(const char *triple, const char *cpu, unsigned vector_bytes, bool has_fma) {
  strbuf error = {0};
  target *t = target_new(&(target_options){.triple = triple, .cpu = cpu, .opt_level = 2}, &error);
  EXPECT(t, "%s: %s", triple, strbuf_text(&error));
  if (!t)
    return;
  EXPECT(t->vector_bytes == vector_bytes && t->has_fma == has_fma, "%s %s: %u bytes, fma %d", triple, t->cpu,
         t->vector_bytes, t->has_fma);
  static const char *const starts[] = {"\177ELF", NULL, "; ModuleID", "BC"};
  static const emission order[] = {EMISSION_LLVM, EMISSION_BITCODE, EMISSION_ASSEMBLY, EMISSION_OBJECT};
  for (size_t i = 0; i < 4; i++) {
    emitter *e = emit_all(t);
    target_optimize(t, e->module);
    strbuf out = {0};
    target_emit(t, e->module, order[i], &out);
    EXPECT(out.len > 100, "%s: form %d is empty", triple, (int)order[i]);
    const char *start = starts[order[i]];
    EXPECT(!start || strncmp(out.data, start, strlen(start)) == 0, "%s: form %d starts wrong", triple,
           (int)order[i]);
    EXPECT(order[i] != EMISSION_ASSEMBLY || strstr(out.data, "squares:"), "%s: no function in the assembly",
           triple);
    strbuf_free(&out);
    emitter_free(e);
  }
  target_free(t);
  strbuf_free(&error);
}

static void check_file(void) {
  target *t = make_target(NULL, 1);
  emitter *e = emit_all(t);
  target_optimize(t, e->module);
  char path[] = "emitter_test_XXXXXX";
  int handle = mkstemp(path);
  EXPECT(handle >= 0 && close(handle) == 0, "no temporary file");
  EXPECT(target_emit_file(t, e->module, EMISSION_LLVM, path) == 0, "writing %s", path);
  char *text = NULL;
  size_t bytes = 0;
  EXPECT(file_read_all(path, &text, &bytes) == 0 && strstr(text, "@collatz"), "reading %s", path);
  free(text);
  unlink(path);
  EXPECT(target_emit_file(t, e->module, EMISSION_LLVM, "no/such/folder/x.ll") < 0,
         "a missing folder was accepted");
  emitter_free(e);
  target_free(t);
}

int main(void) {
  static const char *const cpus[] = {NULL, "x86-64-v4", "x86-64-v3", "x86-64"};
  for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
    for (int level = 0; level <= 3 && cpu_runs(cpus[i]); level++)
      check_run(cpus[i], level);
  check_messages();
  check_emission("x86_64-pc-linux-gnu", "x86-64", 16, false);
  check_emission("x86_64-pc-linux-gnu", "x86-64-v3", 32, true);
  check_emission("x86_64-pc-linux-gnu", "x86-64-v4", 64, true);
  check_emission("x86_64-pc-linux-gnu", "sandybridge", 16, false);
  check_emission("aarch64-linux-gnu", NULL, 16, true);
  check_file();
  printf("%d failures\n", failures);
  return failures != 0;
}
