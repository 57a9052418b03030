#include "runtime/text/runs.h"
#include "runtime/text/vocabulary.h"
#include "runtime/text/words.h"
#include "support/arena.h"
#include "support/spill.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct token_counts {
  uint64_t all, documents, last; // the last document that it was in, from 1
} token_counts;

struct text_adapter {
  text_pipeline pipeline;
  token_table table;
  token_counts *counts; // parallel to the table's entries
  size_t counts_cap;
  token_runs runs; // what the table held before it was emptied
  uint64_t tokens, documents;
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
  token_runs_free(&a->runs);
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
  token_counts *c = &a->counts[index];
  if (added)
    *c = (token_counts){0};
  c->all++;
  c->documents += c->last != a->documents;
  c->last = a->documents;
}

static counted_token counted(const text_adapter *a, size_t index) {
  const token_counts *c = &a->counts[index];
  return (counted_token){token_table_text(&a->table, index), a->table.entries[index].bytes, c->all,
                         c->documents};
}

static void write_run(text_adapter *a) {
  counted_token *tokens = xmalloc((a->table.count + 1) * sizeof *tokens);
  for (size_t i = 0; i < a->table.count; i++)
    tokens[i] = counted(a, i);
  token_runs_add(&a->runs, tokens, a->table.count);
  xfree(tokens);
  token_table_free(&a->table);
  token_table_init(&a->table, 0);
  free(a->counts);
  a->counts = NULL;
  a->counts_cap = 0;
}

// Between documents, so that no document counts twice for a token.
static void end_document(text_adapter *a) {
  const token_table *t = &a->table;
  size_t sorting = t->count * 2 * sizeof(counted_token); // what writing a run takes
  size_t bytes = t->block_cap + t->entries_cap * sizeof(token_entry) + a->counts_cap * sizeof(token_counts) +
                 (t->mask + 1) * sizeof(token_slot) + sorting;
  if (bytes > spill_limit() / 8 && t->count)
    write_run(a);
}

static void count_value(text_adapter *a, text_view value) {
  count_token(a, (token_slice){value.data, value.bytes, token_hash(value.data, value.bytes)});
}

static void count_list(text_adapter *a, const word_list *list) {
  const text_pipeline *p = &a->pipeline;
  for (size_t w = 0; w < (p->ngrams_count ? p->ngrams_count : 1); w++) {
    size_t width = p->ngrams_count ? (size_t)p->ngrams[w] : 1, tokens = word_list_tokens(list, width);
    for (size_t i = 0; i < tokens; i++)
      count_token(a, word_list_token(list, i, width));
  }
}

static void add_text(text_adapter *a, const char *text, size_t bytes) {
  word_list list;
  words_of_text(&a->pipeline, text, bytes, scratch_for(a, word_list_scratch_bytes(&a->pipeline, bytes)),
                SIZE_MAX, &list);
  count_list(a, &list);
}

void text_adapter_add(text_adapter *a, const char *text, size_t bytes) {
  a->documents++;
  if (a->pipeline.layer == TEXT_VECTORIZATION)
    add_text(a, text, bytes);
  else
    count_value(a, (text_view){text, bytes});
  end_document(a);
}

void text_adapter_add_words(text_adapter *a, const text_view *words, size_t count) {
  const text_pipeline *p = &a->pipeline;
  bool whole = p->layer != TEXT_VECTORIZATION;
  a->documents++;
  if (whole || p->split == TEXT_SPLIT_CHARACTER) {
    for (size_t i = 0; i < count; i++)
      if (whole)
        count_value(a, words[i]);
      else
        add_text(a, words[i].data, words[i].bytes);
  } else {
    word_list list;
    words_of_list(p, words, count, scratch_for(a, text_words_scratch_bytes(p, words, count)), SIZE_MAX,
                  &list);
    count_list(a, &list);
  }
  end_document(a);
}

typedef struct ranked_token {
  uint64_t count, documents;
  const char *text;
  uint32_t bytes;
  bool is_integer;
} ranked_token;

// The tokens that the vocabulary has room for, of all that were added.
typedef struct ranking {
  const text_pipeline *pipeline;
  VEC(ranked_token) tokens;
  size_t room;
  bool owns_texts;
} ranking;

// Count descending, then bytes (integers: values) descending: a total order, for tokens are distinct.
static int by_rank(const void *left, const void *right) {
  const ranked_token *a = left, *b = right;
  if (a->count != b->count)
    return a->count > b->count ? -1 : 1;
  if (a->is_integer) {
    long long x = integer_of_digits(a->text, a->bytes), y = integer_of_digits(b->text, b->bytes);
    return x > y ? -1 : x < y;
  }
  size_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
  int order = common ? memcmp(a->text, b->text, common) : 0;
  if (order)
    return order > 0 ? -1 : 1;
  return a->bytes > b->bytes ? -1 : a->bytes < b->bytes;
}

static bool is_text(const ranked_token *t, text_view of) {
  return t->bytes == of.bytes && (of.bytes == 0 || !memcmp(t->text, of.data, of.bytes));
}

static bool is_special(const text_pipeline *p, const ranked_token *t) {
  if (p->layer == TEXT_VECTORIZATION)
    return t->bytes == 0 || is_text(t, (text_view){"[UNK]", 5});
  return (p->has_mask && is_text(t, p->mask)) || is_text(t, p->oov_token);
}

// Entries of the vocabulary that are no words count in max_tokens.
static size_t room_for_words(const text_pipeline *p) {
  size_t most = p->max_tokens ? (size_t)p->max_tokens : INT32_MAX, taken = (size_t)p->oov_indices;
  if (p->layer == TEXT_VECTORIZATION)
    taken = p->output == TEXT_INT ? VOCABULARY_SPECIALS : 1;
  else
    taken += text_mask_has_id(p);
  return most > taken ? most - taken : 0;
}

// log(1 + documents / (1 + documents with the word)); unknown words have the mean of the words that are kept.
static void set_idf(const text_adapter *a, vocabulary *v, const ranked_token *ranked, size_t count) {
  size_t columns = vocabulary_columns(&a->pipeline, v), before = columns - count;
  double sum = 0;
  v->idf = xcalloc(columns + 1, sizeof *v->idf);
  for (size_t i = 0; i < count; i++) {
    v->idf[before + i] = log(1 + (double)a->documents / (1 + (double)ranked[i].documents));
    sum += v->idf[before + i];
  }
  for (size_t i = 0; i < before && count; i++)
    v->idf[i] = sum / (double)count;
}

static void keep_best(ranking *r) {
  size_t kept = r->tokens.len < r->room ? r->tokens.len : r->room;
  if (r->tokens.len)
    qsort(r->tokens.data, r->tokens.len, sizeof *r->tokens.data, by_rank);
  for (size_t i = kept; r->owns_texts && i < r->tokens.len; i++)
    free((char *)(uintptr_t)r->tokens.data[i].text);
  r->tokens.len = kept;
}

static void rank(void *self, const counted_token *t) {
  enum { BESIDE = 1024 }; // further tokens, besides as many as there is room for, between two sortings
  ranking *r = self;
  ranked_token token = {t->all, t->documents, t->text, t->bytes, r->pipeline->layer == TEXT_INTEGER_LOOKUP};
  if (is_special(r->pipeline, &token))
    return;
  if (r->tokens.len >= 2 * r->room + BESIDE)
    keep_best(r);
  if (r->owns_texts) {
    char *copy = xmalloc((size_t)t->bytes + 1);
    memcpy(copy, t->text, t->bytes);
    token.text = copy;
  }
  vec_push(&r->tokens, token);
}

static void rank_all(text_adapter *a, ranking *r) {
  if (a->runs.runs.len) {
    write_run(a);
    token_runs_merge(&a->runs, rank, r);
  }
  for (size_t i = 0; i < a->table.count; i++) { // none behind a run
    counted_token t = counted(a, i);
    rank(r, &t);
  }
  keep_best(r);
}

vocabulary *text_adapter_finish(text_adapter *a) {
  const text_pipeline *p = &a->pipeline;
  ranking r = {.pipeline = p, .room = room_for_words(p), .owns_texts = a->runs.runs.len > 0};
  rank_all(a, &r);
  vocabulary *v = vocabulary_with_specials(p, r.tokens.len + VOCABULARY_SPECIALS);
  for (size_t i = 0; i < r.tokens.len; i++) {
    const ranked_token *t = &r.tokens.data[i];
    bool added;
    token_table_add(&v->table, t->text, t->bytes, token_hash(t->text, t->bytes), &added);
  }
  if (p->output == TEXT_TF_IDF)
    set_idf(a, v, r.tokens.data, r.tokens.len);
  r.room = 0;
  keep_best(&r); // texts that are owned are freed
  vec_free(&r.tokens);
  text_adapter_free(a);
  return v;
}
