#include "runtime/data/problems.h"
#include "support/arena.h"
#include <stdlib.h>

static char *format_text(const char *format, va_list args) {
  strbuf text = {0};
  strbuf_vprintf(&text, format, args);
  char *copy = xstrdup(strbuf_text(&text));
  strbuf_free(&text);
  return copy;
}

void data_problem_add(data_problems *p, const char *file, size_t line, const char *format, ...) {
  if (p->count < DATA_PROBLEMS_KEPT) {
    va_list args;
    va_start(args, format);
    data_problem *slot = &p->kept[p->count];
    slot->file = xstrdup(file ? file : "");
    slot->line = line;
    slot->reason = format_text(format, args);
    va_end(args);
  }
  p->count++;
}

void data_note_add(data_problems *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  p->notes = xrealloc(p->notes, (p->notes_count + 1) * sizeof *p->notes);
  p->notes[p->notes_count++] = format_text(format, args);
  va_end(args);
}

void data_problems_print(const data_problems *p, const char *program, strbuf *out) {
  for (size_t i = 0; i < p->count && i < DATA_PROBLEMS_KEPT; i++) {
    const data_problem *one = &p->kept[i];
    if (one->file[0])
      strbuf_printf(out, "%s:", one->file);
    else if (program)
      strbuf_printf(out, "%s:", program);
    if (one->line)
      strbuf_printf(out, "%zu:", one->line);
    strbuf_printf(out, "%serror: %s\n", one->file[0] || program ? " " : "", one->reason);
  }
  if (p->count > DATA_PROBLEMS_KEPT)
    strbuf_printf(out, "… and %zu more\n", p->count - DATA_PROBLEMS_KEPT);
  for (size_t i = 0; i < p->notes_count; i++)
    strbuf_printf(out, "note: %s\n", p->notes[i]);
}

void data_problems_free(data_problems *p) {
  for (size_t i = 0; i < p->count && i < DATA_PROBLEMS_KEPT; i++) {
    free(p->kept[i].file);
    free(p->kept[i].reason);
  }
  for (size_t i = 0; i < p->notes_count; i++)
    free(p->notes[i]);
  free(p->notes);
  *p = (data_problems){0};
}
