// What must not change a result beyond rounding: leaving out optional passes, the level of optimisation, the
// CPU.
#include "tests/exec/native.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PASSES = 32 };

static const scene small[] = {{3, 7, MASKS_MIDDLE}, {8, 2, MASKS_ROWS}, {1, 1, MASKS_NOTHING}, {0}};
static const double tolerance = 1e-12; // f64; sums in other orders err by a few units of 1e-16

static void run_scenes(const native *n, unsigned kinds, results *out, int *failed) {
  for (const scene *sc = small; sc->batch; sc++) {
    feed f = feed_new(n->s, sc, 5);
    for (int kind = 0; kind < PROGRAM_KINDS; kind++)
      if (kinds >> kind & 1)
        *failed += native_run(n, (program_kind)kind, &f, &(run_options){PLACES_APART, NULL, NULL}, out++);
    feed_free(&f);
  }
}

static int compare_all(const results *a, const results *b, int count, const char *what) {
  int failed = 0;
  for (int k = 0; k < count; k++)
    failed += results_differ(&a[k], &b[k], tolerance, what);
  return failed;
}

static void free_all(results *list, int count) {
  for (int k = 0; k < count; k++)
    results_free(&list[k]);
}

enum { MOST_RUNS = 3 * PROGRAM_KINDS };

typedef struct base {
  const subject *s;
  build_options usual;
  results runs[MOST_RUNS];
  int count;
} base;

static int begin(base *b, const subject *s, unsigned kinds) {
  int failed = 0;
  *b = (base){.s = s, .usual = {.kinds = kinds, .f64 = true, .weigh_outputs = true, .opt_level = 0}};
  b->count = 3 * __builtin_popcount(kinds);
  native n;
  native_open(&n, s, &b->usual);
  run_scenes(&n, kinds, b->runs, &failed);
  native_close(&n);
  return failed;
}

static int check_variant(const base *b, const build_options *o, const char *name) {
  char what[200];
  snprintf(what, sizeof what, "%s, %s", b->s->title, name);
  results runs[MOST_RUNS] = {0};
  int failed = 0;
  native n;
  native_open(&n, b->s, o);
  run_scenes(&n, o->kinds, runs, &failed);
  native_close(&n);
  failed += compare_all(b->runs, runs, b->count, what);
  free_all(runs, b->count);
  return failed;
}

// ---- passes

static int check_without(const base *b, const char *const *disabled, const char *name) {
  build_options o = b->usual;
  o.disabled = disabled;
  char what[100];
  snprintf(what, sizeof what, "without %s", name);
  return check_variant(b, &o, what);
}

static int check_passes(const subject *s, void *context) {
  const char *all[MOST_PASSES] = {NULL};
  base b;
  int failed = begin(&b, s, KIND_GRAD), n = 0;
  (void)context;
  for (int k = 0; pass_table[k]; k++) {
    if (pass_table[k]->required)
      continue;
    INVARIANT(n + 1 < MOST_PASSES);
    all[n++] = pass_table[k]->name;
    failed += check_without(&b, (const char *[]){pass_table[k]->name, NULL}, pass_table[k]->name);
  }
  failed += check_without(&b, all, "any of them");
  free_all(b.runs, b.count);
  return failed;
}

// ---- levels and CPUs

static int check_targets(const subject *s, void *context) {
  static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
  base b;
  int failed = begin(&b, s, KIND_INFER | KIND_GRAD);
  (void)context;
  for (int level = 0; level <= 3; level++) {
    build_options o = b.usual;
    char name[20];
    o.opt_level = level;
    snprintf(name, sizeof name, "-O%d", level);
    failed += check_variant(&b, &o, name);
  }
#if defined(__x86_64__)
  const bool runs[] = {true, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
                       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")};
  for (int k = 0; k < 3; k++) {
    build_options o = b.usual;
    o.cpu = cpus[k];
    if (runs[k])
      failed += check_variant(&b, &o, cpus[k]);
  }
#else
  (void)cpus;
#endif
  free_all(b.runs, b.count);
  return failed;
}

// Larger than the examples: every kind of kernel, widths around the lengths of vectors.
static const char *const larger[] = {
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(50, 19, mask_zero = true)\n"
    "    -> Bidirectional(LSTM(9, return_sequences = true)) -> GRU(17)\n"
    "  output y = x -> Dropout(0.3) -> Dense(33, activation = gelu) -> Dense(3, activation = softmax)\n}\n",
    "model tiny {\n  input words: int[time]\n  x = words -> OneHot(40, mask_zero = true) -> SimpleRNN(21, "
    "return_sequences = "
    "true)\n  output y = x -> Dense(11, activation = selu) -> GlobalAveragePooling1D()\n"
    "  output z = x -> GlobalMaxPooling1D() -> Dense(2, activation = log_softmax)\n}\n",
    "model tiny {\n  input x: float[time, 13]\n  output y = x -> Masking() -> Bidirectional(GRU(16, "
    "reset_after = false))\n"
    "    -> Dense(40, activation = mish) -> Dense(1, activation = sigmoid)\n}\n",
    NULL};

static int check_larger(subject_check *check) {
  int failed = 0;
  for (int k = 0; larger[k]; k++) {
    subject s;
    char title[40];
    snprintf(title, sizeof title, "larger model %d", k + 1);
    failed += subject_open(&s, title, larger[k], "loss = mse") ? check(&s, NULL) : 1;
    subject_close(&s);
  }
  return failed;
}

// variants_test passes [part of a title] | variants_test targets
int main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  const char *only = argc > 2 ? argv[2] : NULL;
  int failed = 0;
  if (!strcmp(argv[1], "passes"))
    failed += subjects_each(SUBJECTS_LAYERS, only, check_passes, NULL);
  if (!only)
    failed += check_larger(strcmp(argv[1], "passes") ? check_targets : check_passes);
  printf("%d failed\n", failed);
  return failed != 0;
}
