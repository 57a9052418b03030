// Runs the tiles of a matrix product over a block of C: groups of rows, each over the block's columns.
#include "codegen/gemm_parts.h"
#include "support/diag.h"
#include <stdio.h>

enum { MAX_WIDTHS = 3, TILE_HEIGHTS = 4 };

typedef struct row_tiles {
  unsigned rows,
      widths[MAX_WIDTHS]; // of whole vectors, descending, 0 ends; masked ones do the rest
} row_tiles;

// Accumulators, B and one broadcast fit the registers; eight chains or more where the shape allows.
static const row_tiles tiles_32[TILE_HEIGHTS] = {{8, {2}}, {4, {2}}, {2, {4, 2}}, {1, {8, 4, 2}}};
static const row_tiles tiles_16[TILE_HEIGHTS] = {{6, {2}}, {4, {2}}, {2, {4, 2}}, {1, {8, 4, 2}}};

typedef struct block {
  a_form form;
  LLVMValueRef argument[BLOCK_ARGUMENTS];
  LLVMValueRef index;      // of A_GATHERED
  LLVMValueRef rows, step; // for the tiles
} block;

// Place in A of the first term of a row of op(A).
static LLVMValueRef row_place(emitter *e, const block *b, LLVMValueRef row) {
  LLVMValueRef lda = b->argument[BLOCK_LDA], k = b->argument[BLOCK_K_FIRST];
  if (b->form == A_COLUMNS)
    return emit_iadd(e, emit_imul(e, k, lda), row);
  if (b->form == A_STRIPS) {
    LLVMValueRef in_block = emit_isub(e, row, b->argument[BLOCK_ROW_FIRST]);
    LLVMValueRef in_strip = LLVMBuildAnd(e->builder, in_block, const_i64(e, GEMM_STRIP - 1), "");
    LLVMValueRef strip = LLVMBuildUDiv(e->builder, in_block, const_i64(e, GEMM_STRIP), "");
    return emit_iadd(e, emit_imul(e, strip, gemm_strip_stride(e, b->argument[BLOCK_K_COUNT])), in_strip);
  }
  if (b->form == A_COPIES)
    return emit_imul(e, emit_isub(e, row, b->argument[BLOCK_ROW_FIRST]), const_i64(e, GEMM_COPY_STRIDE));
  if (b->form == A_GATHERED)
    row = emit_int_cast(e, emit_load(e, e->i32, emit_at(e, e->i32, b->index, row), 0, NULL), e->i64);
  return emit_iadd(e, emit_imul(e, row, lda), k);
}

static void point_to_rows(emitter *e, const block *b, LLVMValueRef row, unsigned rows) {
  for (unsigned i = 0; i < rows; i++) {
    LLVMValueRef place = row_place(e, b, emit_iadd(e, row, const_i64(e, i)));
    LLVMValueRef pointer = emit_at(e, e->real, b->argument[BLOCK_A], place);
    emit_store(e, pointer, emit_at(e, e->ptr, b->rows, const_i64(e, i)), 0, NULL);
  }
}

static void call_tile(emitter *e, const block *b, gemm_tile tile, LLVMValueRef row, LLVMValueRef column) {
  const LLVMValueRef *of_block = b->argument;
  LLVMValueRef arguments[TILE_ARGUMENTS];
  arguments[TILE_ROWS] = b->rows;
  arguments[TILE_STEP] = b->step;
  LLVMValueRef in_b = emit_isub(e, column, of_block[BLOCK_COLUMN_FIRST]);
  arguments[TILE_B] = emit_at(e, e->real, of_block[BLOCK_B], in_b);
  arguments[TILE_LDB] = of_block[BLOCK_LDB];
  LLVMValueRef in_c = emit_iadd(e, emit_imul(e, row, of_block[BLOCK_LDC]), column);
  arguments[TILE_C] = emit_at(e, e->real, of_block[BLOCK_C], in_c);
  arguments[TILE_LDC] = of_block[BLOCK_LDC];
  arguments[TILE_K] = of_block[BLOCK_K_COUNT];
  arguments[TILE_COLUMNS] = emit_isub(e, of_block[BLOCK_COLUMN_END], column);
  arguments[TILE_LOAD_C] = of_block[BLOCK_LOAD_C];
  emit_call(e, gemm_tile_function(e, &tile), arguments, TILE_ARGUMENTS);
}

static void run_over_columns(emitter *e, const block *b, const row_tiles *tiles, LLVMValueRef row) {
  LLVMValueRef column = b->argument[BLOCK_COLUMN_FIRST], end = b->argument[BLOCK_COLUMN_END];
  point_to_rows(e, b, row, tiles->rows);
  loop l;
  for (unsigned i = 0; i < MAX_WIDTHS && tiles->widths[i]; i++) {
    int64_t columns = (int64_t)tiles->widths[i] * e->lanes;
    LLVMValueRef last = emit_isub(e, end, const_i64(e, columns - 1));
    loop_begin(e, &l, "columns", column, last, const_i64(e, columns), NULL, 0, LOOP_PLAIN);
    call_tile(e, b, (gemm_tile){tiles->rows, tiles->widths[i], false}, row, l.index);
    loop_end(e, &l, NULL);
    column = l.index;
  }
  // Fewer than two vectors are left.
  LLVMValueRef left = emit_isub(e, end, column);
  branch rest, two;
  if_begin(e, &rest, emit_icompare(e, LLVMIntSGT, left, const_i64(e, 0)), "rest");
  if_begin(e, &two, emit_icompare(e, LLVMIntSGT, left, const_i64(e, e->lanes)), "two");
  call_tile(e, b, (gemm_tile){tiles->rows, 2, true}, row, column);
  if_else(e, &two);
  call_tile(e, b, (gemm_tile){tiles->rows, 1, true}, row, column);
  if_end(e, &two);
  if_end(e, &rest);
}

static void run_over_rows(emitter *e, const block *b) {
  const row_tiles *tiles = e->target->vector_registers >= 32 ? tiles_32 : tiles_16;
  LLVMValueRef row = b->argument[BLOCK_ROW_FIRST], end = b->argument[BLOCK_ROW_END];
  for (unsigned i = 0; i < TILE_HEIGHTS; i++) {
    LLVMValueRef rows = const_i64(e, tiles[i].rows);
    LLVMValueRef last = emit_isub(e, end, const_i64(e, tiles[i].rows - 1));
    loop l;
    loop_begin(e, &l, "rows", row, last, rows, NULL, 0, LOOP_PLAIN);
    run_over_columns(e, b, &tiles[i], l.index);
    loop_end(e, &l, NULL);
    row = l.index;
  }
}

LLVMValueRef gemm_block_function(emitter *e, a_form form) {
  static const char *const forms[A_FORMS] = {"rows", "columns", "gathered", "strips", "copies"};
  static const char *const names[BLOCK_ARGUMENTS] = {
      "a",       "lda",          "b",          "ldb",     "c",       "ldc",   "row_first",
      "row_end", "column_first", "column_end", "k_first", "k_count", "load_c"};
  char name[64];
  snprintf(name, sizeof name, "gemm.block.%s", forms[form]);
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[BLOCK_ARGUMENTS + 1];
  for (unsigned i = 0; i < BLOCK_ARGUMENTS; i++)
    types[i] = i == BLOCK_A || i == BLOCK_B || i == BLOCK_C ? e->ptr : i == BLOCK_LOAD_C ? e->i1 : e->i64;
  unsigned count = BLOCK_ARGUMENTS;
  if (form == A_GATHERED)
    types[count++] = e->ptr;
  function_scope scope;
  LLVMValueRef function = function_begin(e, name, e->void_type, types, count, FUNCTION_NOINLINE, &scope);
  block b = {.form = form, .index = form == A_GATHERED ? LLVMGetParam(function, BLOCK_ARGUMENTS) : NULL};
  for (unsigned i = 0; i < BLOCK_ARGUMENTS; i++)
    b.argument[i] = parameter(e, i, names[i]);
  parameter_attribute(function, BLOCK_C, "noalias");
  b.rows = emit_stack(e, e->ptr, GEMM_MAX_ROWS, 8, "rows");
  b.step = form == A_COLUMNS  ? b.argument[BLOCK_LDA]
           : form == A_STRIPS ? const_i64(e, GEMM_STRIP)
                              : const_i64(e, 1);
  run_over_rows(e, &b);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}

// ---- epilogues

typedef struct finished_row {
  const gemm_spec *spec;
  LLVMValueRef argument[FINISH_ARGUMENTS], extra[GEMM_MAX_EXTRA];
  LLVMValueRef row;
} finished_row;

static void finish_vector(emitter *e, LLVMValueRef index, LLVMValueRef mask, void *data) {
  const finished_row *f = data;
  LLVMValueRef column = emit_iadd(e, f->argument[FINISH_COLUMN_FIRST], index);
  LLVMValueRef place = emit_iadd(e, emit_imul(e, f->row, f->argument[FINISH_LDC]), column);
  LLVMValueRef at = emit_at(e, e->real, f->argument[FINISH_C], place);
  LLVMValueRef value = emit_masked_load(e, e->vector, at, mask, NULL);
  value = f->spec->epilogue(e, value, f->row, column, mask, f->extra, f->spec->epilogue_data);
  emit_masked_store(e, value, at, mask, NULL);
}

LLVMValueRef gemm_finish_function(emitter *e, const gemm_spec *spec) {
  static const char *const names[FINISH_ARGUMENTS] = {"c",       "ldc",          "row_first",
                                                      "row_end", "column_first", "column_end"};
  INVARIANT(spec->epilogue && spec->epilogue_name);
  char name[256];
  snprintf(name, sizeof name, "gemm.finish.%s", spec->epilogue_name);
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[FINISH_ARGUMENTS + GEMM_MAX_EXTRA];
  for (unsigned i = 0; i < FINISH_ARGUMENTS; i++)
    types[i] = i == FINISH_C ? e->ptr : e->i64;
  for (unsigned i = 0; i < spec->extra_count; i++)
    types[FINISH_ARGUMENTS + i] = spec->extra[i];
  function_scope scope;
  LLVMValueRef function = function_begin(e, name, e->void_type, types, FINISH_ARGUMENTS + spec->extra_count,
                                         FUNCTION_NOINLINE, &scope);
  finished_row f = {.spec = spec};
  for (unsigned i = 0; i < FINISH_ARGUMENTS; i++)
    f.argument[i] = parameter(e, i, names[i]);
  for (unsigned i = 0; i < spec->extra_count; i++)
    f.extra[i] = LLVMGetParam(function, FINISH_ARGUMENTS + i);
  parameter_attribute(function, FINISH_C, "noalias");
  loop l;
  loop_begin(e, &l, "finished", f.argument[FINISH_ROW_FIRST], f.argument[FINISH_ROW_END], const_i64(e, 1),
             NULL, 0, LOOP_PLAIN);
  f.row = l.index;
  LLVMValueRef columns = emit_isub(e, f.argument[FINISH_COLUMN_END], f.argument[FINISH_COLUMN_FIRST]);
  emit_vector_loop(e, "column", columns, finish_vector, &f);
  loop_end(e, &l, NULL);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}
