// Values: reading them from literal text and writing them as a user would.
#include "support/args.h"
#include "support/literal.h"
#include "support/utf8.h"
#include "support/vec.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { DEEPEST_LITERAL = 64 };

typedef struct reader {
  arena *a;
  const char *at;
  int depth;
} reader;

static value *read_value(reader *r);

static void skip_space(reader *r) {
  while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
    r->at++;
}

static bool take(reader *r, char c) {
  skip_space(r);
  if (*r->at != c)
    return false;
  r->at++;
  return true;
}

static value *new_value(reader *r, value_kind kind) {
  value *v = ARENA_NEW(r->a, value);
  v->kind = kind;
  return v;
}

static bool is_word_start(char c) {
  return isalpha((unsigned char)c) || c == '_';
}

static const char *read_word(reader *r) {
  const char *start = r->at;
  while (isalnum((unsigned char)*r->at) || *r->at == '_')
    r->at++;
  return arena_strndup(r->a, start, (size_t)(r->at - start));
}

static const char *read_text(reader *r) {
  char quote = *r->at++;
  strbuf text = {0};
  while (*r->at && *r->at != quote) {
    if (*r->at == '\\') {
      size_t used = literal_escape(r->at, strlen(r->at), &text);
      if (!used)
        break;
      r->at += used;
    } else {
      strbuf_putc(&text, *r->at++);
    }
  }
  const char *result = *r->at == quote ? arena_strndup(r->a, strbuf_text(&text), text.len) : NULL;
  strbuf_free(&text);
  if (result)
    r->at++;
  return result;
}

static value *read_number(reader *r) {
  bool negative = *r->at == '-';
  if (negative)
    r->at++;
  const char *start = r->at;
  while (isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '.' ||
         ((*r->at == '-' || *r->at == '+') && r->at > start && (r->at[-1] == 'e' || r->at[-1] == 'E')))
    r->at++;
  value *v = new_value(r, VALUE_INT);
  number_form form = literal_number(start, (size_t)(r->at - start), &v->integer, &v->number);
  if (form == NUMBER_TOO_LARGE || form == NUMBER_MALFORMED)
    return NULL;
  v->kind = form == NUMBER_INT ? VALUE_INT : VALUE_FLOAT;
  if (negative) {
    v->integer = -v->integer;
    v->number = -v->number;
  }
  return v;
}

typedef struct elements {
  VEC(value *) items;
  VEC(const char *) keys;
} elements;

// A dict key, or an argument's name followed by `=`; NULL if the next element has none.
static const char *read_key(reader *r, value_kind kind) {
  skip_space(r);
  reader probe = *r;
  const char *key = NULL;
  if (is_word_start(*probe.at))
    key = read_word(&probe);
  else if (kind == VALUE_DICT && (*probe.at == '"' || *probe.at == '\''))
    key = read_text(&probe);
  else if (kind == VALUE_DICT && isdigit((unsigned char)*probe.at)) // {0: 1}
    key = read_word(&probe);
  if (!key || !take(&probe, kind == VALUE_DICT ? ':' : '='))
    return NULL;
  r->at = probe.at;
  return key;
}

static bool read_elements(reader *r, value_kind kind, char close, elements *list) {
  while (!take(r, close)) {
    const char *key = kind == VALUE_LIST ? NULL : read_key(r, kind);
    if (kind == VALUE_DICT && !key)
      return false;
    value *item = read_value(r);
    if (!item)
      return false;
    vec_push(&list->items, item);
    vec_push(&list->keys, key);
    if (!take(r, ',')) {
      return take(r, close);
    }
  }
  return true;
}

// The elements behind an opening bracket, up to its partner.
static value *read_sequence(reader *r, value *v, char close) {
  elements list = {0};
  if (++r->depth > DEEPEST_LITERAL || !read_elements(r, v->kind, close, &list))
    v = NULL;
  r->depth--;
  if (v) {
    v->count = list.items.len;
    v->items = ARENA_ARRAY(r->a, value *, v->count);
    v->keys = ARENA_ARRAY(r->a, const char *, v->count);
    for (size_t i = 0; i < v->count; i++) {
      v->items[i] = list.items.data[i];
      v->keys[i] = list.keys.data[i];
    }
  }
  vec_free(&list.items);
  vec_free(&list.keys);
  return v;
}

static value *read_named(reader *r) {
  const char *word = read_word(r);
  bool yes = strcmp(word, "true") == 0 || strcmp(word, "True") == 0;
  if (yes || strcmp(word, "false") == 0 || strcmp(word, "False") == 0) {
    value *v = new_value(r, VALUE_BOOL);
    v->boolean = yes;
    return v;
  }
  if (strcmp(word, "none") == 0 || strcmp(word, "None") == 0)
    return new_value(r, VALUE_NONE);
  bool call = take(r, '(');
  value *v = new_value(r, call ? VALUE_CALL : VALUE_NAME);
  v->text = word;
  return call ? read_sequence(r, v, ')') : v;
}

static value *read_value(reader *r) {
  skip_space(r);
  char c = *r->at;
  if (is_word_start(c))
    return read_named(r);
  if (c == '"' || c == '\'') {
    value *v = new_value(r, VALUE_STRING);
    v->text = read_text(r);
    return v->text ? v : NULL;
  }
  if (c == '[' || c == '(' || c == '{') {
    r->at++;
    return read_sequence(r, new_value(r, c == '{' ? VALUE_DICT : VALUE_LIST),
                         c == '['   ? ']'
                         : c == '(' ? ')'
                                    : '}');
  }
  return isdigit((unsigned char)c) || c == '-' || c == '.' ? read_number(r) : NULL;
}

value *value_parse_literal(arena *a, const char *text) {
  reader r = {a, text, 0};
  value *v = read_value(&r);
  skip_space(&r);
  return v && *r.at == '\0' ? v : NULL;
}

static bool is_word(const char *text) {
  if (!is_word_start(*text))
    return false;
  while (isalnum((unsigned char)*text) || *text == '_')
    text++;
  return *text == '\0';
}

static void print_elements(const value *v, strbuf *out, const char *sign) {
  for (size_t i = 0; i < v->count; i++) {
    strbuf_puts(out, i ? ", " : "");
    const char *key = v->keys ? v->keys[i] : NULL;
    if (key && is_word(key))
      strbuf_printf(out, "%s%s", key, sign);
    else if (key) {
      literal_put_string(out, key);
      strbuf_puts(out, sign);
    }
    value_print(v->items[i], out);
  }
}

void value_print(const value *v, strbuf *out) {
  switch (v->kind) {
  case VALUE_NONE:
    strbuf_puts(out, "none");
    break;
  case VALUE_BOOL:
    strbuf_puts(out, v->boolean ? "true" : "false");
    break;
  case VALUE_INT:
    strbuf_printf(out, "%" PRId64, v->integer);
    break;
  case VALUE_FLOAT:
    literal_put_float(out, v->number);
    break;
  case VALUE_STRING:
    literal_put_string(out, v->text);
    break;
  case VALUE_NAME:
    strbuf_puts(out, v->text);
    break;
  case VALUE_LIST:
    strbuf_putc(out, '[');
    print_elements(v, out, "");
    strbuf_putc(out, ']');
    break;
  case VALUE_DICT:
    strbuf_putc(out, '{');
    print_elements(v, out, ": ");
    strbuf_putc(out, '}');
    break;
  case VALUE_CALL:
    strbuf_printf(out, "%s(", v->text);
    print_elements(v, out, " = ");
    strbuf_putc(out, ')');
    break;
  case VALUE_OBJECT:
    strbuf_puts(out, value_kind_name(v));
    break;
  }
}

const char *value_kind_name(const value *v) {
  switch (v->kind) {
  case VALUE_NONE:
    return "none";
  case VALUE_BOOL:
    return v->boolean ? "true" : "false";
  case VALUE_INT:
    return "an integer";
  case VALUE_FLOAT:
    return "a number";
  case VALUE_STRING:
    return "a string";
  case VALUE_NAME:
    return "a name";
  case VALUE_LIST:
    return "a list";
  case VALUE_DICT:
    return "a dict";
  case VALUE_CALL:
    return "a call";
  case VALUE_OBJECT:
    return v->text ? v->text : "a layer or tensor";
  }
  return "a value";
}
