// Initial values of parameters, after Keras. Numbers are drawn in double from the counter-based generator,
// keyed by the seed and the parameter's name, so that they depend on neither threads nor other parameters. An
// initializer with a seed of its own gives the same numbers wherever it stands, as in Keras.
#include "runtime/model.h"
#include "support/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Standard deviation of a normal distribution cut at two deviations.
static const double truncated_deviation = 0.87962566103423978;
static const double two_pi = 6.283185307179586476925286766559;

enum { SEEDED_STREAM = 0x73656564 };
enum { FAN_IN, FAN_OUT, FAN_AVG };
enum { DRAW_UNIFORM, DRAW_TRUNCATED, DRAW_NORMAL };

typedef struct stream {
  uint64_t key;
  uint64_t next;
} stream;

static uint64_t hash_name(const char *name) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (; *name; name++)
    h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
  return h;
}

static double unit(stream *s) { // in [0, 1), 53 bits
  return (double)(random_mix(s->key + s->next++ * RANDOM_STEP) >> 11) * 0x1p-53;
}

static double normal(stream *s) {
  double radius = sqrt(-2 * log(1 - unit(s)));
  return radius * cos(two_pi * unit(s));
}

static double truncated(stream *s) {
  for (;;) {
    double x = normal(s);
    if (fabs(x) < 2)
      return x;
  }
}

static void fans(const struct nlm_abi_param *p, double *in, double *out) {
  double field = 1;
  for (int64_t k = 0; k + 2 < p->rank; k++)
    field *= (double)p->dims[k];
  *in = *out = p->rank ? (double)p->dims[p->rank - 1] : 1;
  if (p->rank < 2)
    return;
  *in = (double)p->dims[p->rank - 2] * field;
  *out *= field;
}

static void fill_scaled(const struct nlm_abi_param *p, stream *s, int64_t n, double *out) {
  double in, outward;
  fans(p, &in, &outward);
  double fan = p->init_mode == FAN_IN ? in : p->init_mode == FAN_OUT ? outward : (in + outward) / 2;
  double scale = p->init_a / fmax(1, fan), limit = sqrt(3 * scale), deviation = sqrt(scale);
  for (int64_t k = 0; k < n; k++)
    if (p->init_distribution == DRAW_UNIFORM)
      out[k] = limit * (2 * unit(s) - 1);
    else if (p->init_distribution == DRAW_TRUNCATED)
      out[k] = deviation / truncated_deviation * truncated(s);
    else
      out[k] = deviation * normal(s);
}

// ---- orthogonal

static double dot(const double *a, const double *b, int64_t n) {
  double lanes[8] = {0}, sum = 0; // a fixed order of additions that vectors can follow
  int64_t k = 0;
  for (; k + 8 <= n; k += 8)
    for (int j = 0; j < 8; j++)
      lanes[j] += a[k + j] * b[k + j];
  for (; k < n; k++)
    lanes[0] += a[k] * b[k];
  for (int j = 0; j < 8; j++)
    sum += lanes[j];
  return sum;
}

// Orthonormalises the columns of a [rows, cols], rows >= cols, by Gram-Schmidt, twice for full precision. The
// diagonal of R comes out positive, which is QR with the signs of Keras's correction.
static void orthonormalise(double *columns, int64_t rows, int64_t cols) {
  for (int64_t j = 0; j < cols; j++) {
    double *v = columns + j * rows;
    for (int pass = 0; pass < 2; pass++)
      for (int64_t i = 0; i < j; i++) {
        const double *q = columns + i * rows;
        double share = dot(q, v, rows);
        for (int64_t k = 0; k < rows; k++)
          v[k] -= share * q[k];
      }
    double norm = sqrt(dot(v, v, rows));
    for (int64_t k = 0; k < rows; k++)
      v[k] /= norm;
  }
}

static bool fill_orthogonal(const struct nlm_abi_param *p, stream *s, double *out) {
  int64_t cols = p->rank ? p->dims[p->rank - 1] : 1, rows = cols ? p->elements / cols : 0;
  int64_t tall = rows > cols ? rows : cols, narrow = rows > cols ? cols : rows;
  double *columns = malloc((size_t)(tall * narrow + 1) * sizeof *columns); // column-major [tall, narrow]
  if (!columns)
    return false;
  for (int64_t i = 0; i < tall; i++)
    for (int64_t j = 0; j < narrow; j++)
      columns[j * tall + i] = normal(s);
  orthonormalise(columns, tall, narrow);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      out[i * cols + j] = p->init_a * (rows < cols ? columns[i * tall + j] : columns[j * tall + i]);
  free(columns);
  return true;
}

// ---- all kinds

static void fill_constant(double *out, int64_t n, double value) {
  for (int64_t k = 0; k < n; k++)
    out[k] = value;
}

static void fill_identity(const struct nlm_abi_param *p, int64_t first, int64_t n, double *out) {
  int64_t cols = p->rank ? p->dims[p->rank - 1] : 1;
  for (int64_t k = first; k < first + n; k++)
    out[k - first] = k / cols == k % cols ? p->init_a : 0;
}

static void fill_lstm_bias(const struct nlm_abi_param *p, int64_t first, int64_t n, double *out) {
  int64_t gates = p->rank ? p->dims[p->rank - 1] : 0, units = gates / 4; // gates i, f, c, o: 1 for f
  for (int64_t k = first; k < first + n; k++)
    out[k - first] = k % gates >= units && k % gates < 2 * units;
}

// Elements [first, first + n), part after part; all at once where they depend on each other.
static bool fill(const struct nlm_abi_param *p, stream *s, int64_t first, int64_t n, double *out) {
  switch (p->init) {
  case NLM_INIT_ONES:
    fill_constant(out, n, 1);
    break;
  case NLM_INIT_CONSTANT:
    fill_constant(out, n, p->init_a);
    break;
  case NLM_INIT_UNIFORM:
    for (int64_t k = 0; k < n; k++)
      out[k] = p->init_a + (p->init_b - p->init_a) * unit(s);
    break;
  case NLM_INIT_NORMAL:
    for (int64_t k = 0; k < n; k++)
      out[k] = p->init_a + p->init_b * normal(s);
    break;
  case NLM_INIT_TRUNCATED_NORMAL:
    for (int64_t k = 0; k < n; k++)
      out[k] = p->init_a + p->init_b * truncated(s);
    break;
  case NLM_INIT_VARIANCE_SCALING:
    fill_scaled(p, s, n, out);
    break;
  case NLM_INIT_ORTHOGONAL:
    return fill_orthogonal(p, s, out);
  case NLM_INIT_IDENTITY:
    fill_identity(p, first, n, out);
    break;
  case NLM_INIT_LSTM_BIAS:
    fill_lstm_bias(p, first, n, out);
    break;
  default:
    fill_constant(out, n, 0);
  }
  return true;
}

// Drawn in double, a part at a time: a large table shall not exist twice.
static nlm_status initialize(const struct nlm_abi_param *p, stream s, size_t real_bytes, void *to) {
  enum { PART = 1 << 14 };
  int64_t part = p->init == NLM_INIT_ORTHOGONAL || p->elements < PART ? p->elements : PART;
  double *values = malloc((size_t)(part + 1) * sizeof *values);
  nlm_status status = values ? NLM_OK : NLM_ERROR_MEMORY;
  float *f32 = to;
  double *f64 = to;
  for (int64_t first = 0; first < p->elements && !status; first += part) {
    int64_t n = p->elements - first < part ? p->elements - first : part;
    if (!fill(p, &s, first, n, values))
      status = NLM_ERROR_MEMORY;
    for (int64_t j = 0; j < n && !status; j++)
      if (real_bytes == sizeof *f64)
        f64[first + j] = values[j];
      else
        f32[first + j] = (float)values[j];
  }
  free(values);
  return status;
}

nlm_status model_initialize(loaded_model *m, uint64_t seed) {
  nlm_status status = m->block ? NLM_OK : model_allocate_params(m);
  for (int64_t k = 0; k < m->abi->n_params && !status; k++) {
    const struct nlm_abi_param *p = &m->abi->params[k];
    stream s = {p->init_seeded
                    ? random_stream_key(random_session_key((uint64_t)p->init_seed, 0), SEEDED_STREAM)
                    : random_stream_key(random_session_key(seed, 0), hash_name(p->name)),
                0};
    status = initialize(p, s, (size_t)m->abi->real_bytes, m->params[k]);
  }
  return status;
}
