#ifndef NLM_RUNTIME_REGISTRY_H
#define NLM_RUNTIME_REGISTRY_H
// What a train block may name: optimizers, schedules, metrics and callbacks, with their arguments. The
// compiler binds a user's call against these tables; compiled models hand the bound arguments back in their
// config. Each table ends with name == NULL and lives as long as the program.
#include "support/args.h"

typedef struct registry_item {
  const char *name;       // "rmsprop", "accuracy", "early_stopping"
  const char *class_name; // "RMSprop", "BinaryAccuracy", "EarlyStopping"; may be NULL
  const char *doc;
  const arg_spec *args;
  // Arguments that cannot stand together: false after reporting them. May be NULL.
  bool (*check)(diags *d, span at, value *const *bound, const arg_spec *args);
  bool sets_each_rate; // a callback that no schedule of the optimizer can stand beside
} registry_item;

const registry_item *registry_optimizers(void);
const registry_item *registry_schedules(void); // of learning rates
const registry_item *registry_metrics(void);
const registry_item *registry_callbacks(void);

#endif
