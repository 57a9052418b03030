#ifndef NLM_IR_TRAIN_H
#define NLM_IR_TRAIN_H
// The `train` block, checked and typed. Losses are the compiler's (ir/loss.h); optimizers, metrics and
// callbacks belong to the runtime, which hands their names and argument tables to the binder as plain tables.
#include "ir/loss.h"
#include "ir/recompute.h"

typedef struct registry_entry {
  const char *name;       // "rmsprop", "accuracy"
  const char *class_name; // "RMSprop"; may be NULL
  const char *doc;
  const arg_spec *args;
  // Arguments that cannot stand together: false after reporting them. May be NULL.
  bool (*check)(diags *d, span at, value *const *bound, const arg_spec *args);
  bool sets_each_rate; // a callback that no schedule of the optimizer can stand beside
} registry_entry;

typedef struct registries {
  const registry_entry *optimizers, *metrics, *callbacks; // each ended by name == NULL
  const registry_entry *schedules; // of arguments of kind ARG_SCHEDULE; NULL: there are none
} registries;

typedef struct bound_call {
  const registry_entry *entry;
  value **args; // parallel to entry->args
  span at;
  bool weighted; // a metric that counts rows by their weights
} bound_call;

// In the unit's arena, but for the VECs, which unit_free releases with the model; earlier: train_config_free.
typedef struct train_config {
  bound_call optimizer;
  size_t n_outputs;
  const loss_def **losses; // by model output; NULL: no loss for that output
  value ***loss_args;
  double *loss_weights;
  // By model output; NULL: none. The name `balanced`, a list by class number, or a dict by class name or
  // number; numbers are 0 or more.
  const value **class_weights;
  bool sample_weight; // data may bring a weight for each row or step
  VEC(bound_call) callbacks;
  VEC(bound_call) * metrics; // by model output
  int64_t epochs, batch_size;
  bool shuffle;
  double validation_split;
  bool has_seed;
  int64_t seed;
  recompute recompute;
} train_config;

// What a train block may set. Kind ARG_ANY: names and calls that the binder looks up itself.
const arg_spec *train_settings(void);

// NULL after reporting errors, or silently when the model has no train block; else also model.training.
// Defaults as Keras: RMSprop, epochs 1, batch size 32, shuffle. Settings: optimizer, loss, loss_weights,
// metrics, weighted_metrics, class_weight, sample_weight, epochs, batch_size, callbacks, shuffle,
// validation_split, seed, recompute. Checks that each loss fits its output (binary_crossentropy wants one
// sigmoid unit or the like) and says what would fit.
train_config *train_config_bind(model *m, const registries *r);
void train_config_free(train_config *c);
// Whether the loss of this output takes weights: a program input then stands behind the targets.
bool train_output_is_weighted(const train_config *c, size_t output);

#endif
