// Keras's Adadelta: a = rho a + (1 - rho) g^2; d = -sqrt(b + epsilon) g / sqrt(a + epsilon);
// b = rho b + (1 - rho) d^2; w += lr d. A zero gradient leaves w alone; a and b decay.
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, RHO, EPSILON };
enum { C_RATE, C_RHO, C_REST, C_EPSILON };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"),
                                {.name = "rho",
                                 .kinds = ARG_FLOAT,
                                 .default_text = "0.95",
                                 .min = 0,
                                 .max = 1,
                                 .doc = "how much of the mean squares is kept at each step"},
                                OPTIMIZER_EPSILON("added under the roots"),
                                OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 2;
}

static bool replays(const double *a) {
  (void)a;
  return true;
}

static bool keeps_weights(const double *a) {
  (void)a;
  return true;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  (void)t;
  c[C_RATE] = learning_rate;
  c[C_RHO] = a[RHO];
  c[C_REST] = 1 - a[RHO];
  c[C_EPSILON] = a[EPSILON];
}

#define DEFINE_ADADELTA(suffix, real, root)                                                                  \
  OPTIMIZER_CLONES static void step_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    real rate = c[C_RATE], rho = c[C_RHO], rest = c[C_REST], epsilon = c[C_EPSILON];                         \
    real *restrict a = s[0], *restrict b = s[1];                                                             \
    for (int64_t k = 0; g && k < n; k++) {                                                                   \
      a[k] = rho * a[k] + rest * (g[k] * g[k]);                                                              \
      real d = root(b[k] + epsilon) * g[k] / root(a[k] + epsilon);                                           \
      b[k] = rho * b[k] + rest * (d * d);                                                                    \
      w[k] -= rate * d;                                                                                      \
    }                                                                                                        \
    for (int64_t k = 0; !g && k < n; k++) {                                                                  \
      a[k] = rho * a[k];                                                                                     \
      b[k] = rho * b[k];                                                                                     \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_REPLAY_BY_STEPS(suffix, real)

DEFINE_ADADELTA(f32, float, sqrtf)
DEFINE_ADADELTA(f64, double, sqrt)

static const char *const slot_names[] = {"accumulated_grad", "accumulated_delta_var"};

const optimizer_rule optimizer_adadelta = {
    .item = {"adadelta", "Adadelta", "steps in proportion to the root mean square of the steps before", args,
             optimizer_args_agree},
    .slots = slots,
    .slot_names = slot_names,
    .constants = constants,
    .step_f32 = step_f32,
    .step_f64 = step_f64,
    .replay_f32 = replay_f32,
    .replay_f64 = replay_f64,
    .replays = replays,
    .keeps_weights = keeps_weights,
    .rests = true,
};
