// Keras's Adagrad: a += g^2; w -= lr g / sqrt(a + epsilon). A zero gradient changes nothing.
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, INITIAL, EPSILON };
enum { C_RATE, C_EPSILON };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"),
                                {.name = "initial_accumulator_value",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.1",
                                 .min = 0,
                                 .max = INFINITY,
                                 .doc = "what the sum of squared gradients begins with"},
                                OPTIMIZER_EPSILON("added under the root"),
                                OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 1;
}

static double slot_start(const double *a, int slot) {
  (void)slot;
  return a[INITIAL];
}

static bool replays(const double *a) {
  (void)a;
  return false;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  (void)t;
  c[C_RATE] = learning_rate;
  c[C_EPSILON] = a[EPSILON];
}

#define DEFINE_ADAGRAD(suffix, real, root)                                                                   \
  OPTIMIZER_CLONES static void step_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    real rate = c[C_RATE], epsilon = c[C_EPSILON], *restrict a = s[0];                                       \
    for (int64_t k = 0; g && k < n; k++) {                                                                   \
      a[k] += g[k] * g[k];                                                                                   \
      w[k] -= rate * g[k] / root(a[k] + epsilon);                                                            \
    }                                                                                                        \
  }

DEFINE_ADAGRAD(f32, float, sqrtf)
DEFINE_ADAGRAD(f64, double, sqrt)

static const char *const slot_names[] = {"accumulator"};

const optimizer_rule optimizer_adagrad = {
    .item = {"adagrad", "Adagrad", "steps divided by the root of the sum of squared gradients", args,
             optimizer_args_agree},
    .slots = slots,
    .slot_start = slot_start,
    .slot_names = slot_names,
    .constants = constants,
    .step_f32 = step_f32,
    .step_f64 = step_f64,
    .replays = replays,
};
