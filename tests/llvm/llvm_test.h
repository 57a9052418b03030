#ifndef NLM_TESTS_LLVM_TEST_H
#define NLM_TESTS_LLVM_TEST_H
// What the tests of code generation share: targets to try, a tiny random stream, failure counting.
#include "codegen/emitter.h"
#include "codegen/jit.h"
#include <stdio.h>

static int failures;

#define EXPECT(condition, ...)                                                                               \
  do {                                                                                                       \
    if (!(condition) && ++failures <= 20) {                                                                  \
      printf("%s:%d: ", __FILE__, __LINE__);                                                                 \
      printf(__VA_ARGS__);                                                                                   \
      printf("\n");                                                                                          \
    }                                                                                                        \
  } while (0)

static inline target *make_target(const char *cpu, int opt_level) {
  strbuf error = {0};
  target *t = target_new(&(target_options){.cpu = cpu, .opt_level = opt_level}, &error);
  if (!t) {
    printf("no target: %s\n", strbuf_text(&error));
    failures++;
  }
  strbuf_free(&error);
  return t;
}

// Whether code for an x86-64 level runs here.
static inline bool cpu_runs(const char *cpu) {
#if defined(__x86_64__)
  if (!cpu || __builtin_strcmp(cpu, "x86-64") == 0)
    return true;
  if (__builtin_strcmp(cpu, "x86-64-v3") == 0)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (__builtin_strcmp(cpu, "x86-64-v4") == 0)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  return false;
#else
  return !cpu;
#endif
}

static inline uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Uniform in [-1, 1).
static inline double random_real(uint64_t *state) {
  return (double)(int64_t)next_random(state) * 0x1p-63;
}

#endif
