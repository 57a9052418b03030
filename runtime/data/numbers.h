#ifndef NLM_RUNTIME_DATA_NUMBERS_H
#define NLM_RUNTIME_DATA_NUMBERS_H
// Numbers written in data files. Private to runtime/data.
#include "runtime/text/vectorize.h"

// NULL, or why `text` (no white space) is no finite decimal number. Reads the "C" locale's decimal point.
const char *number_parse(text_view text, double *out);

#endif
