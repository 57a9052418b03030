// Keras's Adafactor. With q = g^2 + epsilon_1 and b = 1 - t^beta_2_decay, matrices (the last two axes) keep
// means of q by row, r = b r + (1 - b) mean(q, -1), and by column, c = b c + (1 - b) mean(q, -2), and take
// v = r / mean(r, -1) c; vectors keep v = b v + (1 - b) q. Then u = g / sqrt(v) and
// w -= max(epsilon_2, rms(w)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / clip_threshold).
// The roots of r / mean(r) and of c are taken apart: their product would vanish in single precision where a
// whole row and a whole column have no gradient.
#include "runtime/optim/optimizer.h"

enum { LEARNING_RATE, DECAY, EPSILON_1, EPSILON_2, THRESHOLD };
enum { ROW, COLUMN, VELOCITY, BLOCK = 256 };

static const arg_spec args[] = {
    OPTIMIZER_LEARNING_RATE("0.001"),
    {.name = "beta_2_decay",
     .kinds = ARG_FLOAT,
     .default_text = "-0.8",
     .min = -INFINITY,
     .max = 0,
     .doc = "how fast the means of squared gradients come to forget: 1 - t^beta_2_decay of them is kept"},
    {.name = "epsilon_1",
     .kinds = ARG_FLOAT,
     .default_text = "1e-30",
     .min = 0,
     .max = INFINITY,
     .doc = "added to squared gradients"},
    {.name = "epsilon_2",
     .kinds = ARG_FLOAT,
     .default_text = "1e-3",
     .min = 0,
     .max = INFINITY,
     .doc = "the least size of a weight, as a root mean square, that steps are in proportion to"},
    {.name = "clip_threshold",
     .kinds = ARG_FLOAT,
     .default_text = "1.0",
     .min = 0,
     .open_min = true,
     .max = INFINITY,
     .doc = "the largest step before the rate, as a root mean square"},
    {.name = "relative_step",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "without effect, as in Keras: the rate is at most 1 / sqrt(step) in any case"},
    OPTIMIZER_COMMON_ARGS};

static int slots(const double *a) {
  (void)a;
  return 3;
}

// Matrices, their rows and columns; a vector is one row.
typedef struct factors {
  int64_t outer, rows, columns;
} factors;

static factors factors_of(int64_t rank, const int64_t *dims, int64_t elements) {
  if (rank < 2)
    return (factors){1, 1, elements};
  factors f = {1, dims[rank - 2], dims[rank - 1]};
  for (int64_t k = 0; k < rank - 2; k++)
    f.outer *= dims[k];
  return f;
}

static int slot_shape(const struct nlm_abi_param *about, bool whole, int slot, int64_t *dims) {
  int rank = (int)about->rank;
  (void)whole;
  if (rank < 2 ? slot != VELOCITY : slot == VELOCITY)
    return -1;
  for (int k = 0; k < rank; k++)
    dims[k] = about->dims[k];
  if (slot == COLUMN)
    dims[rank - 2] = dims[rank - 1];
  return slot == VELOCITY ? rank : rank - 1;
}

// Factors of rows and columns, and a sum for each row.
static int64_t scratch(const struct nlm_abi_param *about) {
  factors f = factors_of(about->rank, about->dims, about->elements);
  return 2 * f.outer * f.rows + f.outer * f.columns;
}

typedef struct adafactor_job {
  const whole_step *s;
  factors f;
  double *by_row, *by_column, *sums; // [outer rows], [outer columns], [outer rows]
  double kept, rate;
} adafactor_job;

static adafactor_job job_of(const whole_step *s) {
  adafactor_job job = {.s = s, .f = factors_of(s->rank, s->dims, s->elements)};
  job.by_row = s->scratch;
  job.by_column = job.by_row + job.f.outer * job.f.rows;
  job.sums = job.by_column + job.f.outer * job.f.columns;
  job.kept = 1 - pow((double)s->t, s->args[DECAY]);
  return job;
}

static double total(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t k = 0; k < n; k++)
    sum += x[k];
  return sum;
}

static double rms(const adafactor_job *job) {
  return sqrt(total(job->sums, job->f.outer * job->f.rows) / (double)job->s->elements);
}

#define DEFINE_ADAFACTOR(suffix, real)                                                                       \
  /* One row: its mean, and the sum of the squares of its weights. */                                        \
  static void measure_row_##suffix(void *env, int64_t row) {                                                 \
    const adafactor_job *job = env;                                                                          \
    const real *g = (const real *)job->s->gradient + row * job->f.columns;                                   \
    const real *w = (const real *)job->s->values + row * job->f.columns;                                     \
    double sum = 0, squares = 0;                                                                             \
    for (int64_t k = 0; k < job->f.columns; k++) {                                                           \
      sum += (double)g[k] * (double)g[k] + job->s->args[EPSILON_1];                                          \
      squares += (double)w[k] * (double)w[k];                                                                \
    }                                                                                                        \
    job->sums[row] = squares;                                                                                \
    if (job->s->rank < 2)                                                                                    \
      return;                                                                                                \
    real *r = (real *)job->s->slots[ROW] + row;                                                              \
    *r = (real)(job->kept * (double)*r + (1 - job->kept) * sum / (double)job->f.columns);                    \
  }                                                                                                          \
  /* The means of a block of columns, and the inverse roots of them. */                                      \
  static void measure_columns_##suffix(void *env, int64_t block) {                                           \
    const adafactor_job *job = env;                                                                          \
    const factors *f = &job->f;                                                                              \
    int64_t per_matrix = (f->columns + BLOCK - 1) / BLOCK, matrix = block / per_matrix;                      \
    int64_t first = block % per_matrix * BLOCK, n = f->columns - first < BLOCK ? f->columns - first : BLOCK; \
    const real *g = (const real *)job->s->gradient + matrix * f->rows * f->columns + first;                  \
    double *out = job->by_column + matrix * f->columns + first;                                              \
    real *kept = (real *)job->s->slots[job->s->rank < 2 ? VELOCITY : COLUMN] + matrix * f->columns + first;  \
    for (int64_t k = 0; k < n; k++)                                                                          \
      out[k] = 0;                                                                                            \
    for (int64_t row = 0; row < f->rows; row++, g += f->columns)                                             \
      for (int64_t k = 0; k < n; k++)                                                                        \
        out[k] += (double)g[k] * (double)g[k] + job->s->args[EPSILON_1];                                     \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      kept[k] = (real)(job->kept * (double)kept[k] + (1 - job->kept) * out[k] / (double)f->rows);            \
      out[k] = 1 / sqrt((double)kept[k]);                                                                    \
    }                                                                                                        \
  }                                                                                                          \
  static void factor_rows_##suffix(const adafactor_job *job) {                                               \
    const factors *f = &job->f;                                                                              \
    const real *r = job->s->slots[ROW];                                                                      \
    for (int64_t matrix = 0; matrix < f->outer; matrix++) {                                                  \
      double sum = 0;                                                                                        \
      for (int64_t k = matrix * f->rows; k < (matrix + 1) * f->rows; k++)                                    \
        sum += job->s->rank < 2 ? 1 : (double)r[k];                                                          \
      for (int64_t k = matrix * f->rows; k < (matrix + 1) * f->rows; k++)                                    \
        job->by_row[k] = job->s->rank < 2 ? 1 : 1 / sqrt((double)r[k] / (sum / (double)f->rows));            \
    }                                                                                                        \
  }                                                                                                          \
  /* One row of u, into the gradient's place. */                                                             \
  static void aim_row_##suffix(void *env, int64_t row) {                                                     \
    const adafactor_job *job = env;                                                                          \
    const double *by_column = job->by_column + row / job->f.rows * job->f.columns;                           \
    real *g = (real *)job->s->gradient + row * job->f.columns;                                               \
    double squares = 0, by_row = job->by_row[row];                                                           \
    for (int64_t k = 0; k < job->f.columns; k++) {                                                           \
      g[k] = (real)((double)g[k] * by_row * by_column[k]);                                                   \
      squares += (double)g[k] * (double)g[k];                                                                \
    }                                                                                                        \
    job->sums[row] = squares;                                                                                \
  }                                                                                                          \
  static void move_row_##suffix(void *env, int64_t row) {                                                    \
    const adafactor_job *job = env;                                                                          \
    real *w = (real *)job->s->values + row * job->f.columns, rate = (real)job->rate;                         \
    const real *u = (const real *)job->s->gradient + row * job->f.columns;                                   \
    for (int64_t k = 0; k < job->f.columns; k++)                                                             \
      w[k] -= rate * u[k];                                                                                   \
  }                                                                                                          \
  static void whole_##suffix(const whole_step *s) {                                                          \
    adafactor_job job = job_of(s);                                                                           \
    int64_t rows = job.f.outer * job.f.rows, blocks = job.f.outer * ((job.f.columns + BLOCK - 1) / BLOCK);   \
    pool_run(s->pool, measure_row_##suffix, &job, rows);                                                     \
    double size = rms(&job);                                                                                 \
    pool_run(s->pool, measure_columns_##suffix, &job, blocks);                                               \
    factor_rows_##suffix(&job);                                                                              \
    pool_run(s->pool, aim_row_##suffix, &job, rows);                                                         \
    job.rate = fmax(s->args[EPSILON_2], size) * fmin(s->learning_rate, 1 / sqrt((double)s->t)) /             \
               fmax(1, rms(&job) / s->args[THRESHOLD]);                                                      \
    pool_run(s->pool, move_row_##suffix, &job, rows);                                                        \
  }

DEFINE_ADAFACTOR(f32, float)
DEFINE_ADAFACTOR(f64, double)

static const char *const slot_names[] = {"row", "column", "velocity"};

const optimizer_rule optimizer_adafactor = {
    .item = {"adafactor", "Adafactor", "means of squared gradients by row and column alone: little memory",
             args, optimizer_args_agree},
    .slots = slots,
    .slot_names = slot_names,
    .whole_f32 = whole_f32,
    .whole_f64 = whole_f64,
    .scratch = scratch,
    .slot_shape = slot_shape,
};
