#ifndef NLM_TESTS_EXEC_SUBJECT_H
#define NLM_TESTS_EXEC_SUBJECT_H
// Models under test: every example of every layer and function, and models that end in every loss. All go
// through the language's own front door and have a train block. Thread-safety: one thread.
#include "frontend/resolve.h"
#include "ir/layer.h"

typedef struct subject {
  char title[96]; // "LSTM, example 2"
  diags *d;
  unit *u;
  model *m;
  program_inputs *inputs;
  int64_t *id_bounds; // by program input: ids are in [0, bound); 0 where it holds no ids
} subject;

// Loads one model; `train`: settings of its train block ("loss = mse"). False after printing why not.
bool subject_open(subject *s, const char *title, const char *text, const char *train);
void subject_close(subject *s);

// A program, not yet differentiated. `weigh_outputs`: a GRAD program's loss is the sum of all outputs, as a
// caller sees them (masked steps included), each element times a number in [-0.5, 0.5) of its own.
program *subject_lower(const subject *s, program_kind kind, bool weigh_outputs);

// Whether a result depends on nothing but the valid steps, so that more padding changes nothing.
bool subject_ignores_padding(const subject *s);

typedef enum {
  SUBJECTS_LAYERS = 1,
  SUBJECTS_FUNCTIONS = 2,
  SUBJECTS_LOSSES = 4,
  SUBJECTS_ALL = 7
} subject_set;
// Calls `check` for each model; returns the sum of its results (failures). A model that does not load is a
// failure. `only`: a part of the title, or NULL.
typedef int subject_check(const subject *s, void *context);
int subjects_each(subject_set set, const char *only, subject_check *check, void *context);

#endif
