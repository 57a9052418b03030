// What a step is taken from: gradients summed over batches, and clipped. A row without a gradient adds
// nothing to a sum or a norm, so that row-sparse gradients give the bits of dense ones.
#include "runtime/optim/driver.h"
#include <stdlib.h>
#include <string.h>

bool optimizer_args_agree(diags *d, span at, value *const *args, const arg_spec *specs) {
  static const char *const clips[] = {"clipnorm", "clipvalue", "global_clipnorm"};
  const char *first = NULL;
  for (int k = 0; k < 3; k++) {
    const value *v = args[args_index(specs, clips[k])];
    if (v->kind == VALUE_NONE)
      continue;
    if (first) {
      diag_error(d, v->at, "%s and %s cannot both be given: a gradient is clipped in one way", first,
                 clips[k]);
      return false;
    }
    first = clips[k];
  }
  const value *overwrite = args[args_index(specs, "ema_overwrite_frequency")];
  if (overwrite->kind == VALUE_NONE || args[args_index(specs, "use_ema")]->boolean)
    return true;
  (void)at;
  diag_help(diag_error(d, overwrite->at, "ema_overwrite_frequency needs use_ema"), "use_ema = true");
  return false;
}

// ---- sums over batches

#define DEFINE_SUMS(suffix, real)                                                                            \
  static void add_##suffix(real *sum, const real *g, int64_t n) {                                            \
    for (int64_t k = 0; k < n; k++)                                                                          \
      sum[k] += g[k];                                                                                        \
  }                                                                                                          \
  static void divide_##suffix(real *sum, int64_t n, int64_t by) {                                            \
    for (int64_t k = 0; k < n; k++)                                                                          \
      sum[k] /= (real)by;                                                                                    \
  }

DEFINE_SUMS(f32, float)
DEFINE_SUMS(f64, double)

static void add(const optimizer *o, char *sum, const char *g, int64_t n) {
  if (o->real_bytes == sizeof(double))
    add_f64((double *)(void *)sum, (const double *)(const void *)g, n);
  else
    add_f32((float *)(void *)sum, (const float *)(const void *)g, n);
}

static void divide(const optimizer *o, char *sum, int64_t n) {
  if (o->real_bytes == sizeof(double))
    divide_f64((double *)(void *)sum, n, o->settings.accumulate);
  else
    divide_f32((float *)(void *)sum, n, o->settings.accumulate);
}

static char *sum_at(const optimizer *o, const param_state *p, int64_t row) {
  return p->slots[OPTIMIZER_SUM] + (size_t)(row * p->width) * o->real_bytes;
}

static void add_gradient(const optimizer *o, const param_state *p, const gradient_view *g) {
  const char *values = g->values;
  if (g->rows < 0) {
    add(o, p->slots[OPTIMIZER_SUM], values, p->rows * p->width);
    return;
  }
  for (int64_t k = 0; k < g->rows; k++) {
    p->summed[g->ids[k]] = true;
    add(o, sum_at(o, p, g->ids[k]), values + (size_t)(k * p->width) * o->real_bytes, p->width);
  }
}

// The mean over the batches, as the source of an update.
static gradient_source summed_source(const optimizer *o, int64_t param) {
  const param_state *p = &o->states[param];
  gradient_source g = {.param = param, .rows = -1, .values = p->slots[OPTIMIZER_SUM]};
  if (!p->row_sparse) {
    divide(o, p->slots[OPTIMIZER_SUM], p->rows * p->width);
    return g;
  }
  g.rows = 0;
  g.by_row = true;
  g.ids = p->summed_ids;
  for (int64_t row = 0; row < p->rows; row++)
    if (p->summed[row]) {
      p->summed_ids[g.rows++] = (int32_t)row;
      divide(o, sum_at(o, p, row), p->width);
    }
  return g;
}

// A step that moves averages alone: of dense parameters now, of rows when they are brought up to date.
static gradient_source no_source(const optimizer *o, int64_t param) {
  return (gradient_source){.param = param, .rows = o->states[param].row_sparse ? 0 : -1};
}

void optimizer_take_gradients(optimizer *o, int64_t n, bool updates) {
  for (int64_t k = 0; k < n; k++) {
    gradient_view v = session_gradient(o->session, k);
    if (o->settings.accumulate == 1) {
      o->sources[k] = (gradient_source){.param = v.param, .rows = v.rows, .ids = v.ids, .values = v.values};
      continue;
    }
    add_gradient(o, &o->states[v.param], &v);
    o->sources[k] = updates ? summed_source(o, v.param) : no_source(o, v.param);
  }
}

void optimizer_forget_sums(optimizer *o) {
  for (int64_t k = 0; k < o->session->model->n_params; k++) {
    const param_state *p = &o->states[k];
    size_t row_bytes = (size_t)p->width * o->real_bytes;
    if (!p->slots[OPTIMIZER_SUM])
      continue;
    if (!p->row_sparse)
      memset(p->slots[OPTIMIZER_SUM], 0, (size_t)p->rows * row_bytes);
    for (int64_t row = 0; p->row_sparse && row < p->rows; row++)
      if (p->summed[row]) {
        p->summed[row] = false;
        memset(sum_at(o, p, row), 0, row_bytes);
      }
  }
}

void optimizer_find_sums(optimizer *o) {
  for (int64_t k = 0; k < o->session->model->n_params; k++) {
    const param_state *p = &o->states[k];
    size_t row_bytes = (size_t)p->width * o->real_bytes;
    for (int64_t row = 0; p->summed && row < p->rows; row++) {
      const char *bytes = sum_at(o, p, row);
      p->summed[row] = false;
      for (size_t j = 0; j < row_bytes && !p->summed[row]; j++)
        p->summed[row] = bytes[j] != 0;
    }
  }
}

// ---- clipping

bool optimizer_clips(const optimizer *o) {
  const driver_settings *s = &o->settings;
  return s->clip_norm > 0 || s->clip_value > 0 || s->clip_global > 0;
}

typedef struct measure_job {
  const optimizer *o;
  const gradient_source *g;
  double *sums; // by row
} measure_job;

// The sum of squares of one row of the gradient.
static void measure_row(void *env, int64_t k) {
  const measure_job *job = env;
  const optimizer *o = job->o;
  int64_t width = o->states[job->g->param].width, place = job->g->by_row ? job->g->ids[k] : k;
  const char *at = job->g->values + (size_t)(place * width) * o->real_bytes;
  double sum = 0;
  for (int64_t j = 0; j < width; j++) {
    double x = o->real_bytes == sizeof(double) ? ((const double *)(const void *)at)[j]
                                               : (double)((const float *)(const void *)at)[j];
    sum += x * x;
  }
  job->sums[k] = sum;
}

static double sum_of_squares(optimizer *o, const gradient_source *g) {
  int64_t rows = g->rows < 0 ? o->states[g->param].rows : g->rows;
  double sum = 0;
  if ((size_t)rows > o->row_sums_room) {
    o->row_sums_room = (size_t)rows;
    o->row_sums = xrealloc(o->row_sums, o->row_sums_room * sizeof *o->row_sums);
  }
  measure_job job = {o, g, o->row_sums};
  pool_run(o->session->pool, measure_row, &job, rows);
  for (int64_t k = 0; k < rows; k++)
    sum += o->row_sums[k];
  return sum;
}

void optimizer_measure(optimizer *o, int64_t n) {
  double all = 0;
  if (o->settings.clip_value > 0 && !(o->settings.clip_norm > 0) && !(o->settings.clip_global > 0))
    return;
  for (int64_t k = 0; k < n; k++) {
    double sum = sum_of_squares(o, &o->sources[k]);
    o->sources[k].norm = sqrt(sum);
    all += sum;
  }
  o->global_norm = sqrt(all);
}

// Keras: g clip / max(norm, clip); g clip min(1 / norm, 1 / clip), NaN where the norm is no number.
#define DEFINE_CLIP(suffix, real)                                                                            \
  static void clip_##suffix(const driver_settings *s, double norm, double global, const real *g, int64_t n,  \
                            real *out) {                                                                     \
    if (s->clip_norm > 0) {                                                                                  \
      real most = (real)s->clip_norm,                                                                        \
           divisor = (real)(norm > s->clip_norm || isnan(norm) ? norm : s->clip_norm);                       \
      for (int64_t k = 0; k < n; k++)                                                                        \
        out[k] = g[k] * most / divisor;                                                                      \
    } else if (s->clip_global > 0) {                                                                         \
      double scale = s->clip_global * fmin(1 / global, 1 / s->clip_global) + (global - global);              \
      for (int64_t k = 0; k < n; k++)                                                                        \
        out[k] = g[k] * (real)scale;                                                                         \
    } else {                                                                                                 \
      real most = (real)s->clip_value;                                                                       \
      for (int64_t k = 0; k < n; k++)                                                                        \
        out[k] = g[k] > most ? most : g[k] < -most ? -most : g[k];                                           \
    }                                                                                                        \
  }

DEFINE_CLIP(f32, float)
DEFINE_CLIP(f64, double)

void optimizer_clip(const optimizer *o, const gradient_source *g, const void *values, int64_t n, void *out) {
  if (o->real_bytes == sizeof(double))
    clip_f64(&o->settings, g->norm, o->global_norm, values, n, out);
  else
    clip_f32(&o->settings, g->norm, o->global_norm, values, n, out);
}
