#ifndef NLM_RUNTIME_CLI_PREDICT_H
#define NLM_RUNTIME_CLI_PREDICT_H
// Parts of `predict`: what is shown, and how results are written. One thread.
#include "runtime/api/api.h"
#include "runtime/cli/files.h"
#include "runtime/npy.h"
#include "runtime/train/batch.h"
#include "support/vec.h"

// ---- results of batches as text, JSON lines or .npy files
//
// text   a line for each row. An output with classes: label TAB probability (4 decimals); a sequence of
// classes: a
//        label for each token, separated by spaces; numbers: the values, separated by spaces, with the digits
//        that read back to the same value. Without class names a class is its number. Several outputs: TAB
//        between them.
// json   an object for each row: {"label", "probability", "probabilities": {label: p}}, for a sequence
// {"labels",
//        "probabilities": [{label: p}]} (of a decided output "labels" alone), for numbers {"values"}; several
//        outputs: {output: object}.
// npy    one file for each output, [N, ...]; batches of unequal length are padded with 0.
typedef enum { PREDICT_TEXT, PREDICT_JSON, PREDICT_NPY } predict_format;

typedef struct npy_batch {
  void *values;
  int64_t shape[NPY_MAX_RANK];
} npy_batch;
typedef VEC(npy_batch) npy_batches;

// What `--layer` asks for.
typedef enum { LAYER_ALL, LAYER_OUTPUT, LAYER_PROBE } layer_kind;
typedef struct layer_choice {
  layer_kind kind; // LAYER_ALL: no layer was named, all outputs are shown
  int64_t index;   // of the output or the probe
} layer_choice;

// Memory for the results of NLM_PROBE, whose rows are bounded by batches of PROBE_ROWS at most.
enum { PROBE_ROWS = 8, BATCH_SIZE = 32 };
typedef struct layer_probes {
  void **list; // [n_probes], as frames take them
  size_t *bytes;
} layer_probes;

// A tensor that is shown: an output, or what a layer makes.
typedef struct shown_tensor {
  const struct nlm_abi_tensor *abi;
  const model_output *output; // classes and activation; of layers inside: neither
  values_type type;
  int64_t index; // of the output or the probe
  npy_batches collected;
} shown_tensor;

typedef struct prediction_writer {
  const loaded_model *model;
  predict_format format;
  const char *path; // NULL: standard output; a folder for npy
  strbuf text;      // what is not written yet; all of it where there is a path
  shown_tensor *shown;
  size_t shown_count;
  const layer_probes *probes; // NULL: outputs are shown
} prediction_writer;

// `probes`: read where the choice is LAYER_PROBE; must outlive the writer.
prediction_writer prediction_writer_new(const loaded_model *m, predict_format format, layer_choice choice,
                                        const layer_probes *probes, const char *path);
// Names the files that will be written.
void prediction_writer_files(const prediction_writer *w, command_files *files);
// Takes the results of the batch that was run.
void prediction_writer_add(prediction_writer *w, const batcher *b);
// Writes what is left. False and a sentence when a file cannot be written.
bool prediction_writer_finish(prediction_writer *w, strbuf *error);
void prediction_writer_free(prediction_writer *w);

// ---- results by layer
// What the layer makes (an output's own name serves as well). With a sentence in `error` there is no such
// layer.
layer_choice choose_layer(const loaded_model *m, const char *layer, strbuf *error);
// Memory for the dimensions that the batcher has set, as the frame's probes. False: no memory.
bool layer_probes_load(layer_probes *p, const batcher *b);
void layer_probes_free(layer_probes *p, const loaded_model *m);

#endif
