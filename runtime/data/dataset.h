#ifndef NLM_RUNTIME_DATA_DATASET_H
#define NLM_RUNTIME_DATA_DATASET_H
// Labelled data: one column per input and output of the model, one row per example, as memory that may lie in
// temporary files (support/spill.h).
//
//   data_schema says what the model wants; dataset_open reads files of any known format by their form;
//   dataset_from_tensors reads .npy files by name. Then, for training on text:
//     dataset_class_names / dataset_bind_classes   labels become int32 class numbers
//     dataset_adapt -> vocabulary                  from the training rows alone
//     data_column_encode                           text becomes an int32 column, once
//     data_column_longest, data_gather_i32/f32/f64 padded batches by row number
//
// Lengths: B rows of a batch, T steps, F the product of the extents behind the steps.
// Thread-safety: a dataset is built by one thread; after that every `const` function may run in many at once.
// Errors: what is wrong with the data goes to `data_problems`; running out of memory ends the process.
#include "runtime/data/problems.h"
#include "runtime/kernels/pool.h"
#include "runtime/text/vectorize.h"
#include "support/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATA_MAX_RANK = 8 };

typedef enum {
  DATA_TEXT,    // one text per row
  DATA_WORDS,   // a list of words per row (input `text[time]`); in a table: split at ASCII white space
  DATA_INT,     // int32
  DATA_FLOAT,   // float or double
  DATA_CLASS,   // one label per row; int32 class numbers once bound
  DATA_CLASSES, // a list of labels per row (taggers); int32 class numbers once bound
} data_kind;

// One input or output of a model. Extents are those of one row, without the batch: -1 is any length, and only
// extents[0] may vary from row to row. DATA_TEXT and DATA_CLASS have rank 0, DATA_WORDS and DATA_CLASSES
// rank 1. An output of one unit is rank 1, extent 1; it and rank 0 take the same data.
typedef struct data_field {
  const char *name;
  data_kind kind;
  size_t rank;
  int64_t extents[DATA_MAX_RANK];
} data_field;

typedef struct data_schema {
  const data_field *inputs;
  size_t inputs_count;
  const data_field *outputs;
  size_t outputs_count;
  bool single; // floats are computed with in 32 bits: larger ones are problems, since they would become
               // infinite
} data_schema;

// Where the values are, by kind (others are NULL):
//   DATA_TEXT, DATA_WORDS, unbound DATA_CLASS(ES): texts;  DATA_INT, bound DATA_CLASS(ES): ints
//   DATA_FLOAT: floats if every value came from a float of 32 bits or less, else doubles
// Row r holds items row_start[r] .. row_start[r + 1], or, where row_start is NULL, items_per_row items from
// r * items_per_row. An item is one text, number or label; row_start counts numbers, not steps.
// Nested columns (words split into characters) have step_start as well: row r has the steps row_start[r] ..
// row_start[r + 1], and step s the ints step_start[s] .. step_start[s + 1].
typedef struct data_column {
  const char *name;
  data_kind kind;
  size_t rows;
  size_t rank;
  int64_t extents[DATA_MAX_RANK]; // of one row; extents[0] is -1 where rows differ
  uint64_t *row_start;
  uint64_t *step_start;
  size_t items_per_row;
  text_view *texts;
  int32_t *ints;
  float *floats;
  double *doubles;
  bool present; // false: the data has no such column (allowed for outputs only, see `outputs_optional`)
} data_column;

typedef struct dataset { // read it freely; change it through the functions below
  size_t rows;
  data_column *inputs; // parallel to the schema
  size_t inputs_count;
  data_column *outputs;
  size_t outputs_count;
  data_column *weights; // weights of rows or steps: one for all outputs, or one for each output that has some
  size_t weights_count;
  const char *
      *row_file; // NULL for tensors: the file each row is from, and its line there (0: the whole file)
  uint32_t *row_line;
  arena *memory; // texts, names
  // Buffers that belong to the dataset (whole files), of support/spill.h as the columns.
  void **blocks;
  size_t blocks_count;
} dataset;

typedef struct data_options {
  uint64_t seed;            // orders the rows of a folder
  bool outputs_optional;    // prediction: columns of outputs may be missing
  const data_field *weight; // of each row, if the data has a column of its name; NULL: nothing is looked for
  const char *format;       // NULL: recognise each path by its form; else a name of formats.def
} data_options;

// Reads `count` files or folders one after another into one dataset. `.gz` files are unpacked. Bad lines are
// left out and reported, so `problems->count > 0` means that the data must not be trained on (check-data goes
// on). NULL if nothing could be read at all; then problems->count > 0 too.
dataset *dataset_open(const char *const *paths, size_t count, const data_schema *schema,
                      const data_options *options, data_problems *problems);

// Whether a path names a regular file, packed or not, that begins as IDX does. Anything else is not opened.
bool data_is_idx(const char *path);
// Where the labels of IDX images are: "images" and "idx3" of the file's name become "labels" and "idx1".
// NULL: the name does not say that it is images. malloc'ed.
char *data_idx_labels(const char *path);

// Tensor data. An int input takes any integer type within int32; a float input takes f2, f4, f8 and integers;
// an output takes both, whatever its kind, and its column becomes DATA_INT or DATA_FLOAT by the file. Unknown
// names, wrong extents, unequal row counts, NaN and infinity are problems. With options.outputs_optional
// targets may be missing; every input must be there.
typedef struct data_tensor {
  const char *name; // of the input or output
  const char *path;
} data_tensor;
dataset *dataset_from_tensors(const data_tensor *inputs, size_t inputs_count, const data_tensor *targets,
                              size_t targets_count, const data_schema *schema, const data_options *options,
                              data_problems *problems);

// Weights of rows, (N,), or of the steps of a sequence, (N, T), from .npy files: `name` is an output, or NULL
// for all of them (the column is then called "sample_weight"). Replaces none that are there; numbers below 0,
// NaN and unequal row counts are problems.
void dataset_add_weights(dataset *d, const data_tensor *files, size_t count, bool single,
                         data_problems *problems);
// The weights for an output; NULL: it has none.
const data_column *dataset_weights(const dataset *d, const char *output);

void dataset_free(dataset *d); // NULL is allowed; column memory goes with it

// The rows before the split point train, those from it on validate: floor(rows * (1 - fraction)), as Keras.
size_t dataset_split_point(size_t rows, double fraction);

// Distinct labels of an unbound class column among rows [0, rows) (so a validation split may be left out):
// sorted by bytes, or by value if all of them are plain non-negative integers. Views into the dataset; *out
// is malloc'ed, the caller frees it.
size_t dataset_class_names(const data_column *labels, size_t rows, text_view **out);
// The label of the first row that brings more than `limit` different ones, and its row; NULL: none does.
const text_view *dataset_class_beyond(const data_column *labels, size_t rows, size_t limit, size_t *row);
// Turns labels into class numbers (index into `names`). A label that is not among them is a problem with its
// file and line; returns how many there were (the column is bound all the same, with -1 there).
size_t dataset_bind_classes(dataset *d, data_column *labels, const text_view *names, size_t names_count,
                            data_problems *problems);

// Adapts a vocabulary to rows [first, last) of a DATA_TEXT, DATA_WORDS or (lookups) DATA_INT column, on the
// threads of a pool (NULL: on the calling one alone); it is the same for any number of them.
vocabulary *dataset_adapt(const data_column *column, const text_pipeline *pipeline, size_t first, size_t last,
                          thread_pool *pool);
// The same over these rows of several columns, one after another: a layer that is applied to several inputs.
vocabulary *dataset_adapt_all(const data_column *const *columns, size_t count, const text_pipeline *pipeline,
                              size_t first, size_t last, thread_pool *pool);

// A column as ids: kind DATA_INT, ragged rows, cut to output_sequence_length if the pipeline sets it (never
// padded here: gathering pads). DATA_WORDS with split "character" gives a nested column, cut within words.
// Mode int of a lookup keeps the column's own extents. Where the pipeline has weights (text_has_weights) rows
// hold distinct columns of the output, and *weights, DATA_FLOAT, a number for each (`weights` NULL: ids as
// they come, dropped ones too). NULL and a reason in `error`, with the first row where a lookup refuses a
// value. The threads of the pool share the rows out (NULL: the calling one does all). The caller frees both
// with data_column_free.
data_column *data_column_encode(const data_column *values, const text_encoder *encoder, data_column **weights,
                                thread_pool *pool, strbuf *error);
void data_column_free(data_column *c); // only for data_column_encode's

// Number of the row's first item.
static inline uint64_t data_column_first(const data_column *c, size_t row) {
  return c->row_start ? c->row_start[row] : (uint64_t)row * c->items_per_row;
}
// About what reading a row's items touches.
size_t data_row_bytes(const data_column *c, size_t row);

// Steps of the longest of the given rows (0 for B = 0); fixed columns answer extents[0], rank 0 answers 1.
size_t data_column_longest(const data_column *c, const size_t *rows, size_t b);
size_t data_column_longest_inner(const data_column *c, const size_t *rows,
                                 size_t b); // nested: characters of a word
size_t data_column_steps(const data_column *c, size_t row);
// Numbers in one step: F; 1 for rank 0 and 1.
size_t data_column_step_items(const data_column *c);

// These rows will be gathered soon: where they lie in a file, reading begins.
void data_column_expect(const data_column *c, const size_t *rows, size_t b);

// Fill out[B, steps, F] with the rows named (in that order), 0 after a row's end; longer rows are cut. Rank
// 0: give steps = 1. Number columns convert (int32 to float too; never float to int). data_gather_nested_i32
// fills out[B, steps, inner]. Rows must exist; `out` is the caller's.
void data_gather_i32(const data_column *c, const size_t *rows, size_t b, size_t steps, int32_t *out);
void data_gather_f32(const data_column *c, const size_t *rows, size_t b, size_t steps, float *out);
void data_gather_f64(const data_column *c, const size_t *rows, size_t b, size_t steps, double *out);
void data_gather_nested_i32(const data_column *c, const size_t *rows, size_t b, size_t steps, size_t inner,
                            int32_t *out);

#endif
