#ifndef NLM_SUPPORT_LITERAL_H
#define NLM_SUPPORT_LITERAL_H
// Numbers and string escapes as the language spells them; shared by the lexer and by literal values.
#include "support/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum {
  NUMBER_INT,
  NUMBER_FLOAT,
  NUMBER_TOO_LARGE, // an integer above 2^63 - 1, or a float that is infinite
  NUMBER_MALFORMED,
} number_form;

// Digits with `_` between them, an optional fraction and exponent: 20_000, 1.5, .5, 1e-3; no sign. Both
// results are set for an integer.
number_form literal_number(const char *text, size_t bytes, int64_t *integer, double *number);

// The escape at `text`, which begins with a backslash: \\ \" \' \n \t \u{hex digits}. Appends the character
// and returns the bytes read; 0 if it is none of these.
size_t literal_escape(const char *text, size_t left, strbuf *out);

// Writes a string in double quotes with those escapes.
void literal_put_string(strbuf *out, const char *text);
// The shortest decimal that reads back to the same value, always with a point or exponent (1.0, 0.001,
// 1e+30).
void literal_put_float(strbuf *out, double number);

#endif
