#ifndef NLM_SUPPORT_JSON_H
#define NLM_SUPPORT_JSON_H
// Small helpers for writing JSON text by hand; reading and trees use jansson directly.
#include "support/strbuf.h"

void json_put_string(strbuf *out, const char *text); // quoted and escaped; text is UTF-8
void json_put_string_n(strbuf *out, const char *text, size_t bytes);
void json_put_number(strbuf *out, double number); // reads back to the same value; NaN/inf as null

#endif
