#include "support/markup.h"
#include "support/utf8.h"
#include <stdbool.h>
#include <string.h>

static const char *entity_of(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

// Characters of XML 1.0, which HTML takes too.
static bool is_allowed(uint32_t code) {
  if (code < 0x20)
    return code == '\t' || code == '\n' || code == '\r';
  return (code < 0x7F || code > 0x9F) && code != 0xFFFE && code != 0xFFFF;
}

void markup_put_text_n(strbuf *out, const char *text, size_t bytes) {
  while (bytes) {
    uint32_t code;
    size_t length = utf8_decode(text, bytes, &code);
    const char *entity = length == 1 ? entity_of(*text) : NULL;
    if (entity)
      strbuf_puts(out, entity);
    else if (length && is_allowed(code))
      strbuf_add(out, text, length);
    else
      strbuf_puts(out, "\uFFFD");
    length = length ? length : 1;
    text += length;
    bytes -= length;
  }
}

void markup_put_text(strbuf *out, const char *text) {
  markup_put_text_n(out, text, strlen(text));
}
