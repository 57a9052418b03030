#include "runtime/data/numbers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool all_of(text_view text, const char *set) {
  for (size_t i = 0; i < text.bytes; i++)
    if (!text.data[i] || !strchr(set, text.data[i]))
      return false;
  return true;
}

const char *number_parse(text_view text, double *out) {
  char copy[128];
  if (text.bytes && text.bytes <= 9 && all_of(text, "+-nNaAiIfFtTyY"))
    return "data must be finite numbers";
  if (text.bytes == 0 || text.bytes >= sizeof copy || !all_of(text, "0123456789+-.eE")) // nothing hexadecimal
    return "not a number";
  memcpy(copy, text.data, text.bytes);
  copy[text.bytes] = 0;
  char *end;
  *out = strtod(copy, &end);
  if (*end || end == copy)
    return "not a number";
  return isfinite(*out) ? NULL : "too large for a number";
}
