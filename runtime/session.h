#ifndef NLM_RUNTIME_SESSION_H
#define NLM_RUNTIME_SESSION_H
// Running the programs of a compiled model: dimensions, workspace layout, calls. Used by the C interface and
// by the command line alike. Legend: B batch, T time. Ownership: a session owns its workspace and layout, not
// the parameters and tensors it is given. Thread-safety: one thread at a time per session (its pool's threads
// work inside a call).
#include "nlm/abi.h"
#include "runtime/kernels/calls.h"
#include <stdbool.h>
#include <stddef.h>

typedef void touch_function(void *context, int64_t param, const int32_t *ids, int64_t n);

typedef struct session {
  const struct nlm_abi_model *model;
  struct nlm_frame
      frame;        // inputs, outputs, masks, params, results, seed, step: set by the user of the session
  int64_t *dims;    // [n_dims], frame.dims
  int64_t *planned; // [n_dims] dimensions the layout was made for; -1 before the first
  int64_t *offsets[NLM_PROGRAMS];
  int64_t workspace_bytes; // of the largest program asked for
  unsigned planned_programs;
  void *own_workspace;
  thread_pool *pool; // NULL: the calling thread alone
  touch_function *touch;
  void *touch_context;
  void *memory; // one block behind all of the above
  bool borrowed;
  // What a run leaves for the next one, input after input, each 64-byte aligned: for state_batch rows; 0: the
  // next run begins with zeros.
  char *states;
  size_t states_capacity;
  bool owns_states;
  int64_t state_batch;
  bool weights_stay; // parameters change no more: what programs keep serves their later runs (false at first)
  int64_t kept_by;   // the program whose kept buffers hold something, or -1
} session;

// Bytes that session_init needs for its tables (multiple of 64).
size_t session_table_bytes(const struct nlm_abi_model *model);
// A session in `memory` (64-byte aligned, session_table_bytes), or in memory of its own when NULL. False: no
// memory.
bool session_init(session *s, const struct nlm_abi_model *model, void *memory);
void session_destroy(session *s);

const struct nlm_abi_program *session_program(const struct nlm_abi_model *model,
                                              int64_t kind); // NULL: not compiled in
// Index of a caller-given dimension by name, or -1.
int64_t session_dimension(const struct nlm_abi_model *model, const char *name);
// Value of an expression; run-time counts take `dims` values, or their bounds when `bounded`.
int64_t session_expression(const struct nlm_abi_model *model, int64_t expression, const int64_t *dims,
                           bool bounded);
// Elements of a tensor for these dimensions.
int64_t session_elements(const struct nlm_abi_model *model, const struct nlm_abi_tensor *t,
                         const int64_t *dims);

// Whether some layer makes an extent below 1 of these dimensions: the sequences are too short for the model,
// and nothing may be computed. Then `text` (n bytes; NULL: not wanted) says so.
bool session_is_too_short(const struct nlm_abi_model *model, const int64_t *dims, char *text, size_t n);

// Workspace bytes, states included, for a set of programs (bits 1 << kind) at these dimensions; below 0 when
// it is out of range or cannot be counted, as memory_plan says.
int64_t session_workspace_bytes(const struct nlm_abi_model *model, unsigned programs, const int64_t *dims);
// Lays out the workspace of a set of programs for dimensions up to these, in `workspace` (64-byte aligned,
// bytes large), or in memory of its own when NULL; smaller dimensions then need no new layout. False: no
// memory.
bool session_plan(session *s, unsigned programs, const int64_t *dims, void *workspace, size_t bytes);
// Whether the current layout serves these dimensions.
bool session_fits(const session *s, unsigned programs, const int64_t *dims);

// Runs a program with frame and dims as set; returns its status code (nlm_abi_status). When a NLM_GRAD run is
// done, the parameters that it assigns (moving averages) have their new values.
int64_t session_run(session *s, int64_t kind);

// Whether the model keeps states from one run to the next (layers with stateful = true).
bool session_is_stateful(const struct nlm_abi_model *model);
// To be called when dims are set, before session_run: places the states in `inputs` ([n_inputs], as frames
// take them). A model without any needs none of this. False: the rows are not as many as in the run before,
// *rows, or (*rows 0) there is no memory.
bool session_feed_states(session *s, void **inputs, int64_t *rows);
void session_reset_states(session *s); // the next run begins with zeros

// A gradient after a NLM_GRAD run: rows == -1 for a dense one.
typedef struct gradient_view {
  int64_t param, rows;
  const int32_t *ids; // [rows] distinct; NULL when dense
  const void *values; // [elements] or [rows, elements of a row], the model's real type
} gradient_view;
gradient_view session_gradient(const session *s, int64_t index);

extern const struct nlm_runtime_calls session_calls;

// Where the value stands that ended a run with NLM_STATUS_ID_RANGE (status_position at 0 or above): the row
// of the batch and the step in it, -1 for inputs without steps.
typedef struct bad_place {
  int64_t row, step;
} bad_place;
bad_place session_bad_place(const session *s);

#endif
