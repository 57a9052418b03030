#ifndef NLM_RUNTIME_OPTIM_OPTIMIZER_H
#define NLM_RUNTIME_OPTIM_OPTIMIZER_H
// Optimizers: one file each and one line in optimizers.def. A rule updates every element by itself from its
// gradient, its state (slots) and constants of the step; the row-sparse driver replays the steps that a row
// missed, with a zero gradient, through the same arithmetic, so that sparse and dense training give the same
// bits. Thread-safety: rules are pure; an `optimizer` belongs to one training loop.
#include "nlm/abi.h"
#include "runtime/kernels/calls.h"
#include "runtime/registry.h"
#include "runtime/session.h"

// One rule, compiled for several widths of vectors and chosen when the program starts. The bits are the same:
// no operation is fused or reordered.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&                 \
    !defined(__SANITIZE_ADDRESS__)
#define OPTIMIZER_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define OPTIMIZER_CLONES
#endif

enum { OPTIMIZER_SLOTS = 3, OPTIMIZER_CONSTANTS = 8, OPTIMIZER_ARGS = 16 };

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
} optimizer_rule;

extern const optimizer_rule *const optimizer_rules[]; // NULL-terminated
const optimizer_rule *optimizer_find(const char *name);

typedef struct optimizer optimizer;
// `args`: numbers in the order of rule->item.args, learning_rate among them. Parameters are the session's.
// NULL: no memory.
optimizer *optimizer_new(const optimizer_rule *rule, const double *args, session *s, void *const *params);
void optimizer_free(optimizer *o);
// Installs the optimizer as the session's touch function: rows about to be read are brought up to date.
void optimizer_attach(optimizer *o);
// Applies the gradients of the session's last NLM_GRAD run: one step.
void optimizer_step(optimizer *o);
// Brings every row up to date: before evaluating, saving, or any other whole-table use.
void optimizer_settle(optimizer *o);
// Learning rate of the next step.
double optimizer_learning_rate(const optimizer *o);
void optimizer_set_learning_rate(optimizer *o, double learning_rate);
int64_t optimizer_steps(const optimizer *o);
// State for checkpoints, after optimizer_settle: slot k of parameter p (elements as the parameter), or NULL.
int optimizer_slot_count(const optimizer *o);
void *optimizer_slot(const optimizer *o, int64_t param, int k);
void optimizer_restore(optimizer *o, int64_t steps); // after the slots were filled in

#endif
