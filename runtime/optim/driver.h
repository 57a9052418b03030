#ifndef NLM_RUNTIME_OPTIM_DRIVER_H
#define NLM_RUNTIME_OPTIM_DRIVER_H
// What the files of the optimizers' driver share: optimizer.c (steps and replay) and gradients.c (what a step
// is taken from: sums over batches, clipping).
#include "runtime/optim/optimizer.h"
#include "support/diag.h"
#include "support/vec.h"

enum { BLOCK_ELEMENTS = 16384, AT_REST = -1 };

typedef struct param_state {
  char *values; // NULL where the parameter is not trained
  char *slots[OPTIMIZER_ALL_SLOTS];
  int64_t rows, width; // elements = rows * width
  int64_t *current; // [rows] last step applied, or AT_REST; NULL: every step touches every element, or none
                    // has state
  bool may_rest;    // rows whose slots are all zero are AT_REST
  bool row_sparse;
  bool whole;          // the rule takes it as a whole
  bool *summed;        // [rows] rows with a gradient since the last update, where gradients are accumulated
  int32_t *summed_ids; // [rows] room for their numbers
  const constraint *constraint;
} param_state;

typedef struct driver_settings {           // 0: off
  double weight_decay, whole_weight_decay; // of variables that the rule takes as a whole
  double clip_norm, clip_value, clip_global;
  bool averages;
  double average_kept;
  int64_t overwrite, accumulate; // accumulate: at least 1
} driver_settings;

typedef struct step_note { // of a step, beside the rule's constants
  bool updates;
  double decay, whole_decay, average_kept;
  bool overwrites;
} step_note;

typedef struct gradient_source {
  int64_t param, rows; // rows -1: dense
  const int32_t *ids;  // [rows]
  const char *values;  // NULL: no update, averages alone
  bool by_row;         // values stand at the row's own place, not at k
  double norm;         // of a gradient that is clipped
} gradient_source;

typedef struct step_block {
  int64_t gradient, first, count; // elements of a dense gradient, rows of a sparse one
} step_block;

struct optimizer {
  const optimizer_rule *rule;
  double args[OPTIMIZER_ARGS];
  driver_settings settings;
  const rate_schedule *schedule; // NULL: learning_rate alone
  double learning_rate;
  int rate_index;  // of the learning rate among the arguments
  int slots;       // the rule's
  bool one_by_one; // steps hold more than the rule
  session *session;
  size_t real_bytes;
  int64_t calls;                 // of optimizer_step
  int64_t steps;                 // taken so far
  param_state *states;           // [n_params]
  char *constants;               // of steps base + 1, base + 2, ..., OPTIMIZER_CONSTANTS reals each
  step_note *notes;              // of the same
  int64_t base, room;            // room: steps that fit
  int64_t last_growth;           // the newest step whose learning rate exceeds the one before
  double previous_rate;          // of the last step
  gradient_source *sources;      // [n_gradients]
  double *row_sums, global_norm; // of squares
  size_t row_sums_room;
  double *whole_gradient, *whole_scratch; // of the variable that a rule is taking as a whole
  VEC(step_block) blocks;
};

// Fills o->sources from the session's last run; gradients are first added to their sums where they are
// accumulated, and divided when an update follows.
void optimizer_take_gradients(optimizer *o, int64_t n, bool updates);
void optimizer_forget_sums(optimizer *o); // after an update
void optimizer_find_sums(optimizer *o);   // after sums were restored
// Clipping: measure all sources, then clip n numbers of one into out (the model's real type).
bool optimizer_clips(const optimizer *o);
void optimizer_measure(optimizer *o, int64_t n);
void optimizer_clip(const optimizer *o, const gradient_source *g, const void *values, int64_t n, void *out);

// Of the step o->steps on n elements: weight decay, and averages.
void optimizer_decay(const optimizer *o, void *w, int64_t n, double share);
void optimizer_average(const optimizer *o, void *w, void *average, int64_t n, const step_note *note);

// Variables that rules take as a whole: room for the largest (false: no memory), and one step of one of them.
bool optimizer_make_whole_room(optimizer *o);
void optimizer_step_whole(const optimizer *o, const gradient_source *g);
// Shape of slot k (or of the average or the sum) of a parameter: its rank, or -1 where there is none.
int optimizer_slot_shape(const optimizer *o, int64_t param, int k, int64_t *dims);

#endif
