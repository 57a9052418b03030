// Keras's SGD: w -= lr g; with momentum m = mu m - lr g, w += m; nesterov w += mu m - lr g.
#include "runtime/optim/optimizer.h"
#include <math.h>

enum { LEARNING_RATE, MOMENTUM, NESTEROV };
enum { C_RATE, C_MOMENTUM, C_NESTEROV };

static const arg_spec args[] = {
    OPTIMIZER_LEARNING_RATE("0.01"),
    {.name = "momentum",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = 0,
     .max = 1,
     .doc = "share of the last step that is taken again"},
    {.name = "nesterov", .kinds = ARG_BOOL, .default_text = "false", .doc = "look-ahead form of momentum"},
    OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  return a[MOMENTUM] != 0;
}

static bool replays(const double *a) {
  return a[MOMENTUM] != 0;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  (void)t;
  c[C_RATE] = learning_rate;
  c[C_MOMENTUM] = a[MOMENTUM];
  c[C_NESTEROV] = a[NESTEROV];
}

#define DEFINE_SGD(suffix, real)                                                                             \
  OPTIMIZER_CLONES static void momentum_##suffix(real *restrict w, real *restrict m, const real *restrict g, \
                                                 int64_t n, const real *c) {                                 \
    real rate = c[C_RATE], mu = c[C_MOMENTUM];                                                               \
    bool nesterov = c[C_NESTEROV] != 0;                                                                      \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real step = g ? rate * g[k] : 0;                                                                       \
      m[k] = mu * m[k] - step;                                                                               \
      w[k] += nesterov ? mu * m[k] - step : m[k];                                                            \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_CLONES static void step_##suffix(real *w, real *const *s, const real *g, int64_t n,              \
                                             const real *c) {                                                \
    if (c[C_MOMENTUM] != 0) {                                                                                \
      momentum_##suffix(w, s[0], g, n, c);                                                                   \
      return;                                                                                                \
    }                                                                                                        \
    for (int64_t k = 0; g && k < n; k++)                                                                     \
      w[k] -= c[C_RATE] * g[k];                                                                              \
  }                                                                                                          \
  OPTIMIZER_CLONES static void replay_##suffix(real *w, real *const *s, int64_t n, const real *c,            \
                                               int64_t count, bool may_settle) {                             \
    (void)may_settle;                                                                                        \
    for (int64_t k = 0; k < count; k++)                                                                      \
      momentum_##suffix(w, s[0], NULL, n, c + k * OPTIMIZER_CONSTANTS);                                      \
  }

DEFINE_SGD(f32, float)
DEFINE_SGD(f64, double)

static const char *const slot_names[] = {"momentum"};

const optimizer_rule optimizer_sgd = {
    .item = {"sgd", "SGD", "stochastic gradient descent, with momentum if asked for", args,
             optimizer_args_agree},
    .slots = slots,
    .slot_names = slot_names,
    .constants = constants,
    .step_f32 = step_f32,
    .step_f64 = step_f64,
    .replay_f32 = replay_f32,
    .replay_f64 = replay_f64,
    .replays = replays,
};
