// Comma-separated values as in RFC 4180: a field in double quotes may hold commas, line breaks and doubled
// quotes.
#include "runtime/data/format.h"
#include <string.h>

static bool recognise(const data_source *s) {
  if (s->is_folder || path_has_extension(s->path, ".tsv"))
    return false;
  text_view line = first_line(s);
  return path_has_extension(s->path, ".csv") || memchr(line.data, ',', line.bytes);
}

typedef struct csv_cursor {
  char *at, *end;
  size_t line; // of `at`
} csv_cursor;

typedef VEC(text_view) field_list;

// Those that end within the next bytes.
static void count_lines(csv_cursor *c, size_t bytes) {
  const char *end = c->at + bytes;
  for (const char *at = c->at; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
    c->line++;
}

// A quoted field, its quotes taken off and doubled ones made single in place. False: the quote is never
// closed.
static bool quoted_field(csv_cursor *c, text_view *out) {
  char *from = ++c->at, *to = from;
  *out = (text_view){from, 0};
  while (c->at < c->end) {
    char *quote = memchr(c->at, '"', (size_t)(c->end - c->at)), *stop = quote ? quote : c->end;
    bool doubled = quote && quote + 1 < c->end && quote[1] == '"';
    size_t bytes = (size_t)(stop - c->at) + doubled; // with the first of two quotes
    count_lines(c, bytes);
    if (to != c->at)
      memmove(to, c->at, bytes);
    to += bytes;
    c->at = doubled ? quote + 2 : quote ? quote + 1 : c->end;
    if (quote && !doubled) {
      out->bytes = (size_t)(to - from);
      return true;
    }
  }
  return false;
}

static void plain_field(csv_cursor *c, text_view *out) {
  char *from = c->at;
  while (c->at < c->end && *c->at != ',' && *c->at != '\n')
    c->at++;
  size_t bytes = (size_t)(c->at - from);
  if (bytes && (c->at == c->end || *c->at == '\n') && c->at[-1] == '\r')
    bytes--;
  *out = (text_view){from, bytes};
}

static void skip_line(csv_cursor *c) {
  char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
  c->line += newline != NULL;
  c->at = newline ? newline + 1 : c->end;
}

// Reads one record up to and including its line end. Returns NULL or what is wrong; the cursor then stands
// where reading can go on.
static const char *read_fields(csv_cursor *c, field_list *out) {
  out->len = 0;
  for (;;) {
    text_view field;
    if (c->at < c->end && *c->at == '"') {
      if (!quoted_field(c, &field)) // everything up to the end was inside the quote
        return "a quote is opened in this record and never closed";
      if (c->at + 1 < c->end && c->at[0] == '\r' && c->at[1] == '\n')
        c->at++;
      if (c->at < c->end && *c->at != ',' && *c->at != '\n') {
        skip_line(c);
        return "text behind a closing quote (a quote inside a quoted field is written twice)";
      }
    } else {
      plain_field(c, &field);
    }
    vec_push(out, field);
    if (c->at >= c->end)
      return NULL;
    if (*c->at++ == '\n') {
      c->line++;
      return NULL;
    }
  }
}

static const char *read_record(csv_cursor *c, field_list *out) {
  const char *from = c->at, *reason = read_fields(c, out);
  spill_touched((size_t)(c->at - from));
  return reason;
}

static bool record_is_text(const data_source *s, data_builder *b, const field_list *fields, size_t line) {
  for (size_t i = 0; !s->clean && i < fields->len; i++)
    if (!text_check(b->problems, s->path, line, fields->data[i].data, fields->data[i].bytes))
      return false;
  return true;
}

static void read_rows(const data_source *s, data_builder *b) {
  csv_cursor cursor = {s->text, s->text + s->bytes, 1};
  table_roles roles = {0};
  field_list fields = {0};
  while (cursor.at < cursor.end) {
    size_t line = cursor.line;
    const char *reason = read_record(&cursor, &fields);
    if (reason) {
      data_problem_add(b->problems, s->path, line, "%s", reason);
      continue;
    }
    if ((fields.len == 1 && line_is_blank(fields.data[0].data, fields.data[0].bytes)) ||
        !record_is_text(s, b, &fields, line))
      continue;
    if (!roles.slots) {
      if (!table_roles_find(s, b, fields.data, fields.len, line, &roles))
        break;
      if (roles.header)
        continue;
    }
    table_row(s, b, &roles, fields.data, fields.len, line);
  }
  vec_free(&fields);
}

const data_format data_format_csv = {"csv", "CSV: fields between commas, with a header or as label,text",
                                     recognise, read_rows};
