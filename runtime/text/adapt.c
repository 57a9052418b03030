#include "runtime/text/runs.h"
#include "runtime/text/vocabulary.h"
#include "runtime/text/words.h"
#include "support/arena.h"
#include "support/spill.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct token_documents {
  uint64_t count, last; // documents that hold it; the last of them, from 1
} token_documents;

struct text_adapter {
  text_pipeline pipeline;
  token_table table;
  uint64_t *counts;    // occurrences, parallel to the table's entries
  token_documents *in; // NULL unless they matter (tf_idf)
  size_t counts_cap;
  uint64_t tokens, documents;
  void *scratch;
  size_t scratch_bytes;
  text_adapter *lead; // of those that count side by side; itself, if it is alone
  size_t members;     // of the lead: how many they are
  token_runs runs;    // of the lead: what tables held before they were emptied
  pthread_mutex_t lock;
};

text_adapter *text_adapter_new(const text_pipeline *p) {
  text_adapter *a = xcalloc(1, sizeof *a);
  a->pipeline = *p;
  a->lead = a;
  a->members = 1;
  pthread_mutex_init(&a->lock, NULL);
  token_table_init(&a->table, 0);
  return a;
}

text_adapter *text_adapter_beside(text_adapter *lead) {
  text_adapter *a = text_adapter_new(&lead->pipeline);
  a->lead = lead;
  lead->members++;
  return a;
}

void text_adapter_free(text_adapter *a) {
  if (!a)
    return;
  token_table_free(&a->table);
  token_runs_free(&a->runs);
  pthread_mutex_destroy(&a->lock);
  free(a->counts);
  free(a->in);
  free(a->scratch);
  free(a);
}

static bool counts_documents(const text_adapter *a) {
  return a->pipeline.output == TEXT_TF_IDF;
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

// Index of a token, whose counts begin with 0; TOKEN_ABSENT if the table cannot hold it.
static inline uint32_t index_of(text_adapter *a, const char *token, size_t bytes, uint64_t first,
                                uint64_t hash) {
  bool added;
  uint32_t index = token_table_find(&a->table, token, bytes, first, hash);
  if (index != TOKEN_ABSENT)
    return index;
  index = token_table_add(&a->table, token, bytes, hash, &added);
  if (index == TOKEN_ABSENT)
    return index;
  if (index >= a->counts_cap) {
    a->counts_cap = a->counts_cap ? a->counts_cap * 2 : 64;
    a->counts = xrealloc(a->counts, a->counts_cap * sizeof *a->counts);
    if (counts_documents(a))
      a->in = xrealloc(a->in, a->counts_cap * sizeof *a->in);
  }
  a->counts[index] = 0;
  if (a->in)
    a->in[index] = (token_documents){0};
  return index;
}

static inline void count_token(text_adapter *a, const char *token, size_t bytes, uint64_t first,
                               uint64_t hash) {
  uint32_t index = index_of(a, token, bytes, first, hash);
  a->tokens++;
  if (index == TOKEN_ABSENT)
    return;
  a->counts[index]++;
  if (!a->in)
    return;
  token_documents *in = &a->in[index];
  in->count += in->last != a->documents;
  in->last = a->documents;
}

// ---- tables that were too large

static counted_token counted(const text_adapter *a, size_t index) {
  return (counted_token){token_table_text(&a->table, index), a->table.entries[index].bytes, a->counts[index],
                         a->in ? a->in[index].count : 0};
}

static void write_run(text_adapter *a) {
  counted_token *tokens = xmalloc((a->table.count + 1) * sizeof *tokens);
  for (size_t i = 0; i < a->table.count; i++)
    tokens[i] = counted(a, i);
  token_runs_sort(tokens, a->table.count);
  pthread_mutex_lock(&a->lead->lock);
  token_runs_add(&a->lead->runs, tokens, a->table.count);
  pthread_mutex_unlock(&a->lead->lock);
  xfree(tokens);
  token_table_free(&a->table);
  token_table_init(&a->table, 0);
  free(a->counts);
  free(a->in);
  a->counts = NULL;
  a->in = NULL;
  a->counts_cap = 0;
}

// Between documents, so that no document counts twice for a token.
static void end_document(text_adapter *a) {
  const token_table *t = &a->table;
  size_t sorting = t->count * 2 * sizeof(counted_token); // what writing a run takes
  size_t bytes = t->block_cap + t->entries_cap * sizeof(token_entry) +
                 a->counts_cap * (sizeof *a->counts + (a->in ? sizeof *a->in : 0)) +
                 (t->mask + 1) * sizeof(token_slot) + sorting;
  if (bytes > spill_limit() / 8 / a->lead->members && t->count)
    write_run(a);
}

void text_adapter_join(text_adapter *member) {
  text_adapter *a = member->lead;
  for (size_t i = 0; i < member->table.count; i++) {
    counted_token t = counted(member, i);
    uint32_t index = index_of(a, t.text, t.bytes, token_first(t.text, t.bytes), token_hash(t.text, t.bytes));
    if (index == TOKEN_ABSENT)
      continue;
    a->counts[index] += t.all;
    if (a->in)
      a->in[index].count += t.documents;
  }
  a->tokens += member->tokens;
  a->documents += member->documents;
  a->members--;
  end_document(a);
  text_adapter_free(member);
}

// ---- documents

static void count_value(text_adapter *a, text_view value) {
  count_token(a, value.data, value.bytes, token_first(value.data, value.bytes),
              token_hash(value.data, value.bytes));
}

static void count_list(text_adapter *a, const word_list *list) {
  const text_pipeline *p = &a->pipeline;
  for (size_t w = 0; w < (p->ngrams_count ? p->ngrams_count : 1); w++) {
    size_t width = p->ngrams_count ? (size_t)p->ngrams[w] : 1, tokens = word_list_tokens(list, width);
    for (size_t i = 0; i < tokens; i++) {
      token_slice s = word_list_token(list, i, width);
      count_token(a, s.text, s.bytes, token_first(s.text, s.bytes), s.hash);
    }
  }
}

static void count_plain(text_adapter *a, const char *text, size_t bytes) {
  plain_word words[WORDS_AHEAD];
  const char *at = scratch_for(a, text_scratch_bytes(&a->pipeline, bytes));
  const char *end = standardize_plain(&a->pipeline, text, bytes, a->scratch);
  for (size_t n; (n = plain_words(&a->table, &at, end, words, WORDS_AHEAD)) > 0;)
    for (size_t k = 0; k < n; k++)
      count_token(a, words[k].text, words[k].bytes, words[k].first, words[k].hash);
}

static void add_text(text_adapter *a, const char *text, size_t bytes) {
  word_list list;
  if (text_pipeline_is_plain(&a->pipeline)) {
    count_plain(a, text, bytes);
    return;
  }
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

// ---- ranking

typedef struct ranked_token {
  uint64_t count, documents;
  uint64_t prefix; // the first eight bytes as a number that compares as they do
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
  bool is_full; // the first `room` tokens are the best so far, in order
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
  if (a->prefix != b->prefix)
    return a->prefix > b->prefix ? -1 : 1;
  size_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
  int order = common > sizeof a->prefix ? memcmp(a->text, b->text, common) : 0;
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
  r->is_full = kept && kept == r->room;
}

static void rank(void *self, const counted_token *t) {
  enum { BESIDE = 1024 }; // further tokens, besides as many as there is room for, between two sortings
  ranking *r = self;
  uint64_t prefix = __builtin_bswap64(token_first(t->text, t->bytes));
  ranked_token token = {t->all,  t->documents, prefix,
                        t->text, t->bytes,     r->pipeline->layer == TEXT_INTEGER_LOOKUP};
  bool too_rare = r->is_full && by_rank(&token, &r->tokens.data[r->room - 1]) > 0;
  if (too_rare || is_special(r->pipeline, &token))
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
