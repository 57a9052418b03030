// Keras's Ftrl ("follow the regularized leader"), with p = -learning_rate_power:
// h = g + 2 shrinkage w; n' = n + g^2; z += h - (n'^p - n^p) / lr w;
// w = (clip(z, -l1, l1) - z) / (n'^p / lr + 2 (l2 + beta / (2 lr))).
// The weight follows from z and n alone, so that a first step with a zero gradient sets it to 0.
#include "runtime/optim/optimizer.h"
#include <string.h>

enum { LEARNING_RATE, POWER, INITIAL, L1, L2, SHRINKAGE, BETA };
enum { C_RATE, C_POWER, C_L1, C_CURVATURE, C_SHRINKAGE };

#define STRENGTH(what, about)                                                                                \
  { .name = what, .kinds = ARG_FLOAT, .default_text = "0.0", .min = 0, .max = INFINITY, .doc = about }
static const arg_spec args[] = {
    OPTIMIZER_LEARNING_RATE("0.001"),
    {.name = "learning_rate_power",
     .kinds = ARG_FLOAT,
     .default_text = "-0.5",
     .min = -INFINITY,
     .max = 0,
     .doc = "how the rate falls with the sum of squared gradients; 0: not at all"},
    {.name = "initial_accumulator_value",
     .kinds = ARG_FLOAT,
     .default_text = "0.1",
     .min = 0,
     .max = INFINITY,
     .doc = "what the sum of squared gradients begins with"},
    STRENGTH("l1_regularization_strength", "how strongly small weights are drawn to 0"),
    STRENGTH("l2_regularization_strength", "how strongly large weights are held back"),
    STRENGTH("l2_shrinkage_regularization_strength", "a penalty on squared weights, added to the gradient"),
    STRENGTH("beta", "slows the first steps"),
    OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 2;
}

static double slot_start(const double *a, int slot) {
  return slot == 0 ? a[INITIAL] : 0;
}

static bool replays(const double *a) {
  (void)a;
  return true;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  (void)t;
  c[C_RATE] = learning_rate;
  c[C_POWER] = -a[POWER];
  c[C_L1] = a[L1];
  c[C_CURVATURE] = 2 * (a[L2] + a[BETA] / (2 * learning_rate));
  c[C_SHRINKAGE] = 2 * a[SHRINKAGE];
}

// A zero gradient under the constants of the step before changes nothing more, unless weights shrink.
#define DEFINE_FTRL(suffix, real, root, power)                                                               \
  static real raised_##suffix(real x, real p) {                                                              \
    return p == (real)0.5 ? root(x) : power(x, p);                                                           \
  }                                                                                                          \
  static void step_##suffix(real *w, real *const *s, const real *g, int64_t n, const real *c) {              \
    real rate = c[C_RATE], p = c[C_POWER], l1 = c[C_L1];                                                     \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real x = g ? g[k] : 0, before = raised_##suffix(s[0][k], p);                                           \
      s[0][k] += x * x;                                                                                      \
      real after = raised_##suffix(s[0][k], p), z = s[1][k];                                                 \
      z += x + c[C_SHRINKAGE] * w[k] - (after - before) / rate * w[k];                                       \
      real held = z > l1 ? l1 : z < -l1 ? -l1 : z;                                                           \
      w[k] = (held - z) / (after / rate + c[C_CURVATURE]);                                                   \
      s[1][k] = z;                                                                                           \
    }                                                                                                        \
  }                                                                                                          \
  static void replay_##suffix(real *w, real *const *s, int64_t n, const real *c, int64_t count,              \
                              bool may_settle) {                                                             \
    (void)may_settle;                                                                                        \
    for (int64_t k = 0; k < count; k++, c += OPTIMIZER_CONSTANTS)                                            \
      if (k == 0 || c[C_SHRINKAGE] != 0 || memcmp(c, c - OPTIMIZER_CONSTANTS, C_SHRINKAGE * sizeof *c))      \
        step_##suffix(w, s, NULL, n, c);                                                                     \
  }

DEFINE_FTRL(f32, float, sqrtf, powf)
DEFINE_FTRL(f64, double, sqrt, pow)

static const char *const slot_names[] = {"accumulator", "linear"};

const optimizer_rule optimizer_ftrl = {
    .item = {"ftrl", "Ftrl", "follow the regularized leader: for shallow models with many sparse features",
             args, optimizer_args_agree},
    .slots = slots,
    .slot_start = slot_start,
    .slot_names = slot_names,
    .constants = constants,
    .step_f32 = step_f32,
    .step_f64 = step_f64,
    .replay_f32 = replay_f32,
    .replay_f64 = replay_f64,
    .replays = replays,
};
