#ifndef NLM_RUNTIME_CONFIG_H
#define NLM_RUNTIME_CONFIG_H
// Calls with their arguments, as the config of a compiled model holds them (docs/abi.md). Thread-safety: all
// functions only read.
#include <stdbool.h>
#include <stddef.h>

struct json_t;

// A call of the train block with its arguments bound, defaults included: RMSprop(learning_rate = 0.001).
typedef struct config_call {
  const char *name;          // of the registry: "rmsprop"
  const struct json_t *args; // object by argument name
} config_call;
// Arguments by name; the fallback serves where the argument is missing or null. Booleans are 0 and 1.
double config_number(const config_call *c, const char *name, double fallback);
const char *config_text(const config_call *c, const char *name, const char *fallback);
// Text k of an argument that is a list of texts; NULL behind its end, or where it is no list.
const char *config_list_text(const config_call *c, const char *name, size_t k);
// An argument that is a list of numbers: how many there are; the first `room` of them go into out.
size_t config_list_numbers(const config_call *c, const char *name, double *out, size_t room);
bool config_is_none(const config_call *c, const char *name);
// An argument that is a call itself, with all its arguments; false where it is none.
bool config_inner(const config_call *c, const char *name, config_call *out);

#endif
