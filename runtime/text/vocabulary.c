#include "runtime/text/vocabulary.h"
#include "support/arena.h"
#include "support/json.h"
#include "support/utf8.h"
#include "support/vec.h"
#include <jansson.h>
#include <stdlib.h>

static const text_view text_specials[VOCABULARY_SPECIALS] = {{"", 0}, {"[UNK]", 5}};

static bool is_same(text_view a, text_view b) {
  return a.bytes == b.bytes && (a.bytes == 0 || !memcmp(a.data, b.data, a.bytes));
}

static bool is_vectorization(const text_pipeline *p) {
  return !p || p->layer == TEXT_VECTORIZATION;
}

static bool add_word(vocabulary *v, text_view word) {
  bool added;
  token_table_add(&v->table, word.data, word.bytes, token_hash(word.data, word.bytes), &added);
  return added;
}

static void keep_names(vocabulary *v, const text_pipeline *p) {
  v->names = xmalloc(p->mask.bytes + p->oov_token.bytes + 1);
  if (p->mask.bytes)
    memcpy(v->names, p->mask.data, p->mask.bytes);
  if (p->oov_token.bytes)
    memcpy(v->names + p->mask.bytes, p->oov_token.data, p->oov_token.bytes);
  v->mask = (text_view){v->names, p->mask.bytes};
  v->oov = (text_view){v->names + p->mask.bytes, p->oov_token.bytes};
}

vocabulary *vocabulary_with_specials(const text_pipeline *p, size_t expected) {
  vocabulary *v = xcalloc(1, sizeof *v);
  token_table_init(&v->table, expected);
  if (is_vectorization(p)) {
    v->specials = VOCABULARY_SPECIALS;
    for (size_t i = 0; i < VOCABULARY_SPECIALS; i++)
      add_word(v, text_specials[i]);
    return v;
  }
  v->has_mask = text_mask_has_id(p);
  v->first = v->specials = (size_t)p->oov_indices + v->has_mask;
  keep_names(v, p);
  return v;
}

vocabulary *vocabulary_from_tokens(const text_pipeline *p, const text_view *words, size_t count,
                                   strbuf *error) {
  vocabulary *v = vocabulary_with_specials(p, count);
  if (count > INT32_MAX - v->specials) {
    strbuf_printf(error, "a vocabulary of %zu words is too large for 32-bit ids", count);
    vocabulary_free(v);
    return NULL;
  }
  for (size_t i = 0; i < count; i++)
    if (!add_word(v, words[i])) {
      strbuf_printf(error, "the vocabulary holds '%.*s' twice",
                    (int)(words[i].bytes < 60 ? words[i].bytes : 60), words[i].data);
      vocabulary_free(v);
      return NULL;
    }
  return v;
}

static bool has_specials(const text_pipeline *p, const text_view *words, size_t count, strbuf *error) {
  if (is_vectorization(p)) {
    bool fine = count >= VOCABULARY_SPECIALS && is_same(words[0], text_specials[0]) &&
                is_same(words[1], text_specials[1]);
    if (!fine)
      strbuf_puts(error, "a vocabulary begins with \"\" (padding) and \"[UNK]\" (unknown words)");
    return fine;
  }
  size_t masks = text_mask_has_id(p), first = masks + (size_t)p->oov_indices;
  bool fine = count >= first && (!masks || is_same(words[0], p->mask));
  for (size_t i = masks; fine && i < first; i++)
    fine = is_same(words[i], p->oov_token);
  if (!fine)
    strbuf_printf(error, "it does not begin with the layer's own entries (mask token, %lld times '%.*s')",
                  (long long)p->oov_indices, (int)p->oov_token.bytes, p->oov_token.data);
  return fine;
}

vocabulary *vocabulary_from_words(const text_pipeline *p, const text_view *words, size_t count,
                                  strbuf *error) {
  if (!has_specials(p, words, count, error))
    return NULL;
  size_t first = is_vectorization(p) ? VOCABULARY_SPECIALS : text_mask_has_id(p) + (size_t)p->oov_indices;
  return vocabulary_from_tokens(p, words + first, count - first, error);
}

static const char *skip_white(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
    at++;
  return at;
}

// End of a string without escapes that begins behind its quotation mark; NULL if it is of another kind.
static const char *plain_string_end(const char *text, const char *end) {
  const char *at = text;
  while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
    at++;
  return at < end && *at == '"' && utf8_valid_prefix(text, (size_t)(at - text)) == (size_t)(at - text) ? at
                                                                                                       : NULL;
}

// The usual vocabulary, read in place, because starting to predict waits for it. NULL: the list holds
// escapes, or is wrong; the JSON parser sees to those.
static text_view *scan_plain_list(const char *json, size_t bytes, size_t *count) {
  VEC(text_view) words = {0};
  const char *end = json + bytes, *at = skip_white(json, end);
  bool more = at < end && *at == '[';
  while (more) {
    at = skip_white(at + 1, end);
    const char *close = at < end && *at == '"' ? plain_string_end(at + 1, end) : NULL;
    if (!close)
      break;
    vec_push(&words, ((text_view){at + 1, (size_t)(close - at - 1)}));
    at = skip_white(close + 1, end);
    more = at < end && *at == ',';
  }
  if (!more && words.len && at < end && *at == ']' && skip_white(at + 1, end) == end) {
    *count = words.len;
    return words.data;
  }
  vec_free(&words);
  return NULL;
}

vocabulary *vocabulary_from_json(const text_pipeline *p, const char *json, size_t bytes, strbuf *error) {
  size_t plain_count;
  text_view *plain = scan_plain_list(json, bytes, &plain_count);
  if (plain) {
    vocabulary *found = vocabulary_from_words(p, plain, plain_count, error);
    xfree(plain);
    return found;
  }
  json_error_t where;
  json_t *list = json_loadb(json, bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &where);
  if (!json_is_array(list)) {
    strbuf_printf(error, "a vocabulary is a JSON array of strings%s%s", list ? "" : ": ",
                  list ? "" : where.text);
    json_decref(list);
    return NULL;
  }
  size_t count = json_array_size(list);
  text_view *words = xcalloc(count ? count : 1, sizeof *words);
  vocabulary *v = NULL;
  size_t i = 0;
  for (; i < count; i++) {
    const json_t *word = json_array_get(list, i);
    if (!json_is_string(word)) {
      strbuf_printf(error, "entry %zu of the vocabulary is no string", i);
      break;
    }
    words[i] = (text_view){json_string_value(word), json_string_length(word)};
  }
  if (i == count)
    v = vocabulary_from_words(p, words, count, error);
  xfree(words);
  json_decref(list);
  return v;
}

void vocabulary_to_json(const vocabulary *v, strbuf *out) {
  strbuf_putc(out, '[');
  for (size_t i = 0; i < vocabulary_size(v); i++) {
    text_view word = vocabulary_word(v, (int32_t)i);
    if (i)
      strbuf_puts(out, ", ");
    json_put_string_n(out, word.data, word.bytes);
  }
  strbuf_putc(out, ']');
}

bool vocabulary_equal(const vocabulary *a, const vocabulary *b) {
  if (vocabulary_size(a) != vocabulary_size(b) || a->specials != b->specials)
    return false;
  for (size_t i = 0; i < vocabulary_size(a); i++)
    if (!is_same(vocabulary_word(a, (int32_t)i), vocabulary_word(b, (int32_t)i)))
      return false;
  return true;
}

void vocabulary_free(vocabulary *v) {
  if (!v)
    return;
  token_table_free(&v->table);
  xfree(v->names);
  xfree(v->idf);
  xfree(v);
}

size_t vocabulary_size(const vocabulary *v) {
  return v->first + v->table.count;
}

size_t vocabulary_specials(const vocabulary *v) {
  return v->specials;
}

bool vocabulary_is_unknown(const vocabulary *v, int32_t id) {
  int32_t first = v->names ? v->has_mask : VOCABULARY_UNKNOWN; // padding, or a mask token, stands before
  return id >= first && id < (int32_t)v->specials;
}

text_view vocabulary_word(const vocabulary *v, int32_t id) {
  size_t i = (size_t)id;
  if (i < v->first)
    return i == 0 && v->has_mask ? v->mask : v->oov;
  i -= v->first;
  return (text_view){token_table_text(&v->table, i), v->table.entries[i].bytes};
}

int32_t vocabulary_find(const vocabulary *v, const char *word, size_t bytes) {
  uint32_t found =
      token_table_find(&v->table, word, bytes, token_first(word, bytes), token_hash(word, bytes));
  return found == TOKEN_ABSENT ? (int32_t)v->specials - 1 : (int32_t)(found + v->first);
}

// ---- inverse document frequencies

size_t vocabulary_columns(const text_pipeline *p, const vocabulary *v) {
  return vocabulary_size(v) - (p->layer == TEXT_VECTORIZATION && p->output != TEXT_INT); // padding has none
}

const double *vocabulary_idf(const vocabulary *v) {
  return v->idf;
}

bool vocabulary_set_idf(const text_pipeline *p, vocabulary *v, const double *idf, size_t count,
                        strbuf *error) {
  if (count != vocabulary_columns(p, v)) {
    strbuf_printf(error, "%zu inverse document frequencies for %zu columns", count, vocabulary_columns(p, v));
    return false;
  }
  xfree(v->idf);
  v->idf = xmalloc((count + 1) * sizeof *v->idf);
  memcpy(v->idf, idf, count * sizeof *v->idf);
  return true;
}
