// Initial values: moments and bounds of Keras's formulas, orthogonality, dependence on seed and name alone.
#include "runtime/model.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char config[] = "{\"inputs\": [], \"pipelines\": [], \"outputs\": [], \"train\": null}";

typedef struct drawn {
  double mean, deviation, least, most;
  double *values;
  int64_t n;
} drawn;

static drawn draw(const char *name, int64_t rank, const int64_t *shape, int64_t init, double a, double b,
                  int64_t mode, int64_t distribution, uint64_t seed) {
  struct nlm_abi_param p = {.name = name,
                            .rank = rank,
                            .dims = shape,
                            .elements = 1,
                            .init = init,
                            .init_a = a,
                            .init_b = b,
                            .init_mode = mode,
                            .init_distribution = distribution};
  for (int64_t k = 0; k < rank; k++)
    p.elements *= shape[k];
  struct nlm_abi_model abi = {.magic = NLM_ABI_MAGIC,
                              .version = NLM_ABI_VERSION,
                              .name = "m",
                              .real_bytes = 8,
                              .n_params = 1,
                              .params = &p,
                              .config = config};
  loaded_model m;
  strbuf error = {0};
  assert_int_equal(model_open(&m, &abi, &error), NLM_OK);
  assert_int_equal(model_initialize(&m, seed), NLM_OK);
  drawn d = {.n = p.elements, .least = INFINITY, .most = -INFINITY};
  d.values = malloc((size_t)p.elements * sizeof *d.values);
  memcpy(d.values, m.params[0], (size_t)p.elements * sizeof *d.values);
  for (int64_t k = 0; k < d.n; k++) {
    d.mean += d.values[k] / (double)d.n;
    d.least = fmin(d.least, d.values[k]);
    d.most = fmax(d.most, d.values[k]);
  }
  for (int64_t k = 0; k < d.n; k++)
    d.deviation += (d.values[k] - d.mean) * (d.values[k] - d.mean) / (double)d.n;
  d.deviation = sqrt(d.deviation);
  model_close(&m);
  return d;
}

static void near(double found, double wanted, double tolerance) {
  if (!(fabs(found - wanted) <= tolerance))
    fail_msg("%g is not within %g of %g", found, tolerance, wanted);
}

static void glorot_uniform(void **unused) {
  (void)unused;
  double limit = sqrt(6.0 / (200 + 400));
  drawn d = draw("k", 2, (int64_t[]){200, 400}, NLM_INIT_VARIANCE_SCALING, 1, 0, 2, 0, 1);
  assert_true(d.most <= limit && d.least >= -limit && d.most > 0.999 * limit && d.least < -0.999 * limit);
  near(d.mean, 0, 1e-3);
  near(d.deviation, limit / sqrt(3), 1e-3);
  free(d.values);
  limit = sqrt(6.0 / (3 * 5 * 20 + 3 * 5 * 100)); // a kernel [3, 5, 20, 100]: fans times its field
  d = draw("k", 4, (int64_t[]){3, 5, 20, 100}, NLM_INIT_VARIANCE_SCALING, 1, 0, 2, 0, 1);
  assert_true(d.most <= limit && d.most > 0.999 * limit);
  free(d.values);
}

static void normals(void **unused) {
  (void)unused;
  drawn d = draw("k", 2, (int64_t[]){300, 300}, NLM_INIT_NORMAL, 0.5, 0.05, 0, 0, 1);
  near(d.mean, 0.5, 1e-3);
  near(d.deviation, 0.05, 5e-4);
  assert_true(d.most > 0.5 + 3 * 0.05);
  free(d.values);
  d = draw("k", 2, (int64_t[]){300, 300}, NLM_INIT_TRUNCATED_NORMAL, 0, 0.05, 0, 0, 1);
  assert_true(d.most < 0.1 && d.least > -0.1);
  near(d.deviation, 0.05 * 0.87962566, 5e-4);
  free(d.values);
  // he_normal: the deviation after cutting is sqrt(2 / fan_in)
  d = draw("k", 2, (int64_t[]){200, 400}, NLM_INIT_VARIANCE_SCALING, 2, 0, 0, 1, 1);
  near(d.deviation, sqrt(2.0 / 200), 1e-3);
  free(d.values);
}

static void orthogonal(void **unused) {
  (void)unused;
  const int64_t rows = 16, cols = 64;
  drawn d = draw("r", 2, (int64_t[]){rows, cols}, NLM_INIT_ORTHOGONAL, 2, 0, 0, 0, 1);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < rows; j++) {
      double dot = 0;
      for (int64_t k = 0; k < cols; k++)
        dot += d.values[i * cols + k] * d.values[j * cols + k];
      near(dot, i == j ? 4 : 0, 1e-12);
    }
  free(d.values);
  d = draw("r", 2, (int64_t[]){50, 20}, NLM_INIT_ORTHOGONAL, 1, 0, 0, 0, 1);
  for (int64_t i = 0; i < 20; i++)
    for (int64_t j = 0; j < 20; j++) {
      double dot = 0;
      for (int64_t k = 0; k < 50; k++)
        dot += d.values[k * 20 + i] * d.values[k * 20 + j];
      near(dot, i == j, 1e-12);
    }
  free(d.values);
}

static void fixed_values(void **unused) {
  (void)unused;
  const double bias[] = {0, 0, 1, 1, 0, 0, 0, 0}, identity[] = {3, 0, 0, 0, 3, 0};
  drawn d = draw("b", 1, (int64_t[]){8}, NLM_INIT_LSTM_BIAS, 0, 0, 0, 0, 1);
  assert_memory_equal(d.values, bias, sizeof bias);
  free(d.values);
  d = draw("i", 2, (int64_t[]){2, 3}, NLM_INIT_IDENTITY, 3, 0, 0, 0, 1);
  assert_memory_equal(d.values, identity, sizeof identity);
  free(d.values);
  d = draw("c", 1, (int64_t[]){3}, NLM_INIT_CONSTANT, 0.25, 0, 0, 0, 1);
  near(d.least, 0.25, 0);
  near(d.most, 0.25, 0);
  free(d.values);
}

static void seeds_and_names(void **unused) {
  (void)unused;
  const int64_t shape[] = {4, 4};
  drawn a = draw("x", 2, shape, NLM_INIT_UNIFORM, -1, 1, 0, 0, 1),
        same = draw("x", 2, shape, NLM_INIT_UNIFORM, -1, 1, 0, 0, 1),
        seed = draw("x", 2, shape, NLM_INIT_UNIFORM, -1, 1, 0, 0, 2),
        name = draw("y", 2, shape, NLM_INIT_UNIFORM, -1, 1, 0, 0, 1);
  assert_memory_equal(a.values, same.values, 16 * sizeof(double));
  assert_memory_not_equal(a.values, seed.values, 16 * sizeof(double));
  assert_memory_not_equal(a.values, name.values, 16 * sizeof(double));
  free(a.values);
  free(same.values);
  free(seed.values);
  free(name.values);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(glorot_uniform), cmocka_unit_test(normals),
                                     cmocka_unit_test(orthogonal), cmocka_unit_test(fixed_values),
                                     cmocka_unit_test(seeds_and_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
