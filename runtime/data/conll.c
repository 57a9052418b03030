// CoNLL columns: a word a line, its label in the last column, an empty line between sentences. Columns stand
// between tabs, or between spaces where the first line has no tab. Lines that begin with -DOCSTART- part
// documents and are no words. Only a model that labels words can read them, so that two columns between tabs
// are a table for every other model.
#include "runtime/data/format.h"
#include <string.h>
#include <strings.h>

static bool is_mark(text_view line) {
  static const char mark[] = "-DOCSTART-";
  return line.bytes >= sizeof mark - 1 && !memcmp(line.data, mark, sizeof mark - 1);
}

static bool names_field(text_view text, const char *name) {
  return text.bytes == strlen(name) && !strncasecmp(text.data, name, text.bytes);
}

// Whether two fields are a table's header for this model.
static bool is_header(const data_schema *schema, const text_view *fields) {
  bool input = false, output = false;
  for (size_t i = 0; i < 2; i++) {
    input |= names_field(fields[i], schema->inputs[0].name) || names_field(fields[i], "text");
    output |= names_field(fields[i], schema->outputs[0].name) || names_field(fields[i], "label");
  }
  return input && output;
}

static bool recognise(const data_source *s) {
  if (s->is_folder || path_has_extension(s->path, ".csv") || !is_tagger(s->schema))
    return false;
  text_view line = first_line(s), fields[2], parts[1];
  bool tabs = memchr(line.data, '\t', line.bytes) != NULL;
  size_t count = line_fields(line, tabs, fields, 2);
  if (is_mark(line))
    return true;
  if (count < 2 || (count == 2 && is_header(s->schema, fields)))
    return false;
  for (size_t i = 0; tabs && i < 2; i++) // several words in a field: a table
    if (line_fields(fields[i], false, parts, 1) > 1)
      return false;
  return true;
}

static void read_line(sentence *to, text_view line, bool tabs, size_t number) {
  enum { MOST_COLUMNS = 64 };
  text_view fields[MOST_COLUMNS];
  size_t count = line_fields(line, tabs, fields, MOST_COLUMNS);
  while (tabs && count > 2 && count <= MOST_COLUMNS && !fields[count - 1].bytes)
    count--; // tabs behind the label
  if (count > MOST_COLUMNS)
    sentence_problem(to, number, "%zu columns; at most %d are read", count, MOST_COLUMNS);
  else if (count < 2)
    sentence_problem(to, number, "one column; a word and its label are needed");
  else if (!fields[0].bytes || !fields[count - 1].bytes)
    sentence_problem(to, number, fields[0].bytes ? "the label is empty" : "the word is empty");
  else
    sentence_add(to, fields[0], fields[count - 1], number);
}

static void read_rows(const data_source *s, data_builder *b) {
  if (!needs_words_and_labels(s, b, "a CoNLL file"))
    return;
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  sentence collected = {.source = s, .builder = b};
  text_view first = {"", 0};
  char *at;
  size_t bytes;
  while (line_next(&cursor, &at, &bytes)) {
    text_view line = {at, bytes};
    if (line_is_blank(at, bytes) || is_mark(line)) {
      sentence_end(&collected);
      continue;
    }
    if (!first.bytes)
      first = line;
    if (line_is_text(s, b->problems, cursor.number, at, bytes))
      read_line(&collected, line, memchr(first.data, '\t', first.bytes) != NULL, cursor.number);
    else
      collected.bad = true;
  }
  sentence_end(&collected);
  sentence_free(&collected);
}

const data_format data_format_conll = {
    "conll", "CoNLL columns: a word and its label a line, an empty line between sentences (taggers)",
    recognise, read_rows};
