// What tables (TSV, CSV) have in common: which field is which input or output.
#include "runtime/data/format.h"
#include <string.h>
#include <strings.h>

static bool is_name(text_view field, const char *name) {
  field = text_trim(field);
  return field.bytes == strlen(name) && !strncasecmp(field.data, name, field.bytes);
}

// The slot a header's field names, whatever its case: by the model's own name, or `text` and `label` where
// there is only one.
static int slot_of_name(const data_builder *b, text_view field) {
  for (size_t i = 0; i < b->columns_count; i++)
    if (is_name(field, b->columns[i].field->name))
      return (int)i;
  if (b->inputs_count == 1 && is_name(field, "text"))
    return 0;
  if (b->columns_count == b->inputs_count + 1 && is_name(field, "label"))
    return (int)b->inputs_count;
  if (b->has_weight && is_name(field, b->columns[b->columns_count].field->name))
    return (int)b->columns_count;
  return -1;
}

static void list_names(const data_builder *b, strbuf *out) {
  for (size_t i = 0; i < b->columns_count; i++)
    strbuf_printf(out, "%s%s", i ? ", " : "", b->columns[i].field->name);
}

static bool header_is_whole(const data_builder *b, const bool *found) {
  for (size_t i = 0; i < b->columns_count; i++)
    if (!found[i] && (slot_is_input(b, i) || !b->outputs_optional))
      return false;
  return true;
}

// Two fields, not both named. If one says that it is the label, or the second that it is the text, the line
// is a header all the same; else it is the first row: label, then text.
static void take_two_fields(const data_source *s, data_builder *b, const text_view *first, size_t line,
                            table_roles *out) {
  if (out->slots[0] == 1 || out->slots[1] == 1 || out->slots[1] == 0) {
    out->header = true;
    for (int i = 0; i < 2; i++)
      if (out->slots[i] < 0)
        out->slots[i] = !out->slots[1 - i];
    data_note_add(b->problems, "%s:%zu: taken as a header: '%.*s' is the %s, '%.*s' the %s", s->path, line,
                  (int)first[0].bytes, first[0].data, out->slots[0] ? "label" : "text", (int)first[1].bytes,
                  first[1].data, out->slots[1] ? "label" : "text");
    return;
  }
  out->slots[0] = 1;
  out->slots[1] = 0;
}

bool table_roles_find(const data_source *s, data_builder *b, const text_view *first, size_t fields,
                      size_t line, table_roles *out) {
  bool *found = arena_alloc(b->memory, builder_slots(b));
  size_t named = 0;
  *out = (table_roles){ARENA_ARRAY(b->memory, int, fields), fields, false};
  for (size_t i = 0; i < fields; i++) {
    int slot = slot_of_name(b, first[i]);
    out->slots[i] = slot;
    if (slot < 0)
      continue;
    named++;
    if (found[slot]) {
      data_problem_add(b->problems, s->path, line, "two columns are '%s'", b->columns[slot].field->name);
      return false;
    }
    found[slot] = true;
  }
  if (header_is_whole(b, found)) {
    out->header = true;
    return true;
  }
  bool one_of_each = b->inputs_count == 1 && b->columns_count == 2;
  if (one_of_each && fields == 2) {
    take_two_fields(s, b, first, line, out);
    return true;
  }
  strbuf names = {0};
  list_names(b, &names);
  const char *needed = one_of_each ? ", or have two fields, label and text" : "";
  if (named)
    for (size_t i = 0; i < b->columns_count; i++)
      if (!found[i] && (slot_is_input(b, i) || !b->outputs_optional))
        data_problem_add(b->problems, s->path, line, "the header has no column '%s' (the model has %s)",
                         b->columns[i].field->name, strbuf_text(&names));
  if (!named)
    data_problem_add(b->problems, s->path, line,
                     "the first line has %zu field%s; it must be a header that names the model's inputs and "
                     "outputs (%s)%s",
                     fields, fields == 1 ? "" : "s", strbuf_text(&names), needed);
  strbuf_free(&names);
  return false;
}

void table_row(const data_source *s, data_builder *b, const table_roles *roles, const text_view *fields,
               size_t count, size_t line) {
  builder_begin_row(b, s->path, line);
  if (count != roles->fields)
    builder_row_problem(b, "%zu field%s, %zu needed", count, count == 1 ? "" : "s", roles->fields);
  for (size_t i = 0; i < count && i < roles->fields; i++)
    if (roles->slots[i] >= 0)
      builder_cell(b, (size_t)roles->slots[i], fields[i]);
  builder_end_row(b);
}

bool needs_text_and_label(const data_source *s, data_builder *b, const char *format) {
  if (b->inputs_count == 1 && b->columns_count == 2 &&
      (b->columns[0].field->kind == DATA_TEXT || b->columns[0].field->kind == DATA_WORDS))
    return true;
  strbuf names = {0};
  list_names(b, &names);
  data_problem_add(b->problems, s->path, 0,
                   "%s gives one text and one label, the model has %s; use a table with a header", format,
                   strbuf_text(&names));
  strbuf_free(&names);
  return false;
}
