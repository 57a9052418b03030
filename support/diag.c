#include "support/diag.h"
#include "support/json.h"
#include "support/utf8.h"
#include "support/vec.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SNIPPET_CHARACTERS = 160, SNIPPET_LEAD = 60, DEFECT_EXIT = 70 };

typedef struct remark {
  span at;
  const char *text;
} remark;

struct diag {
  diags *owner;
  diag_severity severity;
  span at;
  const char *message;
  VEC(remark) notes;
  VEC(const char *) helps;
  size_t file_rank; // files in the order of their first diagnostic
  size_t order;     // of reporting
};

struct diags {
  arena *memory;
  VEC(diag *) all;
  size_t errors, warnings;
  bool sorted;
};

diags *diags_new(void) {
  diags *d = xcalloc(1, sizeof *d);
  d->memory = arena_new();
  return d;
}

void diags_free(diags *d) {
  if (!d)
    return;
  for (size_t i = 0; i < d->all.len; i++) {
    vec_free(&d->all.data[i]->notes);
    vec_free(&d->all.data[i]->helps);
  }
  vec_free(&d->all);
  arena_free(d->memory);
  free(d);
}

static bool same_span(span a, span b) {
  return a.file == b.file && a.line == b.line && a.column == b.column && a.end_line == b.end_line &&
         a.end_column == b.end_column;
}

static size_t rank_of_file(const diags *d, const source *file) {
  size_t highest = 0;
  for (size_t i = 0; i < d->all.len; i++) {
    const diag *other = d->all.data[i];
    if (other->at.file == file)
      return other->file_rank;
    if (other->file_rank > highest)
      highest = other->file_rank;
  }
  return file ? highest + 1 : 0;
}

static diag *find_equal(const diags *d, diag_severity severity, span at, const char *message) {
  for (size_t i = 0; i < d->all.len; i++) {
    diag *other = d->all.data[i];
    if (other->severity == severity && same_span(other->at, at) && strcmp(other->message, message) == 0)
      return other;
  }
  return NULL;
}

// A duplicate returns NULL, so that its notes are dropped with it.
static diag *add(diags *d, diag_severity severity, span at, const char *format, va_list args) {
  const char *message = arena_vprintf(d->memory, format, args);
  if (find_equal(d, severity, at, message))
    return NULL;
  diag *fresh = ARENA_NEW(d->memory, diag);
  fresh->owner = d;
  fresh->severity = severity;
  fresh->at = at;
  fresh->message = message;
  fresh->file_rank = rank_of_file(d, at.file);
  fresh->order = d->all.len;
  vec_push(&d->all, fresh);
  if (severity == DIAG_ERROR)
    d->errors++;
  else
    d->warnings++;
  d->sorted = false;
  return fresh;
}

diag *diag_error(diags *d, span at, const char *format, ...) {
  va_list args;
  va_start(args, format);
  diag *fresh = add(d, DIAG_ERROR, at, format, args);
  va_end(args);
  return fresh;
}

diag *diag_warning(diags *d, span at, const char *format, ...) {
  va_list args;
  va_start(args, format);
  diag *fresh = add(d, DIAG_WARNING, at, format, args);
  va_end(args);
  return fresh;
}

void diag_note(diag *on, span at, const char *format, ...) {
  if (!on)
    return;
  va_list args;
  va_start(args, format);
  remark note = {at, arena_vprintf(on->owner->memory, format, args)};
  va_end(args);
  vec_push(&on->notes, note);
}

void diag_help(diag *on, const char *format, ...) {
  if (!on)
    return;
  va_list args;
  va_start(args, format);
  const char *help = arena_vprintf(on->owner->memory, format, args);
  va_end(args);
  vec_push(&on->helps, help);
}

size_t diags_errors(const diags *d) {
  return d->errors;
}

size_t diags_warnings(const diags *d) {
  return d->warnings;
}

static int by_place(const void *left, const void *right) {
  const diag *a = *(diag *const *)left, *b = *(diag *const *)right;
  if (a->file_rank != b->file_rank)
    return a->file_rank < b->file_rank ? -1 : 1;
  if (a->at.line != b->at.line)
    return a->at.line < b->at.line ? -1 : 1;
  if (a->at.column != b->at.column)
    return a->at.column < b->at.column ? -1 : 1;
  return a->order < b->order ? -1 : a->order > b->order;
}

static void sort(diags *d) {
  if (!d->sorted && d->all.len > 1)
    qsort(d->all.data, d->all.len, sizeof *d->all.data, by_place);
  d->sorted = true;
}

static void print_place(strbuf *out, span at) {
  if (at.file)
    strbuf_printf(out, "%s:%d:%d: ", at.file->path, at.line, at.column);
}

// The bytes of a line from character `from` to `to` (counted from 0), unprintable ones replaced.
static void print_characters(strbuf *out, const char *line, size_t bytes, int from, int to) {
  int column = 0;
  for (size_t i = 0; i < bytes && column < to; column++) {
    uint32_t code;
    size_t length = utf8_decode(line + i, bytes - i, &code);
    if (column >= from) {
      if (length == 0)
        strbuf_puts(out, "\xEF\xBF\xBD");
      else if ((code < 0x20 && code != '\t') || (code >= 0x7F && code < 0xA0))
        strbuf_putc(out, '?');
      else
        strbuf_add(out, line + i, length);
    }
    i += length ? length : 1;
  }
}

// Spaces (and tabs, where the line has them) below the characters from `from` to `to`, or marks.
static void print_below(strbuf *out, const char *line, size_t bytes, int from, int to, bool marks) {
  int column = 0;
  bool first = true;
  for (size_t i = 0; i < bytes && column < to; column++) {
    uint32_t code;
    size_t length = utf8_decode(line + i, bytes - i, &code);
    if (column >= from) {
      int cells = utf8_cells(code);
      if (!marks && code == '\t')
        strbuf_putc(out, '\t');
      else
        for (int c = 0; c < cells; c++, first = false)
          strbuf_putc(out, !marks ? ' ' : first ? '^' : '~');
    }
    i += length ? length : 1;
  }
  if (marks && first)
    strbuf_putc(out, '^'); // a place behind the last character
}

static void print_snippet(strbuf *out, span at, const char *color, const char *plain) {
  size_t bytes;
  const char *line = source_line(at.file, at.line, &bytes);
  int length = 0;
  for (size_t i = 0; i < bytes && length < INT_MAX; length++)
    i += utf8_step(line + i, bytes - i);
  int first = at.column - 1 < length ? at.column - 1 : length;
  int last = at.end_line > at.line || at.end_column - 1 > length ? length : at.end_column - 1;
  int from = 0, to = length;
  if (length > SNIPPET_CHARACTERS) {
    from = first > SNIPPET_LEAD ? first - SNIPPET_LEAD : 0;
    to = length - from > SNIPPET_CHARACTERS ? from + SNIPPET_CHARACTERS : length;
  }
  if (last > to)
    last = to;
  strbuf_printf(out, "%4d | %s", at.line, from > 0 ? "..." : "");
  print_characters(out, line, bytes, from, to);
  strbuf_printf(out, "%s\n", to < length ? "..." : "");
  int margin = snprintf(NULL, 0, "%4d", at.line);
  strbuf_printf(out, "%*s | %s", margin, "", from > 0 ? "   " : "");
  print_below(out, line, bytes, from, first, false);
  strbuf_puts(out, color);
  print_below(out, line, bytes, first, last, true);
  strbuf_printf(out, "%s\n", plain);
}

void diags_print_text(diags *d, strbuf *out, bool color) {
  sort(d);
  const char *bold = color ? "\033[1m" : "", *plain = color ? "\033[0m" : "";
  const char *cyan = color ? "\033[1;36m" : "";
  for (size_t i = 0; i < d->all.len; i++) {
    const diag *g = d->all.data[i];
    bool error = g->severity == DIAG_ERROR;
    const char *tone = !color ? "" : error ? "\033[1;31m" : "\033[1;35m";
    strbuf_puts(out, bold);
    print_place(out, g->at);
    strbuf_printf(out, "%s%s:%s %s%s%s\n", tone, error ? "error" : "warning", plain, bold, g->message, plain);
    if (g->at.file)
      print_snippet(out, g->at, tone, plain);
    for (size_t n = 0; n < g->notes.len; n++) {
      strbuf_puts(out, bold);
      print_place(out, g->notes.data[n].at);
      strbuf_printf(out, "%s%snote:%s %s\n", plain, cyan, plain, g->notes.data[n].text);
    }
    for (size_t h = 0; h < g->helps.len; h++)
      strbuf_printf(out, "%shelp:%s %s\n", cyan, plain, g->helps.data[h]);
  }
}

static void json_place(strbuf *out, span at) {
  strbuf_puts(out, "\"file\": ");
  if (at.file)
    json_put_string(out, at.file->path);
  else
    strbuf_puts(out, "null");
  strbuf_printf(out, ", \"line\": %d, \"column\": %d", at.line, at.column);
}

static void json_help(strbuf *out, const diag *g) {
  strbuf_puts(out, ", \"help\": ");
  if (!g->helps.len) {
    strbuf_puts(out, "null");
    return;
  }
  strbuf all = {0};
  for (size_t h = 0; h < g->helps.len; h++)
    strbuf_printf(&all, "%s%s", h ? "\n" : "", g->helps.data[h]);
  json_put_string(out, strbuf_text(&all));
  strbuf_free(&all);
}

void diags_print_json(diags *d, strbuf *out) {
  sort(d);
  strbuf_putc(out, '[');
  for (size_t i = 0; i < d->all.len; i++) {
    const diag *g = d->all.data[i];
    strbuf_printf(out, "%s{\"severity\": \"%s\", ", i ? ",\n " : "",
                  g->severity == DIAG_ERROR ? "error" : "warning");
    json_place(out, g->at);
    strbuf_printf(out, ", \"end_line\": %d, \"end_column\": %d, \"message\": ", g->at.end_line,
                  g->at.end_column);
    json_put_string(out, g->message);
    json_help(out, g);
    strbuf_puts(out, ", \"notes\": [");
    for (size_t n = 0; n < g->notes.len; n++) {
      strbuf_puts(out, n ? ", {" : "{");
      json_place(out, g->notes.data[n].at);
      strbuf_puts(out, ", \"message\": ");
      json_put_string(out, g->notes.data[n].text);
      strbuf_putc(out, '}');
    }
    strbuf_puts(out, "]}");
  }
  strbuf_puts(out, "]\n");
}

void internal_error(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "internal error: %s:%d: ", file, line);
  vfprintf(stderr, format, args);
  fputs("\nThis is a defect in nlm, not in your model; please report it with the model that shows it.\n",
        stderr);
  va_end(args);
  exit(DEFECT_EXIT);
}
