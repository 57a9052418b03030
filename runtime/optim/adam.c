// Keras's Adam: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= alpha m / (sqrt(v) + epsilon) with
// alpha = lr sqrt(1 - b2^t) / (1 - b1^t); amsgrad takes the largest v so far.
#include "runtime/optim/adam.h"

enum { LEARNING_RATE, BETA_1, BETA_2, EPSILON, AMSGRAD };
enum { C_ALPHA, C_BETA_1, C_REST_1, C_BETA_2, C_REST_2, C_EPSILON, C_AMSGRAD, C_SHRINKS };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"), ADAM_ARGS, OPTIMIZER_COMMON_ARGS};

int adam_slots(const double *a) {
  return a[AMSGRAD] != 0 ? 3 : 2;
}

bool adam_replays(const double *a) {
  (void)a;
  return true;
}

// alpha / learning rate
static double correction(const double *a, double t) {
  return sqrt(1 - pow(a[BETA_2], t)) / (1 - pow(a[BETA_1], t));
}

// Without a gradient, alpha m / (sqrt(v) + epsilon) is at most this times what it was a step before.
static double shrinkage(const double *a, double t) {
  return t < 2 ? 1 : a[BETA_1] / sqrt(a[BETA_2]) * correction(a, t) / correction(a, t - 1);
}

void adam_constants(const double *a, double learning_rate, int64_t t, double *c) {
  c[C_ALPHA] = learning_rate * correction(a, (double)t);
  c[C_BETA_1] = a[BETA_1];
  c[C_REST_1] = 1 - a[BETA_1];
  c[C_BETA_2] = a[BETA_2];
  c[C_REST_2] = 1 - a[BETA_2];
  c[C_EPSILON] = a[EPSILON];
  c[C_AMSGRAD] = a[AMSGRAD];
  c[C_SHRINKS] = shrinkage(a, (double)t) < 0.9999; // clear of rounding
}

// A zero gradient adds 0: that turns the -0 of a vanished mean into the 0 of the dense step.
#define DEFINE_ADAM(suffix, real, root)                                                                      \
  OPTIMIZER_CLONES static void amsgrad_##suffix(real *restrict w, real *const *s, const real *restrict g,    \
                                                int64_t n, const real *c) {                                  \
    real *restrict m = s[0], *restrict v = s[1], *restrict most = s[2];                                      \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real x = g ? g[k] : 0;                                                                                 \
      m[k] = c[C_BETA_1] * m[k] + c[C_REST_1] * x;                                                           \
      v[k] = c[C_BETA_2] * v[k] + c[C_REST_2] * (x * x);                                                     \
      most[k] = v[k] > most[k] ? v[k] : most[k];                                                             \
      w[k] -= c[C_ALPHA] * m[k] / (root(most[k]) + c[C_EPSILON]);                                            \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_CLONES void adam_step_##suffix(real *restrict w, real *const *s, const real *restrict g,         \
                                           int64_t n, const real *c) {                                       \
    if (c[C_AMSGRAD] != 0) {                                                                                 \
      amsgrad_##suffix(w, s, g, n, c);                                                                       \
      return;                                                                                                \
    }                                                                                                        \
    real alpha = c[C_ALPHA], b1 = c[C_BETA_1], r1 = c[C_REST_1], b2 = c[C_BETA_2], r2 = c[C_REST_2];         \
    real epsilon = c[C_EPSILON], *restrict m = s[0], *restrict v = s[1];                                     \
    for (int64_t k = 0; g && k < n; k++) {                                                                   \
      m[k] = b1 * m[k] + r1 * g[k];                                                                          \
      v[k] = b2 * v[k] + r2 * (g[k] * g[k]);                                                                 \
      w[k] -= alpha * m[k] / (root(v[k]) + epsilon);                                                         \
    }                                                                                                        \
    for (int64_t k = 0; !g && k < n; k++) {                                                                  \
      m[k] = b1 * m[k] + 0;                                                                                  \
      v[k] = b2 * v[k];                                                                                      \
      w[k] -= alpha * m[k] / (root(v[k]) + epsilon);                                                         \
    }                                                                                                        \
  }                                                                                                          \
  /* Once a step moves no weight and every later one is smaller, none of them does: then only the averages   \
     decay. */                                                                                               \
  OPTIMIZER_CLONES void adam_replay_##suffix(real *w, real *const *s, int64_t n, const real *c,              \
                                             int64_t count, bool may_settle) {                               \
    enum { CHUNK = 64 };                                                                                     \
    if (c[C_AMSGRAD] != 0) {                                                                                 \
      for (int64_t j = 0; j < count; j++)                                                                    \
        amsgrad_##suffix(w, s, NULL, n, c + j * OPTIMIZER_CONSTANTS);                                        \
      return;                                                                                                \
    }                                                                                                        \
    real b1 = c[C_BETA_1], b2 = c[C_BETA_2], epsilon = c[C_EPSILON];                                         \
    int64_t settles = count; /* steps from here on are smaller than the one before */                        \
    while (may_settle && settles > 0 && c[(settles - 1) * OPTIMIZER_CONSTANTS + C_SHRINKS] != 0)             \
      settles--;                                                                                             \
    for (int64_t first = 0; first < n; first += CHUNK) {                                                     \
      real cw[CHUNK], cm[CHUNK], cv[CHUNK];                                                                  \
      int64_t size = n - first < CHUNK ? n - first : CHUNK, j = 0;                                           \
      for (int64_t k = 0; k < CHUNK; k++) {                                                                  \
        cw[k] = k < size ? w[first + k] : 0;                                                                 \
        cm[k] = k < size ? s[0][first + k] : 0;                                                              \
        cv[k] = k < size ? s[1][first + k] : 0;                                                              \
      }                                                                                                      \
      for (int moved = 1; moved && j < count; j++) {                                                         \
        real alpha = c[j * OPTIMIZER_CONSTANTS + C_ALPHA];                                                   \
        moved = j + 1 < settles;                                                                             \
        for (int64_t k = 0; k < CHUNK; k++) {                                                                \
          cm[k] = b1 * cm[k] + 0;                                                                            \
          cv[k] = b2 * cv[k];                                                                                \
          real now = cw[k] - alpha * cm[k] / (root(cv[k]) + epsilon);                                        \
          moved |= now != cw[k];                                                                             \
          cw[k] = now;                                                                                       \
        }                                                                                                    \
      }                                                                                                      \
      for (; j < count; j++)                                                                                 \
        for (int64_t k = 0; k < CHUNK; k++) {                                                                \
          cm[k] = b1 * cm[k] + 0;                                                                            \
          cv[k] = b2 * cv[k];                                                                                \
        }                                                                                                    \
      for (int64_t k = 0; k < size; k++) {                                                                   \
        w[first + k] = cw[k];                                                                                \
        s[0][first + k] = cm[k];                                                                             \
        s[1][first + k] = cv[k];                                                                             \
      }                                                                                                      \
    }                                                                                                        \
  }

DEFINE_ADAM(f32, float, sqrtf)
DEFINE_ADAM(f64, double, sqrt)

const char *const adam_slot_names[] = {"momentum", "velocity", "velocity_hat"};

const optimizer_rule optimizer_adam = {
    .item = {"adam", "Adam", "steps from running means of the gradient and of its square", args,
             optimizer_args_agree},
    ADAM_RULE,
    .slots = adam_slots,
    .constants = adam_constants,
};
