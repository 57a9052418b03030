#ifndef NLM_FRONTEND_RESOLVE_PRIVATE_H
#define NLM_FRONTEND_RESOLVE_PRIVATE_H
// Name resolution from the inside; private to frontend/resolve*.c. Everything lives in the unit's arena.
#include "frontend/parse.h"
#include "frontend/resolve.h"
#include "ir/layer.h"
#include "ir/train.h"
#include "support/name_index.h"

typedef struct instance instance;

// What an expression stands for.
typedef enum {
  RESULT_POISON, // an error was reported; whatever uses it stays silent
  RESULT_VALUE,  // a number, text, name of a mode, dict, ...
  RESULT_TENSOR,
  RESULT_LAYER, // made, to be applied
  RESULT_BLOCK, // made with its parameters, to be applied
  RESULT_CELL,  // made, to be given to RNN
  RESULT_LIST,  // of results; also the several outputs of a layer
} result_kind;

typedef struct result result;
struct result {
  result_kind kind;
  span at;
  value *v;
  tensor *t;
  layer *l; // LAYER, CELL
  instance *block;
  result *items;
  size_t count;
};

typedef struct binding {
  const char *name;
  span at;
  result r;
} binding;
typedef VEC(binding) bindings;

// A layer or block made at a place of a block's body: made once for each instance, however often it is
// applied.
typedef struct made_here {
  const expr *where;
  result r;
} made_here;

// A block with its parameters bound, or a cell whose body runs for one recurrence.
struct instance {
  const ast_item *def;
  binding *params;
  size_t param_count;
  const char *scope; // path of the block it was made in, or NULL
  const char *path;  // its own, from the first application on
  instance *outer;   // the instance in whose body it was made
  span at;
  VEC(made_here) made;
  layer *as_layer; // what a layer that wraps layers got, or NULL
};

typedef enum { GLOBAL_FRESH, GLOBAL_BUSY, GLOBAL_DONE } global_state;

// A constant, block or cell.
typedef struct global {
  const ast_item *item;
  global_state state; // of a constant's evaluation
  result r;
  const char *given; // -D text, or NULL
  bool broken;       // its parameter lists are wrong: uses of it stay silent
} global;

struct load_info {
  VEC(const char *) paths;
  const char *hash;
};

typedef struct resolver {
  unit *u;
  VEC(global) globals;
  VEC(const ast_item *) models, trains; // of the main file
  VEC(const ast_item *) left_out;       // models of included files
  VEC(model *) broken;                  // models with errors
  const registries *registries;         // or NULL
  VEC(instance *) instances;            // for release
} resolver;

// Where names are looked up while statements run.
typedef struct context {
  resolver *r;
  model *m;     // NULL in constants
  instance *in; // block whose body runs, or NULL
  bindings names;
  name_index index; // of the same
} context;

enum { MAX_INSTANCES = 10000 };

// ---- names (resolve_names.c)
binding *find_local(context *c, const char *name);
void bind_local(context *c, const char *name, span at, result r);
global *find_global(resolver *r, const char *name, item_kind kind);
result constant_result(resolver *r, global *g, span at);
void report_unknown_name(context *c, const char *name, span at);
void report_unknown_callee(context *c, const char *name, span at);

// ---- values (resolve_value.c)
result poison_result(span at);
result value_result(value *v, span at);
value *number_value(arena *a, bool is_int, int64_t i, double x, span at);
// An expression as an argument of the given kinds (ARG_*); `modes` as in arg_spec. NULL after an error.
// ARG_LATE: which names are modes is known only where the argument is bound; a name keeps what it holds.
enum { ARG_LATE = 1 << 30 };
value *argument_value(context *c, const expr *e, unsigned kinds, const char *const *modes);
value *result_value(context *c, const result *r, span at);
result fold_binary(context *c, const expr *e, const value *a, const value *b);

// ---- expressions (resolve_expr.c, resolve_call.c)
result eval(context *c, const expr *e);
result eval_call(context *c, const expr *e, const result *piped);
result eval_pipe(context *c, const expr *e);
const char *result_name(const result *r);                    // "a tensor"
bool expect_tensor(context *c, const result *r, tensor **t); // reports anything else

// ---- blocks (resolve_block.c)
result make_block(context *c, const ast_item *def, const expr *call);
result apply_block(context *c, instance *b, const expr *call, const result *piped, span at);
layer *block_as_layer(context *c, instance *b); // to be wrapped: one tensor in

// Binds a call's arguments to a block's or cell's parameter list and puts the pairs into `out`. False after
// an error.
bool bind_parameters(context *c, const ast_item *def, const param_list *params, const expr *call,
                     const result *piped, span at, binding *out);
const char *snake_case(arena *a, const char *name);

// ---- cells (resolve_cell.c)
bool check_cell(resolver *r,
                const ast_item *item); // the second list: an input, then states with their shapes
result make_cell(context *c, const ast_item *def, const expr *call);

// ---- unused definitions (resolve_check.c)
void check_names(resolver *r, const ast_item *item);

// ---- models (resolve_model.c)
void resolve_model(resolver *r, const ast_item *item);
void resolve_train(resolver *r, const ast_item *item);
bool run_body(context *c, const stmt_list *body, bool is_model, result *returned);

#endif
