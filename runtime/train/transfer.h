#ifndef NLM_RUNTIME_TRAIN_TRANSFER_H
#define NLM_RUNTIME_TRAIN_TRANSFER_H
// Values from elsewhere for a model about to be trained: another model's weights, tables of word vectors. The
// model's parameters stand in its block and its vocabularies are known.
#include "runtime/model.h"

// Takes what fits by name (--init-from), of the layers in `only` alone if there are any. A table whose rows a
// vocabulary numbers is matched word by word where the file holds a vocabulary. Lists what was taken and what
// was left in `report`, a line each. False when the file cannot be read or a layer of `only` is unknown (the
// reason is then the report).
bool transfer_from(loaded_model *m, const char *path, const char *const *only, size_t only_count,
                   strbuf *report);

// Fills one table from a file (--pretrained): `.npy` and `.safetensors` as they are; else text, a line per
// row: a word and its numbers (GloVe; a first line with the counts, as word2vec writes, is skipped), or a
// binary file of word2vec or fastText, whose n-grams give vectors to words that the file does not hold. With
// a vocabulary rows are matched by word, and words that are not in the file get zeros, as do padding and
// unknown; without one row i is the file's i-th row. The coverage goes to `report`; on failure the reason,
// with file and line.
bool pretrained_load(loaded_model *m, int64_t param, const char *path, strbuf *report);
// The table of a layer: `<layer>/embeddings`, or its first parameter of rank 2; -1 if there is none.
int64_t pretrained_param(const loaded_model *m, const char *layer);

#endif
