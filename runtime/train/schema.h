#ifndef NLM_RUNTIME_TRAIN_SCHEMA_H
#define NLM_RUNTIME_TRAIN_SCHEMA_H
// What an opened model wants of its data. Ownership: the schema's memory is its own; names are the model's.
#include "runtime/data/dataset.h"
#include "runtime/model.h"

typedef enum {
  SCHEMA_FILES,   // labelled files: an output with classes takes labels
  SCHEMA_TENSORS, // --input and --target: outputs take numbers in the shape of their targets
} schema_use;

typedef struct model_schema {
  data_schema data;
  data_field *fields;
  const data_field *weight; // of rows in files, for data_options; NULL: not looked for
  size_t *outputs; // data.outputs[k] is output outputs[k] of the model; outputs without a loss have no column
} model_schema;

model_schema schema_new(const loaded_model *m, schema_use use);
void schema_free(model_schema *s);
// Whether its targets are rows of class numbers of a length of their own (ctc).
bool output_has_label_rows(const model_output *o);
// Whether labels of this output are names that become class numbers.
bool output_has_classes(const model_output *o);
// The most classes it can tell apart: 2 for one unit.
int64_t output_class_limit(const model_output *o);

#endif
