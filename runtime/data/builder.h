#ifndef NLM_RUNTIME_DATA_BUILDER_H
#define NLM_RUNTIME_DATA_BUILDER_H
// Rows into columns. A row is begun, each slot gets its cell, and the row is ended; if any cell was wrong the
// row is dropped as if it had never been. Slots are the schema's inputs, then its outputs, then the weight of
// the row (slot columns_count), where the schema has one. Private to runtime/data.
#include "runtime/data/dataset.h"
#include "support/spill.h"
#include "support/vec.h"

// What grows with the rows is of support/spill.h.
typedef struct column_builder {
  const data_field *field;
  VEC(uint64_t) row_start;
  VEC(text_view) texts;
  VEC(int32_t) ints;
  VEC(double) numbers; // of a DATA_FLOAT column, unless all came as floats of 32 bits: then in `floats`
  VEC(float) floats;
  bool filled; // in the row under way
} column_builder;

typedef struct data_builder {
  const data_schema *schema;
  data_problems *problems;
  bool outputs_optional;
  arena *memory;
  column_builder *columns;
  size_t columns_count, inputs_count; // inputs and outputs
  bool has_weight;                    // of each row, options.weight
  size_t rows;
  VEC(const char *) row_file;
  VEC(uint32_t) row_line;
  VEC(void *) blocks;
  char *room; // of builder_keep, inside the newest of its blocks
  size_t room_bytes, room_block;
  const char *file; // of the row under way
  size_t line;
  bool row_bad;
  size_t row_bytes; // about what the row took
} data_builder;

void builder_init(data_builder *b, const data_schema *schema, const data_options *options,
                  data_problems *problems);
// A block of spill_alloc (or malloc) that texts point into.
void builder_own(data_builder *b, void *block);
// A copy that lives as long as the dataset.
char *builder_keep(data_builder *b, const char *text, size_t bytes);
// The dataset of all rows (NULL if there are none); the builder is empty afterwards.
dataset *builder_finish(data_builder *b);

// `file` must live as long as the builder's arena.
void builder_begin_row(data_builder *b, const char *file, size_t line);
bool builder_end_row(data_builder *b); // false: the row was dropped

// A cell as text: numbers are read, lists split at white space, labels trimmed. `text` must outlive the
// dataset.
void builder_cell(data_builder *b, size_t slot, text_view text);
// A cell of texts (DATA_TEXT and DATA_CLASS: one) or numbers already taken apart.
void builder_texts(data_builder *b, size_t slot, const text_view *texts, size_t count);
void builder_numbers(data_builder *b, size_t slot, const double *numbers, size_t count);
// The same without a detour for DATA_FLOAT and DATA_INT columns; builder_expect makes room for that many.
void builder_floats(data_builder *b, size_t slot, const float *numbers, size_t count);
void builder_ints(data_builder *b, size_t slot, const int32_t *numbers, size_t count);
void builder_expect(data_builder *b, size_t slot, size_t items);
// Something is wrong with the row under way.
void builder_row_problem(data_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline size_t builder_slots(const data_builder *b) {
  return b->columns_count + b->has_weight;
}
static inline bool slot_is_input(const data_builder *b, size_t slot) {
  return slot < b->inputs_count;
}
text_view text_trim(text_view text); // ASCII white space at both ends
static inline bool is_white(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
