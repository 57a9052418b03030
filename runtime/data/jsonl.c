// JSON lines: one object a line, inputs and outputs by name.
#include "runtime/data/format.h"
#include <string.h>

static bool recognise(const data_source *s) {
  text_view line = text_trim(first_line(s));
  bool table = path_has_extension(s->path, ".tsv") || path_has_extension(s->path, ".csv");
  return !s->is_folder && !table && line.bytes && line.data[0] == '{';
}

static void read_rows(const data_source *s, data_builder *b) {
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  char *line;
  size_t bytes;
  while (line_next(&cursor, &line, &bytes))
    if (!line_is_blank(line, bytes) && line_is_text(s, b->problems, cursor.number, line, bytes))
      json_row(b, s->path, cursor.number, line, bytes, true);
}

const data_format data_format_jsonl = {
    "jsonl", "JSON lines: objects with the model's inputs and outputs by name", recognise, read_rows};
