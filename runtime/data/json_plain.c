// JSON objects of strings and numbers, the usual form of a row of text, read in place. Anything else (lists,
// objects inside, what is no JSON) is left to the JSON library, which has the words for what is wrong.
#include "runtime/data/json_plain.h"
#include "support/utf8.h"
#include <string.h>

typedef struct json_cursor {
  const char *at, *end;
} json_cursor;

static void skip_white(json_cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || *c->at == '\n'))
    c->at++;
}

static bool take(json_cursor *c, char wanted) {
  skip_white(c);
  bool found = c->at < c->end && *c->at == wanted;
  c->at += found;
  return found;
}

// Sixteen bytes side by side. Comparisons give a byte of ones where they hold.
typedef uint8_t byte_block __attribute__((vector_size(16)));

static bool ends_plain_text(unsigned char c) {
  return c == '"' || c == '\\' || c < 0x20;
}

// The first byte that is a quotation mark, a backslash or no printable one; `end` if there is none.
static const char *plain_end(const char *at, const char *end) {
  byte_block c;
  for (; (size_t)(end - at) >= sizeof c; at += sizeof c) {
    memcpy(&c, at, sizeof c);
    byte_block stop = (byte_block)(c == '"') | (byte_block)(c == '\\') | (byte_block)(c < 0x20);
    uint64_t halves[2];
    memcpy(halves, &stop, sizeof halves);
    if (halves[0] | halves[1])
      break;
  }
  while (at < end && !ends_plain_text((unsigned char)*at))
    at++;
  return at;
}

// ---- escapes

// Four hexadecimal digits; false if they are not.
static bool take_code(const char **at, const char *end, uint32_t *code) {
  *code = 0;
  if (end - *at < 4)
    return false;
  for (int k = 0; k < 4; k++) {
    char c = *(*at)++;
    uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
    if (digit > 15)
      return false;
    *code = *code << 4 | digit;
  }
  return true;
}

// Behind "\u". A code above U+FFFF is written as two.
static size_t put_code(const char **at, const char *end, char *out) {
  uint32_t code, low;
  if (!take_code(at, end, &code) || !code)
    return 0;
  if (code >= 0xD800 && code <= 0xDBFF) {
    if (end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
      return 0;
    *at += 2;
    if (!take_code(at, end, &low) || low < 0xDC00 || low > 0xDFFF)
      return 0;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  return utf8_put(code, out);
}

// Behind a backslash; 0: it is none of JSON's escapes.
static size_t put_escape(const char **at, const char *end, char *out) {
  static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  char c = *at < end ? *(*at)++ : 0;
  if (c == 'u')
    return put_code(at, end, out);
  const char *letter = c ? strchr(letters, c) : NULL;
  if (!letter)
    return 0;
  *out = bytes[letter - letters];
  return 1;
}

// ---- objects

// A string behind its first quotation mark.
static bool take_string(json_cursor *c, json_plain_text *out) {
  *out = (json_plain_text){.view = {c->at, 0}};
  for (const char *at = c->at;;) {
    at = plain_end(at, c->end);
    if (at >= c->end || (unsigned char)*at < 0x20)
      return false;
    if (*at == '"') {
      out->view.bytes = (size_t)(at - c->at);
      c->at = at + 1;
      return true;
    }
    out->escaped = true;
    char code[4];
    at++;
    if (!put_escape(&at, c->end, code))
      return false;
  }
}

static bool take_digits(json_cursor *c) {
  const char *from = c->at;
  while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
    c->at++;
  return c->at > from;
}

// So few digits that a double holds what is written as well as anything does, and no zero that JSON forbids.
static bool take_number(json_cursor *c, json_plain_value *out) {
  enum { MOST = 15 };
  const char *from = c->at;
  c->at += *c->at == '-';
  const char *digits = c->at;
  if (!take_digits(c) || (*digits == '0' && (c->at > digits + 1 || digits > from)))
    return false;
  out->is_integer = true;
  if (c->at < c->end && *c->at == '.') {
    out->is_integer = false;
    c->at++;
    if (!take_digits(c))
      return false;
  }
  bool more = c->at < c->end && (*c->at == 'e' || *c->at == 'E');
  out->is_number = true;
  out->text.view = (text_view){from, (size_t)(c->at - from)};
  return !more && c->at - from <= MOST;
}

static bool is_repeated(const json_plain_object *o, text_view key) {
  for (size_t k = 0; k < o->count; k++)
    if (o->members[k].key.bytes == key.bytes && !memcmp(o->members[k].key.data, key.data, key.bytes))
      return true;
  return false;
}

static bool take_member(json_cursor *c, json_plain_object *o) {
  json_plain_text key;
  json_plain_value value = {0};
  if (o->count == JSON_PLAIN_MEMBERS || !take(c, '"') || !take_string(c, &key) || key.escaped ||
      is_repeated(o, key.view) || !take(c, ':'))
    return false;
  bool fine = take(c, '"') ? take_string(c, &value.text) : c->at < c->end && take_number(c, &value);
  value.key = key.view;
  if (fine)
    o->members[o->count++] = value;
  return fine;
}

bool json_plain_read(const char *text, size_t bytes, json_plain_object *out) {
  json_cursor c = {text, text + bytes};
  out->count = 0;
  if (!take(&c, '{'))
    return false;
  do
    if (!take_member(&c, out))
      return false;
  while (take(&c, ','));
  if (!take(&c, '}'))
    return false;
  skip_white(&c);
  return c.at == c.end;
}

const json_plain_value *json_plain_find(const json_plain_object *o, const char *key) {
  size_t bytes = strlen(key);
  for (size_t k = 0; k < o->count; k++)
    if (o->members[k].key.bytes == bytes && !memcmp(o->members[k].key.data, key, bytes))
      return &o->members[k];
  return NULL;
}

size_t json_plain_unescape(char *text, size_t bytes) {
  const char *at = text, *end = text + bytes;
  char *out = text;
  while (at < end) {
    if (*at != '\\') {
      *out++ = *at++;
      continue;
    }
    at++;
    char code[4];
    size_t n = put_escape(&at, end, code);
    memcpy(out, code, n);
    out += n;
  }
  return (size_t)(out - text);
}
