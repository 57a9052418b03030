#ifndef NLM_RUNTIME_CLI_PREDICT_H
#define NLM_RUNTIME_CLI_PREDICT_H
// Parts of `predict`: which output is shown, and how results are written. One thread.
#include "runtime/model.h"
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
//        "probabilities": [{label: p}]}, for numbers {"values"}; several outputs: {output: object}.
// npy    one file for each output, [N, ...]; batches of unequal length are padded with 0.
typedef enum { PREDICT_TEXT, PREDICT_JSON, PREDICT_NPY } predict_format;

typedef struct npy_batch {
  void *values;
  int64_t rows, steps;
} npy_batch;
typedef VEC(npy_batch) npy_batches;

typedef struct prediction_writer {
  const loaded_model *model;
  predict_format format;
  int64_t only;           // the one output that is wanted; -1: all
  const char *path;       // NULL: standard output; a folder for npy
  strbuf text;            // what is not written yet; all of it where there is a path
  npy_batches *collected; // [n_outputs]
} prediction_writer;

prediction_writer prediction_writer_new(const loaded_model *m, predict_format format, int64_t only,
                                        const char *path);
// Takes the results of the batch that was run.
void prediction_writer_add(prediction_writer *w, const batcher *b);
// Writes what is left. False and a sentence when a file cannot be written.
bool prediction_writer_finish(prediction_writer *w, strbuf *error);
void prediction_writer_free(prediction_writer *w);

// ---- outputs by layer
// Index of the output that the layer makes (an output's own name serves as well); -1 after a sentence in
// `error`.
int64_t output_of_layer(const loaded_model *m, const char *layer, strbuf *error);

#endif
