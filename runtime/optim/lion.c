// Keras's Lion: w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g. The sign of 0 is 0.
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, BETA_1, BETA_2 };
enum { C_RATE, C_BETA_1, C_REST_1, C_BETA_2, C_REST_2 };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"),
                                OPTIMIZER_DECAY("beta_1", "0.9", "share of the mean gradient in the sign"),
                                OPTIMIZER_DECAY("beta_2", "0.99", "decay of the mean gradient"),
                                OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 1;
}

static bool replays(const double *a) {
  (void)a;
  return true;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  (void)t;
  c[C_RATE] = learning_rate;
  c[C_BETA_1] = a[BETA_1];
  c[C_REST_1] = 1 - a[BETA_1];
  c[C_BETA_2] = a[BETA_2];
  c[C_REST_2] = 1 - a[BETA_2];
}

#define DEFINE_LION(suffix, real)                                                                            \
  OPTIMIZER_CLONES static void step_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    real rate = c[C_RATE], b1 = c[C_BETA_1], r1 = c[C_REST_1], b2 = c[C_BETA_2], r2 = c[C_REST_2];           \
    real *restrict m = s[0];                                                                                 \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real x = g ? g[k] : 0, way = b1 * m[k] + r1 * x;                                                       \
      w[k] -= rate * (real)((way > 0) - (way < 0));                                                          \
      m[k] = b2 * m[k] + r2 * x;                                                                             \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_REPLAY_BY_STEPS(suffix, real)

DEFINE_LION(f32, float)
DEFINE_LION(f64, double)

static const char *const slot_names[] = {"momentum"};

const optimizer_rule optimizer_lion = {
    .item = {"lion", "Lion", "steps of one size, in the direction of a mean gradient's sign", args,
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
