// Sentences of words with labels, as column files give them.
#include "runtime/data/format.h"
#include <stdarg.h>
#include <string.h>

bool is_tagger(const data_schema *schema) {
  return schema->inputs_count == 1 && schema->inputs[0].kind == DATA_WORDS && schema->outputs_count == 1 &&
         schema->outputs[0].kind == DATA_CLASSES;
}

bool needs_words_and_labels(const data_source *s, data_builder *b, const char *format) {
  if (is_tagger(s->schema))
    return true;
  data_problem_add(
      b->problems, s->path, 0,
      "%s gives words and a label for each; the model needs one input text[time] and one output of "
      "classes for every step for that (JSON lines serve any model)",
      format);
  return false;
}

size_t line_fields(text_view line, bool tabs, text_view *out, size_t most) {
  size_t count = 0;
  for (size_t at = 0, end; at <= line.bytes; at = end + 1) {
    for (end = at; end < line.bytes && (tabs ? line.data[end] != '\t' : !is_white(line.data[end]));)
      end++;
    text_view field = text_trim((text_view){line.data + at, end - at});
    if (!tabs && !field.bytes)
      continue;
    if (count < most)
      out[count] = field;
    count++;
  }
  return count;
}

void sentence_add(sentence *s, text_view word, text_view label, size_t line) {
  if (!s->words.len)
    s->line = line;
  vec_push(&s->words, word);
  vec_push(&s->labels, label);
}

void sentence_problem(sentence *s, size_t line, const char *format, ...) {
  strbuf reason = {0};
  va_list args;
  va_start(args, format);
  strbuf_vprintf(&reason, format, args);
  va_end(args);
  data_problem_add(s->builder->problems, s->source->path, line, "%s", strbuf_text(&reason));
  strbuf_free(&reason);
  s->bad = true;
}

void sentence_end(sentence *s) {
  if (s->words.len && !s->bad) {
    builder_begin_row(s->builder, s->source->path, s->line);
    builder_texts(s->builder, 0, s->words.data, s->words.len);
    builder_texts(s->builder, 1, s->labels.data, s->labels.len);
    builder_end_row(s->builder);
  }
  s->words.len = s->labels.len = 0;
  s->bad = false;
}

void sentence_free(sentence *s) {
  vec_free(&s->words);
  vec_free(&s->labels);
}
