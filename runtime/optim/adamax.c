// Keras's Adamax: m = b1 m + (1 - b1) g; u = max(b2 u, |g|); w -= lr m / ((1 - b1^t) (u + epsilon)).
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, BETA_1, BETA_2, EPSILON };
enum { C_RATE, C_BETA_1, C_REST_1, C_BETA_2, C_EPSILON, C_CORRECTION };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"),
                                OPTIMIZER_DECAY("beta_1", "0.9", "decay of the mean gradient"),
                                OPTIMIZER_DECAY("beta_2", "0.999", "decay of the largest gradient"),
                                OPTIMIZER_EPSILON("added to the largest gradient"), OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 2;
}

static bool replays(const double *a) {
  (void)a;
  return true;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  c[C_RATE] = learning_rate;
  c[C_BETA_1] = a[BETA_1];
  c[C_REST_1] = 1 - a[BETA_1];
  c[C_BETA_2] = a[BETA_2];
  c[C_EPSILON] = a[EPSILON];
  c[C_CORRECTION] = 1 - pow(a[BETA_1], (double)t);
}

#define DEFINE_ADAMAX(suffix, real, magnitude)                                                               \
  OPTIMIZER_CLONES static void step_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    real rate = c[C_RATE], b1 = c[C_BETA_1], r1 = c[C_REST_1], b2 = c[C_BETA_2], epsilon = c[C_EPSILON],     \
         correction = c[C_CORRECTION], *restrict m = s[0], *restrict u = s[1];                               \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real x = g ? g[k] : 0, size = magnitude(x), held = b2 * u[k];                                          \
      m[k] = b1 * m[k] + r1 * x;                                                                             \
      u[k] = held > size ? held : size;                                                                      \
      w[k] -= rate * m[k] / (correction * (u[k] + epsilon));                                                 \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_REPLAY_BY_STEPS(suffix, real)

DEFINE_ADAMAX(f32, float, fabsf)
DEFINE_ADAMAX(f64, double, fabs)

static const char *const slot_names[] = {"momentum", "norm"};

const optimizer_rule optimizer_adamax = {
    .item = {"adamax", "Adamax", "Adam with the largest gradient in the place of the mean square", args,
             optimizer_args_agree},
    .slots = slots,
    .slot_names = slot_names,
    .constants = constants,
    .step_f32 = step_f32,
    .step_f64 = step_f64,
    .replay_f32 = replay_f32,
    .replay_f64 = replay_f64,
    .replays = replays,
    .rests = true,
};
