// The table of optimizers, made of optimizers.def.
#include "runtime/optim/optimizer.h"
#include <pthread.h>
#include <string.h>

#define OPTIMIZER(symbol) extern const optimizer_rule symbol;
#include "runtime/optim/optimizers.def"
#undef OPTIMIZER

const optimizer_rule *const optimizer_rules[] = {
#define OPTIMIZER(symbol) &symbol,
#include "runtime/optim/optimizers.def"
#undef OPTIMIZER
    NULL,
};
enum { COUNT = sizeof optimizer_rules / sizeof *optimizer_rules - 1 };

const optimizer_rule *optimizer_find(const char *name) {
  for (int k = 0; k < COUNT; k++)
    if (!strcmp(optimizer_rules[k]->item.name, name))
      return optimizer_rules[k];
  return NULL;
}

static registry_item items[COUNT + 1];

static void copy_items(void) {
  for (int k = 0; k < COUNT; k++)
    items[k] = optimizer_rules[k]->item;
}

const registry_item *registry_optimizers(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, copy_items);
  return items;
}
