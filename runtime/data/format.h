#ifndef NLM_RUNTIME_DATA_FORMAT_H
#define NLM_RUNTIME_DATA_FORMAT_H
// How a data format plugs in: one file that defines a `data_format` called data_format_<name>, and one line
// in formats.def. Files are recognised in the order of that list. Private to runtime/data.
#include "runtime/data/builder.h"

// One path of the command line, read and unpacked.
typedef struct data_source {
  const char *path;
  bool is_folder;
  char *text; // a file's bytes, a BOM skipped; the dataset owns them, a format may change them in place
  size_t bytes;
  bool clean; // the whole file is UTF-8 without NUL: lines need no check of their own
  const data_options *options;
  const data_schema
      *schema; // what the model wants: the same file may be columns for one and a table for another
} data_source;

typedef struct data_format {
  const char *name;
  const char *form; // what it looks like, for messages: "a folder with a folder of .txt files per class"
  bool (*recognise)(const data_source *s);
  void (*read)(const data_source *s, data_builder *b); // rows into the builder, complaints into b->problems
} data_format;

#define FORMAT(name) extern const data_format data_format_##name;
#include "runtime/data/formats.def"
#undef FORMAT

// ---- lines
// -----------------------------------------------------------------------------------------------------

// Walks through lines, LF or CRLF; `line` excludes both.
typedef struct line_cursor {
  char *at, *end;
  size_t number; // of the line last returned, from 1
} line_cursor;
bool line_next(line_cursor *c, char **line, size_t *bytes);

// False after reporting invalid UTF-8 or a NUL byte in a line (nothing is checked in a clean source).
bool line_is_text(const data_source *s, data_problems *problems, size_t number, const char *line,
                  size_t bytes);
// The same for any text; `clean` sources are the caller's business.
bool text_check(data_problems *problems, const char *file, size_t number, const char *text, size_t bytes);
bool line_is_blank(const char *line, size_t bytes);
// The first line that is not blank (bytes 0 if there is none).
text_view first_line(const data_source *s);
bool path_has_extension(const char *path,
                        const char *extension); // ".csv", also before ".gz"; ASCII case ignored

// ---- whole files
// -----------------------------------------------------------------------------------------------

// Reads a file ("-": standard input) and unpacks gzip, several members too. False and a reason on any error.
bool data_file_read(const char *path, char **out, size_t *bytes, strbuf *error);

// ---- tables
// ----------------------------------------------------------------------------------------------------

// Which field of a record feeds which slot of the builder.
typedef struct table_roles {
  int *slots; // per field: the slot, or -1
  size_t fields;
  bool header; // the first record names them and is no row
} table_roles;
// From a table's first record; false after reporting what is wrong. The arrays live in the builder's arena.
bool table_roles_find(const data_source *s, data_builder *b, const text_view *first, size_t fields,
                      size_t line, table_roles *out);
// One record as a row.
void table_row(const data_source *s, data_builder *b, const table_roles *roles, const text_view *fields,
               size_t count, size_t line);

// True if the model is one text in, one label out; else reports that `format` cannot serve it.
bool needs_text_and_label(const data_source *s, data_builder *b, const char *format);

// Whether a row of this shape fits a field: equal extents, where a last extent of one may stand on either
// side alone ((28, 28) and (28, 28, 1) are alike).
bool field_takes_shape(const data_field *f, const int64_t *extents, size_t rank);

// ---- words with labels
// ---------------------------------------------------------------------------------------

// The model is one `text[time]` in, one label a word out.
bool is_tagger(const data_schema *schema);
// True if it is; else reports that `format` cannot serve the model.
bool needs_words_and_labels(const data_source *s, data_builder *b, const char *format);

// A sentence is collected word by word and becomes a row when it ends.
typedef struct sentence {
  const data_source *source;
  data_builder *builder;
  VEC(text_view) words;
  VEC(text_view) labels;
  size_t line; // of the first word
  bool bad;    // a word was wrong and reported: the sentence is left out
} sentence;
void sentence_add(sentence *s, text_view word, text_view label, size_t line);
void sentence_problem(sentence *s, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sentence_end(sentence *s); // nothing happens where there is none
void sentence_free(sentence *s);

// Fields of a line: between tabs and trimmed, or, with `tabs` false, between runs of white space. At most
// `most` are stored; returns how many there are.
size_t line_fields(text_view line, bool tabs, text_view *out, size_t most);

// One JSON object as a row; false after reporting what is wrong. `lasting`: the text outlives the dataset.
bool json_row(data_builder *b, const char *file, size_t line, const char *text, size_t bytes, bool lasting);

#endif
