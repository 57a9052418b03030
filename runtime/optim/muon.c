// Keras's Muon. A matrix takes the momentum m = mu m + g, looks ahead (g + mu m) if nesterov, and steps along
// what ns_steps Newton-Schulz iterations make of it: x = m / (|m| + 1e-7), then x = a x + (b A + c A A) x
// with A = x x', of the transposed matrix where it is taller than wide; w -= lr x sqrt(max(rows, columns))
// rms_rate. Other weights (and tables, unless exclude_embeddings is false) take Adam's steps, with a weight
// decay of their own.
#include "runtime/optim/adam.h"

enum {
  LEARNING_RATE,
  ADAM_BETA_1,
  ADAM_BETA_2,
  ADAM_WEIGHT_DECAY,
  EPSILON,
  WEIGHT_DECAY,
  CLIPS_AND_AVERAGES,
  EXCLUDE_LAYERS = CLIPS_AND_AVERAGES + 7,
  EXCLUDE_EMBEDDINGS,
  MUON_A,
  MUON_B,
  MUON_C,
  ADAM_LR_RATIO,
  MOMENTUM,
  NS_STEPS,
  NESTEROV,
  RMS_RATE
};

#define FACTOR(what, standard)                                                                               \
  {                                                                                                          \
    .name = what, .kinds = ARG_FLOAT, .default_text = standard, .min = -INFINITY, .max = INFINITY,           \
    .doc = "of the Newton-Schulz iteration"                                                                  \
  }

static const arg_spec args[] = {
    OPTIMIZER_LEARNING_RATE("0.001"),
    OPTIMIZER_DECAY("adam_beta_1", "0.9", "decay of the mean gradient, where Adam's steps are taken"),
    OPTIMIZER_DECAY("adam_beta_2", "0.999",
                    "decay of the mean squared gradient, where Adam's steps are taken"),
    OPTIMIZER_WEIGHT_DECAY_OF("adam_weight_decay", ARG_NONE, "0.004", "weights that take Adam's steps"),
    OPTIMIZER_EPSILON("added to the root"),
    OPTIMIZER_WEIGHT_DECAY_OF("weight_decay", ARG_NONE, "0.004", "the matrices"),
    OPTIMIZER_CLIP_AND_AVERAGE,
    {.name = "exclude_layers",
     .kinds = ARG_STRINGS | ARG_NONE,
     .default_text = "none",
     .doc = "weights with one of these words in their names take Adam's steps"},
    {.name = "exclude_embeddings",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "weights with \"embedding\" in their names take Adam's steps"},
    FACTOR("muon_a", "3.4445"),
    FACTOR("muon_b", "-4.7750"),
    FACTOR("muon_c", "2.0315"),
    {.name = "adam_lr_ratio",
     .kinds = ARG_FLOAT,
     .default_text = "1.0",
     .min = 0,
     .max = INFINITY,
     .doc = "the rate of Adam's steps, as a share of learning_rate"},
    OPTIMIZER_DECAY("momentum", "0.95", "share of the momentum that stays"),
    {.name = "ns_steps",
     .kinds = ARG_INT,
     .default_text = "5",
     .min = 0,
     .max = 100,
     .doc = "Newton-Schulz iterations"},
    {.name = "nesterov", .kinds = ARG_BOOL, .default_text = "true", .doc = "look-ahead form of momentum"},
    {.name = "rms_rate",
     .kinds = ARG_FLOAT | ARG_NONE,
     .default_text = "0.2",
     .min = 0,
     .open_min = true,
     .max = INFINITY,
     .doc = "steps are this times the root of the matrix's longer side; none: neither"},
    {0}};

static int slots(const double *a) {
  (void)a;
  return 2;
}

static bool takes_whole(const double *a, const struct nlm_abi_param *about) {
  (void)a;
  return about->rank == 2;
}

static int slot_shape(const struct nlm_abi_param *about, bool whole, int slot, int64_t *dims) {
  if (whole && slot == 1) // Adam's mean of squares
    return -1;
  for (int64_t k = 0; k < about->rank; k++)
    dims[k] = about->dims[k];
  return (int)about->rank;
}

// Adam's arguments, of ours.
static void adams(const double *a, double *out) {
  const double taken[] = {a[LEARNING_RATE], a[ADAM_BETA_1], a[ADAM_BETA_2], a[EPSILON], 0};
  for (int k = 0; k < 5; k++)
    out[k] = taken[k];
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  double of_adam[5];
  adams(a, of_adam);
  adam_constants(of_adam, learning_rate * a[ADAM_LR_RATIO], t, c);
}

// Sides of the matrix as it is iterated, n <= m: x, x', the next x [n, m] each; A, b A + c A A [n, n].
typedef struct sides {
  int64_t n, m;
  bool turned;
} sides;

static sides sides_of(const int64_t *dims) {
  bool turned = dims[0] > dims[1];
  return (sides){dims[turned], dims[!turned], turned};
}

static int64_t scratch(const struct nlm_abi_param *about) {
  sides s = sides_of(about->dims);
  return 3 * s.n * s.m + 2 * s.n * s.n;
}

// out [rows, columns] = left [rows, inner] right [inner, columns], plus `own` times the matrix beside
// (NULL: nothing); rows in blocks, each sum in the order of `inner`.
enum { ROWS_AT_ONCE = 4 };
#define DEFINE_MUON(suffix, real)                                                                            \
  typedef struct product_##suffix {                                                                          \
    const real *left, *right, *beside;                                                                       \
    real *out, own, times;                                                                                   \
    int64_t rows, inner, columns;                                                                            \
  } product_##suffix;                                                                                        \
  OPTIMIZER_CLONES static void add_row_##suffix(real *restrict out, const real *restrict right, real x,      \
                                                int64_t n) {                                                 \
    for (int64_t k = 0; k < n; k++)                                                                          \
      out[k] += x * right[k];                                                                                \
  }                                                                                                          \
  static void product_rows_##suffix(void *env, int64_t block) {                                              \
    const product_##suffix *p = env;                                                                         \
    int64_t first = block * ROWS_AT_ONCE;                                                                    \
    for (int64_t row = first; row < first + ROWS_AT_ONCE && row < p->rows; row++)                            \
      for (int64_t k = 0; k < p->columns; k++)                                                               \
        p->out[row * p->columns + k] = p->beside ? p->own * p->beside[row * p->columns + k] : 0;             \
    for (int64_t j = 0; j < p->inner; j++)                                                                   \
      for (int64_t row = first; row < first + ROWS_AT_ONCE && row < p->rows; row++)                          \
        add_row_##suffix(p->out + row * p->columns, p->right + j * p->columns,                               \
                         p->times * p->left[row * p->inner + j], p->columns);                                \
  }                                                                                                          \
  static void run_product_##suffix(thread_pool *pool, product_##suffix p) {                                  \
    pool_run(pool, product_rows_##suffix, &p, (p.rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE);                   \
  }                                                                                                          \
  static void turn_##suffix(const real *x, real *out, int64_t rows, int64_t columns) {                       \
    for (int64_t row = 0; row < rows; row++)                                                                 \
      for (int64_t k = 0; k < columns; k++)                                                                  \
        out[k * rows + row] = x[row * columns + k];                                                          \
  }                                                                                                          \
  /* x [n, m] becomes nearly orthogonal; returned where it stands then. */                                   \
  static real *iterate_##suffix(const whole_step *s, sides d, real *x) {                                     \
    int64_t area = d.n * d.m;                                                                                \
    real *turned = x + area, *next = turned + area, *a = next + area, *b = a + d.n * d.n;                    \
    double norm = 0;                                                                                         \
    for (int64_t k = 0; k < area; k++)                                                                       \
      norm += (double)x[k] * (double)x[k];                                                                   \
    norm = sqrt(norm) + 1e-7;                                                                                \
    for (int64_t k = 0; k < area; k++)                                                                       \
      x[k] = (real)((double)x[k] / norm);                                                                    \
    for (int step = 0; step < (int)s->args[NS_STEPS]; step++) {                                              \
      turn_##suffix(x, turned, d.n, d.m);                                                                    \
      run_product_##suffix(s->pool, (product_##suffix){x, turned, NULL, a, 0, 1, d.n, d.m, d.n});            \
      run_product_##suffix(s->pool, (product_##suffix){a, a, a, b, (real)s->args[MUON_B],                    \
                                                       (real)s->args[MUON_C], d.n, d.n, d.n});               \
      run_product_##suffix(s->pool,                                                                          \
                           (product_##suffix){b, x, x, next, (real)s->args[MUON_A], 1, d.n, d.n, d.m});      \
      real *before = x;                                                                                      \
      x = next;                                                                                              \
      next = before;                                                                                         \
    }                                                                                                        \
    return x;                                                                                                \
  }                                                                                                          \
  static void whole_##suffix(const whole_step *s) {                                                          \
    real *m = s->slots[0], *g = s->gradient, *w = s->values, *x = (real *)(void *)s->scratch;                \
    real kept = (real)s->args[MOMENTUM];                                                                     \
    sides d = sides_of(s->dims);                                                                             \
    for (int64_t k = 0; k < s->elements; k++) {                                                              \
      m[k] = g[k] + kept * m[k];                                                                             \
      g[k] = s->args[NESTEROV] != 0 ? g[k] + kept * m[k] : m[k];                                             \
    }                                                                                                        \
    for (int64_t k = 0; !d.turned && k < s->elements; k++)                                                   \
      x[k] = g[k];                                                                                           \
    if (d.turned)                                                                                            \
      turn_##suffix(g, x, d.m, d.n);                                                                         \
    x = iterate_##suffix(s, d, x);                                                                           \
    if (d.turned) {                                                                                          \
      turn_##suffix(x, g, d.n, d.m);                                                                         \
      x = g;                                                                                                 \
    }                                                                                                        \
    double by_shape = s->args[RMS_RATE] > 0 ? sqrt((double)d.m) * s->args[RMS_RATE] : 1;                     \
    real rate = (real)(s->learning_rate * by_shape);                                                         \
    for (int64_t k = 0; k < s->elements; k++)                                                                \
      w[k] -= rate * x[k];                                                                                   \
  }

DEFINE_MUON(f32, float)
DEFINE_MUON(f64, double)

const optimizer_rule optimizer_muon = {
    .item = {"muon", "Muon", "orthogonal steps for matrices, Adam's steps for other weights", args,
             optimizer_args_agree},
    ADAM_RULE,
    .slots = slots,
    .constants = constants,
    .takes_whole = takes_whole,
    .whole_f32 = whole_f32,
    .whole_f64 = whole_f64,
    .scratch = scratch,
    .slot_shape = slot_shape,
};
