#ifndef NLM_RUNTIME_TRAIN_PRETRAINED_TABLE_H
#define NLM_RUNTIME_TRAIN_PRETRAINED_TABLE_H
// A table of word vectors being filled from a file; private to runtime/train/pretrained*.c.
#include "runtime/train/transfer.h"

typedef struct pretrained_table {
  loaded_model *m;
  int64_t param, rows, width;
  const vocabulary *words; // NULL: rows in the order of the file
  const char *path;
  strbuf *report;
  bool *filled;        // by row
  int64_t seen;        // words of the file so far
  int64_t from_ngrams; // words that the file does not hold, with vectors of their character n-grams
} pretrained_table;

void pretrained_set_number(const pretrained_table *t, int64_t at, double number);
// Row of the table that the numbers of the file's next word belong to; -1: none, or it has them already.
int64_t pretrained_row_of_word(pretrained_table *t, const char *word, size_t bytes);
// False, after saying that the file's vectors do not fit. `place`: ":1" or "".
bool pretrained_refuse_width(const pretrained_table *t, const char *place, long long width);

// ---- pretrained_binary.c
// Whether a file is one of word2vec's or fastText's binary ones: text holds no control characters.
bool pretrained_is_binary(const char *path);
// word2vec's binary form, and fastText's models: vectors of words as fastText itself gives them, those of
// unknown words from their character n-grams. False with the reason in the report.
bool pretrained_load_binary(pretrained_table *t);

#endif
