// Tab-separated values: one row a line, no quoting (a quote is a character like any other).
#include "runtime/data/format.h"
#include <string.h>

static bool recognise(const data_source *s) {
  if (s->is_folder || path_has_extension(s->path, ".csv"))
    return false;
  text_view line = first_line(s);
  return path_has_extension(s->path, ".tsv") || memchr(line.data, '\t', line.bytes);
}

typedef VEC(text_view) field_list;

static void split_fields(char *line, size_t bytes, field_list *out) {
  out->len = 0;
  for (char *end = line + bytes, *at = line;;) {
    char *tab = at < end ? memchr(at, '\t', (size_t)(end - at)) : NULL;
    text_view field = {at, (size_t)((tab ? tab : end) - at)};
    vec_push(out, field);
    if (!tab)
      return;
    at = tab + 1;
  }
}

static void read_rows(const data_source *s, data_builder *b) {
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  table_roles roles = {0};
  field_list fields = {0};
  char *line;
  size_t bytes;
  while (line_next(&cursor, &line, &bytes)) {
    if (line_is_blank(line, bytes) || !line_is_text(s, b->problems, cursor.number, line, bytes))
      continue;
    split_fields(line, bytes, &fields);
    if (!roles.slots) {
      if (!table_roles_find(s, b, fields.data, fields.len, cursor.number, &roles))
        break;
      if (roles.header)
        continue;
    }
    table_row(s, b, &roles, fields.data, fields.len, cursor.number);
  }
  vec_free(&fields);
}

const data_format data_format_tsv = {
    "tsv", "TSV: lines of fields between tabs, with a header or as label<TAB>text", recognise, read_rows};
