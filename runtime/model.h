#ifndef NLM_RUNTIME_MODEL_H
#define NLM_RUNTIME_MODEL_H
// A compiled model, opened: its config as typed structs, its parameters, vocabularies and class names. The C
// interface and the command line both build on it. Ownership: a loaded_model owns everything it points to but
// the descriptor. Thread-safety: built by one thread; after that every function that takes it const may run
// in many at once. Errors: an nlm_status and a sentence in `error` (without "error:", may span lines).
#include "nlm/abi.h"
#include "nlm/nlm.h"
#include "runtime/config.h"
#include "runtime/text/vectorize.h"
#include "runtime/weights.h"
#include "support/arena.h"
#include "support/strbuf.h"
#include <stdbool.h>

enum { MODEL_MAX_RANK = 8 };
typedef enum { MODEL_INPUT_TEXT, MODEL_INPUT_INT, MODEL_INPUT_FLOAT } model_input_type;

typedef struct model_input { // as the source file declares it
  const char *name;
  model_input_type type;
  size_t rank;                     // without the batch: 0 for `text`, 1 for `text[time]`
  int64_t extents[MODEL_MAX_RANK]; // -1: symbolic
  int64_t ids_below; // its numbers are rows of a table of so many; 0: they are not, or nobody knows
} model_input;

// One application of a text or category layer: what a model's input holds becomes a program input.
typedef struct model_pipeline {
  const char *layer;
  size_t model_input, program_input;
  int64_t weights_input; // program input of the numbers that belong to the ids; -1: none
  text_pipeline pipeline;
  vocabulary *words; // NULL until adapted or read from weights; Hashing has none
  bool given;        // the words stand in the source file
} model_pipeline;

typedef struct model_output {
  const char *name;
  const char *activation; // "sigmoid", "softmax", ...; NULL where it is unknown
  const char *loss;       // NULL: none
  int64_t units;          // extent of the last axis; 0 where that is not fixed; `decided`: how many classes
  bool sequence;          // [B, T, units]; `decided`: [B, T]
  bool decided;           // it holds class numbers, below `units`, as int32
  bool class_ids;         // the target is int class numbers, one axis less than an output of numbers
  double loss_weight;
  config_call *metrics;
  size_t metrics_count;
  bool *metric_weighted;             // parallel to metrics
  const struct json_t *class_weight; // "balanced", a list by class number or an object by class; NULL: none
  int64_t target;                    // program input that takes the target; -1 without a loss
  int64_t weights; // program input that takes weights of rows or steps; -1: the loss takes none
  char **classes;  // one malloc'ed block; NULL until bound or read from weights
  size_t classes_count;
} model_output;

typedef struct model_constraint { // of a weight, by name
  const char *weight;
  config_call call;
} model_constraint;

typedef struct model_training {
  config_call optimizer;
  int64_t epochs, batch_size;
  bool shuffle;
  double validation_split;
  bool has_seed;
  uint64_t seed;
  config_call *callbacks;
  size_t callbacks_count;
  model_constraint *constraints;
  size_t constraints_count;
} model_training;

typedef struct loaded_model {
  const struct nlm_abi_model *abi;
  arena *memory;
  struct json_t *config;
  model_input *inputs;
  size_t inputs_count;
  model_pipeline *pipelines;
  size_t pipelines_count;
  model_output *outputs; // parallel to abi->outputs
  size_t outputs_count;
  const model_training *training; // NULL: no train block
  const char *summary;            // text
  const struct json_t *report;    // what `nlmc shapes --format json` prints; NULL if absent
  void **params;                  // [n_params]; NULL before parameters are allocated or loaded
  char *block;                    // the parameters' own memory; NULL while they stand in a weights image
  weights_file *image;            // weights the parameters stand in; NULL when they have a block
  char *aligned;                  // copies of those that do not begin on a cache line in the image; or NULL
  int64_t epoch;                  // epochs that the weights were trained for; 0 if unknown
} loaded_model;

// Whether this library and this CPU can run the model: NLM_ERROR_VERSION or NLM_ERROR_CPU, naming both sides.
nlm_status model_check_version(const struct nlm_abi_model *abi, strbuf *error);
// Checks the version and reads the config; no parameters yet. On failure *m is zero.
nlm_status model_open(loaded_model *m, const struct nlm_abi_model *abi, strbuf *error);
void model_close(loaded_model *m);

// Bytes of parameter p, and the elements of one of its rows (product of all extents but the first).
size_t model_param_bytes(const loaded_model *m, int64_t param);
int64_t model_param_row(const loaded_model *m, int64_t param);
int64_t model_param_find(const loaded_model *m, const char *name); // -1 if absent
void model_release_params(loaded_model *m); // their memory, and the weights image; there are none then
// Memory for all parameters in one block, each 64-byte aligned, zero. Keeps no earlier values.
nlm_status model_allocate_params(loaded_model *m);
// Every parameter from its initializer (allocates first if need be). Values are a function of the seed and
// the parameter's name, drawn in double and rounded.
nlm_status model_initialize(loaded_model *m, uint64_t seed);

typedef enum {
  WEIGHTS_READ_ONLY, // parameters may stand in the mapped file or the executable: nothing is copied
  WEIGHTS_WRITABLE,  // training: parameters are copied into the model's block
} weights_use;
// Loads a file that fits exactly, with vocabularies, class names and epoch; path NULL: the weights inside the
// executable. Refuses with the list of differing tensors; then nothing has changed.
nlm_status model_load_weights(loaded_model *m, const char *path, weights_use use, strbuf *error);
// Vocabularies and class names alone, where the file holds them.
nlm_status model_take_metadata(loaded_model *m, const weights_file *file, strbuf *error);
// The batch size of a train block for a model that keeps states from batch to batch, else `usual`.
int64_t model_batch_size(const loaded_model *m, int64_t usual);
// Where commands look when no file is named: `<model>.safetensors` if that exists, else NULL (inside the
// executable) if weights are there, else `<model>.safetensors`. In the model's memory.
const char *model_default_weights(const loaded_model *m);
// `<model>.safetensors`, in the model's memory.
const char *model_weights_name(const loaded_model *m);

// What weights files say: entries of all parameters ([n_params], malloc'ed) and metadata (malloc'ed values;
// model_metadata_free). `epoch` goes to nlm.epoch.
weight_entry *model_weight_entries(const loaded_model *m, void *const *params);
typedef struct model_metadata {
  weight_metadata *items;
  size_t count;
} model_metadata;
model_metadata model_metadata_make(const loaded_model *m, int64_t epoch);
void model_metadata_add(model_metadata *d, const char *key, const char *value); // copies both
void model_metadata_free(model_metadata *d);
// Writes params (NULL: the model's own) with vocabularies and classes, atomically.
bool model_save_weights(const loaded_model *m, const char *path, void *const *params, int64_t epoch,
                        strbuf *error);

// Replaces an output's class names (copied).
void model_set_classes(model_output *o, const text_view *names, size_t count);

#endif
