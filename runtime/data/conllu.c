// CoNLL-U: ten columns between tabs, an empty line between sentences, comments with #. The word is FORM
// (column 2), its label UPOS (column 4); ranges of words written as one (1-2) and empty nodes (1.1) are
// passed over.
#include "runtime/data/format.h"
#include <string.h>

enum { COLUMNS = 10, ID = 0, FORM = 1, UPOS = 3 };

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

typedef enum { ID_WORD, ID_SKIPPED, ID_WRONG } id_kind;

// "7" is a word; "7-8" and "7.1" are none.
static id_kind kind_of_id(text_view id) {
  size_t n = 0;
  while (n < id.bytes && is_digit(id.data[n]))
    n++;
  if (n == 0)
    return ID_WRONG;
  if (n == id.bytes)
    return ID_WORD;
  if (id.data[n] != '-' && id.data[n] != '.')
    return ID_WRONG;
  size_t digits = n + 1;
  while (digits < id.bytes && is_digit(id.data[digits]))
    digits++;
  return digits == id.bytes && digits > n + 1 ? ID_SKIPPED : ID_WRONG;
}

// The first line that is neither blank nor a comment.
static text_view first_word_line(const data_source *s) {
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  char *line;
  size_t bytes;
  while (line_next(&cursor, &line, &bytes))
    if (!line_is_blank(line, bytes) && line[0] != '#')
      return (text_view){line, bytes};
  return (text_view){"", 0};
}

static bool recognise(const data_source *s) {
  if (s->is_folder)
    return false;
  text_view fields[COLUMNS];
  size_t count = line_fields(first_word_line(s), true, fields, COLUMNS);
  return path_has_extension(s->path, ".conllu") ||
         (count == COLUMNS && kind_of_id(fields[ID]) != ID_WRONG && fields[FORM].bytes);
}

static void read_line(sentence *to, text_view line, size_t number) {
  text_view fields[COLUMNS];
  size_t count = line_fields(line, true, fields, COLUMNS);
  if (count != COLUMNS) {
    sentence_problem(to, number, "%zu column%s; CoNLL-U has %d", count, count == 1 ? "" : "s", COLUMNS);
    return;
  }
  id_kind kind = kind_of_id(fields[ID]);
  bool unlabelled = fields[UPOS].bytes == 0 || (fields[UPOS].bytes == 1 && fields[UPOS].data[0] == '_');
  if (kind == ID_WRONG)
    sentence_problem(to, number, "'%.*s' is no word number",
                     (int)(fields[ID].bytes < 40 ? fields[ID].bytes : 40), fields[ID].data);
  else if (kind == ID_SKIPPED)
    return;
  else if (!fields[FORM].bytes)
    sentence_problem(to, number, "the word (FORM, column 2) is empty");
  else if (unlabelled)
    sentence_problem(to, number, "the word has no label (UPOS, column 4)");
  else
    sentence_add(to, fields[FORM], fields[UPOS], number);
}

static void read_rows(const data_source *s, data_builder *b) {
  if (!needs_words_and_labels(s, b, "a CoNLL-U file"))
    return;
  line_cursor cursor = {s->text, s->text + s->bytes, 0};
  sentence collected = {.source = s, .builder = b};
  char *line;
  size_t bytes;
  while (line_next(&cursor, &line, &bytes)) {
    if (line_is_blank(line, bytes))
      sentence_end(&collected);
    else if (!line_is_text(s, b->problems, cursor.number, line, bytes))
      collected.bad = true;
    else if (line[0] != '#')
      read_line(&collected, (text_view){line, bytes}, cursor.number);
  }
  sentence_end(&collected);
  sentence_free(&collected);
}

const data_format data_format_conllu = {
    "conllu", "CoNLL-U: ten columns between tabs, words in the second, UPOS in the fourth (taggers)",
    recognise, read_rows};
