// The driver of optimizers: dense steps in blocks of fixed size over the session's threads; row-sparse steps
// with the missed steps of a row replayed before the row is read.
//
// A row's counter says up to which step it is current. Constants of the steps that some row may still have to
// replay are kept; settling all rows lets them go.
#include "runtime/optim/optimizer.h"
#include "support/diag.h"
#include "support/vec.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ELEMENTS = 16384 };

typedef struct param_state {
  char *values;
  char *slots[OPTIMIZER_SLOTS];
  int64_t rows, width; // elements = rows * width
  int64_t *current;    // [rows] last step applied; NULL: every step touches every element, or none has state
} param_state;

typedef struct step_block {
  int64_t gradient, first, count; // elements of a dense gradient, rows of a sparse one
} step_block;

struct optimizer {
  const optimizer_rule *rule;
  double args[OPTIMIZER_ARGS];
  double learning_rate;
  int rate_index; // of the learning rate among the arguments
  int slots;
  session *session;
  size_t real_bytes;
  int64_t steps;        // taken so far
  param_state *states;  // [n_params]; values NULL where a parameter is not trained
  char *constants;      // of steps base + 1, base + 2, ..., OPTIMIZER_CONSTANTS reals each
  int64_t base, room;   // room: steps that fit
  int64_t last_growth;  // the newest step whose learning rate exceeds the one before
  double previous_rate; // of the last step
  VEC(step_block) blocks;
};

// ---- life

static bool start_slots(optimizer *o, param_state *p) {
  for (int k = 0; k < o->slots; k++) {
    size_t n = (size_t)(p->rows * p->width);
    double start = o->rule->slot_start ? o->rule->slot_start(o->args, k) : 0;
    p->slots[k] = calloc(n + 1, o->real_bytes);
    if (!p->slots[k])
      return false;
    for (size_t j = 0; start != 0 && j < n; j++)
      if (o->real_bytes == sizeof(double))
        ((double *)(void *)p->slots[k])[j] = start;
      else
        ((float *)(void *)p->slots[k])[j] = (float)start;
  }
  return true;
}

static bool start_param(optimizer *o, const struct nlm_abi_gradient *g, void *values) {
  const struct nlm_abi_param *about = &o->session->model->params[g->param];
  param_state *p = &o->states[g->param];
  p->values = values;
  p->rows = about->rank ? about->dims[0] : 1;
  p->width = p->rows ? about->elements / p->rows : 0;
  if (g->ids_buffer >= 0 && o->rule->replays(o->args)) {
    p->current = calloc((size_t)p->rows + 1, sizeof *p->current);
    if (!p->current)
      return false;
  }
  return start_slots(o, p);
}

optimizer *optimizer_new(const optimizer_rule *rule, const double *args, session *s, void *const *params) {
  const struct nlm_abi_program *program = session_program(s->model, NLM_GRAD);
  size_t n = args_count(rule->item.args);
  optimizer *o = calloc(1, sizeof *o);
  if (!o)
    return NULL;
  INVARIANT(n <= OPTIMIZER_ARGS);
  o->rule = rule;
  memcpy(o->args, args, n * sizeof *args);
  o->rate_index = args_index(rule->item.args, "learning_rate");
  INVARIANT(o->rate_index >= 0);
  o->learning_rate = o->previous_rate = args[o->rate_index];
  o->slots = rule->slots(o->args);
  o->session = s;
  o->real_bytes = (size_t)s->model->real_bytes;
  o->states = calloc((size_t)s->model->n_params + 1, sizeof *o->states);
  bool fine = o->states != NULL;
  for (int64_t k = 0; fine && program && k < program->n_gradients; k++)
    fine = start_param(o, &program->gradients[k], params[program->gradients[k].param]);
  if (fine)
    return o;
  optimizer_free(o);
  return NULL;
}

void optimizer_free(optimizer *o) {
  if (!o)
    return;
  for (int64_t k = 0; o->states && k < o->session->model->n_params; k++) {
    for (int j = 0; j < OPTIMIZER_SLOTS; j++)
      free(o->states[k].slots[j]);
    free(o->states[k].current);
  }
  free(o->states);
  free(o->constants);
  vec_free(&o->blocks);
  free(o);
}

// ---- constants

static const char *constants_of(const optimizer *o, int64_t step) {
  return o->constants + (size_t)(step - o->base - 1) * OPTIMIZER_CONSTANTS * o->real_bytes;
}

static bool any_counters(const optimizer *o) {
  for (int64_t k = 0; k < o->session->model->n_params; k++)
    if (o->states[k].current)
      return true;
  return false;
}

// Begins the next step: its constants go behind those kept.
static void push_constants(optimizer *o) {
  if (!any_counters(o))
    o->base = o->steps;
  o->steps++;
  if (o->steps - o->base > o->room) {
    o->room = o->room ? 2 * o->room : 64;
    o->constants = xrealloc(o->constants, (size_t)o->room * OPTIMIZER_CONSTANTS * o->real_bytes);
  }
  double c[OPTIMIZER_CONSTANTS] = {0};
  o->rule->constants(o->args, o->learning_rate, o->steps, c);
  char *to = o->constants + (size_t)(o->steps - o->base - 1) * OPTIMIZER_CONSTANTS * o->real_bytes;
  for (int k = 0; k < OPTIMIZER_CONSTANTS; k++)
    if (o->real_bytes == sizeof(double))
      ((double *)(void *)to)[k] = c[k];
    else
      ((float *)(void *)to)[k] = (float)c[k];
  if (o->learning_rate > o->previous_rate)
    o->last_growth = o->steps;
  o->previous_rate = o->learning_rate;
}

// ---- rules on ranges of a parameter

static void slots_at(const optimizer *o, const param_state *p, int64_t element, void **out) {
  for (int k = 0; k < OPTIMIZER_SLOTS; k++)
    out[k] = p->slots[k] ? p->slots[k] + (size_t)element * o->real_bytes : NULL;
}

static void apply(const optimizer *o, const param_state *p, int64_t element, const char *gradient,
                  int64_t n) {
  void *s[OPTIMIZER_SLOTS];
  void *w = p->values + (size_t)element * o->real_bytes;
  const void *c = constants_of(o, o->steps), *g = gradient;
  slots_at(o, p, element, s);
  if (o->real_bytes == sizeof(double)) {
    double *d[OPTIMIZER_SLOTS] = {s[0], s[1], s[2]};
    o->rule->step_f64(w, d, g, n, c);
  } else {
    float *f[OPTIMIZER_SLOTS] = {s[0], s[1], s[2]};
    o->rule->step_f32(w, f, g, n, c);
  }
}

// Brings one row up to `target`.
static void catch_up(const optimizer *o, const param_state *p, int64_t row, int64_t target) {
  int64_t from = p->current[row], count = target - from;
  if (count <= 0)
    return;
  void *s[OPTIMIZER_SLOTS];
  void *w = p->values + (size_t)(row * p->width) * o->real_bytes;
  const void *c = constants_of(o, from + 1);
  bool may_settle = o->last_growth <= from + 1;
  slots_at(o, p, row * p->width, s);
  if (o->real_bytes == sizeof(double)) {
    double *d[OPTIMIZER_SLOTS] = {s[0], s[1], s[2]};
    o->rule->replay_f64(w, d, p->width, c, count, may_settle);
  } else {
    float *f[OPTIMIZER_SLOTS] = {s[0], s[1], s[2]};
    o->rule->replay_f32(w, f, p->width, c, count, may_settle);
  }
  p->current[row] = target;
}

// ---- catching up

typedef struct catch_up_job {
  const optimizer *o;
  const param_state *p;
  const int32_t *ids; // NULL: all rows
  int64_t n, rows_per_block;
} catch_up_job;

static int64_t rows_in_block(const param_state *p) {
  int64_t rows = p->width ? BLOCK_ELEMENTS / p->width : BLOCK_ELEMENTS;
  return rows ? rows : 1;
}

static void catch_up_block(void *env, int64_t block) {
  const catch_up_job *job = env;
  int64_t first = block * job->rows_per_block, last = first + job->rows_per_block;
  for (int64_t k = first; k < last && k < job->n; k++)
    catch_up(job->o, job->p, job->ids ? job->ids[k] : k, job->o->steps);
}

static void catch_up_rows(const optimizer *o, int64_t param, const int32_t *ids, int64_t n) {
  catch_up_job job = {o, &o->states[param], ids, n, rows_in_block(&o->states[param])};
  pool_run(o->session->pool, catch_up_block, &job, (n + job.rows_per_block - 1) / job.rows_per_block);
}

static void touched(void *context, int64_t param, const int32_t *ids, int64_t n) {
  const optimizer *o = context;
  if (o->states[param].current && o->steps > o->base)
    catch_up_rows(o, param, ids, n);
}

void optimizer_attach(optimizer *o) {
  o->session->touch = touched;
  o->session->touch_context = o;
}

void optimizer_settle(optimizer *o) {
  for (int64_t k = 0; k < o->session->model->n_params; k++)
    if (o->states[k].current)
      catch_up_rows(o, k, NULL, o->states[k].rows);
  o->base = o->steps;
}

// ---- steps

static void plan_blocks(optimizer *o, int64_t index, const gradient_view *g) {
  const param_state *p = &o->states[g->param];
  int64_t n = g->rows < 0 ? p->rows * p->width : g->rows;
  int64_t size = g->rows < 0 ? BLOCK_ELEMENTS : rows_in_block(p);
  for (int64_t first = 0; first < n; first += size) {
    step_block b = {index, first, n - first < size ? n - first : size};
    vec_push(&o->blocks, b);
  }
}

static void step_one_block(void *env, int64_t block) {
  const optimizer *o = env;
  const step_block *b = &o->blocks.data[block];
  gradient_view g = session_gradient(o->session, b->gradient);
  const param_state *p = &o->states[g.param];
  const char *values = g.values;
  if (g.rows < 0) {
    apply(o, p, b->first, values + (size_t)b->first * o->real_bytes, b->count);
    return;
  }
  for (int64_t k = b->first; k < b->first + b->count; k++) {
    int64_t row = g.ids[k];
    if (p->current) {
      catch_up(o, p, row, o->steps - 1);
      p->current[row] = o->steps;
    }
    apply(o, p, row * p->width, values + (size_t)(k * p->width) * o->real_bytes, p->width);
  }
}

void optimizer_step(optimizer *o) {
  const struct nlm_abi_program *program = session_program(o->session->model, NLM_GRAD);
  push_constants(o);
  o->blocks.len = 0;
  for (int64_t k = 0; k < program->n_gradients; k++) {
    gradient_view g = session_gradient(o->session, k);
    plan_blocks(o, k, &g);
  }
  pool_run(o->session->pool, step_one_block, o, (int64_t)o->blocks.len);
}

// ---- settings and state

double optimizer_learning_rate(const optimizer *o) {
  return o->learning_rate;
}

void optimizer_set_learning_rate(optimizer *o, double learning_rate) {
  o->learning_rate = learning_rate;
}

int64_t optimizer_steps(const optimizer *o) {
  return o->steps;
}

int optimizer_slot_count(const optimizer *o) {
  return o->slots;
}

void *optimizer_slot(const optimizer *o, int64_t param, int k) {
  return o->states[param].slots[k];
}

void optimizer_restore(optimizer *o, int64_t steps) {
  o->steps = o->base = steps;
  o->last_growth = 0;
  o->previous_rate = o->learning_rate;
  for (int64_t k = 0; k < o->session->model->n_params; k++)
    for (int64_t row = 0; o->states[k].current && row < o->states[k].rows; row++)
      o->states[k].current[row] = steps;
}
