#include "support/utf8.h"
#include <stdbool.h>
#include <string.h>

size_t utf8_decode(const char *bytes, size_t left, uint32_t *code) {
  const unsigned char *b = (const unsigned char *)bytes;
  *code = 0xFFFD;
  if (b[0] < 0x80) {
    *code = b[0];
    return 1;
  }
  size_t length = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
  if (b[0] < 0xC2 || b[0] > 0xF4 || left < length)
    return 0;
  uint32_t c = b[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((b[i] & 0xC0) != 0x80)
      return 0;
    c = c << 6 | (b[i] & 0x3Fu);
  }
  bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  if (overlong || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
    return 0;
  *code = c;
  return length;
}

size_t utf8_step(const char *bytes, size_t left) {
  uint32_t code;
  size_t length = utf8_decode(bytes, left, &code);
  return length ? length : 1;
}

size_t utf8_put(uint32_t code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if ((code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF)
    return 0;
  size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (code & 0x3F));
    code >>= 6;
  }
  unsigned lead = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0;
  out[0] = (char)(lead | code);
  return length;
}

enum { ASCII_BLOCK = 32 };

// Over blocks that are all ASCII.
static size_t skip_ascii(const char *bytes, size_t at, size_t n) {
  for (; at + ASCII_BLOCK <= n; at += ASCII_BLOCK) {
    uint64_t word[4];
    memcpy(word, bytes + at, sizeof word);
    if ((word[0] | word[1] | word[2] | word[3]) & 0x8080808080808080u)
      break;
  }
  return at;
}

size_t utf8_valid_prefix(const char *bytes, size_t n) {
  size_t at = 0;
  while (at < n) {
    uint32_t code;
    at = skip_ascii(bytes, at, n);
    for (size_t stop = at + ASCII_BLOCK < n ? at + ASCII_BLOCK : n; at < stop;) {
      size_t length = utf8_decode(bytes + at, n - at, &code);
      if (!length)
        return at;
      at += length;
    }
  }
  return n;
}

typedef struct code_range {
  uint32_t first, last;
} code_range;

static bool in_ranges(uint32_t code, const code_range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (code >= ranges[i].first && code <= ranges[i].last)
      return true;
  return false;
}

int utf8_cells(uint32_t code) {
  static const code_range combining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                                         {0x064B, 0x065F}, {0x0E34, 0x0E3A}, {0x1AB0, 0x1AFF},
                                         {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF},
                                         {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
  static const code_range wide[] = {
      {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
      {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
      {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};
  if (code < 0x0300)
    return 1;
  if (in_ranges(code, combining, sizeof combining / sizeof *combining))
    return 0;
  return in_ranges(code, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}
