#ifndef NLM_RUNTIME_TRAIN_BATCH_H
#define NLM_RUNTIME_TRAIN_BATCH_H
// Rows of a dataset as the inputs of a compiled program. Text is encoded once, when the batcher is made; a
// batch is padded with 0 to its own longest row (at least one step). Legend: B rows of a batch, T steps.
// Ownership: the dataset and the session must outlive the batcher. Thread-safety: one thread per batcher.
#include "runtime/data/dataset.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "runtime/train/schema.h"

typedef struct batch_buffer {
  void *data; // 64-byte aligned
  size_t bytes;
} batch_buffer;

typedef struct batcher {
  const loaded_model *model;
  session *session;
  const dataset *data;
  const data_column **columns;                   // [n_inputs] of programs; NULL where nothing is fed
  data_column **encoded;                         // [n_inputs]; NULL where the dataset's own column serves
  batch_buffer *inputs;                          // [n_inputs]
  batch_buffer *outputs, *masks;                 // [n_outputs]
  batch_buffer *shares;                          // [n_outputs], of decided ones: see batcher_output
  void **input_list, **output_list, **mask_list; // as frames take them
  const char **files;          // [n_inputs]: .npy files of tensor data, for messages; NULL where unknown
  const data_column **weights; // [n_outputs] of rows or steps; NULL: all count 1
  const double *const *class_weights; // [n_outputs] by class; NULL: none; borrowed
  const size_t *rows;                 // of the current batch
  size_t count;                       // B
  bool feeds_targets;
} batcher;

// `targets`: feed outputs too (training, evaluation). False and a sentence when the data cannot feed the
// model.
bool batcher_init(batcher *b, const loaded_model *m, session *s, const dataset *d, const model_schema *schema,
                  bool targets, strbuf *error);
void batcher_free(batcher *b);
// Tells which .npy files the tensors came from, for messages; the paths are borrowed.
void batcher_name_files(batcher *b, const data_tensor *inputs, size_t inputs_count,
                        const data_tensor *targets, size_t targets_count);
// Training (a load for NLM_GRAD alone) multiplies weights by those of the target's class: tables by output,
// or NULL where all classes count alike. They must outlive the batcher.
void batcher_weigh_classes(batcher *b, const double *const *tables);
// Sets dimensions, inputs, outputs and workspace for a set of programs (bits 1 << kind); rows [count] stay
// borrowed until the next load. False and a sentence: rows that do not go together, or no memory.
bool batcher_load(batcher *b, const size_t *rows, size_t count, unsigned programs, strbuf *error);
// Tells which rows the next load will name: where they lie in a temporary file, the system begins to read
// them and goes on while the current batch is computed.
void batcher_expect(const batcher *b, const size_t *rows, size_t count);
// Whether batches of this size leave no smaller one at the end, which a model with states would need; else a
// sentence.
bool batcher_divides(const batcher *b, size_t rows, size_t batch_size, strbuf *error);
// "input 'words', row 12 (train.tsv:13), step 4: id 70000 is outside its table of 20000 rows" after
// NLM_STATUS_ID_RANGE.
void batcher_describe_status(const batcher *b, strbuf *out);

// Output k of the current batch as rows: [rows, units], mask [rows] or NULL. Of a decided output: rows
// of `units` numbers, 1 for the class and zeros, as metrics take them; valid until the next call.
typedef struct output_rows {
  const void *values;
  const int32_t *mask;
  size_t rows, units;
} output_rows;
output_rows batcher_output(const batcher *b, size_t output);
const void *batcher_weights(const batcher *b, size_t output); // [rows]; NULL: the loss takes none

#endif
