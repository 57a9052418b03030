#include "runtime/text/vocabulary.h"
#include "runtime/text/words.h"
#include "support/arena.h"
#include <stdlib.h>

struct text_adapter {
  text_pipeline pipeline;
  token_table table;
  uint64_t *counts; // parallel to the table's entries
  size_t counts_cap;
  uint64_t tokens;
  void *scratch;
  size_t scratch_bytes;
};

text_adapter *text_adapter_new(const text_pipeline *p) {
  text_adapter *a = xcalloc(1, sizeof *a);
  a->pipeline = *p;
  token_table_init(&a->table, 0);
  return a;
}

void text_adapter_free(text_adapter *a) {
  if (!a)
    return;
  token_table_free(&a->table);
  free(a->counts);
  free(a->scratch);
  free(a);
}

uint64_t text_adapter_tokens(const text_adapter *a) {
  return a->tokens;
}

static void *scratch_for(text_adapter *a, size_t bytes) {
  if (bytes > a->scratch_bytes) {
    free(a->scratch);
    a->scratch_bytes = bytes * 2;
    a->scratch = xmalloc(a->scratch_bytes);
  }
  return a->scratch;
}

static void count_token(text_adapter *a, token_slice s) {
  bool added;
  uint32_t index = token_table_add(&a->table, s.text, s.bytes, s.hash, &added);
  a->tokens++;
  if (index == TOKEN_ABSENT)
    return;
  if (index >= a->counts_cap) {
    a->counts_cap = a->counts_cap ? a->counts_cap * 2 : 64;
    a->counts = xrealloc(a->counts, a->counts_cap * sizeof *a->counts);
  }
  a->counts[index] = added ? 1 : a->counts[index] + 1;
}

static void count_list(text_adapter *a, const word_list *list) {
  const text_pipeline *p = &a->pipeline;
  for (size_t w = 0; w < (p->ngrams_count ? p->ngrams_count : 1); w++) {
    size_t width = p->ngrams_count ? (size_t)p->ngrams[w] : 1, tokens = word_list_tokens(list, width);
    for (size_t i = 0; i < tokens; i++)
      count_token(a, word_list_token(list, i, width));
  }
}

void text_adapter_add(text_adapter *a, const char *text, size_t bytes) {
  word_list list;
  words_of_text(&a->pipeline, text, bytes, scratch_for(a, word_list_scratch_bytes(&a->pipeline, bytes)),
                SIZE_MAX, &list);
  count_list(a, &list);
}

void text_adapter_add_words(text_adapter *a, const text_view *words, size_t count) {
  if (a->pipeline.split == TEXT_SPLIT_CHARACTER) {
    for (size_t i = 0; i < count; i++)
      text_adapter_add(a, words[i].data, words[i].bytes);
    return;
  }
  word_list list;
  words_of_list(&a->pipeline, words, count,
                scratch_for(a, text_words_scratch_bytes(&a->pipeline, words, count)), SIZE_MAX, &list);
  count_list(a, &list);
}

typedef struct ranked_token {
  uint64_t count;
  const char *text;
  uint32_t bytes;
} ranked_token;

// Count descending, then bytes descending: a total order, for tokens are distinct.
static int by_rank(const void *left, const void *right) {
  const ranked_token *a = left, *b = right;
  if (a->count != b->count)
    return a->count > b->count ? -1 : 1;
  size_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
  int order = common ? memcmp(a->text, b->text, common) : 0;
  if (order)
    return order > 0 ? -1 : 1;
  return a->bytes > b->bytes ? -1 : a->bytes < b->bytes;
}

static bool is_special(const ranked_token *t) {
  return t->bytes == 0 || (t->bytes == 5 && !memcmp(t->text, "[UNK]", 5));
}

vocabulary *text_adapter_finish(text_adapter *a) {
  ranked_token *ranked = xmalloc((a->table.count + 1) * sizeof *ranked);
  size_t count = 0;
  for (size_t i = 0; i < a->table.count; i++) {
    ranked[count] = (ranked_token){a->counts[i], token_table_text(&a->table, i), a->table.entries[i].bytes};
    if (!is_special(&ranked[count]))
      count++;
  }
  qsort(ranked, count, sizeof *ranked, by_rank);
  int64_t most = a->pipeline.max_tokens ? a->pipeline.max_tokens : INT32_MAX;
  size_t room = most > VOCABULARY_SPECIALS ? (size_t)(most - VOCABULARY_SPECIALS) : 0;
  count = count < room ? count : room;
  vocabulary *v = vocabulary_with_specials(count + VOCABULARY_SPECIALS);
  for (size_t i = 0; i < count; i++) {
    bool added;
    token_table_add(&v->table, ranked[i].text, ranked[i].bytes, token_hash(ranked[i].text, ranked[i].bytes),
                    &added);
  }
  free(ranked);
  text_adapter_free(a);
  return v;
}
