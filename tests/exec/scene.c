#include "tests/exec/scene.h"
#include "support/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const scene scenes[] = {{1, 1, MASKS_NOTHING},
                        {1, 1, MASKS_ALL},
                        {3, 2, MASKS_LEADING},
                        {8, 7, MASKS_MIDDLE},
                        {1, 33, MASKS_MIDDLE},
                        {3, 33, MASKS_ROWS},
                        {8, 1, MASKS_ROWS},
                        {8, 33, MASKS_TRAILING},
                        {3, 7, MASKS_NOTHING},
                        {3, 2, MASKS_ALL},
                        {0}};

const char *scene_name(const scene *sc) {
  static const char *const patterns[] = {"no mask",      "zeros anywhere", "zeros in front",
                                         "zeros behind", "rows of zeros",  "nothing valid"};
  static char name[80];
  snprintf(name, sizeof name, "batch %d, time %d, %s", (int)sc->batch, (int)sc->time, patterns[sc->masks]);
  return name;
}

static double number(uint64_t *state) { // in [0, 1), of 24 bits
  return random_unit(random_mix((*state)++), 0);
}

static bool is_valid(const scene *sc, int64_t row, int64_t step) {
  switch (sc->masks) {
  case MASKS_NOTHING:
    return true;
  case MASKS_MIDDLE:
    return random_mix((uint64_t)(row * 64 + step + 5)) % 3 != 0;
  case MASKS_LEADING:
    return step >= (sc->time + row) / 2;
  case MASKS_TRAILING:
    return step < sc->time - row * 4 % sc->time;
  case MASKS_ROWS:
    return row % 2 && step < sc->time - row * 4 % sc->time;
  default:
    return false;
  }
}

// ---- shapes

static int symbol_count(const subject *s) {
  return dim_symbol_count(s->u->dims);
}

int64_t feed_extent(const feed *f, const dim *d) {
  return dim_eval(d, f->dims);
}

static size_t elements(const feed *f, const shape *s) {
  size_t n = 1;
  for (int k = 0; k < s->rank; k++)
    n *= (size_t)feed_extent(f, s->d[k]);
  return n;
}

static void set_dims(feed *f, int64_t batch, int64_t time) {
  f->n_dims = symbol_count(f->s);
  f->dims = xcalloc((size_t)f->n_dims + 1, sizeof *f->dims);
  for (int k = 0; k < f->n_dims; k++) {
    const dim *d = dim_symbol_at(f->s->u->dims, k);
    if (!d->bound)
      f->dims[k] = strcmp(d->name, "batch") == 0 ? batch : time;
  }
}

// ---- contents

static bool is_target(const program_input *p) {
  return p->role == INPUT_TARGET_INT || p->role == INPUT_TARGET_REAL;
}

static bool is_sequence(const program_input *p) {
  return !is_target(p) && p->shape.rank >= (p->role == INPUT_IDS ? 2 : 3);
}

static double draw(const program_input *p, int64_t bound, uint64_t *state) {
  double u = number(state);
  if (bound <= 0)
    return is_target(p) ? u : 2 * u - 1;
  if (is_target(p) || bound == 1)
    return (double)(int64_t)(u * (double)bound);
  return 1 + (double)(int64_t)(u * (double)(bound - 1));
}

static void fill_input(feed *f, const scene *sc, size_t k, uint64_t *state) {
  const program_input *p = &f->s->inputs->list.data[k];
  size_t n = elements(f, &p->shape);
  f->counts[k] = n;
  f->inputs[k] = xcalloc(n + 1, sizeof(double));
  bool sequence = is_sequence(p);
  int64_t time = sequence ? feed_extent(f, p->shape.d[1]) : 1;
  size_t rows = (size_t)feed_extent(f, p->shape.d[0]), width = rows && time ? n / rows / (size_t)time : 1;
  scene here = {sc->batch, time, sc->masks};
  for (size_t i = 0; i < n; i++) {
    int64_t step = (int64_t)(i / width) % time, row = (int64_t)(i / width) / time;
    double v = draw(p, f->s->id_bounds[k], state);
    f->inputs[k][i] = sequence && !is_valid(&here, row, step) ? 0 : v;
  }
}

static bool is_variance(const weight *w) {
  return strcmp(w->local, "moving_variance") == 0;
}

static void fill_params(feed *f, uint64_t *state) {
  const model *m = f->s->m;
  for (size_t k = 0; k < m->weights.len; k++) {
    size_t n = elements(f, &m->weights.data[k]->shape);
    f->param_counts[k] = n;
    f->params[k] = xcalloc(n + 1, sizeof(double));
    for (size_t i = 0; i < n; i++)
      f->params[k][i] = 1.5 * number(state) - (is_variance(f->s->m->weights.data[k]) ? 0 : 0.75);
  }
}

static feed feed_of(const subject *s, int64_t batch, int64_t time) {
  feed f = {.s = s, .n_inputs = s->inputs->list.len, .n_params = s->m->weights.len, .seed = 11, .step = 4};
  set_dims(&f, batch, time);
  f.inputs = xcalloc(f.n_inputs + 1, sizeof *f.inputs);
  f.counts = xcalloc(f.n_inputs + 1, sizeof *f.counts);
  f.params = xcalloc(f.n_params + 1, sizeof *f.params);
  f.param_counts = xcalloc(f.n_params + 1, sizeof *f.param_counts);
  return f;
}

feed feed_new(const subject *s, const scene *sc, uint64_t seed) {
  feed f = feed_of(s, sc->batch, sc->time);
  uint64_t state = random_mix(seed + 1) >> 8;
  fill_params(&f, &state);
  for (size_t k = 0; k < f.n_inputs; k++)
    fill_input(&f, sc, k, &state);
  return f;
}

// ---- the same in other sizes

static void copy_params(feed *to, const feed *from) {
  for (size_t k = 0; k < from->n_params; k++) {
    size_t bytes = from->param_counts[k] * sizeof(double);
    to->param_counts[k] = from->param_counts[k];
    to->params[k] = xcalloc(1, bytes + 8);
    memcpy(to->params[k], from->params[k], bytes);
  }
}

// Steps [0, time) of rows [first, ...) of one input go to the first rows and steps of the other.
static void copy_input(feed *to, const feed *from, size_t k, int64_t first) {
  const program_input *p = &from->s->inputs->list.data[k];
  size_t n = elements(to, &p->shape);
  to->counts[k] = n;
  to->inputs[k] = xcalloc(n + 1, sizeof(double));
  int64_t rows_to = feed_extent(to, p->shape.d[0]), rows_from = feed_extent(from, p->shape.d[0]) - first;
  int64_t rows = rows_to < rows_from ? rows_to : rows_from;
  if (!n || !from->counts[k])
    return;
  size_t row_to = n / (size_t)rows_to, row_from = from->counts[k] / (size_t)(rows_from + first);
  size_t row = row_to < row_from ? row_to : row_from; // steps are the outermost axis of a row
  for (int64_t r = 0; r < rows; r++)
    memcpy(to->inputs[k] + (size_t)r * row_to, from->inputs[k] + (size_t)(r + first) * row_from,
           row * sizeof(double));
}

static int64_t dim_of(const feed *f, bool batch) {
  for (int k = 0; k < f->n_dims; k++) {
    const dim *d = dim_symbol_at(f->s->u->dims, k);
    if (!d->bound && (strcmp(d->name, "batch") == 0) == batch)
      return f->dims[k];
  }
  return 1;
}

static feed resized(const feed *f, int64_t first, int64_t batch, int64_t time) {
  feed g = feed_of(f->s, batch, time);
  g.seed = f->seed;
  g.step = f->step;
  copy_params(&g, f);
  for (size_t k = 0; k < f->n_inputs; k++)
    copy_input(&g, f, k, first);
  return g;
}

feed feed_rows(const feed *f, int64_t first, int64_t count) {
  return resized(f, first, count, dim_of(f, false));
}

feed feed_padded(const feed *f, int64_t more_rows, int64_t more_time) {
  return resized(f, 0, dim_of(f, true) + more_rows, dim_of(f, false) + more_time);
}

void feed_free(feed *f) {
  for (size_t k = 0; k < f->n_inputs; k++)
    free(f->inputs[k]);
  for (size_t k = 0; k < f->n_params; k++)
    free(f->params[k]);
  free(f->inputs);
  free(f->counts);
  free(f->params);
  free(f->param_counts);
  free(f->dims);
  *f = (feed){0};
}
