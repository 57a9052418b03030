#include "runtime/optim/schedule.h"
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct rate_schedule_def {
  registry_item item;
  double (*rate)(const rate_schedule *s, double step);
} rate_schedule_def;

#define RATE(what, about)                                                                                    \
  { .name = what, .kinds = ARG_FLOAT, .min = 0, .max = INFINITY, .doc = about }
#define STEPS(what, about)                                                                                   \
  { .name = what, .kinds = ARG_INT, .min = 1, .max = INFINITY, .doc = about }
#define FACTOR(what, standard, about)                                                                        \
  { .name = what, .kinds = ARG_FLOAT, .default_text = standard, .min = 0, .max = INFINITY, .doc = about }
#define FLAG(what, about)                                                                                    \
  { .name = what, .kinds = ARG_BOOL, .default_text = "false", .doc = about }

// ---- ExponentialDecay, InverseTimeDecay

enum { INITIAL, DECAY_STEPS, DECAY_RATE, STAIRCASE };
static const arg_spec decay_args[] = {
    RATE("initial_learning_rate", "the first rate"),
    STEPS("decay_steps", "steps between one decay and the next"),
    {.name = "decay_rate", .kinds = ARG_FLOAT, .min = 0, .max = INFINITY, .doc = "how much the rate falls"},
    FLAG("staircase", "fall at once every decay_steps, not step by step"),
    {0}};

static double decays(const rate_schedule *s, double step) {
  double p = step / s->args[DECAY_STEPS];
  return s->args[STAIRCASE] != 0 ? floor(p) : p;
}

static double exponential(const rate_schedule *s, double step) {
  return s->args[INITIAL] * pow(s->args[DECAY_RATE], decays(s, step));
}

static double inverse_time(const rate_schedule *s, double step) {
  return s->args[INITIAL] / (1 + s->args[DECAY_RATE] * decays(s, step));
}

// ---- PiecewiseConstantDecay

enum { BOUNDARIES, VALUES };
static const arg_spec piecewise_args[] = {{.name = "boundaries",
                                           .kinds = ARG_FLOATS,
                                           .min = 0,
                                           .max = INFINITY,
                                           .doc = "the last step of each rate but the last, rising"},
                                          {.name = "values",
                                           .kinds = ARG_FLOATS,
                                           .min = 0,
                                           .max = INFINITY,
                                           .doc = "the rates, one more than boundaries"},
                                          {0}};

static bool check_piecewise(diags *d, span at, value *const *bound, const arg_spec *args) {
  (void)args;
  const value *boundaries = bound[BOUNDARIES], *values = bound[VALUES];
  if (values->count != boundaries->count + 1) {
    diag_error(d, at, "PiecewiseConstantDecay: %zu boundaries need %zu values, found %zu", boundaries->count,
               boundaries->count + 1, values->count);
    return false;
  }
  for (size_t k = 1; k < boundaries->count; k++)
    if (boundaries->items[k]->number <= boundaries->items[k - 1]->number) {
      diag_error(d, boundaries->items[k]->at, "PiecewiseConstantDecay: boundaries must rise");
      return false;
    }
  return true;
}

static double piecewise(const rate_schedule *s, double step) {
  size_t k = 0;
  while (k < s->counts[BOUNDARIES] && step > s->lists[BOUNDARIES][k])
    k++;
  return k < s->counts[VALUES] ? s->lists[VALUES][k] : 0;
}

// ---- PolynomialDecay

enum { END_RATE = 2, POWER, CYCLE };
static const arg_spec polynomial_args[] = {
    RATE("initial_learning_rate", "the first rate"),
    STEPS("decay_steps", "steps until the last rate is reached"),
    FACTOR("end_learning_rate", "0.0001", "the last rate"),
    FACTOR("power", "1.0", "of the polynomial"),
    FLAG("cycle", "begin to fall again, over a longer time, whenever the end is reached"),
    {0}};

static double polynomial(const rate_schedule *s, double step) {
  double steps = s->args[DECAY_STEPS], end = s->args[END_RATE];
  if (s->args[CYCLE] != 0)
    steps *= step == 0 ? 1 : ceil(step / steps);
  else
    step = fmin(step, steps);
  return (s->args[INITIAL] - end) * pow(1 - step / steps, s->args[POWER]) + end;
}

// ---- CosineDecay, CosineDecayRestarts

enum { ALPHA = 2, WARMUP_TARGET, WARMUP_STEPS };
static const arg_spec cosine_args[] = {
    RATE("initial_learning_rate", "the first rate"),
    STEPS("decay_steps", "steps over which the rate falls"),
    FACTOR("alpha", "0.0", "the last rate, as a share of the one it falls from"),
    {.name = "warmup_target",
     .kinds = ARG_FLOAT | ARG_NONE,
     .default_text = "none",
     .min = 0,
     .max = INFINITY,
     .doc = "the rate rises to this first"},
    {.name = "warmup_steps",
     .kinds = ARG_INT,
     .default_text = "0",
     .min = 0,
     .max = INFINITY,
     .doc = "steps over which it rises"},
    {0}};

static bool check_cosine(diags *d, span at, value *const *bound, const arg_spec *args) {
  (void)at, (void)args;
  if (bound[WARMUP_STEPS]->integer == 0 || bound[WARMUP_TARGET]->kind != VALUE_NONE)
    return true;
  diag_help(diag_error(d, bound[WARMUP_STEPS]->at, "CosineDecay: warmup_steps needs a warmup_target"),
            "for example warmup_target = 1e-3: the rate rises from initial_learning_rate to it");
  return false;
}

static double half_wave(double from, double alpha, double fraction) {
  const double pi = 3.14159265358979323846;
  return from * ((1 - alpha) * 0.5 * (1 + cos(pi * fraction)) + alpha);
}

static double cosine(const rate_schedule *s, double step) {
  double first = s->args[INITIAL], steps = s->args[DECAY_STEPS], top = s->args[WARMUP_TARGET],
         rise = s->args[WARMUP_STEPS];
  if (isnan(top))
    return half_wave(first, s->args[ALPHA], fmin(step, steps) / steps);
  step = fmin(step, steps + rise);
  if (step < rise)
    return (top - first) * (step / rise) + first;
  return half_wave(top, s->args[ALPHA], (step - rise) / steps);
}

enum { T_MUL = 2, M_MUL, RESTART_ALPHA };
static const arg_spec restart_args[] = {
    RATE("initial_learning_rate", "the first rate"),
    STEPS("first_decay_steps", "steps of the first fall"),
    {.name = "t_mul",
     .kinds = ARG_FLOAT,
     .default_text = "2.0",
     .min = 1,
     .max = INFINITY,
     .doc = "how much longer each fall is than the one before"},
    FACTOR("m_mul", "1.0", "the rate of each restart, as a share of the one before"),
    FACTOR("alpha", "0.0", "the last rate, as a share of initial_learning_rate"),
    {0}};

static double cosine_restarts(const rate_schedule *s, double step) {
  double fraction = step / s->args[DECAY_STEPS], longer = s->args[T_MUL], alpha = s->args[RESTART_ALPHA],
         restart = floor(fraction);
  if (longer == 1) {
    fraction -= restart;
  } else {
    restart = floor(log(1 - fraction * (1 - longer)) / log(longer));
    fraction = (fraction - (1 - pow(longer, restart)) / (1 - longer)) / pow(longer, restart);
  }
  double wave = half_wave(pow(s->args[M_MUL], restart), 0, fraction);
  return s->args[INITIAL] * ((1 - alpha) * wave + alpha);
}

// ---- the table

static const rate_schedule_def schedules[] = {
    {{"exponential_decay", "ExponentialDecay", "initial_learning_rate * decay_rate ^ (step / decay_steps)",
      decay_args, NULL, false},
     exponential},
    {{"inverse_time_decay", "InverseTimeDecay",
      "initial_learning_rate / (1 + decay_rate * step / decay_steps)", decay_args, NULL, false},
     inverse_time},
    {{"piecewise_constant_decay", "PiecewiseConstantDecay", "one rate after another", piecewise_args,
      check_piecewise, false},
     piecewise},
    {{"polynomial_decay", "PolynomialDecay",
      "falls from the first rate to the last as a power of the steps left", polynomial_args, NULL, false},
     polynomial},
    {{"cosine_decay", "CosineDecay", "falls along half a cosine wave, after a warm-up if asked for",
      cosine_args, check_cosine, false},
     cosine},
    {{"cosine_decay_restarts", "CosineDecayRestarts", "falls along half a cosine wave, again and again",
      restart_args, NULL, false},
     cosine_restarts},
};
enum { COUNT = sizeof schedules / sizeof *schedules };

static registry_item items[COUNT + 1];

static void copy_items(void) {
  for (int k = 0; k < COUNT; k++)
    items[k] = schedules[k].item;
}

const registry_item *registry_schedules(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, copy_items);
  return items;
}

static void read_argument(const config_call *c, const char *name, rate_schedule *out, size_t k) {
  const json_t *v = json_object_get(c->args, name);
  out->args[k] = config_number(c, name, (double)NAN);
  if (!json_is_array(v))
    return;
  out->counts[k] = json_array_size(v);
  out->lists[k] = xcalloc(out->counts[k] + 1, sizeof(double));
  for (size_t j = 0; j < out->counts[k]; j++)
    out->lists[k][j] = json_number_value(json_array_get(v, j));
}

bool rate_schedule_read(const config_call *c, rate_schedule *out) {
  *out = (rate_schedule){0};
  for (int k = 0; k < COUNT; k++)
    if (!strcmp(schedules[k].item.name, c->name))
      out->def = &schedules[k];
  for (size_t k = 0; out->def && out->def->item.args[k].name; k++)
    read_argument(c, out->def->item.args[k].name, out, k);
  return out->def != NULL;
}

void rate_schedule_free(rate_schedule *s) {
  for (int k = 0; k < SCHEDULE_ARGS; k++)
    free(s->lists[k]);
  *s = (rate_schedule){0};
}

double rate_schedule_rate(const rate_schedule *s, int64_t step) {
  return s->def->rate(s, (double)step);
}
