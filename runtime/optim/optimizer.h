#ifndef NLM_RUNTIME_OPTIM_OPTIMIZER_H
#define NLM_RUNTIME_OPTIM_OPTIMIZER_H
// Optimizers: one file each and one line in optimizers.def. A rule updates every element by itself from its
// gradient, its state (slots) and constants of the step. What all optimizers share (clipping, weight decay,
// moving averages, accumulated gradients, schedules, constraints) is the driver's. The row-sparse driver
// replays the steps that a row missed, with a zero gradient, through the same arithmetic, so that sparse and
// dense training give the same bits. Thread-safety: rules are pure; an `optimizer` belongs to one training
// loop.
#include "nlm/abi.h"
#include "runtime/kernels/calls.h"
#include "runtime/optim/constraint.h"
#include "runtime/optim/schedule.h"
#include "runtime/registry.h"
#include "runtime/session.h"
#include <math.h>

// One rule, compiled for several widths of vectors and chosen when the program starts. The bits are the same:
// no operation is fused or reordered.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&                 \
    !defined(__SANITIZE_ADDRESS__)
#define OPTIMIZER_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define OPTIMIZER_CLONES
#endif

enum { OPTIMIZER_SLOTS = 3, OPTIMIZER_CONSTANTS = 8, OPTIMIZER_ARGS = 24 };

// What every optimizer takes: the rate, and behind its own arguments Keras's common ones.
#define OPTIMIZER_LEARNING_RATE(standard)                                                                    \
  {                                                                                                          \
    .name = "learning_rate", .kinds = ARG_FLOAT | ARG_SCHEDULE, .default_text = standard, .min = 0,          \
    .max = INFINITY,                                                                                         \
    .doc = "step size: a number, or a schedule such as CosineDecay(1e-3, decay_steps = 1000)"                \
  }
#define OPTIMIZER_EPSILON(where)                                                                             \
  { .name = "epsilon", .kinds = ARG_FLOAT, .default_text = "1e-07", .min = 0, .max = INFINITY, .doc = where }
#define OPTIMIZER_DECAY(what, standard, about)                                                               \
  {                                                                                                          \
    .name = what, .kinds = ARG_FLOAT, .default_text = standard, .min = 0, .max = 1, .open_max = true,        \
    .doc = about                                                                                             \
  }
#define OPTIMIZER_WEIGHT_DECAY(kind, standard)                                                               \
  OPTIMIZER_WEIGHT_DECAY_OF("weight_decay", kind, standard, "every weight")
#define OPTIMIZER_WEIGHT_DECAY_OF(what, kind, standard, weights)                                             \
  {                                                                                                          \
    .name = what, .kinds = ARG_FLOAT | (kind), .default_text = standard, .min = 0, .max = INFINITY,          \
    .doc = "each step first takes this share, times the rate, from " weights                                 \
  }
#define OPTIMIZER_CLIP(what, about)                                                                          \
  {                                                                                                          \
    .name = what, .kinds = ARG_FLOAT | ARG_NONE, .default_text = "none", .min = 0, .max = INFINITY,          \
    .doc = about                                                                                             \
  }
#define OPTIMIZER_CLIP_AND_AVERAGE                                                                           \
  OPTIMIZER_CLIP("clipnorm", "longest gradient of a weight, as a Euclidean norm"),                           \
      OPTIMIZER_CLIP("clipvalue", "largest number in a gradient"),                                           \
      OPTIMIZER_CLIP("global_clipnorm", "longest gradient of all weights together"),                         \
      {.name = "use_ema",                                                                                    \
       .kinds = ARG_BOOL,                                                                                    \
       .default_text = "false",                                                                              \
       .doc = "keep a moving average of the weights, which they are set to when training ends"},             \
      {.name = "ema_momentum",                                                                               \
       .kinds = ARG_FLOAT,                                                                                   \
       .default_text = "0.99",                                                                               \
       .min = 0,                                                                                             \
       .max = 1,                                                                                             \
       .doc = "how much of the average is kept at each step"},                                               \
      {.name = "ema_overwrite_frequency",                                                                    \
       .kinds = ARG_INT | ARG_NONE,                                                                          \
       .default_text = "none",                                                                               \
       .min = 1,                                                                                             \
       .max = INFINITY,                                                                                      \
       .doc = "steps after which the weights are set to their average, again and again"},                    \
  {                                                                                                          \
    .name = "gradient_accumulation_steps", .kinds = ARG_INT | ARG_NONE, .default_text = "none", .min = 2,    \
    .max = INFINITY, .doc = "batches whose mean gradient makes one step"                                     \
  }
#define OPTIMIZER_CLIP_AND_AVERAGE_ARGS                                                                      \
  OPTIMIZER_CLIP_AND_AVERAGE, {                                                                              \
    0                                                                                                        \
  }
#define OPTIMIZER_COMMON_ARGS OPTIMIZER_WEIGHT_DECAY(ARG_NONE, "none"), OPTIMIZER_CLIP_AND_AVERAGE_ARGS

// For rules whose replay is nothing but their step with a zero gradient, again and again.
#define OPTIMIZER_REPLAY_BY_STEPS(suffix, real)                                                              \
  static void replay_##suffix(real *w, real *const *s, int64_t n, const real *c, int64_t count,              \
                              bool may_settle) {                                                             \
    (void)may_settle;                                                                                        \
    for (int64_t k = 0; k < count; k++)                                                                      \
      step_##suffix(w, s, NULL, n, c + k * OPTIMIZER_CONSTANTS);                                             \
  }

// One step of a rule that takes a variable as a whole: its norms, rows, columns, products of them.
typedef struct whole_step {
  const double *args;
  double learning_rate;
  int64_t t; // 1, 2, ...
  int rank;
  const int64_t *dims; // [rank]
  int64_t elements;
  // In the model's real type: the variable, its slots, its gradient (dense, clipped; the rule may write it).
  void *values, *const *slots, *gradient;
  double *scratch; // as many as the rule asks for
  thread_pool *pool;
} whole_step;

typedef struct optimizer_rule {
  registry_item item;
  // Slots that these arguments need (args in the order of item.args, numbers; booleans 0 or 1).
  int (*slots)(const double *args);
  double (*slot_start)(const double *args, int slot); // NULL: zeros
  const char *const *slot_names;                      // names in checkpoints
  // Constants of step t (1, 2, ...) at this learning rate.
  void (*constants)(const double *args, double learning_rate, int64_t t, double *c);
  // One step over n elements. g NULL: zero gradient. slots[k]: n elements each.
  void (*step_f32)(float *w, float *const *slots, const float *g, int64_t n, const float *c);
  void (*step_f64)(double *w, double *const *slots, const double *g, int64_t n, const double *c);
  // `count` steps with zero gradients over n elements; c holds the constants of one step after another
  // (OPTIMIZER_CONSTANTS each). NULL: a zero gradient changes nothing.
  void (*replay_f32)(float *w, float *const *slots, int64_t n, const float *c, int64_t count,
                     bool may_settle);
  void (*replay_f64)(double *w, double *const *slots, int64_t n, const double *c, int64_t count,
                     bool may_settle);
  bool (*replays)(const double *args); // whether zero gradients change anything with these arguments
  // Whether zero gradients leave weights as they are and change slots alone; NULL: they do not. Rows are then
  // brought up to date when they are stepped, not when they are read.
  bool (*keeps_weights)(const double *args);
  // A zero gradient changes not a bit where all slots are zero (unless there is an epsilon, and it is 0):
  // rows that never had a gradient need neither steps nor memory for their slots.
  bool rests;

  // Rules that take variables as a whole (whole_f32 is given): those that takes_whole names, all if it is
  // NULL. Every step touches all elements of such a variable, and of its arithmetic only the order of
  // operations has to be the same for any number of threads.
  bool (*takes_whole)(const double *args, const struct nlm_abi_param *about);
  void (*whole_f32)(const whole_step *step);
  void (*whole_f64)(const whole_step *step);
  int64_t (*scratch)(const struct nlm_abi_param *about); // doubles beside the gradient
  // Shape of a variable's slot: its rank, into dims; -1: the variable has no such slot. NULL: all slots, of
  // the variable's shape.
  int (*slot_shape)(const struct nlm_abi_param *about, bool whole, int slot, int64_t *dims);
} optimizer_rule;

extern const optimizer_rule *const optimizer_rules[]; // NULL-terminated
const optimizer_rule *optimizer_find(const char *name);

// Arguments that cannot stand together, for registry_item.check.
bool optimizer_args_agree(diags *d, span at, value *const *args, const arg_spec *specs);

typedef struct optimizer optimizer;
// `args`: numbers in the order of rule->item.args, learning_rate among them; 0 for none. Parameters are the
// session's. apart [n_params] (may be NULL): variables that a rule does not take as a whole, whatever it
// says. NULL: no memory.
optimizer *optimizer_new(const optimizer_rule *rule, const double *args, session *s, void *const *params,
                         const bool *apart);
void optimizer_free(optimizer *o);
// Installs the optimizer as the session's touch function: rows about to be read are brought up to date.
void optimizer_attach(optimizer *o);
// The rate follows a schedule (borrowed), counted in calls of optimizer_step.
void optimizer_follow(optimizer *o, const rate_schedule *rate);
// A parameter is projected after every step (borrowed). A table then stays up to date in all its rows: there
// is no replay of a projection.
void optimizer_constrain(optimizer *o, int64_t param, const constraint *c);
// Takes the gradients of the session's last NLM_GRAD run: one step, or a part of one when gradients are
// accumulated.
void optimizer_step(optimizer *o);
// Brings every row up to date: before evaluating, saving, or any other whole-table use.
void optimizer_settle(optimizer *o);
// The end of training: with use_ema the weights become their averages.
void optimizer_finish(optimizer *o);
// Learning rate of the next step. Setting it is without effect under a schedule.
double optimizer_learning_rate(const optimizer *o);
void optimizer_set_learning_rate(optimizer *o, double learning_rate);
bool optimizer_has_schedule(const optimizer *o);
int64_t optimizer_steps(const optimizer *o); // calls of optimizer_step
// State for checkpoints, after optimizer_settle: slot k of parameter p, or NULL where there is none; its
// shape, whose rank is at most the parameter's, goes into dims (NULL: not wanted).
enum { OPTIMIZER_AVERAGE = OPTIMIZER_SLOTS, OPTIMIZER_SUM, OPTIMIZER_ALL_SLOTS };
void *optimizer_slot(const optimizer *o, int64_t param, int k, int *rank, int64_t *dims);
const char *optimizer_slot_name(const optimizer *o, int k);
void optimizer_restore(optimizer *o, int64_t steps); // after the slots were filled in

#endif
