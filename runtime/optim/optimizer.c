// The driver of optimizers: dense steps in blocks of fixed size over the session's threads; row-sparse steps
// with the missed steps of a row replayed before the row is read.
//
// A row's counter says up to which step it is current. Constants of the steps that some row may still have to
// replay are kept; settling all rows lets them go. Without weight decay and moving averages a step is the
// rule alone, and many missed ones are replayed in one go; with them they are replayed one by one.
#include "runtime/optim/driver.h"
#include "runtime/weights.h"
#include <stdlib.h>
#include <string.h>

// ---- rows at rest

// Whether the missed steps of a row with zeros in all its slots would change nothing.
static bool may_rest(const optimizer *o) {
  int epsilon = args_index(o->rule->item.args, "epsilon");
  return o->rule->rests && !o->one_by_one && (epsilon < 0 || (float)o->args[epsilon] > 0);
}

static bool is_zero(const char *bytes, size_t n) {
  return n == 0 || (bytes[0] == 0 && !memcmp(bytes, bytes + 1, n - 1));
}

static void let_rest(const optimizer *o, const param_state *p, int64_t steps) {
  size_t bytes = (size_t)p->width * o->real_bytes;
  for (int64_t row = 0; row < p->rows; row++) {
    bool rests = p->may_rest;
    for (int k = 0; rests && k < OPTIMIZER_SLOTS; k++)
      rests = !p->slots[k] || is_zero(p->slots[k] + (size_t)row * bytes, bytes);
    p->current[row] = rests ? AT_REST : steps;
  }
}

// ---- life

// State of rows that never occur takes no memory, unless it shares a page with others.
enum { LARGE_PAGES_MOST = 32 << 20 };

static bool start_slots(optimizer *o, int64_t param) {
  param_state *p = &o->states[param];
  for (int k = 0; k < OPTIMIZER_ALL_SLOTS; k++) {
    int64_t dims[WEIGHTS_MAX_RANK];
    int rank = optimizer_slot_shape(o, param, k, dims);
    if (rank < 0)
      continue;
    size_t n = 1;
    for (int j = 0; j < rank; j++)
      n *= (size_t)dims[j];
    double start = k < OPTIMIZER_SLOTS && o->rule->slot_start ? o->rule->slot_start(o->args, k) : 0;
    p->slots[k] = calloc(n + 1, o->real_bytes);
    if (!p->slots[k])
      return false;
    if (n * (size_t)o->real_bytes <= LARGE_PAGES_MOST)
      memory_prefer_large_pages(p->slots[k], n * (size_t)o->real_bytes);
    for (size_t j = 0; start != 0 && j < n; j++)
      if (o->real_bytes == sizeof(double))
        ((double *)(void *)p->slots[k])[j] = start;
      else
        ((float *)(void *)p->slots[k])[j] = (float)start;
  }
  return true;
}

static bool start_param(optimizer *o, const struct nlm_abi_gradient *g, void *values, const bool *apart) {
  const struct nlm_abi_param *about = &o->session->model->params[g->param];
  param_state *p = &o->states[g->param];
  p->values = values;
  p->rows = about->rank ? about->dims[0] : 1;
  p->width = p->rows ? about->elements / p->rows : 0;
  p->row_sparse = g->ids_buffer >= 0;
  p->whole = o->rule->whole_f32 && !(apart && apart[g->param]) &&
             (!o->rule->takes_whole || o->rule->takes_whole(o->args, about));
  bool counts = !p->whole && p->row_sparse && (o->rule->replays(o->args) || o->one_by_one);
  if (counts)
    p->current = calloc((size_t)p->rows + 1, sizeof *p->current);
  if (p->row_sparse && o->settings.accumulate > 1) {
    p->summed = calloc((size_t)p->rows + 1, sizeof *p->summed);
    p->summed_ids = calloc((size_t)p->rows + 1, sizeof *p->summed_ids);
    if (!p->summed || !p->summed_ids)
      return false;
  }
  if ((counts && !p->current) || !start_slots(o, g->param))
    return false;
  p->may_rest = counts && may_rest(o);
  for (int64_t row = 0; p->may_rest && row < p->rows; row++)
    p->current[row] = AT_REST;
  return true;
}

static double argument(const arg_spec *specs, const double *args, const char *name) {
  int k = args_index(specs, name);
  return k < 0 ? 0 : args[k];
}

static driver_settings settings_of(const arg_spec *specs, const double *args) {
  int64_t accumulate = (int64_t)argument(specs, args, "gradient_accumulation_steps");
  bool two = args_index(specs, "adam_weight_decay") >= 0;
  return (driver_settings){.weight_decay = argument(specs, args, two ? "adam_weight_decay" : "weight_decay"),
                           .whole_weight_decay = argument(specs, args, "weight_decay"),
                           .clip_norm = argument(specs, args, "clipnorm"),
                           .clip_value = argument(specs, args, "clipvalue"),
                           .clip_global = argument(specs, args, "global_clipnorm"),
                           .averages = argument(specs, args, "use_ema") != 0,
                           .average_kept = argument(specs, args, "ema_momentum"),
                           .overwrite = (int64_t)argument(specs, args, "ema_overwrite_frequency"),
                           .accumulate = accumulate > 1 ? accumulate : 1};
}

optimizer *optimizer_new(const optimizer_rule *rule, const double *args, session *s, void *const *params,
                         const bool *apart) {
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
  o->settings = settings_of(rule->item.args, args);
  o->one_by_one = o->settings.weight_decay != 0 || o->settings.averages;
  o->session = s;
  o->real_bytes = (size_t)s->model->real_bytes;
  o->states = calloc((size_t)s->model->n_params + 1, sizeof *o->states);
  o->sources = calloc((size_t)(program ? program->n_gradients : 0) + 1, sizeof *o->sources);
  bool fine = o->states && o->sources;
  for (int64_t k = 0; fine && program && k < program->n_gradients; k++)
    fine = start_param(o, &program->gradients[k], params[program->gradients[k].param], apart);
  if (fine && optimizer_make_whole_room(o))
    return o;
  optimizer_free(o);
  return NULL;
}

void optimizer_free(optimizer *o) {
  if (!o)
    return;
  for (int64_t k = 0; o->states && k < o->session->model->n_params; k++) {
    for (int j = 0; j < OPTIMIZER_ALL_SLOTS; j++)
      free(o->states[k].slots[j]);
    free(o->states[k].current);
    free(o->states[k].summed);
    free(o->states[k].summed_ids);
  }
  free(o->states);
  free(o->sources);
  free(o->constants);
  free(o->notes);
  free(o->row_sums);
  free(o->whole_gradient);
  free(o->whole_scratch);
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

static step_note note_of_step(const optimizer *o, bool updates) {
  const driver_settings *s = &o->settings;
  int64_t before = (o->calls - 1) / s->accumulate; // updates before this call
  return (step_note){.updates = updates,
                     .decay = updates ? s->weight_decay * o->learning_rate : 0,
                     .whole_decay = updates ? s->whole_weight_decay * o->learning_rate : 0,
                     .average_kept = before ? s->average_kept : 0,
                     .overwrites = s->averages && s->overwrite && (before + 1) % s->overwrite == 0};
}

static void put_constants(const optimizer *o, void *to, const double *c) {
  for (int k = 0; k < OPTIMIZER_CONSTANTS; k++)
    if (o->real_bytes == sizeof(double))
      ((double *)to)[k] = c[k];
    else
      ((float *)to)[k] = (float)c[k];
}

// Begins the next step: its constants go behind those kept. A step without `updates` moves averages alone.
static void push_step(optimizer *o, bool updates) {
  if (!any_counters(o))
    o->base = o->steps;
  o->steps++;
  if (o->steps - o->base > o->room) {
    o->room = o->room ? 2 * o->room : 64;
    o->constants = xrealloc(o->constants, (size_t)o->room * OPTIMIZER_CONSTANTS * o->real_bytes);
    o->notes = xrealloc(o->notes, (size_t)o->room * sizeof *o->notes);
  }
  double c[OPTIMIZER_CONSTANTS] = {0};
  size_t at = (size_t)(o->steps - o->base - 1);
  if (updates && o->rule->constants)
    o->rule->constants(o->args, o->learning_rate, o->calls / o->settings.accumulate, c);
  put_constants(o, o->constants + at * OPTIMIZER_CONSTANTS * o->real_bytes, c);
  o->notes[at] = note_of_step(o, updates);
  if (o->learning_rate > o->previous_rate)
    o->last_growth = o->steps;
  o->previous_rate = o->learning_rate;
}

// ---- rules on ranges of a parameter

static void slots_at(const optimizer *o, const param_state *p, int64_t element, void **out) {
  for (int k = 0; k < OPTIMIZER_ALL_SLOTS; k++)
    out[k] = p->slots[k] ? p->slots[k] + (size_t)element * o->real_bytes : NULL;
}

// What stands around the rule's step, for n elements of w and their average.
#define DEFINE_AROUND(suffix, real)                                                                          \
  static void decay_##suffix(real *w, int64_t n, double part) {                                              \
    real share = (real)part;                                                                                 \
    for (int64_t k = 0; k < n; k++)                                                                          \
      w[k] -= w[k] * share;                                                                                  \
  }                                                                                                          \
  static void average_##suffix(real *w, real *average, int64_t n, const step_note *note) {                   \
    real kept = (real)note->average_kept, rest = 1 - kept;                                                   \
    for (int64_t k = 0; k < n; k++) {                                                                        \
      average[k] = kept * average[k] + rest * w[k];                                                          \
      if (note->overwrites)                                                                                  \
        w[k] = average[k];                                                                                   \
    }                                                                                                        \
  }

DEFINE_AROUND(f32, float)
DEFINE_AROUND(f64, double)

// What of a step stands before the rule, and what behind it.
void optimizer_decay(const optimizer *o, void *w, int64_t n, double share) {
  if (share == 0)
    return;
  if (o->real_bytes == sizeof(double))
    decay_f64(w, n, share);
  else
    decay_f32(w, n, share);
}

void optimizer_average(const optimizer *o, void *w, void *average, int64_t n, const step_note *note) {
  if (!o->settings.averages)
    return;
  if (o->real_bytes == sizeof(double))
    average_f64(w, average, n, note);
  else
    average_f32(w, average, n, note);
}

static void run_rule(const optimizer *o, void *w, void *const *s, const void *g, int64_t n, const void *c) {
  if (o->real_bytes == sizeof(double))
    o->rule->step_f64(w, (double *[OPTIMIZER_SLOTS]){s[0], s[1], s[2]}, g, n, c);
  else
    o->rule->step_f32(w, (float *[OPTIMIZER_SLOTS]){s[0], s[1], s[2]}, g, n, c);
}

static void run_replay(const optimizer *o, void *w, void *const *s, int64_t n, const void *c, int64_t count,
                       bool may_settle) {
  if (!o->rule->replays(o->args))
    return;
  if (o->real_bytes == sizeof(double))
    o->rule->replay_f64(w, (double *[OPTIMIZER_SLOTS]){s[0], s[1], s[2]}, n, c, count, may_settle);
  else
    o->rule->replay_f32(w, (float *[OPTIMIZER_SLOTS]){s[0], s[1], s[2]}, n, c, count, may_settle);
}

// The step o->steps on n elements; g NULL where it does not update.
static void apply(const optimizer *o, const param_state *p, int64_t element, const void *g, int64_t n) {
  void *s[OPTIMIZER_ALL_SLOTS], *w = p->values + (size_t)element * o->real_bytes;
  const step_note *note = &o->notes[o->steps - o->base - 1];
  slots_at(o, p, element, s);
  if (note->updates) {
    optimizer_decay(o, w, n, note->decay);
    run_rule(o, w, s, g, n, constants_of(o, o->steps));
  }
  optimizer_average(o, w, s[OPTIMIZER_AVERAGE], n, note);
}

// The same with a gradient that is clipped on the way.
static void apply_clipped(const optimizer *o, const param_state *p, int64_t element,
                          const gradient_source *from, const char *g, int64_t n) {
  enum { CHUNK = 512 };
  double chunk[CHUNK];
  if (!g || !optimizer_clips(o)) {
    apply(o, p, element, g, n);
    return;
  }
  for (int64_t first = 0; first < n; first += CHUNK) {
    int64_t size = n - first < CHUNK ? n - first : CHUNK;
    optimizer_clip(o, from, g + (size_t)first * o->real_bytes, size, chunk);
    apply(o, p, element + first, chunk, size);
  }
}

// Brings one row up to `target`.
static void catch_up(const optimizer *o, const param_state *p, int64_t row, int64_t target) {
  int64_t from = p->current[row], count = target - from, n = p->width;
  if (from == AT_REST || count <= 0)
    return;
  void *s[OPTIMIZER_ALL_SLOTS];
  void *w = p->values + (size_t)(row * n) * o->real_bytes;
  slots_at(o, p, row * n, s);
  p->current[row] = target;
  if (!o->one_by_one) {
    run_replay(o, w, s, n, constants_of(o, from + 1), count, o->last_growth <= from + 1);
    return;
  }
  for (int64_t step = from + 1; step <= target; step++) {
    const step_note *note = &o->notes[step - o->base - 1];
    optimizer_decay(o, w, n, note->decay);
    if (note->updates)
      run_replay(o, w, s, n, constants_of(o, step), 1, false);
    optimizer_average(o, w, s[OPTIMIZER_AVERAGE], n, note);
  }
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
  bool stands = !o->one_by_one && o->rule->keeps_weights && o->rule->keeps_weights(o->args);
  if (!stands && o->states[param].current && o->steps > o->base)
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

void optimizer_finish(optimizer *o) {
  optimizer_settle(o);
  for (int64_t k = 0; k < o->session->model->n_params && o->settings.averages && o->steps; k++) {
    const param_state *p = &o->states[k];
    if (p->values)
      memcpy(p->values, p->slots[OPTIMIZER_AVERAGE], (size_t)(p->rows * p->width) * o->real_bytes);
  }
}

// ---- steps

// Weights and state of fewer elements stay in the caches of the thread that computes with them: bringing them
// over to another takes longer than its help saves.
enum { SHARED_ELEMENTS = 1 << 16 };

// Returns how many elements the blocks have.
static int64_t plan_blocks(optimizer *o, int64_t index) {
  const gradient_source *g = &o->sources[index];
  const param_state *p = &o->states[g->param];
  if (p->whole)
    return 0;
  int64_t n = g->rows < 0 ? p->rows * p->width : g->rows;
  int64_t size = g->rows < 0 ? BLOCK_ELEMENTS : rows_in_block(p);
  for (int64_t first = 0; first < n; first += size) {
    step_block b = {index, first, n - first < size ? n - first : size};
    vec_push(&o->blocks, b);
  }
  return g->rows < 0 ? n : n * p->width;
}

// A row is short, and the next one lies anywhere: it is fetched while this one is stepped.
static void fetch_row(const optimizer *o, const param_state *p, int64_t row) {
  enum { LINE = 64, MOST = 4096 };
  size_t bytes = (size_t)p->width * o->real_bytes, at = (size_t)row * bytes;
  for (size_t k = 0; k < bytes && k < MOST; k += LINE) {
    __builtin_prefetch(p->values + at + k, 1);
    for (int j = 0; j < o->slots; j++)
      __builtin_prefetch(p->slots[j] + at + k, 1);
  }
}

static void step_one_block(void *env, int64_t block) {
  const optimizer *o = env;
  const step_block *b = &o->blocks.data[block];
  const gradient_source *g = &o->sources[b->gradient];
  const param_state *p = &o->states[g->param];
  if (g->rows < 0) {
    const char *values = g->values ? g->values + (size_t)b->first * o->real_bytes : NULL;
    apply_clipped(o, p, b->first, g, values, b->count);
    return;
  }
  for (int64_t k = b->first; k < b->first + b->count; k++) {
    int64_t row = g->ids[k], place = g->by_row ? row : k;
    if (k + 1 < b->first + b->count)
      fetch_row(o, p, g->ids[k + 1]);
    if (p->current) {
      catch_up(o, p, row, o->steps - 1);
      p->current[row] = o->steps;
    }
    apply_clipped(o, p, row * p->width, g, g->values + (size_t)(place * p->width) * o->real_bytes, p->width);
  }
}

static void run_step(optimizer *o, int64_t n_gradients) {
  int64_t elements = 0;
  o->blocks.len = 0;
  for (int64_t k = 0; k < n_gradients; k++)
    elements += plan_blocks(o, k);
  pool_run(elements < SHARED_ELEMENTS ? NULL : o->session->pool, step_one_block, o, (int64_t)o->blocks.len);
  for (int64_t k = 0; k < n_gradients; k++)
    if (o->states[o->sources[k].param].whole)
      optimizer_step_whole(o, &o->sources[k]);
}

static void project(const optimizer *o) {
  const struct nlm_abi_model *model = o->session->model;
  for (int64_t k = 0; k < model->n_params; k++) {
    const param_state *p = &o->states[k];
    if (!p->constraint || !p->values)
      continue;
    if (p->current)
      catch_up_rows(o, k, NULL, p->rows);
    constraint_apply(p->constraint, p->values, o->real_bytes, model->params[k].rank, model->params[k].dims);
  }
}

void optimizer_step(optimizer *o) {
  int64_t n = session_program(o->session->model, NLM_GRAD)->n_gradients;
  o->learning_rate = optimizer_learning_rate(o);
  o->calls++;
  bool updates = o->calls % o->settings.accumulate == 0;
  optimizer_take_gradients(o, n, updates);
  if (updates || o->settings.averages) {
    push_step(o, updates);
    if (updates && optimizer_clips(o))
      optimizer_measure(o, n);
    run_step(o, n);
  }
  if (updates)
    optimizer_forget_sums(o);
  project(o);
}

// ---- settings and state

void optimizer_follow(optimizer *o, const rate_schedule *rate) {
  o->schedule = rate;
}

void optimizer_constrain(optimizer *o, int64_t param, const constraint *c) {
  o->states[param].constraint = c;
}

double optimizer_learning_rate(const optimizer *o) {
  return o->schedule ? rate_schedule_rate(o->schedule, o->calls) : o->learning_rate;
}

void optimizer_set_learning_rate(optimizer *o, double learning_rate) {
  o->learning_rate = learning_rate;
}

bool optimizer_has_schedule(const optimizer *o) {
  return o->schedule != NULL;
}

int64_t optimizer_steps(const optimizer *o) {
  return o->calls;
}

void *optimizer_slot(const optimizer *o, int64_t param, int k, int *rank, int64_t *dims) {
  void *slot = o->states[param].slots[k];
  if (slot && dims)
    *rank = optimizer_slot_shape(o, param, k, dims);
  return slot;
}

const char *optimizer_slot_name(const optimizer *o, int k) {
  return k < OPTIMIZER_SLOTS ? o->rule->slot_names[k] : k == OPTIMIZER_AVERAGE ? "average" : "sum";
}

void optimizer_restore(optimizer *o, int64_t steps) {
  o->calls = o->steps = o->base = steps;
  o->last_growth = 0;
  o->previous_rate = o->learning_rate;
  for (int64_t k = 0; k < o->session->model->n_params; k++)
    if (o->states[k].current)
      let_rest(o, &o->states[k], steps);
  optimizer_find_sums(o);
}
