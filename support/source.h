#ifndef NLM_SUPPORT_SOURCE_H
#define NLM_SUPPORT_SOURCE_H
// Source files and places in them. Lines and columns count from 1, columns in characters (a tab is one).
#include <stddef.h>

typedef struct source {
  const char *path; // as the user named it
  const char *text; // whole file, NUL-terminated, BOM included
  size_t bytes;
} source;

typedef struct span {
  const source *file; // NULL: no place
  int line, column;         // first character
  int end_line, end_column; // one past the last character
} span;

span span_join(span from, span to); // from the start of one to the end of the other

#endif
