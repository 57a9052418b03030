// Keras's Nadam, Adam with Nesterov momentum. With u_t = b1 (1 - 0.96^t / 2) and p_t = u_1 u_2 ... u_t:
// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr m^ / (sqrt(v / (1 - b2^t)) + epsilon), where
// m^ = u_(t+1) m / (1 - p_(t+1)) + (1 - u_t) g / (1 - p_t).
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, BETA_1, BETA_2, EPSILON };
enum { C_RATE, C_BETA_1, C_BETA_2, C_REST_2, C_EPSILON, C_OF_MEAN, C_OF_GRADIENT, C_CORRECTION };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"),
                                OPTIMIZER_DECAY("beta_1", "0.9", "decay of the mean gradient"),
                                OPTIMIZER_DECAY("beta_2", "0.999", "decay of the mean squared gradient"),
                                OPTIMIZER_EPSILON("added to the root"), OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 2;
}

static bool replays(const double *a) {
  (void)a;
  return true;
}

// p_t; factors stay below b1, so that the product soon vanishes against 1.
static double product(double beta_1, int64_t t) {
  double p = 1, power = 1;
  for (int64_t k = 1; k <= t && p > 1e-40; k++) {
    power *= 0.96;
    p *= beta_1 * (1 - 0.5 * power);
  }
  return p;
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  double b1 = a[BETA_1], now = b1 * (1 - 0.5 * pow(0.96, (double)t)),
         next = b1 * (1 - 0.5 * pow(0.96, (double)t + 1)), p = product(b1, t);
  c[C_RATE] = learning_rate;
  c[C_BETA_1] = b1;
  c[C_BETA_2] = a[BETA_2];
  c[C_REST_2] = 1 - a[BETA_2];
  c[C_EPSILON] = a[EPSILON];
  c[C_OF_MEAN] = next / (1 - p * next);
  c[C_OF_GRADIENT] = (1 - now) / (1 - p);
  c[C_CORRECTION] = 1 - pow(a[BETA_2], (double)t);
}

#define DEFINE_NADAM(suffix, real, root)                                                                     \
  OPTIMIZER_CLONES static void step_##suffix(real *restrict w, real *const *s, const real *restrict g,       \
                                             int64_t n, const real *c) {                                     \
    real rate = c[C_RATE], b1 = c[C_BETA_1], r1 = 1 - b1, b2 = c[C_BETA_2], r2 = c[C_REST_2],                \
         epsilon = c[C_EPSILON], of_mean = c[C_OF_MEAN], of_gradient = c[C_OF_GRADIENT],                     \
         correction = c[C_CORRECTION], *restrict m = s[0], *restrict v = s[1];                               \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      real x = g ? g[k] : 0;                                                                                 \
      m[k] = b1 * m[k] + r1 * x;                                                                             \
      v[k] = b2 * v[k] + r2 * (x * x);                                                                       \
      w[k] -= rate * (of_mean * m[k] + of_gradient * x) / (root(v[k] / correction) + epsilon);               \
    }                                                                                                        \
  }                                                                                                          \
  OPTIMIZER_REPLAY_BY_STEPS(suffix, real)

DEFINE_NADAM(f32, float, sqrtf)
DEFINE_NADAM(f64, double, sqrt)

static const char *const slot_names[] = {"momentum", "velocity"};

const optimizer_rule optimizer_nadam = {
    .item = {"nadam", "Nadam", "Adam with Nesterov momentum", args, optimizer_args_agree},
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
