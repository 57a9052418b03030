#ifndef NLM_RUNTIME_TEXT_VOCABULARY_H
#define NLM_RUNTIME_TEXT_VOCABULARY_H
// Inside of a vocabulary: the token table's index is the id. Private to runtime/text.
#include "runtime/text/token_table.h"
#include "runtime/text/vectorize.h"

struct vocabulary {
  token_table table; // entries 0 and 1 are "" and "[UNK]"
};

// A vocabulary of the specials alone, with room for `expected` words; token_table_add appends the rest.
vocabulary *vocabulary_with_specials(size_t expected);

#endif
