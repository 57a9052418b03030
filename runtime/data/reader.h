#ifndef NLM_RUNTIME_DATA_READER_H
#define NLM_RUNTIME_DATA_READER_H
// Input of `predict --input FILE | -`: a stream of rows without labels, read as it comes. One text a line, or
// one JSON object a line ({"review": "…"} with every input of the model by name; `text` serves for a single
// text input). The form is told by the first line that is not blank: `{` begins JSON lines. `.gz` is
// unpacked. For plain lines the model must have one text input (or text[time]: words between white space).
// One thread at a time.
#include "runtime/data/dataset.h"

typedef struct data_reader data_reader;

// "-" is standard input. NULL after reporting a file that cannot be opened or a schema that lines cannot
// serve.
data_reader *data_reader_open(const char *path, const data_schema *schema, data_problems *problems);
// Up to `max_rows` further rows: inputs as columns, outputs not present; row_line says where each is from.
// Waits for the first row; takes further ones only as far as they are there, so that a slow pipe is answered
// line by line. NULL at the end. A bad line is left out and reported. The caller frees the dataset.
dataset *data_reader_next(data_reader *r, size_t max_rows, data_problems *problems);
void data_reader_close(data_reader *r);

// The same for texts given on the command line (copied).
dataset *dataset_from_texts(const char *const *texts, size_t count, const data_schema *schema,
                            data_problems *problems);

#endif
