// Keras's RMSprop: v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon), epsilon inside the root;
// centered subtracts the squared mean gradient; with momentum m = mu m + increment, w -= m.
#include "runtime/optim/optimizer.h"
#include <math.h>

enum { LEARNING_RATE, RHO, MOMENTUM, EPSILON, CENTERED };
enum { C_RATE, C_RHO, C_REST, C_EPSILON, C_MOMENTUM, C_CENTERED };

static const arg_spec args[] = {
    OPTIMIZER_LEARNING_RATE("0.001"),
    {.name = "rho",
     .kinds = ARG_FLOAT,
     .default_text = "0.9",
     .min = 0,
     .max = 1,
     .doc = "how much of the mean squared gradient is kept at each step"},
    {.name = "momentum",
     .kinds = ARG_FLOAT,
     .default_text = "0.0",
     .min = 0,
     .max = 1,
     .doc = "share of the last step that is taken again"},
    OPTIMIZER_EPSILON("added under the root"),
    {.name = "centered",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "normalise by the variance of the gradient instead of its mean square"},
    OPTIMIZER_COMMON_ARGS};

// Slots: mean square; mean (centered); momentum.
static int slots(const double *a) {
  return a[CENTERED] != 0 || a[MOMENTUM] != 0 ? 3 : 1;
}

static bool replays(const double *a) {
  (void)a;
  return true; // the mean square decays
}

static bool keeps_weights(const double *a) {
  return a[MOMENTUM] == 0;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  (void)t;
  c[C_RATE] = learning_rate;
  c[C_RHO] = a[RHO];
  c[C_REST] = 1 - a[RHO];
  c[C_EPSILON] = a[EPSILON];
  c[C_MOMENTUM] = a[MOMENTUM];
  c[C_CENTERED] = a[CENTERED];
}

#define DEFINE_RMSPROP(suffix, real, root)                                                                   \
  OPTIMIZER_CLONES static void full_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    real rate = c[C_RATE], rho = c[C_RHO], rest = c[C_REST], epsilon = c[C_EPSILON], mu = c[C_MOMENTUM];     \
    bool centered = c[C_CENTERED] != 0;                                                                      \
    real *restrict v = s[0], *restrict mean = s[1], *restrict m = s[2];                                      \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real x = g ? g[k] : 0;                                                                                 \
      v[k] = rho * v[k] + rest * (x * x);                                                                    \
      real square = v[k];                                                                                    \
      if (centered) {                                                                                        \
        mean[k] = rho * mean[k] + rest * x;                                                                  \
        square -= mean[k] * mean[k];                                                                         \
      }                                                                                                      \
      real increment = rate * x / root(square + epsilon);                                                    \
      m[k] = mu * m[k] + increment;                                                                          \
      w[k] -= m[k];                                                                                          \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_CLONES static void step_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    if (c[C_MOMENTUM] != 0 || c[C_CENTERED] != 0) {                                                          \
      full_##suffix(w, s, g, n, c);                                                                          \
      return;                                                                                                \
    }                                                                                                        \
    real rate = c[C_RATE], rho = c[C_RHO], rest = c[C_REST], epsilon = c[C_EPSILON];                         \
    real *restrict v = s[0];                                                                                 \
    for (int64_t k = 0; g && k < n; k++) {                                                                   \
      v[k] = rho * v[k] + rest * (g[k] * g[k]);                                                              \
      w[k] -= rate * g[k] / root(v[k] + epsilon);                                                            \
    }                                                                                                        \
    for (int64_t k = 0; !g && k < n; k++)                                                                    \
      v[k] = rho * v[k];                                                                                     \
  }                                                                                                          \
  /* A zero gradient leaves w alone; v decays. Rows are short: several steps stay in registers. */           \
  OPTIMIZER_CLONES static void replay_##suffix(real *w, real *const *s, int64_t n, const real *c,            \
                                               int64_t count, bool may_settle) {                             \
    (void)may_settle;                                                                                        \
    if (c[C_MOMENTUM] != 0 || c[C_CENTERED] != 0) {                                                          \
      for (int64_t k = 0; k < count; k++)                                                                    \
        full_##suffix(w, s, NULL, n, c + k * OPTIMIZER_CONSTANTS);                                           \
      return;                                                                                                \
    }                                                                                                        \
    real rho = c[C_RHO];                                                                                     \
    enum { CHUNK = 128 };                                                                                    \
    for (int64_t first = 0; first < n; first += CHUNK) {                                                     \
      real chunk[CHUNK], *v = s[0] + first;                                                                  \
      int64_t size = n - first < CHUNK ? n - first : CHUNK;                                                  \
      for (int64_t k = 0; k < CHUNK; k++)                                                                    \
        chunk[k] = k < size ? v[k] : 0;                                                                      \
      for (int64_t j = 0; j < count; j++)                                                                    \
        for (int64_t k = 0; k < CHUNK; k++)                                                                  \
          chunk[k] = rho * chunk[k];                                                                         \
      for (int64_t k = 0; k < size; k++)                                                                     \
        v[k] = chunk[k];                                                                                     \
    }                                                                                                        \
  }

DEFINE_RMSPROP(f32, float, sqrtf)
DEFINE_RMSPROP(f64, double, sqrt)

static const char *const slot_names[] = {"velocity", "average_gradient", "momentum"};

const optimizer_rule optimizer_rmsprop = {
    .item = {"rmsprop", "RMSprop", "steps divided by a running root mean square of the gradient", args,
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
