#ifndef NLM_SUPPORT_UTF8_H
#define NLM_SUPPORT_UTF8_H
// UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. Pure functions, thread-safe.
#include <stddef.h>
#include <stdint.h>

// Decodes the character at `bytes` (`left` bytes remain, at least 1). Returns its length in bytes (1 to 4)
// and stores the code point, or returns 0 if the bytes are not UTF-8 (*code is then U+FFFD).
size_t utf8_decode(const char *bytes, size_t left, uint32_t *code);
// Length of the character at `bytes`; an invalid byte counts as a character of one byte.
size_t utf8_step(const char *bytes, size_t left);
// Writes the code point to `out` (4 bytes are enough) and returns its length; 0 for a surrogate or a code
// above U+10FFFF.
size_t utf8_put(uint32_t code, char out[4]);
// Offset of the first byte that is not UTF-8, or `n` if all is well.
size_t utf8_valid_prefix(const char *bytes, size_t n);
// Terminal cells of a character: 0 for combining marks, 2 for East Asian wide ones and emoji, else 1.
int utf8_cells(uint32_t code);

#endif
