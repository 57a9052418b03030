#include "runtime/data/reader.h"
#include "runtime/data/format.h"
#include "runtime/data/stream.h"
#include <jansson.h>
#include <string.h>

static const data_options no_labels = {.outputs_optional = true};

struct data_reader {
  char *path;
  const data_schema *schema;
  line_stream *lines;
  size_t line; // last one taken
  bool json;
};

static bool one_text_input(const data_schema *schema) {
  return schema->inputs_count == 1 &&
         (schema->inputs[0].kind == DATA_TEXT || schema->inputs[0].kind == DATA_WORDS);
}

static void report_no_text_input(const data_schema *schema, const char *path, data_problems *problems) {
  strbuf names = {0};
  for (size_t i = 0; i < schema->inputs_count; i++)
    strbuf_printf(&names, "%s%s", i ? ", " : "", schema->inputs[i].name);
  data_problem_add(problems, path, 0,
                   "plain text serves models with one text input; this one has %s: give JSON lines or "
                   "--input NAME=FILE.npy",
                   strbuf_text(&names));
  strbuf_free(&names);
}

static size_t mark_bytes(const char *line, size_t bytes) {
  return bytes >= 3 && !memcmp(line, "\xEF\xBB\xBF", 3) ? 3 : 0;
}

static bool is_json_object(const char *line, size_t bytes) {
  if (!bytes || line[0] != '{')
    return false;
  json_t *value = json_loadb(line, bytes, 0, NULL);
  bool object = json_is_object(value);
  json_decref(value);
  return object;
}

data_reader *data_reader_open(const char *path, const data_schema *schema, data_problems *problems) {
  strbuf error = {0};
  data_reader *r = xcalloc(1, sizeof *r);
  r->path = xstrdup(path);
  r->schema = schema;
  r->lines = line_stream_open(path, &error);
  char *line = NULL;
  size_t bytes = 0, before = problems->count;
  bool some = r->lines && line_stream_peek(r->lines, &line, &bytes, &error);
  if (error.len)
    data_problem_add(problems, path, 0, "%s", strbuf_text(&error));
  if (!error.len && some) {
    size_t mark = mark_bytes(line, bytes);
    line += mark;
    bytes -= mark;
    r->json = is_json_object(line, bytes) || (bytes && line[0] == '{' && !one_text_input(schema));
  }
  if (problems->count == before && !r->json && !one_text_input(schema))
    report_no_text_input(schema, path, problems);
  strbuf_free(&error);
  if (problems->count == before)
    return r;
  data_reader_close(r);
  return NULL;
}

void data_reader_close(data_reader *r) {
  if (!r)
    return;
  line_stream_close(r->lines);
  free(r->path);
  free(r);
}

// One text as a row without label; the text is copied.
static void add_text(data_builder *b, const char *file, size_t line, const char *text, size_t bytes) {
  if (!text_check(b->problems, file, line, text, bytes))
    return;
  builder_begin_row(b, file, line);
  builder_cell(b, 0, (text_view){builder_keep(b, text, bytes), bytes});
  builder_end_row(b);
}

static void add_line(data_reader *r, data_builder *b, const char *file, char *line, size_t bytes) {
  r->line++;
  size_t mark = r->line == 1 ? mark_bytes(line, bytes) : 0;
  line += mark;
  bytes -= mark;
  if (!r->json)
    add_text(b, file, r->line, line, bytes);
  else if (!line_is_blank(line, bytes) && text_check(b->problems, file, r->line, line, bytes))
    json_row(b, file, r->line, line, bytes, false);
}

dataset *data_reader_next(data_reader *r, size_t max_rows, data_problems *problems) {
  data_builder b;
  builder_init(&b, r->schema, &no_labels, problems);
  const char *file = arena_strdup(b.memory, r->path);
  strbuf error = {0};
  char *line;
  size_t bytes;
  while (b.rows < max_rows && (b.rows == 0 || line_stream_ready(r->lines)) &&
         line_stream_next(r->lines, &line, &bytes, &error))
    add_line(r, &b, file, line, bytes);
  if (error.len)
    data_problem_add(problems, r->path, r->line + 1, "%s", strbuf_text(&error));
  strbuf_free(&error);
  return builder_finish(&b);
}

dataset *dataset_from_texts(const char *const *texts, size_t count, const data_schema *schema,
                            data_problems *problems) {
  if (!one_text_input(schema)) {
    report_no_text_input(schema, NULL, problems);
    return NULL;
  }
  data_builder b;
  builder_init(&b, schema, &no_labels, problems);
  for (size_t i = 0; i < count; i++)
    add_text(&b, "text", i + 1, texts[i], strlen(texts[i]));
  return builder_finish(&b);
}
