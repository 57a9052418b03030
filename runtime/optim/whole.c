// One step of a variable that its rule takes as a whole (norms, rows and columns, products of matrices). The
// gradient is made dense, also where it is row-sparse: every step touches every element.
#include "runtime/optim/driver.h"
#include "runtime/weights.h"
#include <stdlib.h>
#include <string.h>

int optimizer_slot_shape(const optimizer *o, int64_t param, int k, int64_t *dims) {
  const struct nlm_abi_param *about = &o->session->model->params[param];
  if (k == OPTIMIZER_AVERAGE && !o->settings.averages)
    return -1;
  if (k == OPTIMIZER_SUM && o->settings.accumulate == 1)
    return -1;
  if (k < OPTIMIZER_SLOTS && k >= o->slots)
    return -1;
  if (k < OPTIMIZER_SLOTS && o->rule->slot_shape)
    return o->rule->slot_shape(about, o->states[param].whole, k, dims);
  for (int64_t j = 0; j < about->rank; j++)
    dims[j] = about->dims[j];
  return (int)about->rank;
}

bool optimizer_make_whole_room(optimizer *o) {
  int64_t elements = -1, doubles = 0;
  for (int64_t k = 0; k < o->session->model->n_params; k++) {
    const struct nlm_abi_param *about = &o->session->model->params[k];
    if (!o->states[k].whole)
      continue;
    int64_t wanted = o->rule->scratch(about);
    elements = about->elements > elements ? about->elements : elements;
    doubles = wanted > doubles ? wanted : doubles;
  }
  if (elements < 0)
    return true;
  o->whole_gradient = malloc((size_t)(elements + 1) * sizeof(double));
  o->whole_scratch = malloc((size_t)(doubles + 1) * sizeof(double));
  return o->whole_gradient && o->whole_scratch;
}

static void put_gradient(const optimizer *o, const gradient_source *g, const char *values, int64_t element,
                         int64_t n) {
  char *to = (char *)o->whole_gradient + (size_t)element * o->real_bytes;
  if (optimizer_clips(o))
    optimizer_clip(o, g, values, n, to);
  else
    memcpy(to, values, (size_t)n * o->real_bytes);
}

static void make_dense(const optimizer *o, const gradient_source *g) {
  const param_state *p = &o->states[g->param];
  if (g->rows < 0) {
    put_gradient(o, g, g->values, 0, p->rows * p->width);
    return;
  }
  memset(o->whole_gradient, 0, (size_t)(p->rows * p->width) * o->real_bytes);
  for (int64_t k = 0; k < g->rows; k++) {
    int64_t place = g->by_row ? g->ids[k] : k;
    put_gradient(o, g, g->values + (size_t)(place * p->width) * o->real_bytes, g->ids[k] * p->width,
                 p->width);
  }
}

void optimizer_step_whole(const optimizer *o, const gradient_source *g) {
  const param_state *p = &o->states[g->param];
  const struct nlm_abi_param *about = &o->session->model->params[g->param];
  const step_note *note = &o->notes[o->steps - o->base - 1];
  int64_t n = p->rows * p->width;
  if (note->updates && n) {
    whole_step step = {.args = o->args,
                       .learning_rate = o->learning_rate,
                       .t = o->calls / o->settings.accumulate,
                       .rank = (int)about->rank,
                       .dims = about->dims,
                       .elements = n,
                       .values = p->values,
                       .slots = (void *const *)p->slots,
                       .gradient = o->whole_gradient,
                       .scratch = o->whole_scratch,
                       .pool = o->session->pool};
    make_dense(o, g);
    optimizer_decay(o, p->values, n, note->whole_decay);
    if (o->real_bytes == sizeof(double))
      o->rule->whole_f64(&step);
    else
      o->rule->whole_f32(&step);
  }
  optimizer_average(o, p->values, p->slots[OPTIMIZER_AVERAGE], n, note);
}
