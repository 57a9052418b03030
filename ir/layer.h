#ifndef NLM_IR_LAYER_H
#define NLM_IR_LAYER_H
// What a layer is: one file ir/layers/<name>.c exports one `const layer_def` and layers.def has one line for
// it. The binder, range errors, `nlmc help`, the reference page and the tests derive from this struct.
#include "ir/lower.h"
#include "ir/model.h"

// What a layer does with a mask on its input. The shape report and warnings follow from it.
typedef enum {
  MASKS_PASS,    // output has the input's mask (several inputs: OR; none if one has none)
  MASKS_MERGE,   // as PASS, but destroyed, with a warning, when only some of the inputs have a mask
  MASKS_CONSUME, // uses it, output has none
  MASKS_DESTROY, // cannot use it: warning at the call, `mask_advice` says what to do instead
  MASKS_CUSTOM,  // build sets it
} mask_rule;

enum {
  LAYER_TOKENWISE = 1 << 0, // treats every step by itself, so that TimeDistributed(L) is L
  LAYER_RECURRENT = 1 << 1, // has go_backwards, return_sequences, return_state: Bidirectional takes it
  LAYER_INTERNAL = 1 << 2,  // made by the compiler alone (Input); not to be called by a user
  LAYER_IN_CELL = 1 << 3,   // may stand in a user's cell: every row of the batch by itself, lowered from the
                            // operands' own extents (the rows active at a step are not the batch)
  LAYER_CELL = 1 << 4,      // one step of a recurrence, to be given to RNN; never applied by itself
  LAYER_BY_STEP =
      1 << 5, // inside TimeDistributed it gets (batch, time, ...) and keeps the steps apart itself
};

// One application being checked. build() reads inputs and sets outputs; errors go through the helpers below.
typedef struct layer_call {
  layer *layer;
  application *app;
  model *model;
  tensor *const *inputs;
  int n_inputs;
  bool first; // first application: declare weights now
  bool failed;
} layer_call;

// What the program takes of a layer that runs in the runtime, before it.
typedef struct pipeline_form {
  shape ids;    // of an INT program input
  bool weights; // with a second one, REAL of the same shape: a number for each id
} pipeline_form;

struct layer_def {
  const char *name;  // "LSTM"
  const char *snake; // "lstm"
  const char *doc;   // one paragraph
  // The reference, for `nlmc help` and docs/layers.md. Lines are parted by newlines.
  // shapes: "(batch, time, features) -> (batch, units)    when": an extent is a number, the name of an
  // argument or of anything else, which then means the same extent throughout, or a number times a name ("4
  // units");
  // "..." is any number of axes. tests/unit/test_layer_reference.c holds it against the examples.
  // weights: "kernel (features, 4 units)    when", for all weights but those of inner layers; NULL: none.
  const char *shapes, *weights;
  const char *mask_doc; // for MASKS_CUSTOM, or more than the rule tells; NULL: the rule tells all
  const char *differs;  // from Keras; NULL: in nothing
  const char *group;    // "recurrent", "core", "pooling", "merging", "text", ...
  const arg_spec *args;
  const char *const *call_args; // names accepted when applied besides tensors; NULL-terminated or NULL
  // Names of the tensors by position, for layers that take them by name too (`query = x`); NULL-terminated or
  // NULL.
  const char *const *input_names;
  int min_inputs, max_inputs; // max -1: any number
  bool spreads_list;          // Add()([a, b]) is Add()(a, b)
  mask_rule masks;
  const char *mask_advice;
  unsigned traits; // LAYER_*
  // The one loss that trains a decided result (application.scores); NULL: any that fits.
  const char *loss;
  // Called once when a layer is made: checks arguments against each other, makes children. false after an
  // error was reported. May be NULL.
  bool (*check)(layer *l);
  // Sets app outputs (call_output) and, when call->first, weights (call_weight). false after an error was
  // reported.
  bool (*build)(layer_call *call);
  // Layers of text and categories: what the runtime makes of their input, which is a model's input; else
  // NULL. Ids alone as an INT output are that output; for anything else `lower` builds it from lower_given().
  pipeline_form (*pipeline)(const application *app);
  // Builds L2 for one application: reads lower_input(), writes lower_set_output().
  void (*lower)(lowering *lw, const application *app);
  const struct cell_def *cell; // what one step does (ir/cell.h): of cells, and of LSTM and its kin; else NULL
  // One to three tiny complete models in .nlm source, each using the layer; every derived test runs on them.
  const char *const *examples; // NULL-terminated
};

#define LAYER(symbol, name) extern const layer_def symbol;
#include "ir/layers.def"
#undef LAYER
extern const layer_def *const layer_table[];   // NULL-terminated, order of layers.def
const layer_def *layer_find(const char *name); // "LSTM"; NULL if unknown
const char *layer_suggest(const char *name);   // nearest name or NULL
// The arguments that every layer takes besides its own: name, trainable. Ended by a NULL name.
const arg_spec *layer_common_args(void);
// Its own arguments, the common ones, and what follows from its own: kernel_regularizer and kernel_constraint
// where it has a kernel_initializer, activity_regularizer. In `mem`.
const arg_spec *layer_all_args(arena *mem, const layer_def *def);
// A layer without bound arguments (an operator, a function, an input) or with the given ones; registered for
// release.
layer *layer_new(model *m, const layer_def *def, value **args, span at, const char *scope);

// ---- for build()
// Declares result k (in order) with this shape and type; the mask follows the layer's rule unless CUSTOM.
tensor *call_output(layer_call *call, shape s, tensor_type type);
// Declares what result 0, which is of integers, is decided from: application.scores, without a mask.
tensor *call_scores(layer_call *call, shape s);
void call_output_mask(tensor *out, mask_state state, tensor *mask_source);
weight *call_weight(layer_call *call, const char *local, shape s, initializer init);
// Error at the call: "LSTM got a tensor of shape (batch, 256); it needs (batch, time, features)", with a note
// at the layer that removed or added the axis when one can be named.
void call_shape_error(layer_call *call, const tensor *input, const char *needs);
diag *call_error(layer_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
// "LSTM got a text tensor ...": for layers that need numbers. Only true when input is REAL or INT.
bool call_expect_numbers(layer_call *call, const tensor *input);
bool call_expect_rank(layer_call *call, const tensor *input, int min_rank, int max_rank, const char *needs);
// Static extent required (weights depend on it); reports and returns -1 when it is symbolic.
int64_t call_static_dim(layer_call *call, const tensor *input, int axis);
// Later applications of a layer that owns weights: `input` must have the feature size of the first one.
bool call_same_features(layer_call *call, const tensor *input, int64_t first_size);
// The value of a call argument (initial_state = ...), or NULL.
const value *call_argument(const application *app, const char *name);
// A wrapper applies its child: builds the child on these inputs and records the application in app->inner.
// NULL after an error was reported.
application *call_child(layer_call *call, layer *child, tensor *const *inputs, int n_inputs);
// Declares that this application keeps a state of this shape, (batch, ...), from one run of the program to
// the next: lower_carried and lower_carry. False after an error: such a layer is applied once, on the batch
// itself.
bool call_carry(layer_call *call, shape s);
// A tensor between a wrapper and its child.
tensor *call_inner_tensor(layer_call *call, shape s, tensor_type type);
void call_warn_destroyed(layer_call *call, const tensor *masked);

// ---- for check()
diag *layer_error(const layer *l, const char *arg, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The layer that the user wrapped takes its number just before the wrapper.
void layer_add_wrapped(layer *wrapper, layer *wrapped);
// `child` is named "<wrapper>/<role>"; with role NULL its weights bear the wrapper's own path.
void layer_add_child(layer *wrapper, layer *child, const char *role);
void layer_set_bool(layer *l, const char *arg, bool v);

// ---- for lower()
// Stream of random numbers of an application: a hash of the layer's path, the application's number, the
// layer's `seed` argument and a purpose ("input").
uint64_t layer_stream(const application *app, const char *purpose);
uint64_t layer_stream_of(const layer *l, int number, const char *purpose);

// ---- bound arguments of a layer by name (the argument exists: else ICE)
const value *layer_arg(const layer *l, const char *name);
int64_t layer_arg_int(const layer *l, const char *name);
double layer_arg_float(const layer *l, const char *name);
bool layer_arg_bool(const layer *l, const char *name);
const char *layer_arg_text(const layer *l, const char *name); // string or mode; NULL for none
bool layer_arg_is_none(const layer *l, const char *name);
initializer layer_arg_initializer(const layer *l, const char *name);

#endif
