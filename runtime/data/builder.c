#include "runtime/data/builder.h"
#include "runtime/data/numbers.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

void builder_init(data_builder *b, const data_schema *schema, const data_options *options,
                  data_problems *problems) {
  *b = (data_builder){.schema = schema,
                      .problems = problems,
                      .outputs_optional = options->outputs_optional,
                      .memory = arena_new(),
                      .columns_count = schema->inputs_count + schema->outputs_count,
                      .inputs_count = schema->inputs_count};
  b->has_weight = options->weight != NULL;
  b->columns = xcalloc(builder_slots(b) + 1, sizeof *b->columns);
  for (size_t i = 0; i < builder_slots(b); i++) {
    column_builder *c = &b->columns[i];
    c->field = i == b->columns_count      ? options->weight
               : i < schema->inputs_count ? &schema->inputs[i]
                                          : &schema->outputs[i - schema->inputs_count];
    spill_push(&c->row_start, 0);
  }
}

void builder_own(data_builder *b, void *block) {
  vec_push(&b->blocks, block);
}

char *builder_keep(data_builder *b, const char *text, size_t bytes) {
  enum { FIRST_BLOCK = 1 << 16, LARGEST_BLOCK = 1 << 28 };
  if (bytes > b->room_bytes) {
    size_t next = b->room_block ? b->room_block * 2 : FIRST_BLOCK;
    b->room_block = next > LARGEST_BLOCK ? LARGEST_BLOCK : next;
    b->room_bytes = bytes > b->room_block ? bytes : b->room_block;
    b->room = spill_alloc(b->room_bytes);
    builder_own(b, b->room);
  }
  char *copy = b->room;
  if (bytes)
    memcpy(copy, text, bytes);
  b->room += bytes;
  b->room_bytes -= bytes;
  return copy;
}

text_view text_trim(text_view text) {
  while (text.bytes && is_white(text.data[0])) {
    text.data++;
    text.bytes--;
  }
  while (text.bytes && is_white(text.data[text.bytes - 1]))
    text.bytes--;
  return text;
}

void builder_begin_row(data_builder *b, const char *file, size_t line) {
  b->file = file;
  b->line = line;
  b->row_bad = false;
  b->row_bytes = builder_slots(b) * sizeof(uint64_t) + sizeof(char *);
  for (size_t i = 0; i < builder_slots(b); i++)
    b->columns[i].filled = false;
}

void builder_row_problem(data_builder *b, const char *format, ...) {
  strbuf reason = {0};
  va_list args;
  va_start(args, format);
  strbuf_vprintf(&reason, format, args);
  va_end(args);
  data_problem_add(b->problems, b->file, b->line, "%s", strbuf_text(&reason));
  strbuf_free(&reason);
  b->row_bad = true;
}

static size_t items_of(const column_builder *c) {
  switch (c->field->kind) {
  case DATA_INT:
    return c->ints.len;
  case DATA_FLOAT:
    return c->numbers.len + c->floats.len; // one of them is empty
  default:
    return c->texts.len;
  }
}

static void cut_items(column_builder *c, size_t items) {
  c->ints.len = c->ints.len > items ? items : c->ints.len;
  c->numbers.len = c->numbers.len > items ? items : c->numbers.len;
  c->floats.len = c->floats.len > items ? items : c->floats.len;
  c->texts.len = c->texts.len > items ? items : c->texts.len;
}

// Some rows with a weight and some without are a mistake; so are weights below 0.
static void check_weight(data_builder *b) {
  column_builder *c = &b->columns[b->columns_count];
  size_t known = c->row_start.len - 1, items = c->row_start.data[known];
  if (!b->row_bad && b->rows && c->filled != (known > 0))
    builder_row_problem(b, c->filled ? "'%s' is here, but not in the rows before" : "'%s' is missing",
                        c->field->name);
  for (size_t k = items; !b->row_bad && k < c->numbers.len; k++)
    if (c->numbers.data[k] < 0)
      builder_row_problem(b, "'%s' is %g; weights must be 0 or more", c->field->name, c->numbers.data[k]);
}

bool builder_end_row(data_builder *b) {
  for (size_t i = 0; i < b->columns_count; i++)
    if (!b->columns[i].filled && !b->row_bad && (slot_is_input(b, i) || !b->outputs_optional))
      builder_row_problem(b, "%s '%s' is missing", slot_is_input(b, i) ? "input" : "output",
                          b->columns[i].field->name);
  if (!b->row_bad && b->rows >= UINT32_MAX)
    builder_row_problem(b, "more than 4294967295 rows");
  if (b->has_weight)
    check_weight(b);
  for (size_t i = 0; i < builder_slots(b); i++) {
    column_builder *c = &b->columns[i];
    if (!c->filled)
      continue;
    if (b->row_bad)
      cut_items(c, c->row_start.data[c->row_start.len - 1]);
    else
      spill_push(&c->row_start, items_of(c));
  }
  spill_touched(b->row_bytes);
  if (b->row_bad)
    return false;
  spill_push(&b->row_file, b->file);
  spill_push(&b->row_line, b->line > UINT32_MAX ? UINT32_MAX : (uint32_t)b->line);
  b->rows++;
  return true;
}

void builder_texts(data_builder *b, size_t slot, const text_view *texts, size_t count) {
  column_builder *c = &b->columns[slot];
  c->filled = true;
  bool label = c->field->kind == DATA_CLASS || c->field->kind == DATA_CLASSES;
  for (size_t i = 0; i < count; i++) {
    if (label && texts[i].bytes == 0)
      builder_row_problem(b, "the label '%s' is empty", c->field->name);
    if (texts[i].bytes > INT32_MAX)
      builder_row_problem(b, "'%s' is a text of more than 2 GiB", c->field->name);
    spill_push(&c->texts, texts[i]);
    b->row_bytes += texts[i].bytes + sizeof texts[i];
  }
}

// Says whether a row of `count` numbers fits the extents of its field.
static bool extents_fit(data_builder *b, const data_field *f, size_t count) {
  size_t inner = 1;
  for (size_t i = 1; i < f->rank; i++) {
    if (f->extents[i] < 0) {
      builder_row_problem(b, "'%s' has several free lengths, which one row of numbers cannot tell", f->name);
      return false;
    }
    inner *= (size_t)f->extents[i];
  }
  b->row_bytes += count * sizeof(double);
  if (f->rank && f->extents[0] < 0) {
    if (inner && count % inner == 0)
      return true;
    builder_row_problem(b, "'%s' has %zu numbers, which is no multiple of %zu", f->name, count, inner);
    return false;
  }
  size_t needed = f->rank ? (size_t)f->extents[0] * inner : 1;
  if (count == needed)
    return true;
  builder_row_problem(b, "'%s' has %zu number%s, the model needs %zu", f->name, count, count == 1 ? "" : "s",
                      needed);
  return false;
}

// From here on the column's numbers are doubles.
static void widen(column_builder *c) {
  for (size_t i = 0; i < c->floats.len; i++)
    spill_push(&c->numbers, (double)c->floats.data[i]);
  spill_vec_free(&c->floats);
}

void builder_expect(data_builder *b, size_t slot, size_t items) {
  column_builder *c = &b->columns[slot];
  if (c->field->kind == DATA_INT)
    spill_reserve(&c->ints, c->ints.len + items);
  else if (c->field->kind == DATA_FLOAT && !c->numbers.len)
    spill_reserve(&c->floats, c->floats.len + items);
}

void builder_floats(data_builder *b, size_t slot, const float *numbers, size_t count) {
  column_builder *c = &b->columns[slot];
  c->filled = true;
  if (!extents_fit(b, c->field, count))
    return;
  for (size_t i = 0; i < count; i++)
    if (c->numbers.len)
      spill_push(&c->numbers, (double)numbers[i]);
    else
      spill_push(&c->floats, numbers[i]);
}

void builder_ints(data_builder *b, size_t slot, const int32_t *numbers, size_t count) {
  column_builder *c = &b->columns[slot];
  c->filled = true;
  if (!extents_fit(b, c->field, count))
    return;
  for (size_t i = 0; i < count; i++)
    spill_push(&c->ints, numbers[i]);
}

void builder_numbers(data_builder *b, size_t slot, const double *numbers, size_t count) {
  column_builder *c = &b->columns[slot];
  c->filled = true;
  if (!extents_fit(b, c->field, count))
    return;
  if (c->floats.len)
    widen(c);
  for (size_t i = 0; i < count; i++) {
    if (c->field->kind == DATA_FLOAT) {
      if (b->schema->single && !isfinite((float)numbers[i])) {
        builder_row_problem(b, "'%s' is %.17g, too large for a 32-bit float", c->field->name, numbers[i]);
        return;
      }
      spill_push(&c->numbers, numbers[i]);
    } else if (numbers[i] >= INT32_MIN && numbers[i] <= INT32_MAX &&
               numbers[i] == (double)(int32_t)numbers[i]) {
      spill_push(&c->ints, (int32_t)numbers[i]);
    } else {
      builder_row_problem(b, "'%s' is %.17g, not an integer of 32 bits", c->field->name, numbers[i]);
      return;
    }
  }
}

// The next part between white space; false at the end.
static bool next_part(text_view *rest, text_view *part) {
  *rest = text_trim(*rest);
  if (!rest->bytes)
    return false;
  size_t n = 0;
  while (n < rest->bytes && !is_white(rest->data[n]))
    n++;
  *part = (text_view){rest->data, n};
  *rest = (text_view){rest->data + n, rest->bytes - n};
  return true;
}

void builder_cell(data_builder *b, size_t slot, text_view text) {
  column_builder *c = &b->columns[slot];
  text_view part;
  switch (c->field->kind) {
  case DATA_TEXT:
    builder_texts(b, slot, &text, 1);
    return;
  case DATA_CLASS:
    part = text_trim(text);
    builder_texts(b, slot, &part, 1);
    return;
  case DATA_WORDS:
  case DATA_CLASSES:
    c->filled = true;
    while (next_part(&text, &part))
      builder_texts(b, slot, &part, 1);
    return;
  case DATA_INT:
  case DATA_FLOAT:
    break;
  }
  VEC(double) numbers = {0};
  bool fine = true;
  while (fine && next_part(&text, &part)) {
    double number;
    const char *reason = number_parse(part, &number);
    if (reason) {
      builder_row_problem(b, "'%s' is '%.*s': %s", c->field->name, (int)(part.bytes < 40 ? part.bytes : 40),
                          part.data, reason);
      fine = false;
    } else {
      vec_push(&numbers, number);
    }
  }
  c->filled = true;
  if (fine)
    builder_numbers(b, slot, numbers.data, numbers.len);
  vec_free(&numbers);
}

// Row borders are dropped where all rows are of one size and the extents are fixed.
static void finish_column(const data_builder *b, column_builder *from, data_column *to) {
  const data_field *f = from->field;
  *to = (data_column){
      .name = arena_strdup(b->memory, f->name), .kind = f->kind, .rows = b->rows, .rank = f->rank};
  memcpy(to->extents, f->extents, sizeof to->extents);
  to->present = from->row_start.len == b->rows + 1;
  if (!to->present) {
    spill_vec_free(&from->row_start);
    spill_vec_free(&from->texts);
    spill_vec_free(&from->ints);
    spill_vec_free(&from->numbers);
    spill_vec_free(&from->floats);
    return;
  }
  // Reserved first: a column without a single item is an empty one, not none.
  if (f->kind == DATA_INT) {
    spill_reserve(&from->ints, 1);
    to->ints = from->ints.data;
  } else if (f->kind == DATA_FLOAT && from->floats.len) {
    to->floats = from->floats.data;
  } else if (f->kind == DATA_FLOAT) {
    spill_vec_free(&from->floats);
    spill_reserve(&from->numbers, 1);
    to->doubles = from->numbers.data;
  } else {
    spill_reserve(&from->texts, 1);
    to->texts = from->texts.data;
  }
  bool lists = f->kind == DATA_WORDS || f->kind == DATA_CLASSES;
  if (lists) {
    to->rank = 1;
    to->extents[0] = -1;
  }
  if (lists || (f->rank && f->extents[0] < 0)) {
    to->row_start = from->row_start.data;
    return;
  }
  to->items_per_row = b->rows ? from->row_start.data[1] : 1;
  spill_vec_free(&from->row_start);
}

dataset *builder_finish(data_builder *b) {
  dataset *d = NULL;
  data_column *columns = xcalloc(b->columns_count ? b->columns_count : 1, sizeof *columns);
  for (size_t i = 0; i < b->columns_count; i++)
    finish_column(b, &b->columns[i], &columns[i]);
  data_column *weight = xcalloc(1, sizeof *weight);
  if (b->has_weight)
    finish_column(b, &b->columns[b->columns_count], weight);
  d = xcalloc(1, sizeof *d);
  *d = (dataset){.rows = b->rows,
                 .inputs = columns,
                 .inputs_count = b->inputs_count,
                 .outputs = columns + b->inputs_count,
                 .outputs_count = b->columns_count - b->inputs_count,
                 .weights = weight,
                 .weights_count = weight->present,
                 .row_file = b->row_file.data,
                 .row_line = b->row_line.data,
                 .memory = b->memory,
                 .blocks = b->blocks.data,
                 .blocks_count = b->blocks.len};
  free(b->columns);
  *b = (data_builder){0};
  if (d->rows)
    return d;
  dataset_free(d);
  return NULL;
}
