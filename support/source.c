#include "support/source.h"
#include "support/strbuf.h"
#include <stdlib.h>
#include <string.h>

span span_join(span from, span to) {
  if (!from.file)
    return to;
  if (!to.file || to.file != from.file)
    return from;
  span joined = from;
  joined.end_line = to.end_line;
  joined.end_column = to.end_column;
  return joined;
}

const source *source_from_text(arena *a, const char *path, const char *text, size_t bytes) {
  source *s = ARENA_NEW(a, source);
  s->path = arena_strdup(a, path);
  s->text = arena_strndup(a, text, bytes);
  s->bytes = bytes;
  return s;
}

const source *source_read(arena *a, const char *path, int *error) {
  char *text;
  size_t bytes;
  int status = file_read_all(path, &text, &bytes);
  *error = -status;
  if (status < 0)
    return NULL;
  const source *s = source_from_text(a, strcmp(path, "-") == 0 ? "<stdin>" : path, text, bytes);
  free(text);
  return s;
}

const char *source_line(const source *s, int line, size_t *bytes) {
  const char *at = s->text, *end = s->text + s->bytes;
  if (s->bytes >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
    at += 3;
  for (int n = 1; n < line && at < end; n++) {
    while (at < end && *at != '\n' && *at != '\r')
      at++;
    if (at < end)
      at += *at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
  }
  const char *stop = at;
  while (stop < end && *stop != '\n' && *stop != '\r')
    stop++;
  *bytes = (size_t)(stop - at);
  return at;
}
