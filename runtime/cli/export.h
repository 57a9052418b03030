#ifndef NLM_RUNTIME_CLI_EXPORT_H
#define NLM_RUNTIME_CLI_EXPORT_H
#include "runtime/model.h"
// `info --export LAYER=FILE`: the rows of an embedding as word2vec text: a line "rows width", then a line for
// each word, "word v v v ...". Rows are named by the vocabulary (spaces inside n-grams become '_', the
// padding row is left out) or, without one, by their numbers. Numbers have the digits that read back to the
// same value. Returns an exit code, after a message.
int export_vectors(const loaded_model *m, const char *pair);
// False after a message: the file would replace the weights that are read, or this program.
bool export_is_apart(const loaded_model *m, const char *pair, const char *weights);
#endif
