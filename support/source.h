#ifndef NLM_SUPPORT_SOURCE_H
#define NLM_SUPPORT_SOURCE_H
// Source files and places in them. Lines and columns count from 1, columns in characters (a tab is one, a
// byte that is not UTF-8 is one). LF, CR and CRLF end a line; a byte-order mark at the start takes no column.
#include "support/arena.h"
#include <stddef.h>

typedef struct source {
  const char *path; // as the user named it
  const char *text; // whole file, NUL-terminated, BOM included
  size_t bytes;
} source;

typedef struct span {
  const source *file;       // NULL: no place
  int line, column;         // first character
  int end_line, end_column; // one past the last character
} span;

span span_join(span from, span to); // from the start of one to the end of the other

// Reads a file ("-" is standard input, called <stdin>) into the arena. Returns NULL with *error a positive
// errno.
const source *source_read(arena *a, const char *path, int *error);
// The text is copied into the arena.
const source *source_from_text(arena *a, const char *path, const char *text, size_t bytes);
// The text of a line without its line end; returns its first byte and stores the length. A line after the
// last is empty.
const char *source_line(const source *s, int line, size_t *bytes);

#endif
