#ifndef NLM_RUNTIME_WEIGHTS_TYPES_H
#define NLM_RUNTIME_WEIGHTS_TYPES_H
// What readers and writers of weights files share. Private to weights*.c.
#include "runtime/weights.h"

#define WEIGHTS_MAX_HEADER 100000000u // the stock library's limit

typedef struct weight_type_row {
  const char *name;
  weight_type type;
  size_t width; // bytes per value
} weight_type_row;

const weight_type_row *weight_type_by_name(const char *name); // NULL if unknown
const weight_type_row *weight_type_of(weight_type type);

#endif
