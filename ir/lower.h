#ifndef NLM_IR_LOWER_H
#define NLM_IR_LOWER_H
// L1 -> L2. A tensor under a mask is lowered to its valid rows only; `lowered` says in which order they stand
// and what a consumer that looks at masked steps would find there (the fill). Legend: B batch, T time, V
// valid rows.
#include "ir/graph.h"
#include "ir/model.h"

typedef enum {
  LAYOUT_DENSE, // data has the tensor's own shape [B, ...]
  LAYOUT_RM,    // data [V, F...]: valid rows, example after example
  LAYOUT_TM,    // data [V, F...]: valid rows in scan order
} row_layout;

typedef enum {
  FILL_NONE,    // nothing is masked
  FILL_UNIFORM, // fill [F...]: the same value at every masked step; NULL: zeros
  FILL_CARRY,   // the value of the last valid step before; `fill` [F...] before the first one; NULL: zeros
  FILL_FULL,    // fill [B*T, F...]: its rows at masked steps
} fill_kind;

typedef enum { LOGITS_NONE, LOGITS_SIGMOID, LOGITS_SOFTMAX } logits_kind;

typedef struct lowered {
  node *data;
  row_layout layout;
  node *pack; // PACK node when the tensor is a sequence in RM or TM order (also a dense pack); else NULL
  fill_kind fill_kind;
  node *fill;
  // When data = sigmoid(logits) or softmax(logits): same layout and shape, for losses that work on logits.
  logits_kind logits_kind;
  node *logits;
} lowered;

// PROGRAM_PROBE gives what layers make on the way to the outputs.
typedef enum { PROGRAM_INFER, PROGRAM_EVALUATE, PROGRAM_GRAD, PROGRAM_PROBE, PROGRAM_KINDS } program_kind;

typedef struct lowering lowering;
struct lowering {
  graph *g;
  const model *model;
  bool training;   // dropout is live
  lowered *values; // by tensor id
  struct program *program;
  const application *current;
  struct cell_step *step; // the step of a user's cell whose layers are being lowered (ir/cell.h), or NULL
  struct lowering_private *p;
};

// ---- for layers' lower()
lowered lower_input(lowering *lw, const application *app, int k);
lowered lower_value(lowering *lw, const tensor *t); // of any tensor made before, e.g. an initial_state
void lower_set_output(lowering *lw, const application *app, int k, lowered value);
node *lower_weight(lowering *lw, const layer *l, const char *local);
// A weight that training changes by a rule of its layer's, not by a gradient (moving averages): its value
// now, and the one it has after the step (PROGRAM_GRAD only; a later application of the layer then sees that
// one).
node *lower_state(lowering *lw, const layer *l, const char *local);
void lower_assign(lowering *lw, const layer *l, const char *local, node *value);
// INT [B, T] mask of a tensor whose mask state is VALID, or NULL. (Dense; for packing use lowered.pack.)
node *lower_mask(lowering *lw, const tensor *t);
// For a layer that defines a mask: INT [B, T], nonzero = valid, of the tensor that is its own mask source. To
// be called before lower_pack of it. Not needed where a layer has `mask_zero` (then: inputs[0] != 0, or one
// of a step's ids) nor where the mask is the OR of the inputs' masks.
void lower_set_mask(lowering *lw, const tensor *mask_source, node *mask);
// INT, of the shape of an INT tensor: 1 where it is not 0.
node *lower_nonzero_ids(lowering *lw, const tensor *ids);
// What the runtime made for a pipeline's application: its ids, and their weights or NULL. *input is the ids'
// index among the program's inputs.
node *lower_given(lowering *lw, const application *app, node **weights, int *input);
// The PACK node for a tensor's mask (MASK_NONE: the dense packing of its axis 1). One per mask value.
node *lower_pack(lowering *lw, const tensor *t);
// States that an application carries from run to run (call_carry): as they are now, and as they will be.
node *lower_carried(lowering *lw, const application *app, int k);
void lower_carry(lowering *lw, const application *app, int k, node *next);
lowered lowered_dense_value(node *data);
lowered lowered_row_value(node *data, row_layout layout, node *pack, fill_kind kind, node *fill);

// Conversions. The dense form unpacks with the fill. Rows: [V, F...] in the order asked for (LAYOUT_RM of a
// dense tensor is a reshape to [B*T, F...]); `t` is the L1 tensor that x lowers.
node *lower_to_dense(lowering *lw, lowered x, const tensor *t);
node *lower_to_rows(lowering *lw, lowered x, const tensor *t, row_layout layout);
// Rows of any sequence x [B, T, F...], under whatever mask or none, at the valid steps of `pack` (of the same
// B and T): an Embedding gathers its ids so before it looks them up.
node *lower_to_pack(lowering *lw, lowered x, node *pack, row_layout layout);
// x as [B*T, F...], fill included: what a layer that draws numbers step by step applies itself to for a
// FILL_FULL.
node *lower_to_all_rows(lowering *lw, lowered x, const tensor *t);
// Index in program inputs of the ids that t is made of (t itself, or the first such input behind it), for
// g_check_ids; -1 when there is none.
int lower_input_index(const lowering *lw, const tensor *t);
// Logical row numbers (b*T+t) of the rows of x for RANDOM, or NULL when rows are in natural order.
node *lower_row_numbers(lowering *lw, lowered x);
// Applies f to rows (or to the dense tensor) and to the fill alike: for layers that treat every step by
// itself. f sees tensors whose leading dimension(s) are rows; several inputs are first brought to one layout
// and packing.
typedef node *(*tokenwise_fn)(lowering *lw, node *const *rows, int n, void *context);
lowered lower_tokenwise(lowering *lw, const application *app, const lowered *in, int n, tokenwise_fn f,
                        void *context);

// ---- activations by Keras name (ir/activations.c): relu sigmoid tanh softmax linear elu selu softplus
// softsign silu gelu hard_sigmoid exponential mish leaky_relu log_softmax. softmax works on the last axis.
bool activation_exists(const char *name);
const char *const *activation_names(void); // NULL-terminated
node *activation_build(graph *g, const char *name, node *x);

// ---- whole programs
typedef enum {
  ROOT_OUTPUT,      // index: model output; dense [B, ...]
  ROOT_OUTPUT_MASK, // index: model output; INT [B, T]
  ROOT_LOSS,        // index: model output, or -1 for the weighted total; rank 0
  ROOT_GRAD,        // index: weight; dense gradient
  ROOT_GRAD_IDS,    // index: weight; INT [D] distinct rows that ROOT_GRAD_ROWS [D, F...] speaks of
  ROOT_GRAD_ROWS,
  ROOT_TOUCH,  // index: weight; INT [D]: rows about to be read (only in PROGRAM_GRAD, before any gather)
  ROOT_PROBE,  // index: tensor id; any layer's output for `predict --layer`
  ROOT_ASSIGN, // index: weight, not trainable; its value after the step, of its shape
  ROOT_STATE,  // index: program input of role INPUT_STATE; its value for the next run
} root_role;

typedef struct program_root {
  root_role role;
  int index;
  node *value;
} program_root;

// INPUT_WEIGHT: REAL, the loss of each row or step is multiplied by it. INPUT_STATE: REAL, what ROOT_STATE of
// the run before gave, at first zeros.
typedef enum {
  INPUT_IDS,
  INPUT_REAL,
  INPUT_TARGET_INT,
  INPUT_TARGET_REAL,
  INPUT_WEIGHT,
  INPUT_STATE
} program_input_role;

// One tensor the caller hands to compiled programs; the same list serves all programs of a model.
typedef struct program_input {
  const char *name; // the model input's or output's name
  program_input_role role;
  shape shape;                 // [batch, ...]
  const application *pipeline; // the text or category layer that makes it in the runtime, or NULL
  bool weights;                // the numbers that belong to the ids, which are the input before
  const application *carrier;  // of a state, its number `carried` there; else NULL
  int carried;
  int model_input;  // index in model.inputs, or -1 for targets, weights of rows and states
  int model_output; // for targets and weights of rows, else -1
} program_input;

typedef struct program_inputs {
  VEC(program_input) list;
} program_inputs;

typedef struct program {
  program_kind kind;
  const model *model;
  graph *g; // owned; program_free releases it
  program_inputs *inputs;
  VEC(program_root) roots;
  VEC(const weight *)
  without_gradient; // trainable, but the loss does not depend on them (GRAD, after autodiff)
} program;

// Whether a layer runs in the runtime, before the program: what it makes of its input is a program input.
bool application_is_pipeline(const application *app);
// Inputs of pipelines become the ids (and weights) these make, in order of model inputs and applications;
// then targets in order of outputs, for those with a loss in model.training, then weights of rows for those
// whose loss takes some, then states. In the unit's arena (list memory: program_inputs_free).
program_inputs *program_inputs_of(const model *m);
void program_inputs_free(program_inputs *inputs);
// Lowers a model. Roots: INFER outputs (each followed by its mask when it is a masked sequence); EVALUATE the
// same, then the loss of each output that has one, then the total (index -1); GRAD the losses and, of outputs
// with metrics only, the output. Gradients are left to program_add_gradients. PROBE: ROOT_PROBE (dense) for
// each result of each layer's first application, but for text, one-hot rows (huge, and the ids say as much)
// and the model's outputs; of a decided result what it was decided from (application.scores). Without such a
// result it has no roots. EVALUATE and GRAD need model.training.
// `probe`: a layer name whose results become ROOT_PROBE roots (dense) after the others, or NULL.
program *lower_program(const model *m, program_inputs *inputs, program_kind kind, const char *probe);
void program_add_root(program *p, root_role role, int index, node *value);
void program_free(program *p);

// ---- gradients (ir/gradients.c): a required pass of GRAD programs
// Adds, in order of weights: ROOT_TOUCH for each set of ids by which a row-sparse table is read; ROOT_GRAD
// for a dense gradient, or ROOT_GRAD_IDS and ROOT_GRAD_ROWS for a table that is read by gathers alone.
// Trainable weights without influence on the loss are listed in `without_gradient`.
void program_add_gradients(program *p);

#endif
