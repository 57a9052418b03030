// One JSON object as a row: inputs and outputs by name.
#include "runtime/data/format.h"
#include "runtime/data/json_plain.h"
#include "runtime/data/numbers.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static text_view copy_string(data_builder *b, const json_t *value) {
  size_t n = json_string_length(value);
  return (text_view){builder_keep(b, json_string_value(value), n), n};
}

// A label may be a string or an integer.
static bool put_word(data_builder *b, size_t slot, const json_t *value) {
  const data_field *f = b->columns[slot].field;
  text_view text;
  if (json_is_string(value)) {
    text = copy_string(b, value);
  } else if (json_is_integer(value) && (f->kind == DATA_CLASS || f->kind == DATA_CLASSES)) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    text = (text_view){builder_keep(b, digits, (size_t)n), (size_t)n};
  } else {
    builder_row_problem(b, "'%s' must be a string", f->name);
    return false;
  }
  if (f->kind == DATA_CLASS)
    text = text_trim(text);
  builder_texts(b, slot, &text, 1);
  return true;
}

static void put_words(data_builder *b, size_t slot, const json_t *value) {
  if (json_is_string(value)) { // words between white space
    builder_cell(b, slot, copy_string(b, value));
  } else if (json_is_array(value)) {
    builder_texts(b, slot, NULL, 0);
    for (size_t i = 0; i < json_array_size(value) && put_word(b, slot, json_array_get(value, i)); i++)
      ;
  } else {
    builder_row_problem(b, "'%s' must be a list of strings", b->columns[slot].field->name);
  }
}

typedef VEC(double) number_list;
typedef struct nesting {
  const data_field *field;
  size_t depth_of_numbers; // rank; for an output of one unit a bare number will do
} nesting;

// Collects numbers of nested arrays in C order; every array below the first must be as long as the field
// says.
static const char *flatten(const nesting *n, const json_t *value, size_t depth, number_list *out) {
  if (json_is_number(value)) {
    if (depth != n->depth_of_numbers)
      return "is not nested as the model's shape";
    vec_push(out, json_number_value(value));
    return NULL;
  }
  if (!json_is_array(value))
    return "must be numbers";
  if (depth >= n->depth_of_numbers)
    return "is not nested as the model's shape";
  size_t count = json_array_size(value);
  if (depth > 0 && n->field->extents[depth] >= 0 && (int64_t)count != n->field->extents[depth])
    return "has a list of the wrong length";
  for (size_t i = 0; i < count; i++) {
    const char *reason = flatten(n, json_array_get(value, i), depth + 1, out);
    if (reason)
      return reason;
  }
  return NULL;
}

// A value of one number, which needs no list around it.
static bool is_unit(const data_builder *b, size_t slot) {
  const data_field *f = b->columns[slot].field;
  return f->rank == 0 || slot == b->columns_count || (f->rank == 1 && f->extents[0] == 1);
}

static void put_numbers(data_builder *b, size_t slot, const json_t *value) {
  const data_field *f = b->columns[slot].field;
  nesting n = {f, f->rank};
  if (is_unit(b, slot))
    n.depth_of_numbers = json_is_array(value) ? 1 : 0;
  number_list numbers = {0};
  const char *reason = flatten(&n, value, 0, &numbers);
  if (reason)
    builder_row_problem(b, "'%s' %s", f->name, reason);
  else
    builder_numbers(b, slot, numbers.data, numbers.len);
  vec_free(&numbers);
}

// What a slot is called beside the model's name for it, where there is only one of its kind; NULL: nothing.
static const char *other_name(const data_builder *b, size_t slot) {
  if (slot == 0 && b->inputs_count == 1)
    return "text";
  return slot == b->inputs_count && b->columns_count == slot + 1 ? "label" : NULL;
}

static const json_t *value_of(const data_builder *b, const json_t *object, size_t slot) {
  const json_t *value = json_object_get(object, b->columns[slot].field->name);
  const char *other = other_name(b, slot);
  return value || !other ? value : json_object_get(object, other);
}

// ---- objects of strings and numbers

// A value of such an object, ready for its slot.
typedef struct plain_cell {
  size_t slot;
  data_kind kind;
  text_view text;
  double number;
} plain_cell;

// False where the value is none for the slot as it stands.
static bool plain_cell_of(data_builder *b, size_t slot, const json_plain_value *v, bool lasting,
                          plain_cell *out) {
  *out = (plain_cell){slot, b->columns[slot].field->kind, v->text.view, 0};
  if (out->kind == DATA_INT || out->kind == DATA_FLOAT)
    return v->is_number && is_unit(b, slot) && !number_parse(v->text.view, &out->number);
  if (v->is_number && !(v->is_integer && out->kind == DATA_CLASS))
    return false;
  if (lasting && !v->text.escaped)
    return true;
  char *copy = builder_keep(b, out->text.data, out->text.bytes);
  out->text.data = copy;
  if (v->text.escaped)
    out->text.bytes = json_plain_unescape(copy, out->text.bytes);
  return true;
}

static void put_plain_cell(data_builder *b, const plain_cell *c) {
  if (c->kind == DATA_INT || c->kind == DATA_FLOAT)
    builder_numbers(b, c->slot, &c->number, 1);
  else
    builder_cell(b, c->slot, c->text);
}

// False, and nothing done, where the row is for the JSON library.
static bool put_plain_row(data_builder *b, const char *file, size_t line, text_view text, bool lasting) {
  json_plain_object o;
  plain_cell cells[JSON_PLAIN_MEMBERS];
  size_t count = 0;
  if (builder_slots(b) > JSON_PLAIN_MEMBERS || !json_plain_read(text.data, text.bytes, &o))
    return false;
  for (size_t slot = 0; slot < builder_slots(b); slot++) {
    const json_plain_value *v = json_plain_find(&o, b->columns[slot].field->name);
    const char *other = other_name(b, slot);
    if (!v && other)
      v = json_plain_find(&o, other);
    if (v && !plain_cell_of(b, slot, v, lasting, &cells[count++]))
      return false;
  }
  builder_begin_row(b, file, line);
  for (size_t k = 0; k < count && !b->row_bad; k++)
    put_plain_cell(b, &cells[k]);
  return true;
}

// ---- rows

bool json_row(data_builder *b, const char *file, size_t line, const char *text, size_t bytes, bool lasting) {
  json_error_t where;
  if (put_plain_row(b, file, line, (text_view){text, bytes}, lasting))
    return builder_end_row(b);
  json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &where);
  builder_begin_row(b, file, line);
  if (!object)
    builder_row_problem(b, "no JSON: %s (column %d)", where.text, where.column);
  else if (!json_is_object(object))
    builder_row_problem(b, "a JSON object is needed, with inputs by name");
  for (size_t slot = 0; object && slot < builder_slots(b) && !b->row_bad; slot++) {
    const json_t *value = value_of(b, object, slot);
    if (!value)
      continue;
    switch (b->columns[slot].field->kind) {
    case DATA_TEXT:
    case DATA_CLASS:
      put_word(b, slot, value);
      break;
    case DATA_WORDS:
    case DATA_CLASSES:
      put_words(b, slot, value);
      break;
    case DATA_INT:
    case DATA_FLOAT:
      put_numbers(b, slot, value);
      break;
    }
  }
  json_decref(object);
  return builder_end_row(b);
}
