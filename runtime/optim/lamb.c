// Keras's Lamb: u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) with Adam's m and v;
// w -= lr |w| / |u| u, with Euclidean norms of the whole variable; the ratio is 1 where a norm is 0.
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, BETA_1, BETA_2, EPSILON };
enum { BLOCK = 16384 };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"),
                                OPTIMIZER_DECAY("beta_1", "0.9", "decay of the mean gradient"),
                                OPTIMIZER_DECAY("beta_2", "0.999", "decay of the mean squared gradient"),
                                OPTIMIZER_EPSILON("added to the root"), OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 2;
}

static int64_t blocks_of(int64_t n) {
  return (n + BLOCK - 1) / BLOCK;
}

static int64_t scratch(const struct nlm_abi_param *about) {
  return 2 * blocks_of(about->elements);
}

typedef struct lamb_job {
  const whole_step *s;
  double rate; // of the second part
} lamb_job;

// First all blocks' directions (into the gradient's place) and sums of squares, then the step.
#define DEFINE_LAMB(suffix, real, root)                                                                      \
  OPTIMIZER_CLONES static void aim_##suffix(real *restrict m, real *restrict v, real *restrict g, int64_t n, \
                                            const double *a, double t) {                                     \
    real r1 = (real)(1 - a[BETA_1]), r2 = (real)(1 - a[BETA_2]), epsilon = (real)a[EPSILON];                 \
    real c1 = (real)(1 - pow(a[BETA_1], t)), c2 = (real)(1 - pow(a[BETA_2], t));                             \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      m[k] += (g[k] - m[k]) * r1;                                                                            \
      v[k] += (g[k] * g[k] - v[k]) * r2;                                                                     \
      g[k] = m[k] / c1 / (root(v[k] / c2) + epsilon);                                                        \
    }                                                                                                        \
  }                                                                                                          \
  static double squares_##suffix(const real *x, int64_t n) {                                                 \
    double sum = 0;                                                                                          \
    for (int64_t k = 0; k < n; k++)                                                                          \
      sum += (double)x[k] * (double)x[k];                                                                    \
    return sum;                                                                                              \
  }                                                                                                          \
  static void aim_block_##suffix(void *env, int64_t block) {                                                 \
    const whole_step *s = ((lamb_job *)env)->s;                                                              \
    int64_t first = block * BLOCK, n = s->elements - first < BLOCK ? s->elements - first : BLOCK;            \
    real *g = (real *)s->gradient + first;                                                                   \
    aim_##suffix((real *)s->slots[0] + first, (real *)s->slots[1] + first, g, n, s->args, (double)s->t);     \
    s->scratch[2 * block] = squares_##suffix((const real *)s->values + first, n);                            \
    s->scratch[2 * block + 1] = squares_##suffix(g, n);                                                      \
  }                                                                                                          \
  static void move_block_##suffix(void *env, int64_t block) {                                                \
    const lamb_job *job = env;                                                                               \
    int64_t first = block * BLOCK, left = job->s->elements - first, n = left < BLOCK ? left : BLOCK;         \
    real *w = (real *)job->s->values + first, rate = (real)job->rate;                                        \
    const real *u = (const real *)job->s->gradient + first;                                                  \
    for (int64_t k = 0; k < n; k++)                                                                          \
      w[k] -= rate * u[k];                                                                                   \
  }                                                                                                          \
  static void whole_##suffix(const whole_step *s) {                                                          \
    lamb_job job = {s, s->learning_rate};                                                                    \
    int64_t blocks = blocks_of(s->elements);                                                                 \
    double weights = 0, steps = 0;                                                                           \
    pool_run(s->pool, aim_block_##suffix, &job, blocks);                                                     \
    for (int64_t k = 0; k < blocks; k++) {                                                                   \
      weights += s->scratch[2 * k];                                                                          \
      steps += s->scratch[2 * k + 1];                                                                        \
    }                                                                                                        \
    if (weights > 0 && steps > 0)                                                                            \
      job.rate *= sqrt(weights) / sqrt(steps);                                                               \
    pool_run(s->pool, move_block_##suffix, &job, blocks);                                                    \
  }

DEFINE_LAMB(f32, float, sqrtf)
DEFINE_LAMB(f64, double, sqrt)

static const char *const slot_names[] = {"momentum", "velocity"};

const optimizer_rule optimizer_lamb = {
    .item = {"lamb", "Lamb", "Adam with steps in proportion to the norm of each weight: for large batches",
             args, optimizer_args_agree},
    .slots = slots,
    .slot_names = slot_names,
    .whole_f32 = whole_f32,
    .whole_f64 = whole_f64,
    .scratch = scratch,
};
