#include "runtime/data/format.h"
#include "support/utf8.h"
#include <string.h>

bool line_next(line_cursor *c, char **line, size_t *bytes) {
  if (c->at >= c->end)
    return false;
  char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
  char *end = newline ? newline : c->end;
  *line = c->at;
  *bytes = (size_t)(end - c->at);
  if (*bytes && end[-1] == '\r')
    --*bytes;
  c->at = newline ? newline + 1 : c->end;
  c->number++;
  spill_touched((size_t)(c->at - *line));
  return true;
}

bool text_check(data_problems *problems, const char *file, size_t number, const char *text, size_t bytes) {
  size_t bad = utf8_valid_prefix(text, bytes);
  const char *nul = bad ? memchr(text, 0, bad) : NULL;
  if (nul)
    bad = (size_t)(nul - text);
  if (bad == bytes)
    return true;
  const char *start = text; // of the line that holds the bad byte: a text may span several
  size_t line = number;
  for (const char *p; (p = memchr(start, '\n', (size_t)(text + bad - start))) != NULL; start = p + 1)
    line += number > 0;
  size_t column = (size_t)(text + bad - start) + 1;
  if (nul)
    data_problem_add(problems, file, line, "a NUL byte (byte %zu of the line); this is not a text file",
                     column);
  else
    data_problem_add(problems, file, line, "invalid UTF-8 (byte 0x%02X, byte %zu of the line)",
                     (unsigned char)text[bad], column);
  return false;
}

bool line_is_text(const data_source *s, data_problems *problems, size_t number, const char *line,
                  size_t bytes) {
  return s->clean || text_check(problems, s->path, number, line, bytes);
}

bool line_is_blank(const char *line, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (!is_white(line[i]))
      return false;
  return true;
}

text_view first_line(const data_source *s) {
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  char *line;
  size_t bytes;
  while (line_next(&cursor, &line, &bytes))
    if (!line_is_blank(line, bytes))
      return (text_view){line, bytes};
  return (text_view){"", 0};
}
