#ifndef NLM_SUPPORT_ARGS_H
#define NLM_SUPPORT_ARGS_H
// Values a user writes as arguments, and the tables that say which arguments a thing takes. Layers, losses,
// optimizers, metrics, callbacks, initializers and regularizers all describe themselves with `arg_spec`.
#include "support/arena.h"
#include "support/diag.h"
#include "support/source.h"
#include "support/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum {
  VALUE_NONE,
  VALUE_BOOL,
  VALUE_INT,
  VALUE_FLOAT,
  VALUE_STRING, // "text"
  VALUE_NAME,   // a bare name of a mode: relu
  VALUE_LIST,
  VALUE_DICT,   // {key: value}
  VALUE_CALL,   // L2(0.01), RMSprop(learning_rate = 1e-3)
  VALUE_OBJECT, // a layer, cell or tensor of the compiler (opaque here)
} value_kind;

typedef struct value value;
struct value {
  value_kind kind;
  span at;
  bool boolean;
  int64_t integer;   // VALUE_INT
  double number;     // VALUE_FLOAT, and VALUE_INT as a double
  const char *text;  // string, name, call's callee
  value **items;     // list items, dict values, call's arguments
  const char **keys; // dict keys; call's argument names (NULL where positional)
  span *key_at;      // parallel to keys: where each key or name stands; NULL if no places are known
  size_t count;
  void *object;          // VALUE_OBJECT
  unsigned object_kinds; // VALUE_OBJECT: the ARG_LAYER, ARG_CELL bits it may serve as; 0 for anything else.
                         // Its `text` says what it is in messages ("a layer", "a tensor").
  value *held; // VALUE_NAME: what the user's constant or parameter of that name holds, for owners that know
               // only later whether the name is a mode (a mode comes first); NULL: nothing bears the name
};

// What an argument accepts; kinds combine with |.
enum {
  ARG_NONE = 1 << 0, // `none` is allowed
  ARG_BOOL = 1 << 1,
  ARG_INT = 1 << 2,
  ARG_FLOAT = 1 << 3,   // integers too
  ARG_STRING = 1 << 4,  // free text or a path
  ARG_MODE = 1 << 5,    // one of `modes`, bare or quoted
  ARG_INTS = 1 << 6,    // list of integers
  ARG_FLOATS = 1 << 7,  // list of numbers
  ARG_STRINGS = 1 << 8, // list of strings
  // A name (bare or quoted) or a call such as L2(0.01); which names there are is checked by the owner.
  ARG_ACTIVATION = 1 << 9,
  ARG_INITIALIZER = 1 << 10,
  ARG_REGULARIZER = 1 << 11,
  ARG_CONSTRAINT = 1 << 12,
  ARG_LAYER = 1 << 13,    // a layer (VALUE_OBJECT)
  ARG_CELL = 1 << 14,     // a cell or a list of cells
  ARG_ANY = 1 << 15,      // checked by the owner
  ARG_SCHEDULE = 1 << 16, // a call such as CosineDecay(1e-3, decay_steps = 1000), checked by the owner
};

// An integer with a least value of 1 or more and no greatest one is a size (units, a vocabulary). Sizes end
// here, so that products of a few of them cannot overflow 64 bits.
enum { ARG_LARGEST_SIZE = 500000000 };

typedef struct arg_spec {
  const char *name; // NULL ends a table
  unsigned kinds;
  const char *default_text; // as a user would write it ("0.01", "none", "relu"); NULL: required
  const char *const *modes; // for ARG_MODE: NULL-terminated
  double min, max;          // for numbers (list items too), checked when min < max; inclusive unless open;
                            // INFINITY and -INFINITY for no bound
  bool open_max;            // max itself is not allowed
  bool open_min;            // min itself is not allowed
  bool is_path;             // for ARG_STRING: names a file or folder, so "" is none
  const char *doc;          // one line, for `nlmc help` and the reference page
} arg_spec;

// Binds a call's arguments (positional, then by name) to a table. Returns an arena array parallel to
// `specs` with defaults filled in (spans of defaults are the call's), or NULL after reporting every unknown,
// repeated, missing, ill-typed or out-of-range argument ("did you mean" included) into `d`, each at the span
// of the argument's value or name. An ill-typed mode is one error: names and quoted names both serve.
// `what` names the thing in messages ("LSTM"). A name that is no mode of its argument gives way to what it
// holds.
value **args_bind(arena *a, diags *d, const char *what, const arg_spec *specs, const value *call);
// The same where messages call an argument something else: "setting".
value **args_bind_as(arena *a, diags *d, const char *what, const char *noun, const arg_spec *specs,
                     const value *call);

size_t args_count(const arg_spec *specs);
int args_index(const arg_spec *specs, const char *name); // -1 if absent
// "none", "true", "True", "3", "1e-3", "\"x\"", "[1, 2]", "{a: 1}", a name, "L2(0.01)"; no places. NULL if
// the text is none of these. Nesting deeper than 64 is refused.
value *value_parse_literal(arena *a, const char *text);
void value_print(const value *v, strbuf *out); // as a user would write it
const char *value_kind_name(const value *v);   // "an integer", "a list", …

#endif
