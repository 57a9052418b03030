#ifndef NLM_RUNTIME_TEXT_RUNS_H
#define NLM_RUNTIME_TEXT_RUNS_H
// Counts of tokens that memory shall not hold: sorted runs in a temporary file, merged at the end. Private to
// runtime/text. One thread at a time; a full disk ends the process (support/spill.h).
#include "support/vec.h"
#include <stdint.h>

typedef struct counted_token {
  const char *text;
  uint32_t bytes;
  uint64_t all, documents; // occurrences, and documents that hold it
} counted_token;

typedef struct token_run { // its place in the file
  uint64_t start, end;
  unsigned level; // 0, or one more than those of the runs that it was merged from
} token_run;

typedef struct token_runs { // all zero: none
  int file;
  uint64_t bytes; // of the file
  VEC(token_run) runs;
} token_runs;

// By their bytes, as a run has them.
void token_runs_sort(counted_token *tokens, size_t count);
// Writes distinct, sorted tokens as a run. Runs of one level are merged before they are many, so that merging
// takes memory by the logarithm of what was counted.
void token_runs_add(token_runs *r, const counted_token *tokens, size_t count);
// Each token once, ascending by bytes, with the sums of its counts; its text is valid until `each` returns.
typedef void token_sink(void *self, const counted_token *t);
void token_runs_merge(const token_runs *r, token_sink *each, void *self);
void token_runs_free(token_runs *r);

#endif
