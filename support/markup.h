#ifndef NLM_SUPPORT_MARKUP_H
#define NLM_SUPPORT_MARKUP_H
// Text from users inside HTML, XML and SVG.
#include "support/strbuf.h"

// Escapes & < > " ', so that the text may stand in elements and in quoted attributes. Bytes that are no UTF-8
// and control characters that XML forbids become U+FFFD.
void markup_put_text(strbuf *out, const char *text);
void markup_put_text_n(strbuf *out, const char *text, size_t bytes);

#endif
