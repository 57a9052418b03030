#include "support/literal.h"
#include "support/json.h"
#include "support/utf8.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Reads digits with single `_` between them and copies the digits; false if there are none or a `_` is
// misplaced.
static bool take_digits(const char *text, size_t bytes, size_t *at, strbuf *digits) {
  size_t start = *at;
  while (*at < bytes && (isdigit((unsigned char)text[*at]) || text[*at] == '_')) {
    if (text[*at] != '_')
      strbuf_putc(digits, text[*at]);
    else if (*at == start || *at + 1 == bytes || !isdigit((unsigned char)text[*at + 1]))
      return false;
    (*at)++;
  }
  return *at > start;
}

static number_form convert(const char *digits, bool integral, int64_t *integer, double *number) {
  *number = strtod(digits, NULL);
  if (!integral)
    return isfinite(*number) ? NUMBER_FLOAT : NUMBER_TOO_LARGE;
  errno = 0;
  long long read = strtoll(digits, NULL, 10);
  *integer = read;
  *number = (double)read;
  return errno == ERANGE ? NUMBER_TOO_LARGE : NUMBER_INT;
}

number_form literal_number(const char *text, size_t bytes, int64_t *integer, double *number) {
  strbuf digits = {0};
  size_t at = 0;
  bool well = bytes > 0, integral = true, whole = bytes > 0 && text[0] != '.';
  *integer = 0;
  *number = 0;
  if (whole)
    well = take_digits(text, bytes, &at, &digits);
  if (well && at < bytes && text[at] == '.') {
    integral = false;
    at++;
    strbuf_putc(&digits, '.');
    if (at < bytes && isdigit((unsigned char)text[at]))
      well = take_digits(text, bytes, &at, &digits);
    else
      well = whole;
  }
  if (well && at < bytes && (text[at] == 'e' || text[at] == 'E')) {
    integral = false;
    strbuf_putc(&digits, text[at++]);
    if (at < bytes && (text[at] == '+' || text[at] == '-'))
      strbuf_putc(&digits, text[at++]);
    well = take_digits(text, bytes, &at, &digits);
  }
  number_form form =
      well && at == bytes ? convert(strbuf_text(&digits), integral, integer, number) : NUMBER_MALFORMED;
  strbuf_free(&digits);
  return form;
}

static size_t unicode_escape(const char *text, size_t left, strbuf *out) {
  uint32_t code = 0;
  size_t at = 3;
  if (left < 5 || text[2] != '{')
    return 0;
  for (; at < left && isxdigit((unsigned char)text[at]) && at < 9; at++) {
    int c = tolower((unsigned char)text[at]);
    code = code * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  char bytes[4];
  size_t length = utf8_put(code, bytes);
  if (at == 3 || at >= left || text[at] != '}' || length == 0 || code == 0)
    return 0;
  strbuf_add(out, bytes, length);
  return at + 1;
}

size_t literal_escape(const char *text, size_t left, strbuf *out) {
  if (left < 2 || text[0] != '\\')
    return 0;
  switch (text[1]) {
  case '\\':
  case '"':
  case '\'':
    strbuf_putc(out, text[1]);
    return 2;
  case 'n':
    strbuf_putc(out, '\n');
    return 2;
  case 't':
    strbuf_putc(out, '\t');
    return 2;
  case 'u':
    return unicode_escape(text, left, out);
  default:
    return 0;
  }
}

void literal_put_string(strbuf *out, const char *text) {
  strbuf_putc(out, '"');
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\')
      strbuf_printf(out, "\\%c", *c);
    else if (*c == '\n')
      strbuf_puts(out, "\\n");
    else if (*c == '\t')
      strbuf_puts(out, "\\t");
    else if (*c < 0x20 || *c == 0x7F)
      strbuf_printf(out, "\\u{%x}", *c);
    else
      strbuf_putc(out, (char)*c);
  }
  strbuf_putc(out, '"');
}

void literal_put_float(strbuf *out, double number) {
  if (!isfinite(number)) {
    strbuf_puts(out, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
    return;
  }
  size_t start = out->len;
  json_put_number(out, number);
  if (!strpbrk(out->data + start, ".e"))
    strbuf_puts(out, ".0");
}
