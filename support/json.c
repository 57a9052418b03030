#include "support/json.h"
#include "support/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_put_string_n(strbuf *out, const char *text, size_t bytes) {
  strbuf_putc(out, '"');
  for (size_t i = 0; i < bytes;) {
    uint32_t code;
    size_t length = utf8_decode(text + i, bytes - i, &code);
    if (length == 0)
      strbuf_puts(out, "\\ufffd");
    else if (code == '"' || code == '\\')
      strbuf_printf(out, "\\%c", (char)code);
    else if (code == '\n')
      strbuf_puts(out, "\\n");
    else if (code == '\t')
      strbuf_puts(out, "\\t");
    else if (code == '\r')
      strbuf_puts(out, "\\r");
    else if (code < 0x20 || code == 0x7F)
      strbuf_printf(out, "\\u%04x", (unsigned)code);
    else
      strbuf_add(out, text + i, length);
    i += length ? length : 1;
  }
  strbuf_putc(out, '"');
}

void json_put_string(strbuf *out, const char *text) {
  json_put_string_n(out, text, strlen(text));
}

void json_put_number(strbuf *out, double number) {
  if (!isfinite(number)) {
    strbuf_puts(out, "null");
    return;
  }
  char digits[40];
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number)
      break;
  }
  strbuf_puts(out, digits);
}
