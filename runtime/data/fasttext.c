// fastText's lines: `__label__NAME text`. One label a line.
#include "runtime/data/format.h"
#include <string.h>

static const char prefix[] = "__label__";
enum { PREFIX_BYTES = sizeof prefix - 1 };

static bool begins_with_label(text_view line) {
  return line.bytes >= PREFIX_BYTES && !memcmp(line.data, prefix, PREFIX_BYTES);
}

static bool recognise(const data_source *s) {
  return !s->is_folder && begins_with_label(text_trim(first_line(s)));
}

static void read_line(const data_source *s, data_builder *b, text_view line, size_t number) {
  builder_begin_row(b, s->path, number);
  if (!begins_with_label(line))
    builder_row_problem(b, "the line does not begin with __label__");
  size_t n = 0;
  while (n < line.bytes && !is_white(line.data[n]))
    n++;
  text_view text = text_trim((text_view){line.data + n, line.bytes - n});
  if (!b->row_bad && begins_with_label(text))
    builder_row_problem(b, "two labels; one is needed");
  if (!b->row_bad) {
    builder_cell(b, 1, (text_view){line.data + PREFIX_BYTES, n - PREFIX_BYTES});
    builder_cell(b, 0, text);
  }
  builder_end_row(b);
}

static void read_rows(const data_source *s, data_builder *b) {
  if (!needs_text_and_label(s, b, "a fastText file"))
    return;
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  char *line;
  size_t bytes;
  while (line_next(&cursor, &line, &bytes))
    if (!line_is_blank(line, bytes) && line_is_text(s, b->problems, cursor.number, line, bytes))
      read_line(s, b, text_trim((text_view){line, bytes}), cursor.number);
}

const data_format data_format_fasttext = {"fasttext", "fastText: lines of `__label__NAME text`", recognise,
                                          read_rows};
