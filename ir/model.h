#ifndef NLM_IR_MODEL_H
#define NLM_IR_MODEL_H
// L1: the layer graph in the user's vocabulary. Every tensor has a symbolic shape (d[0] is always the batch)
// and a mask state; every layer application keeps its place in the source. All user-facing errors about
// shapes, masks and arguments are reported here. Ownership: everything lives in the unit's arena.
// Thread-safety: one thread per unit.
#include "ir/dim.h"
#include "support/args.h"
#include "support/diag.h"
#include "support/vec.h"

// Numbers in one example of a tensor, named dimensions taken as 1, and in one weight: larger ones are the
// user's mistake, so that no product of extents leaves 64 bits.
#define LARGEST_TENSOR 1e12

typedef struct layer_def layer_def;
typedef struct layer layer;
typedef struct application application;
typedef struct model model;

typedef enum { TENSOR_REAL, TENSOR_INT, TENSOR_TEXT } tensor_type;
// MASK_NONE: there is none, or it was consumed as it should; MASK_DESTROYED: the layer got one and could not
// use it.
typedef enum { MASK_NONE, MASK_VALID, MASK_DESTROYED } mask_state;

typedef struct tensor {
  const char *name; // the user's name for it, else the layer's
  tensor_type type;
  shape shape; // rank -1: poison, left by an error already reported; whatever uses it stays silent
  mask_state mask;
  // Masks are values: two tensors share a packing only when mask_source is the same tensor. For MASK_VALID it
  // is the tensor whose making defined the mask (an Embedding's output, a merge of two masks); the layer
  // graph axis it covers is always axis 1.
  struct tensor *mask_source;
  application *source;
  int output; // which result of `source`
  int id;     // dense number in the model
  span at;
} tensor;

typedef enum {
  INIT_ZEROS,
  INIT_ONES,
  INIT_CONSTANT,
  INIT_UNIFORM,
  INIT_NORMAL,
  INIT_TRUNCATED_NORMAL,
  INIT_VARIANCE_SCALING,
  INIT_ORTHOGONAL,
  INIT_IDENTITY,
  INIT_LSTM_BIAS
} init_kind;
// a, b: CONSTANT value; UNIFORM low, high; NORMAL mean, stddev; VARIANCE_SCALING scale (a), with `mode` 0
// fan_in 1 fan_out 2 fan_avg and `distribution` 0 uniform 1 truncated_normal 2 normal; ORTHOGONAL and
// IDENTITY gain (a). INIT_LSTM_BIAS: zeros, with ones in the forget quarter.
typedef struct initializer {
  init_kind kind;
  double a, b;
  int mode, distribution;
  bool seeded; // `seed` decides alone: initializers with one seed give one sequence of numbers
  int64_t seed;
} initializer;

// A term of the loss: l1 sum |x| + l2 sum x^2.
typedef struct regularizer {
  double l1, l2;
} regularizer;

// What a weight is brought back to after each step (ir/regularization.h).
typedef struct weight_constraint {
  const struct constraint_def *def; // NULL: none
  value **args;                     // parallel to def->args
} weight_constraint;

// What a layer's arguments kernel_regularizer and kernel_constraint say: of its weight `prefix`, or
// `prefix`_kernel.
typedef struct weight_rule {
  const char *prefix;
  regularizer regularizer;
  weight_constraint constraint;
  span at; // of the constraint
} weight_rule;

typedef struct weight {
  const char *name;  // path in a weights file: "bidirectional/forward/kernel"
  const char *local; // last part: "kernel"
  shape shape;       // static
  initializer init;
  bool trainable;
  regularizer regularizer;
  weight_constraint constraint;
  const char *pretrained; // path as the user wrote it, or NULL
  span pretrained_at;     // where: the path is relative to that file
  int index;              // in model.weights
  layer *owner;
} weight;

// The number that takes a tensor's place in `x + 1`.
typedef struct operand_number {
  bool given, is_int;
  double value;
} operand_number;

struct layer {
  const layer_def *def;
  // NULL until the first application. Unique in the model: "bidirectional_1"; for a wrapped layer the path
  // "bidirectional/forward", for a TimeDistributed's layer "time_distributed/dense".
  const char *name;
  const char *path;       // prefix of its weights' names, set with `name`
  const char *scope;      // path of the enclosing block instance, or NULL
  const char *given_name; // name = "...", or NULL
  bool numbered;          // took its automatic number (a wrapped layer takes one although it bears a path)
  bool listed;            // in model.layers
  value **args;           // parallel to def->args
  span at;
  layer *parent;    // the wrapper, or NULL
  const char *role; // wrapped layers: last part of the path ("forward"); NULL: the wrapper's own path
  layer **children; // wrapped copies (Bidirectional: forward, backward; TimeDistributed: inner), an RNN's
                    // cell, the cells of a stack, the layers made inside a user's cell or a wrapped block
  int n_children, max_children;
  layer *wrapped[2]; // the layers as the user wrote them, which take their numbers just before the wrapper
  int n_wrapped;
  weight_rule *rules; // of its weights' regularizers and constraints, n_rules
  int n_rules;
  regularizer activity;  // of its results
  VEC(weight *) weights; // its own (not its children's)
  VEC(application *) applications;
  bool trainable;
  model *model;
  operand_number operand[3]; // operators and functions: the numbers among the operands, by position
  void *data;                // the layer's own, set in build
};

struct application {
  layer *layer;
  int number; // 0 for the first use
  tensor **inputs;
  int n_inputs;
  tensor **outputs;
  int n_outputs;
  // What an integer result was decided from (a CRF's scores of classes, [B, T, C]): its loss and
  // `predict --layer` see it, no other layer does. Else NULL.
  tensor *scores;
  // Call arguments by name (initial_state = [h, c]): parallel arrays.
  const char **call_names;
  value **call_values; // tensors are VALUE_OBJECT with object = tensor *
  int n_call;
  span at;
  int order;      // position in model.applications; -1 for an application inside another layer
  shape *carried; // states that stand between this call and the next one of the program (batch, ...)
  int n_carried;
  application *inner[2]; // a wrapper's applications of its children, not in model.applications
  int n_inner;
};

typedef struct named_output {
  const char *name;
  tensor *value;
  span at;
} named_output;

typedef struct train_block {
  span at;
  // Raw settings as written, in order; typed access through ir/train.h.
  const char **names;
  span *name_spans;
  value **values;
  size_t count;
} train_block;

struct model {
  struct unit *unit;
  const char *name;
  span at;
  VEC(tensor *) inputs;
  VEC(named_output) outputs;
  VEC(layer *) made;               // every layer, applied or not
  VEC(layer *) layers;             // in order of first application, Input layers included
  VEC(application *) applications; // topological
  VEC(tensor *) tensors;
  VEC(weight *) weights;         // order of creation
  train_block *train;            // NULL: compiled for prediction only
  struct train_config *training; // set by train_config_bind; NULL: no losses, no targets
  struct names *names;           // private to ir/names.c: names taken, numbers given
  struct inner_graph *inner;     // while layers are applied inside another one (ir/inner_graph.h), else NULL
  const char *scope; // block instance whose operators and functions are being applied, or NULL (set by name
                     // resolution)
};

// One compilation: arenas, dims, diagnostics, constants, models.
typedef struct unit {
  arena *mem;
  dim_table *dims;
  diags *diags;
  const char *source_path;
  VEC(model *) models;
  VEC(const char *) files;  // read besides sources (vocabularies), for --depfile; in the arena
  struct load_info *loaded; // private to name resolution
} unit;

unit *unit_new(diags *d);
void unit_free(unit *u);
void unit_drop_model(unit *u, size_t index); // one with errors, so that nothing is made of it

// ---- building (used by name resolution)
model *model_new(unit *u, const char *name, span at);
// dims: without the batch. An input is a layer of type Input in reports.
tensor *model_add_input(model *m, const char *name, tensor_type type, const dim *const *dims, int rank,
                        span at);
void model_add_output(model *m, const char *name, tensor *result, span at);

// The next free name of this kind in a scope: "dense", then "dense_1"; "encoder/dense" in scope "encoder"
// (NULL: the model itself). Block instances take theirs here. Lives as long as the unit.
const char *model_number_name(model *m, const char *scope, const char *base);

// Makes a layer from its call; NULL after reporting bad arguments. Not part of the model until applied. Every
// layer takes `name` and `trainable` besides its own arguments. Layers among the arguments are VALUE_OBJECT
// with object = layer * and ARG_LAYER among their object_kinds. `scope`: path of the enclosing block instance
// ("transformer_encoder") or NULL.
layer *layer_make(model *m, const layer_def *def, const value *call, const char *scope);
// A copy with the same arguments and weights of its own (Bidirectional's backward layer).
layer *layer_clone(layer *l);
// Applies a layer. Returns the application; its outputs are poison when an error was reported (or an input
// was poison). Named on first application (wrapped layers just before their wrapper).
application *layer_apply(layer *l, tensor *const *inputs, int n_inputs, const char *const *call_names,
                         value *const *call_values, int n_call, span at);
// Elementwise operators between tensors and numbers; layers of the report too (add, subtract, multiply,
// divide, less, …). op: "+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "neg". Operands: VALUE_OBJECT
// tensors or numbers.
tensor *model_apply_operator(model *m, const char *op, const value *a, const value *b, span at);
// Functions: activations and math by name (relu(x), abs(x), Where(c, a, b), mean(x, axis = time)). `call`:
// the call as written, tensors among its arguments as VALUE_OBJECT (object_kinds 0, object = tensor *), or
// NULL for a bare name behind a pipe; `inputs`: tensors piped in, which come before the call's own. Poison
// after an error; an unknown name is ICE.
bool is_function_name(const char *name);
const char *function_suggest(const char *name); // nearest name or NULL
tensor *model_apply_function(model *m, const char *name, const value *call, tensor *const *inputs,
                             int n_inputs, span at);

// A tensor that silences whatever uses it; for places where an error was already reported.
tensor *model_poison(model *m, span at);
bool tensor_is_poison(const tensor *t);
bool model_is_stateful(const model *m);                         // some application has carried states
int64_t layer_param_count(const layer *l, bool trainable_only); // its children's included
const char *tensor_type_name(tensor_type t);

#endif
