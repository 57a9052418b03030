#include "runtime/text/vocabulary.h"
#include "support/arena.h"
#include "support/json.h"
#include "support/utf8.h"
#include "support/vec.h"
#include <jansson.h>
#include <stdlib.h>

static const text_view specials[VOCABULARY_SPECIALS] = {{"", 0}, {"[UNK]", 5}};

vocabulary *vocabulary_with_specials(size_t expected) {
  vocabulary *v = xcalloc(1, sizeof *v);
  token_table_init(&v->table, expected);
  for (size_t i = 0; i < VOCABULARY_SPECIALS; i++) {
    bool added;
    token_table_add(&v->table, specials[i].data, specials[i].bytes,
                    token_hash(specials[i].data, specials[i].bytes), &added);
  }
  return v;
}

static bool is_special(text_view word, size_t i) {
  return word.bytes == specials[i].bytes && !memcmp(word.data, specials[i].data, word.bytes);
}

vocabulary *vocabulary_from_words(const text_view *words, size_t count, strbuf *error) {
  if (count < VOCABULARY_SPECIALS || !is_special(words[0], 0) || !is_special(words[1], 1)) {
    strbuf_puts(error, "a vocabulary begins with \"\" (padding) and \"[UNK]\" (unknown words)");
    return NULL;
  }
  if (count > INT32_MAX) {
    strbuf_printf(error, "a vocabulary of %zu words is too large for 32-bit ids", count);
    return NULL;
  }
  vocabulary *v = vocabulary_with_specials(count);
  for (size_t i = VOCABULARY_SPECIALS; i < count; i++) {
    bool added;
    token_table_add(&v->table, words[i].data, words[i].bytes, token_hash(words[i].data, words[i].bytes),
                    &added);
    if (!added) {
      strbuf_printf(error, "the vocabulary holds '%.*s' twice",
                    (int)(words[i].bytes < 60 ? words[i].bytes : 60), words[i].data);
      vocabulary_free(v);
      return NULL;
    }
  }
  return v;
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

vocabulary *vocabulary_from_json(const char *json, size_t bytes, strbuf *error) {
  size_t plain_count;
  text_view *plain = scan_plain_list(json, bytes, &plain_count);
  if (plain) {
    vocabulary *found = vocabulary_from_words(plain, plain_count, error);
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
    v = vocabulary_from_words(words, count, error);
  xfree(words);
  json_decref(list);
  return v;
}

void vocabulary_to_json(const vocabulary *v, strbuf *out) {
  strbuf_putc(out, '[');
  for (size_t i = 0; i < v->table.count; i++) {
    if (i)
      strbuf_puts(out, ", ");
    json_put_string_n(out, token_table_text(&v->table, i), v->table.entries[i].bytes);
  }
  strbuf_putc(out, ']');
}

void vocabulary_free(vocabulary *v) {
  if (!v)
    return;
  token_table_free(&v->table);
  xfree(v);
}

size_t vocabulary_size(const vocabulary *v) {
  return v->table.count;
}

text_view vocabulary_word(const vocabulary *v, int32_t id) {
  return (text_view){token_table_text(&v->table, (size_t)id), v->table.entries[id].bytes};
}

int32_t vocabulary_find(const vocabulary *v, const char *word, size_t bytes) {
  uint32_t found =
      token_table_find(&v->table, word, bytes, token_first(word, bytes), token_hash(word, bytes));
  return found == TOKEN_ABSENT ? VOCABULARY_UNKNOWN : (int32_t)found;
}
