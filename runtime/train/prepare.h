#ifndef NLM_RUNTIME_TRAIN_PREPARE_H
#define NLM_RUNTIME_TRAIN_PREPARE_H
// From what the user named to data that a model can be trained or measured on: opening, labels to class
// numbers, vocabularies.
#include "runtime/train/batch.h"
#include "support/vec.h"

typedef VEC(data_tensor) data_tensors;

typedef struct data_request { // either paths or tensors
  const char *const *paths;
  size_t paths_count;
  data_tensors inputs, targets;
  data_tensors weights; // of rows or steps; name NULL: for all outputs
  uint64_t seed;        // orders the rows of a folder
} data_request;

typedef struct prepared_data {
  model_schema schema;
  dataset *data; // NULL: nothing was asked for
} prepared_data;

// Opens the data. False after writing problems ("file:line: error: reason") to `messages`; notes go there
// too.
bool data_prepare(const loaded_model *m, const data_request *r, prepared_data *out, strbuf *messages);
void data_release(prepared_data *p);

// Rows of labels (ctc) with a 0 before a label, with too many labels or with classes that the output has not
// are problems, one a row at most. `targets` names the files of tensors. data_prepare does this.
void data_check_labels(const loaded_model *m, const prepared_data *p, const data_tensors *targets,
                       data_problems *problems);
// So are ids outside the table that a layer looks an input up in, one a row; a run finds the first of them
// only.
void data_check_ids(const loaded_model *m, const prepared_data *p, const data_tensors *inputs,
                    data_problems *problems);

// More classes than an output has units are a problem, at the first row that has one too many. True: there
// are not, or the labels are no names.
bool data_check_classes(const model_output *o, const dataset *d, const data_column *labels,
                        data_problems *problems);
// Labels become class numbers. The model's class names serve where it has some; else, with `learn`, they are
// taken from this data. False after messages: an unknown label, or more classes than units.
bool data_bind_classes(loaded_model *m, prepared_data *p, bool learn, strbuf *messages);
// Vocabularies that the model lacks are adapted to rows [0, rows), on the threads of a pool (NULL: here).
void data_adapt(loaded_model *m, const prepared_data *p, size_t rows, thread_pool *pool, strbuf *messages);

#endif
