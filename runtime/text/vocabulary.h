#ifndef NLM_RUNTIME_TEXT_VOCABULARY_H
#define NLM_RUNTIME_TEXT_VOCABULARY_H
// Inside of a vocabulary. Private to runtime/text.
#include "runtime/text/token_table.h"
#include "runtime/text/vectorize.h"

struct vocabulary {
  // TextVectorization: the index is the id (of mode int), and entries 0 and 1 are "" and "[UNK]".
  // Lookups: words alone, id = index + first.
  token_table table;
  size_t first;    // id of entry 0
  size_t specials; // ids that are no words
  bool has_mask;   // lookups: id 0 is the mask token's
  char *names;     // lookups: mask token, then oov token
  text_view mask, oov;
  double *idf; // by column; NULL: none
};

// A vocabulary of the specials alone, with room for `expected` words; token_table_add appends the rest.
vocabulary *vocabulary_with_specials(const text_pipeline *p, size_t expected);
// The value of an integer in decimal digits.
long long integer_of_digits(const char *digits, size_t bytes);
// Ids of mode int that a mask token takes, and whether it has one.
static inline bool text_mask_has_id(const text_pipeline *p) {
  return p->layer == TEXT_VECTORIZATION || (p->has_mask && p->output == TEXT_INT);
}

#endif
