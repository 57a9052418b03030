// Loops of the matrix product around its tiles. Two ways through, chosen by the number of rows:
//   few rows:  every group of rows runs over all columns, B is read where it lies;
//   many rows: blocks of K and of rows; each panel of B (GEMM_BLOCK_K x GEMM_PANEL_VECTORS vectors) is packed
//              into the stack, where it stays in the first-level cache while the rows pass by.
#include "codegen/gemm_parts.h"
#include "support/diag.h"
#include <stdio.h>

enum {
  BLOCK_ROWS = 512,   // rows whose block of A stays in the second-level cache
  PACK_MIN_ROWS = 64, // fewer rows do not repay packing
  PACK_MIN_K = 64,    // a shallow B stays in the first-level cache as it is
  MAX_WIDTHS = 4,
};

typedef struct row_tiles {
  unsigned rows, widths[MAX_WIDTHS]; // in vectors, descending, 0 ends; the last is 1
} row_tiles;

// Accumulators, B and one broadcast fit the registers; at least eight chains where the shape allows.
static const row_tiles tiles_32[] = {{8, {2, 1}}, {4, {4, 2, 1}}, {2, {4, 2, 1}}, {1, {8, 4, 2, 1}}};
static const row_tiles tiles_16[] = {{6, {2, 1}}, {4, {2, 1}}, {2, {4, 2, 1}}, {1, {8, 4, 2, 1}}};
enum { TILE_HEIGHTS = 4 };

typedef struct product {
  const gemm_spec *spec;
  const row_tiles *tiles;
  LLVMValueRef a, lda, b, ldb, c, ldc, m, n, k, index;
  LLVMValueRef extra[GEMM_MAX_EXTRA];
  LLVMValueRef rows;    // stack array of row pointers, or NULL with transpose_a
  LLVMValueRef scratch; // stack panel
  // of the block being emitted
  LLVMValueRef k_first, k_count, load_c, finish;
  LLVMValueRef column_first, column_end; // columns
  LLVMValueRef block_b, block_ldb;       // element (0, column_first) of the block of op(B)
} product;

// ---- one group of rows over the block's columns

static void point_to_rows(emitter *e, const product *p, LLVMValueRef row, unsigned rows) {
  if (p->spec->transpose_a)
    return;
  for (unsigned i = 0; i < rows; i++) {
    LLVMValueRef which = emit_iadd(e, row, const_i64(e, i));
    if (p->index)
      which = emit_int_cast(e, emit_load(e, e->i32, emit_at(e, e->i32, p->index, which), 0, NULL), e->i64);
    LLVMValueRef pointer = emit_at(e, e->real, p->a, emit_imul(e, which, p->lda));
    emit_store(e, pointer, emit_at(e, e->ptr, p->rows, const_i64(e, i)), 0, NULL);
  }
}

static void call_tile(emitter *e, const product *p, const gemm_tile *tile, LLVMValueRef row,
                      LLVMValueRef column, LLVMValueRef columns) {
  LLVMValueRef arguments[TILE_ARGUMENTS + GEMM_MAX_EXTRA];
  LLVMValueRef a = p->rows;
  if (p->spec->transpose_a)
    a = emit_at(e, e->real, p->a, emit_iadd(e, emit_imul(e, p->k_first, p->lda), row));
  arguments[TILE_A] = a;
  arguments[TILE_A_STEP] = p->spec->transpose_a ? p->lda : p->k_first;
  arguments[TILE_B] = emit_at(e, e->real, p->block_b, emit_isub(e, column, p->column_first));
  arguments[TILE_LDB] = p->block_ldb;
  arguments[TILE_C] = emit_at(e, e->real, p->c, emit_iadd(e, emit_imul(e, row, p->ldc), column));
  arguments[TILE_LDC] = p->ldc;
  arguments[TILE_K] = p->k_count;
  arguments[TILE_COLUMNS] = columns;
  arguments[TILE_LOAD_C] = p->load_c;
  arguments[TILE_FINISH] = p->finish;
  arguments[TILE_ROW] = row;
  arguments[TILE_COLUMN] = column;
  unsigned extra = p->spec->epilogue ? p->spec->extra_count : 0;
  for (unsigned i = 0; i < extra; i++)
    arguments[TILE_ARGUMENTS + i] = p->extra[i];
  emit_call(e, gemm_tile_function(e, tile), arguments, TILE_ARGUMENTS + extra);
}

// Whether tiles of this width can occur, given a static N (packed panels are cut into GEMM_PANEL_VECTORS).
static bool width_occurs(emitter *e, const product *p, unsigned width) {
  unsigned long vectors = (unsigned long)p->spec->n / e->lanes;
  return p->spec->n == 0 || (width == 1 ? vectors % 2 == 1 : vectors >= width);
}

static void run_over_columns(emitter *e, const product *p, const row_tiles *tiles, LLVMValueRef row) {
  LLVMValueRef column = p->column_first;
  point_to_rows(e, p, row, tiles->rows);
  for (unsigned i = 0; i < MAX_WIDTHS && tiles->widths[i]; i++) {
    if (!width_occurs(e, p, tiles->widths[i]))
      continue;
    int64_t columns = (int64_t)tiles->widths[i] * e->lanes;
    LLVMValueRef end = emit_isub(e, p->column_end, const_i64(e, columns - 1));
    LLVMValueRef step = const_i64(e, columns);
    gemm_tile tile = {tiles->rows, tiles->widths[i], false, p->spec};
    loop l;
    loop_begin(e, &l, "columns", column, end, step, NULL, 0, LOOP_PLAIN);
    call_tile(e, p, &tile, row, l.index, const_i64(e, e->lanes));
    loop_end(e, &l, NULL);
    column = l.index;
  }
  if (p->spec->n && p->spec->n % e->lanes == 0)
    return;
  gemm_tile tail = {tiles->rows, 1, true, p->spec};
  branch b;
  if_begin(e, &b, emit_icompare(e, LLVMIntSLT, column, p->column_end), "tail");
  call_tile(e, p, &tail, row, column, emit_isub(e, p->column_end, column));
  if_end(e, &b);
}

static void run_over_rows(emitter *e, const product *p, LLVMValueRef first, LLVMValueRef end) {
  LLVMValueRef row = first;
  for (unsigned i = 0; i < TILE_HEIGHTS; i++) {
    unsigned rows = p->tiles[i].rows;
    loop l;
    loop_begin(e, &l, "rows", row, emit_isub(e, end, const_i64(e, rows - 1)), const_i64(e, rows), NULL, 0,
               LOOP_PLAIN);
    run_over_columns(e, p, &p->tiles[i], l.index);
    loop_end(e, &l, NULL);
    row = l.index;
  }
}

// ---- the two ways

static void emit_few_rows(emitter *e, product p) {
  p.k_first = const_i64(e, 0);
  p.k_count = p.k;
  p.load_c = const_i1(e, p.spec->accumulate);
  p.finish = const_i1(e, true);
  p.column_first = const_i64(e, 0);
  p.column_end = p.n;
  p.block_b = p.b;
  p.block_ldb = p.ldb;
  run_over_rows(e, &p, const_i64(e, 0), p.m);
}

static void pack_panel(emitter *e, const product *p) {
  bool transposed = p->spec->transpose_b;
  LLVMValueRef line = transposed ? p->column_first : p->k_first,
               place = transposed ? p->k_first : p->column_first;
  LLVMValueRef from = emit_at(e, e->real, p->b, emit_iadd(e, emit_imul(e, line, p->ldb), place));
  LLVMValueRef arguments[] = {from, p->ldb, p->scratch, p->k_count,
                              emit_isub(e, p->column_end, p->column_first)};
  emit_call(e, gemm_pack_function(e, transposed), arguments, 5);
}

static void emit_many_rows(emitter *e, product p) {
  LLVMValueRef zero = const_i64(e, 0), width = const_i64(e, GEMM_PANEL_VECTORS * e->lanes);
  p.block_ldb = width;
  p.block_b = p.scratch;
  loop over_k, over_m, over_n;
  // Once at least, so that K = 0 still writes C.
  LLVMValueRef k_end = emit_imax(e, p.k, const_i64(e, 1));
  loop_begin(e, &over_k, "block_k", zero, k_end, const_i64(e, GEMM_BLOCK_K), NULL, 0, LOOP_PLAIN);
  p.k_first = over_k.index;
  LLVMValueRef k_left = emit_isub(e, p.k, p.k_first);
  p.k_count = emit_imin(e, k_left, const_i64(e, GEMM_BLOCK_K));
  LLVMValueRef later = emit_icompare(e, LLVMIntSGT, p.k_first, zero);
  p.load_c = p.spec->accumulate ? const_i1(e, true) : later;
  p.finish = emit_icompare(e, LLVMIntSLE, k_left, const_i64(e, GEMM_BLOCK_K));
  loop_begin(e, &over_m, "block_m", zero, p.m, const_i64(e, BLOCK_ROWS), NULL, 0, LOOP_PLAIN);
  LLVMValueRef row_end = emit_imin(e, emit_iadd(e, over_m.index, const_i64(e, BLOCK_ROWS)), p.m);
  loop_begin(e, &over_n, "panel", zero, p.n, width, NULL, 0, LOOP_PLAIN);
  p.column_first = over_n.index;
  p.column_end = emit_imin(e, emit_iadd(e, over_n.index, width), p.n);
  pack_panel(e, &p);
  run_over_rows(e, &p, over_m.index, row_end);
  loop_end(e, &over_n, NULL);
  loop_end(e, &over_m, NULL);
  loop_end(e, &over_k, NULL);
}

static void emit_product(emitter *e, product *p) {
  const gemm_spec *spec = p->spec;
  if (!spec->transpose_a)
    p->rows = emit_stack(e, e->ptr, GEMM_MAX_ROWS, 8, "rows");
  p->scratch = emit_stack(e, e->real, (uint64_t)GEMM_BLOCK_K * GEMM_PANEL_VECTORS * e->lanes, 64, "panel");
  if (spec->transpose_b) {
    emit_many_rows(e, *p);
    return;
  }
  LLVMValueRef many = emit_icompare(e, LLVMIntSGE, p->m, const_i64(e, PACK_MIN_ROWS));
  LLVMValueRef deep = emit_icompare(e, LLVMIntSGE, p->k, const_i64(e, PACK_MIN_K));
  branch b;
  if_begin(e, &b, LLVMBuildAnd(e->builder, many, deep, ""), "many");
  emit_many_rows(e, *p);
  if_else(e, &b);
  emit_few_rows(e, *p);
  if_end(e, &b);
}

// ---- functions

static void function_name(emitter *e, const gemm_spec *spec, char *name, size_t bytes) {
  int n = snprintf(name, bytes, "gemm.%s.%c%c%s%s", e->real_kind == REAL_F32 ? "f32" : "f64",
                   spec->transpose_a ? 't' : 'n', spec->transpose_b ? 't' : 'n',
                   spec->accumulate ? ".acc" : "", spec->gather_a ? ".gather" : "");
  if (spec->n)
    n += snprintf(name + n, bytes - (size_t)n, ".n%lld", (long long)spec->n);
  if (spec->k)
    n += snprintf(name + n, bytes - (size_t)n, ".k%lld", (long long)spec->k);
  if (spec->epilogue)
    n += snprintf(name + n, bytes - (size_t)n, ".%s", gemm_epilogue_suffix(spec));
  INVARIANT((size_t)n < bytes);
}

LLVMValueRef gemm_function(emitter *e, const gemm_spec *spec) {
  INVARIANT(spec->extra_count <= GEMM_MAX_EXTRA && !(spec->gather_a && spec->transpose_a));
  char name[320];
  function_name(e, spec, name, sizeof name);
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[10 + GEMM_MAX_EXTRA] = {e->ptr, e->i64, e->ptr, e->i64, e->ptr,
                                            e->i64, e->i64, e->i64, e->i64};
  unsigned count = 9;
  if (spec->gather_a)
    types[count++] = e->ptr;
  for (unsigned i = 0; i < spec->extra_count; i++)
    types[count + i] = spec->extra[i];
  function_scope scope;
  LLVMValueRef function = function_begin(e, name, e->void_type, types, count + spec->extra_count, 0, &scope);
  parameter_attribute(function, 4, "noalias");
  product p = {.spec = spec,
               .tiles = e->target->vector_registers >= 32 ? tiles_32 : tiles_16,
               .a = parameter(e, 0, "a"),
               .lda = parameter(e, 1, "lda"),
               .b = parameter(e, 2, "b"),
               .ldb = parameter(e, 3, "ldb"),
               .c = parameter(e, 4, "c"),
               .ldc = parameter(e, 5, "ldc"),
               .m = parameter(e, 6, "m"),
               .n = parameter(e, 7, "n"),
               .k = parameter(e, 8, "k")};
  if (spec->n)
    p.n = const_i64(e, spec->n);
  if (spec->k)
    p.k = const_i64(e, spec->k);
  if (spec->gather_a)
    p.index = parameter(e, 9, "index");
  for (unsigned i = 0; i < spec->extra_count; i++)
    p.extra[i] = LLVMGetParam(function, count + i);
  emit_product(e, &p);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}

void emit_gemm(emitter *e, const gemm_spec *spec, const gemm_operands *o) {
  LLVMValueRef arguments[10 + GEMM_MAX_EXTRA] = {o->a, o->lda, o->b, o->ldb, o->c, o->ldc, o->m, o->n, o->k};
  unsigned count = 9;
  if (spec->gather_a)
    arguments[count++] = o->index;
  for (unsigned i = 0; i < spec->extra_count; i++)
    arguments[count++] = o->extra[i];
  emit_call(e, gemm_function(e, spec), arguments, count);
}
