// Loops of the matrix product around its tiles. Blocks of GEMM_BLOCK_K terms come outermost; within one there
// are two ways, chosen by the number of rows:
//   few rows:  every group of rows runs over all columns, A and B are read where they lie;
//   many rows: for each block of rows, each panel of B (GEMM_PANEL_VECTORS wide) is packed into the stack,
//              where it stays in the first-level cache while the rows pass by. Rows of A
//              that lie far apart, or across, are packed first, and stay in the second-level cache.
#include "codegen/gemm_parts.h"
#include "support/diag.h"
#include <stdio.h>

enum {
  BLOCK_ROWS = 256,      // rows whose block of A stays in the second-level cache
  PACK_MIN_ROWS = 64,    // fewer rows do not repay packing
  PACK_MIN_K = 64,       // a shallow B stays in the first-level cache as it is
  PANEL_BYTES = 1 << 17, // of the packed block of B
  ROWS_BYTES = 1 << 17,  // of the packed block of A
  STRIP_MIN_ROWS = 32,
  COPY_MIN_BYTES = 4096, // from row to row of A: its tiles would share lines of the first-level cache
  COPY_MIN_COLUMNS = 128,
  NARROW_ROWS = 256, // of a narrow product that is turned round: as columns they fit in what packed rows take
  WIDE_ROW_BYTES = 2048,
  WIDE_ROW_TERMS = 32,
};

typedef struct product {
  const gemm_spec *spec;
  LLVMValueRef a, lda, b, ldb, c, ldc, m, n, k, index;
  LLVMValueRef extra[GEMM_MAX_EXTRA];
  LLVMValueRef panels; // stack: packed columns of B
  LLVMValueRef rows;   // stack: packed rows of A or the turned result, or NULL
} product;

typedef struct block_call {
  LLVMValueRef argument[BLOCK_ARGUMENTS + 1];
  LLVMValueRef finish; // i1: the chains end here, so the epilogue applies
  a_form form;
} block_call;

static bool rows_are_packed(const block_call *call) {
  return call->form == A_STRIPS || call->form == A_COPIES;
}

// The epilogue goes over the rows that have just been stored, while they are in cache.
static void call_finish(emitter *e, const product *p, const block_call *call) {
  static const block_argument of_block[FINISH_ARGUMENTS] = {
      [FINISH_C] = BLOCK_C,
      [FINISH_LDC] = BLOCK_LDC,
      [FINISH_ROW_FIRST] = BLOCK_ROW_FIRST,
      [FINISH_ROW_END] = BLOCK_ROW_END,
      [FINISH_COLUMN_FIRST] = BLOCK_COLUMN_FIRST,
      [FINISH_COLUMN_END] = BLOCK_COLUMN_END,
  };
  LLVMValueRef arguments[FINISH_ARGUMENTS + GEMM_MAX_EXTRA];
  for (unsigned i = 0; i < FINISH_ARGUMENTS; i++)
    arguments[i] = call->argument[of_block[i]];
  for (unsigned i = 0; i < p->spec->extra_count; i++)
    arguments[FINISH_ARGUMENTS + i] = p->extra[i];
  branch finish;
  if_begin(e, &finish, call->finish, "finish");
  emit_call(e, gemm_finish_function(e, p->spec), arguments, FINISH_ARGUMENTS + p->spec->extra_count);
  if_end(e, &finish);
}

static void call_block(emitter *e, const product *p, block_call *call) {
  unsigned count = BLOCK_ARGUMENTS;
  call->argument[BLOCK_A] = rows_are_packed(call) ? p->rows : p->a;
  call->argument[BLOCK_LDA] = p->lda;
  call->argument[BLOCK_C] = p->c;
  call->argument[BLOCK_LDC] = p->ldc;
  if (call->form == A_GATHERED)
    call->argument[count++] = p->index;
  emit_call(e, gemm_block_function(e, call->form), call->argument, count);
  if (p->spec->epilogue)
    call_finish(e, p, call);
}

// Terms at a time: so many that the rows of B in them lie in few pages, however wide B is. Then columns
// follow each other while their pages are at hand, and are fetched ahead.
static LLVMValueRef terms_of_few_rows(emitter *e, const product *p) {
  LLVMValueRef wide = emit_icompare(e, LLVMIntSGE, p->ldb, const_i64(e, WIDE_ROW_BYTES / e->real_bytes));
  return emit_select(e, wide, const_i64(e, WIDE_ROW_TERMS), const_i64(e, GEMM_BLOCK_K));
}

static void emit_few_rows(emitter *e, const product *p, block_call call) {
  LLVMValueRef zero = const_i64(e, 0), terms = terms_of_few_rows(e, p);
  LLVMValueRef begin = call.argument[BLOCK_K_FIRST], load_c = call.argument[BLOCK_LOAD_C], ends = call.finish;
  LLVMValueRef end = emit_iadd(e, begin, call.argument[BLOCK_K_COUNT]);
  loop l; // once at least
  loop_begin(e, &l, "terms", begin, emit_imax(e, end, emit_iadd(e, begin, const_i64(e, 1))), terms, NULL, 0,
             LOOP_PLAIN);
  LLVMValueRef left = emit_isub(e, end, l.index);
  LLVMValueRef last = emit_icompare(e, LLVMIntSLE, left, terms);
  LLVMValueRef later = emit_icompare(e, LLVMIntSGT, l.index, begin);
  call.argument[BLOCK_K_FIRST] = l.index;
  call.argument[BLOCK_K_COUNT] = emit_imin(e, left, terms);
  call.argument[BLOCK_LOAD_C] = LLVMBuildOr(e->builder, load_c, later, "");
  call.finish = LLVMBuildAnd(e->builder, ends, last, "");
  call.argument[BLOCK_B] = emit_at(e, e->real, p->b, emit_imul(e, l.index, p->ldb));
  call.argument[BLOCK_LDB] = p->ldb;
  call.argument[BLOCK_ROW_FIRST] = zero;
  call.argument[BLOCK_ROW_END] = p->m;
  call.argument[BLOCK_COLUMN_FIRST] = zero;
  call.argument[BLOCK_COLUMN_END] = p->n;
  call_block(e, p, &call);
  loop_end(e, &l, NULL);
}

static void pack_panels(emitter *e, const product *p, const block_call *call) {
  LLVMValueRef column = call->argument[BLOCK_COLUMN_FIRST], k = call->argument[BLOCK_K_FIRST];
  LLVMValueRef columns = emit_isub(e, call->argument[BLOCK_COLUMN_END], column);
  bool transposed = p->spec->transpose_b;
  LLVMValueRef line = emit_imul(e, transposed ? column : k, p->ldb);
  LLVMValueRef from = emit_at(e, e->real, p->b, emit_iadd(e, line, transposed ? k : column));
  LLVMValueRef arguments[] = {from, p->ldb, p->panels, call->argument[BLOCK_K_COUNT], columns};
  emit_call(e, gemm_pack_function(e, transposed), arguments, 5);
}

// The block's rows of A, so that tiles read what lies close together.
static void pack_rows(emitter *e, const product *p, const block_call *call) {
  LLVMValueRef first = call->argument[BLOCK_ROW_FIRST], k = call->argument[BLOCK_K_FIRST];
  bool strips = call->form == A_STRIPS;
  LLVMValueRef place =
      strips ? emit_iadd(e, emit_imul(e, k, p->lda), first) : emit_iadd(e, emit_imul(e, first, p->lda), k);
  LLVMValueRef arguments[] = {emit_at(e, e->real, p->a, place), p->lda, p->rows,
                              call->argument[BLOCK_K_COUNT],
                              emit_isub(e, call->argument[BLOCK_ROW_END], first)};
  emit_call(e, strips ? gemm_pack_strips_function(e) : gemm_copy_rows_function(e), arguments, 5);
}

// All panels of a block of columns, each over the block's rows.
static void emit_panels(emitter *e, const product *p, block_call call) {
  LLVMValueRef first = call.argument[BLOCK_COLUMN_FIRST], end = call.argument[BLOCK_COLUMN_END];
  LLVMValueRef width = const_i64(e, GEMM_PANEL_VECTORS * e->lanes);
  loop panel;
  loop_begin(e, &panel, "panel", first, end, width, NULL, 0, LOOP_PLAIN);
  LLVMValueRef number = LLVMBuildUDiv(e->builder, emit_isub(e, panel.index, first), width, "");
  LLVMValueRef place = emit_imul(e, number, gemm_panel_stride(e, call.argument[BLOCK_K_COUNT]));
  call.argument[BLOCK_B] = emit_at(e, e->real, p->panels, place);
  call.argument[BLOCK_LDB] = width;
  call.argument[BLOCK_COLUMN_FIRST] = panel.index;
  call.argument[BLOCK_COLUMN_END] = emit_imin(e, emit_iadd(e, panel.index, width), end);
  call_block(e, p, &call);
  loop_end(e, &panel, NULL);
}

static void emit_many_rows(emitter *e, const product *p, block_call call) {
  int64_t of_k = GEMM_BLOCK_K * e->real_bytes;
  LLVMValueRef zero = const_i64(e, 0), block_n = const_i64(e, PANEL_BYTES / of_k);
  LLVMValueRef block_m = const_i64(e, rows_are_packed(&call) ? ROWS_BYTES / of_k : BLOCK_ROWS);
  loop over_n, over_m;
  loop_begin(e, &over_n, "block_n", zero, p->n, block_n, NULL, 0, LOOP_PLAIN);
  call.argument[BLOCK_COLUMN_FIRST] = over_n.index;
  call.argument[BLOCK_COLUMN_END] = emit_imin(e, emit_iadd(e, over_n.index, block_n), p->n);
  pack_panels(e, p, &call);
  loop_begin(e, &over_m, "block_m", zero, p->m, block_m, NULL, 0, LOOP_PLAIN);
  call.argument[BLOCK_ROW_FIRST] = over_m.index;
  call.argument[BLOCK_ROW_END] = emit_imin(e, emit_iadd(e, over_m.index, block_m), p->m);
  if (rows_are_packed(&call))
    pack_rows(e, p, &call);
  emit_panels(e, p, call);
  loop_end(e, &over_m, NULL);
  loop_end(e, &over_n, NULL);
}

static void emit_crowded(emitter *e, const product *p, block_call call) {
  LLVMValueRef wide = emit_icompare(e, LLVMIntSGE, p->n, const_i64(e, COPY_MIN_COLUMNS));
  LLVMValueRef far = emit_icompare(e, LLVMIntSGE, p->lda, const_i64(e, COPY_MIN_BYTES / e->real_bytes));
  branch b;
  if_begin(e, &b, LLVMBuildAnd(e->builder, wide, far, ""), "crowded");
  call.form = A_COPIES;
  emit_many_rows(e, p, call);
  if_else(e, &b);
  call.form = A_ROWS;
  emit_many_rows(e, p, call);
  if_end(e, &b);
}

static void emit_block_of_k(emitter *e, const product *p, block_call call) {
  const gemm_spec *spec = p->spec;
  if (spec->transpose_b && !spec->transpose_a && !p->rows) {
    emit_many_rows(e, p, call);
    return;
  }
  LLVMValueRef least = const_i64(e, spec->transpose_a ? STRIP_MIN_ROWS : PACK_MIN_ROWS);
  LLVMValueRef many = emit_icompare(e, LLVMIntSGE, p->m, least);
  LLVMValueRef deep = emit_icompare(e, LLVMIntSGE, p->k, const_i64(e, PACK_MIN_K));
  a_form unpacked = call.form;
  branch b;
  if_begin(e, &b, LLVMBuildAnd(e->builder, many, deep, ""), "many");
  if (spec->transpose_a)
    call.form = A_STRIPS;
  if (!spec->transpose_a && p->rows)
    emit_crowded(e, p, call);
  else
    emit_many_rows(e, p, call);
  if_else(e, &b);
  call.form = unpacked;
  if (spec->transpose_b)
    emit_many_rows(e, p, call);
  else
    emit_few_rows(e, p, call);
  if_end(e, &b);
}

// Whether rows of A may be packed, which takes a place on the stack.
static bool may_pack_rows(const emitter *e, const gemm_spec *spec) {
  bool far = !spec->k || spec->k * e->real_bytes >= COPY_MIN_BYTES;
  bool wide = !spec->n || spec->n >= COPY_MIN_COLUMNS;
  return spec->transpose_a || (!spec->gather_a && far && wide);
}

static void reserve_stack(emitter *e, product *p) {
  uint64_t columns = PANEL_BYTES / (GEMM_BLOCK_K * e->real_bytes),
           rows = ROWS_BYTES / (GEMM_BLOCK_K * e->real_bytes);
  p->panels = emit_stack(e, e->real, columns * (GEMM_BLOCK_K + 1), 64, "panels");
  if (may_pack_rows(e, p->spec))
    p->rows = emit_stack(e, e->real, rows * GEMM_COPY_STRIDE, 64, "rows");
}

static void emit_product(emitter *e, product *p) {
  LLVMValueRef zero = const_i64(e, 0), block_k = const_i64(e, GEMM_BLOCK_K);
  // Once at least, so that K = 0 still writes C.
  LLVMValueRef k_end = emit_imax(e, p->k, const_i64(e, 1));
  loop over_k;
  loop_begin(e, &over_k, "block_k", zero, k_end, block_k, NULL, 0, LOOP_PLAIN);
  LLVMValueRef k_left = emit_isub(e, p->k, over_k.index);
  LLVMValueRef later = emit_icompare(e, LLVMIntSGT, over_k.index, zero);
  block_call call = {.form = p->spec->transpose_a ? A_COLUMNS : p->spec->gather_a ? A_GATHERED : A_ROWS};
  call.argument[BLOCK_K_FIRST] = over_k.index;
  call.argument[BLOCK_K_COUNT] = emit_imin(e, k_left, block_k);
  call.argument[BLOCK_LOAD_C] = p->spec->accumulate ? const_i1(e, true) : later;
  call.finish = emit_icompare(e, LLVMIntSLE, k_left, block_k);
  emit_block_of_k(e, p, call);
  loop_end(e, &over_k, NULL);
}

// Panels of all terms: the chains of a panel's columns run from end to end.
static void emit_packed(emitter *e, product *p) {
  LLVMValueRef zero = const_i64(e, 0);
  block_call call = {.form = A_ROWS, .finish = const_i1(e, true)};
  call.argument[BLOCK_K_FIRST] = call.argument[BLOCK_ROW_FIRST] = call.argument[BLOCK_COLUMN_FIRST] = zero;
  call.argument[BLOCK_K_COUNT] = p->k;
  call.argument[BLOCK_ROW_END] = p->m;
  call.argument[BLOCK_COLUMN_END] = p->n;
  call.argument[BLOCK_LOAD_C] = const_i1(e, p->spec->accumulate);
  p->panels = p->b;
  emit_panels(e, p, call);
}

// One column of C that lies contiguously is one row of the product of the transposes: the chains are the
// same, and vectors run along the rows of A. Too few rows, or a strided column, go the general way.
static void emit_column(emitter *e, product *p) {
  const gemm_spec *spec = p->spec;
  LLVMValueRef dense = emit_icompare(e, LLVMIntEQ, p->ldc, const_i64(e, 1));
  LLVMValueRef enough = emit_icompare(e, LLVMIntSGE, p->m, const_i64(e, e->lanes));
  gemm_spec turned = {.transpose_a = !spec->transpose_b,
                      .transpose_b = !spec->transpose_a,
                      .accumulate = spec->accumulate,
                      .k = spec->k};
  branch b;
  if_begin(e, &b, LLVMBuildAnd(e->builder, dense, enough, ""), "column");
  gemm_operands operands = {p->b, p->ldb, p->a, p->lda, p->c, p->m, const_i64(e, 1), p->m, p->k, NULL, NULL};
  emit_gemm(e, &turned, &operands);
  if_else(e, &b);
  emit_product(e, p);
  if_end(e, &b);
}

// ---- narrow products

// Few columns leave most lanes of a vector empty. Across a transposed A lie the rows of C: they fill the
// vectors when the transposes are multiplied, a stretch of rows at a time, and turned round at the end.
static void emit_narrow(emitter *e, const product *p) {
  const gemm_spec *spec = p->spec;
  LLVMValueRef zero = const_i64(e, 0), stretch = const_i64(e, NARROW_ROWS);
  gemm_spec turned = {.transpose_a = !spec->transpose_b, .k = spec->k};
  loop l;
  loop_begin(e, &l, "stretch", zero, p->m, stretch, NULL, 0, LOOP_PLAIN);
  LLVMValueRef rows = emit_imin(e, emit_isub(e, p->m, l.index), stretch);
  gemm_operands o = {.a = p->b,
                     .lda = p->ldb,
                     .b = emit_at(e, e->real, p->a, l.index),
                     .ldb = p->lda,
                     .c = p->rows,
                     .ldc = stretch,
                     .m = p->n,
                     .n = rows,
                     .k = p->k};
  emit_gemm(e, &turned, &o);
  LLVMValueRef to = emit_at(e, e->real, p->c, emit_imul(e, l.index, p->ldc));
  emit_call(e, transpose_function(e), (LLVMValueRef[]){p->rows, stretch, to, p->ldc, p->n, rows}, 6);
  loop_end(e, &l, NULL);
  block_call call = {.finish = const_i1(e, true)};
  call.argument[BLOCK_C] = p->c;
  call.argument[BLOCK_LDC] = p->ldc;
  call.argument[BLOCK_ROW_FIRST] = call.argument[BLOCK_COLUMN_FIRST] = zero;
  call.argument[BLOCK_ROW_END] = p->m;
  call.argument[BLOCK_COLUMN_END] = p->n;
  if (spec->epilogue)
    call_finish(e, p, &call);
}

static void emit_narrow_or_wide(emitter *e, product *p) {
  LLVMValueRef few = emit_icompare(e, LLVMIntSLT, p->n, const_i64(e, 2 * e->lanes));
  LLVMValueRef high = emit_icompare(e, LLVMIntSGE, p->m, const_i64(e, 2 * e->lanes));
  LLVMValueRef deep = emit_icompare(e, LLVMIntSGE, p->k, const_i64(e, e->lanes));
  branch b;
  if_begin(e, &b, LLVMBuildAnd(e->builder, LLVMBuildAnd(e->builder, few, high, ""), deep, ""), "narrow");
  emit_narrow(e, p);
  if_else(e, &b);
  emit_product(e, p);
  if_end(e, &b);
}

// ---- functions

static void function_name(emitter *e, const gemm_spec *spec, char *name, size_t bytes) {
  int n =
      snprintf(name, bytes, "gemm.%s.%c%c%s%s", e->real_kind == REAL_F32 ? "f32" : "f64",
               spec->transpose_a ? 't' : 'n', spec->transpose_b ? 't' : 'n', spec->accumulate ? ".acc" : "",
               spec->gather_a   ? ".gather"
               : spec->packed_b ? ".packed"
                                : "");
  if (spec->n)
    n += snprintf(name + n, bytes - (size_t)n, ".n%lld", (long long)spec->n);
  if (spec->k)
    n += snprintf(name + n, bytes - (size_t)n, ".k%lld", (long long)spec->k);
  if (spec->epilogue)
    n += snprintf(name + n, bytes - (size_t)n, ".%s", spec->epilogue_name);
  INVARIANT((size_t)n < bytes);
}

LLVMValueRef gemm_function(emitter *e, const gemm_spec *spec) {
  INVARIANT(spec->extra_count <= GEMM_MAX_EXTRA && !(spec->gather_a && spec->transpose_a));
  INVARIANT(!spec->packed_b || !(spec->transpose_a || spec->transpose_b || spec->gather_a));
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
  if (!spec->packed_b)
    reserve_stack(e, &p);
  if (spec->packed_b)
    emit_packed(e, &p);
  else if (spec->n == 1 && !spec->epilogue && !spec->gather_a)
    emit_column(e, &p);
  else if (spec->transpose_a && !spec->accumulate && (!spec->n || spec->n < 2 * (int64_t)e->lanes))
    emit_narrow_or_wide(e, &p);
  else
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
