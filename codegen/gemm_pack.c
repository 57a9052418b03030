// Packing of B into panels and of a transposed A into strips, and transposition through registers.
#include "codegen/gemm_parts.h"
#include "support/diag.h"

// Lanes of a and b in turn, from the lower or the upper half of both.
static LLVMValueRef interleave(emitter *e, LLVMValueRef a, LLVMValueRef b, bool upper) {
  LLVMValueRef picks[64];
  for (unsigned i = 0; i < e->lanes; i++)
    picks[i] = const_i32(e, (int32_t)(i / 2 + (upper ? e->lanes / 2 : 0) + (i & 1 ? e->lanes : 0)));
  return LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(picks, e->lanes), "");
}

// lanes x lanes elements: out[c * ld_out + r] = in[r * ld_in + c]. Each stage interleaves a row with the one
// half the block away; after log2(lanes) stages the rows have become columns. Where there are fewer rows than
// lanes, the last one is read again.
static void transpose_block(emitter *e, LLVMValueRef in, LLVMValueRef ld_in, LLVMValueRef out,
                            LLVMValueRef ld_out, LLVMValueRef last_row) {
  unsigned n = e->lanes;
  LLVMValueRef now[64], next[64];
  for (unsigned i = 0; i < n; i++) {
    LLVMValueRef row = emit_imul(e, ld_in, emit_imin(e, last_row, const_i64(e, i)));
    now[i] = emit_load(e, e->vector, emit_at(e, e->real, in, row), 0, NULL);
  }
  for (unsigned stage = 1; stage < n; stage *= 2) {
    for (unsigned i = 0; i < n / 2; i++) {
      next[2 * i] = interleave(e, now[i], now[i + n / 2], false);
      next[2 * i + 1] = interleave(e, now[i], now[i + n / 2], true);
    }
    for (unsigned i = 0; i < n; i++)
      now[i] = next[i];
  }
  for (unsigned i = 0; i < n; i++)
    emit_store(e, now[i], emit_at(e, e->real, out, emit_imul(e, ld_out, const_i64(e, i))), 0, NULL);
}

// `count` (1 to lanes) rows of `columns` elements become columns of lanes elements. What lies behind the
// count is left open.
//   void (const real *in, i64 ld_in, real *out, i64 ld_out, i64 columns, i64 count)
static LLVMValueRef strip_function(emitter *e) {
  static const char *const name = "transpose.strip";
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->i64, e->i64};
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, 6, FUNCTION_NOALIAS | FUNCTION_NOINLINE, &scope);
  LLVMValueRef in = parameter(e, 0, "in"), ld_in = parameter(e, 1, "ld_in"), out = parameter(e, 2, "out");
  LLVMValueRef ld_out = parameter(e, 3, "ld_out"), columns = parameter(e, 4, "columns");
  LLVMValueRef count = parameter(e, 5, "count"), lanes = const_i64(e, e->lanes);
  LLVMValueRef blocked = LLVMBuildAnd(e->builder, columns, const_i64(e, -(int64_t)e->lanes), "");
  LLVMValueRef last_row = emit_isub(e, count, const_i64(e, 1));
  loop l;
  loop_begin(e, &l, "block", const_i64(e, 0), blocked, lanes, NULL, 0, LOOP_PLAIN);
  LLVMValueRef to = emit_at(e, e->real, out, emit_imul(e, l.index, ld_out));
  transpose_block(e, emit_at(e, e->real, in, l.index), ld_in, to, ld_out, last_row);
  loop_end(e, &l, NULL);
  LLVMTypeRef indices = vector_of(e->i64, e->lanes);
  LLVMValueRef offsets = emit_imul(e, emit_splat(e, ld_in, e->lanes), const_iota(indices));
  LLVMValueRef mask = emit_tail_mask(e, const_i64(e, 0), count, e->lanes);
  loop_begin(e, &l, "column", blocked, columns, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef column = emit_gather(e, e->real, emit_at(e, e->real, in, l.index), offsets, mask, NULL);
  emit_store(e, column, emit_at(e, e->real, out, emit_imul(e, l.index, ld_out)), 0, NULL);
  loop_end(e, &l, NULL);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}

// ---- panels of B

typedef struct panel {
  LLVMValueRef b, ldb, out, k, columns, width;
} panel;

static void pack_line(emitter *e, LLVMValueRef from, LLVMValueRef to, LLVMValueRef columns) {
  for (unsigned v = 0; v < GEMM_PANEL_VECTORS; v++) {
    LLVMValueRef first = const_i64(e, v * e->lanes), mask = NULL;
    if (columns)
      mask = emit_tail_mask(e, first, emit_imax(e, columns, first), e->lanes);
    LLVMValueRef line = emit_masked_load(e, e->vector, emit_at(e, e->real, from, first), mask, NULL);
    emit_store(e, line, emit_at(e, e->real, to, first), 0, NULL);
  }
}

// Whole lines of B, one after the other: what lies beside each other in memory is read at once.
static void pack_lines(emitter *e, const panel *p) {
  LLVMValueRef whole =
      LLVMBuildAnd(e->builder, p->columns, const_i64(e, -(int64_t)(GEMM_PANEL_VECTORS * e->lanes)), "");
  LLVMValueRef has_rest = emit_icompare(e, LLVMIntSLT, whole, p->columns);
  LLVMValueRef of_column = emit_iadd(e, p->k, const_i64(e, 1)); // stride of a panel for each of its columns
  loop k, n;
  loop_begin(e, &k, "k", const_i64(e, 0), p->k, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef from = emit_at(e, e->real, p->b, emit_imul(e, k.index, p->ldb));
  LLVMValueRef to = emit_at(e, e->real, p->out, emit_imul(e, k.index, p->width));
  loop_begin(e, &n, "panel", const_i64(e, 0), whole, p->width, NULL, 0, LOOP_PLAIN);
  pack_line(e, emit_at(e, e->real, from, n.index), emit_at(e, e->real, to, emit_imul(e, n.index, of_column)),
            NULL);
  loop_end(e, &n, NULL);
  branch rest;
  if_begin(e, &rest, has_rest, "rest");
  pack_line(e, emit_at(e, e->real, from, whole), emit_at(e, e->real, to, emit_imul(e, whole, of_column)),
            emit_isub(e, p->columns, whole));
  if_end(e, &rest);
  loop_end(e, &k, NULL);
}

static void pack_transposed(emitter *e, const panel *p) {
  LLVMValueRef lanes = const_i64(e, e->lanes);
  LLVMValueRef in_panel = const_i64(e, (GEMM_PANEL_VECTORS - 1) * e->lanes);
  loop n;
  loop_begin(e, &n, "strip", const_i64(e, 0), p->columns, lanes, NULL, 0, LOOP_PLAIN);
  LLVMValueRef column = LLVMBuildAnd(e->builder, n.index, in_panel, "");
  LLVMValueRef of_column = emit_iadd(e, p->k, const_i64(e, 1)); // stride of a panel for each of its columns
  LLVMValueRef before = emit_imul(e, emit_isub(e, n.index, column), of_column);
  LLVMValueRef left = emit_isub(e, p->columns, n.index);
  LLVMValueRef arguments[] = {emit_at(e, e->real, p->b, emit_imul(e, p->ldb, n.index)),
                              p->ldb,
                              emit_at(e, e->real, p->out, emit_iadd(e, before, column)),
                              p->width,
                              p->k,
                              emit_imin(e, left, lanes)};
  emit_call(e, strip_function(e), arguments, 6);
  loop_end(e, &n, NULL);
}

LLVMValueRef gemm_pack_function(emitter *e, bool transpose_b) {
  const char *name = transpose_b ? "gemm.pack.t" : "gemm.pack.n";
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->i64};
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, 5, FUNCTION_NOALIAS | FUNCTION_NOINLINE, &scope);
  panel p = {parameter(e, 0, "b"), parameter(e, 1, "ldb"),     parameter(e, 2, "out"),
             parameter(e, 3, "k"), parameter(e, 4, "columns"), const_i64(e, GEMM_PANEL_VECTORS * e->lanes)};
  if (transpose_b)
    pack_transposed(e, &p);
  else
    pack_lines(e, &p);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}

// ---- strips of A

LLVMValueRef gemm_pack_strips_function(emitter *e) {
  static const char *const name = "gemm.pack.strips";
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->i64}, line = vector_of(e->real, GEMM_STRIP);
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, 5, FUNCTION_NOALIAS | FUNCTION_NOINLINE, &scope);
  LLVMValueRef a = parameter(e, 0, "a"), lda = parameter(e, 1, "lda"), out = parameter(e, 2, "out");
  LLVMValueRef terms = parameter(e, 3, "k"), rows = parameter(e, 4, "rows"), strip = const_i64(e, GEMM_STRIP);
  LLVMValueRef whole = LLVMBuildAnd(e->builder, rows, const_i64(e, -GEMM_STRIP), "");
  LLVMValueRef tail = emit_tail_mask(e, whole, rows, GEMM_STRIP);
  LLVMValueRef has_tail = emit_icompare(e, LLVMIntSLT, whole, rows);
  LLVMValueRef of_row = emit_iadd(e, terms, const_i64(e, 2)); // stride of a strip for each of its rows
  loop k, s;
  loop_begin(e, &k, "k", const_i64(e, 0), terms, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef from = emit_at(e, e->real, a, emit_imul(e, k.index, lda));
  LLVMValueRef to = emit_at(e, e->real, out, emit_imul(e, k.index, strip));
  loop_begin(e, &s, "strip", const_i64(e, 0), whole, strip, NULL, 0, LOOP_PLAIN);
  emit_store(e, emit_load(e, line, emit_at(e, e->real, from, s.index), 0, NULL),
             emit_at(e, e->real, to, emit_imul(e, s.index, of_row)), 0, NULL);
  loop_end(e, &s, NULL);
  branch b;
  if_begin(e, &b, has_tail, "tail");
  emit_store(e, emit_masked_load(e, line, emit_at(e, e->real, from, whole), tail, NULL),
             emit_at(e, e->real, to, emit_imul(e, whole, of_row)), 0, NULL);
  if_end(e, &b);
  loop_end(e, &k, NULL);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}

LLVMValueRef gemm_copy_rows_function(emitter *e) {
  static const char *const name = "gemm.copy.rows";
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->i64};
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, 5, FUNCTION_NOALIAS | FUNCTION_NOINLINE, &scope);
  LLVMValueRef a = parameter(e, 0, "a"), lda = parameter(e, 1, "lda"), out = parameter(e, 2, "out");
  LLVMValueRef terms = parameter(e, 3, "k"), rows = parameter(e, 4, "rows");
  LLVMValueRef bytes = emit_imul(e, terms, const_i64(e, e->real_bytes));
  loop row;
  loop_begin(e, &row, "row", const_i64(e, 0), rows, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef to = emit_imul(e, row.index, const_i64(e, GEMM_COPY_STRIDE));
  emit_memory_copy(e, emit_at(e, e->real, out, to), emit_at(e, e->real, a, emit_imul(e, row.index, lda)),
                   bytes);
  loop_end(e, &row, NULL);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}

// ---- transposition

// Rows that do not fill a strip are stored element by element, so that nothing is written beyond the result.
static void transpose_rest(emitter *e, LLVMValueRef in, LLVMValueRef ld_in, LLVMValueRef out,
                           LLVMValueRef ld_out, LLVMValueRef first, LLVMValueRef rows, LLVMValueRef columns) {
  loop r, c;
  loop_begin(e, &r, "row", first, rows, const_i64(e, 1), NULL, 0, 0);
  loop_begin(e, &c, "column", const_i64(e, 0), columns, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef from = emit_at(e, e->real, in, emit_iadd(e, emit_imul(e, r.index, ld_in), c.index));
  LLVMValueRef to = emit_at(e, e->real, out, emit_iadd(e, emit_imul(e, c.index, ld_out), r.index));
  emit_store(e, emit_load(e, e->real, from, 0, NULL), to, 0, NULL);
  loop_end(e, &c, NULL);
  loop_end(e, &r, NULL);
}

LLVMValueRef transpose_function(emitter *e) {
  static const char *const name = "transpose";
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[] = {e->ptr, e->i64, e->ptr, e->i64, e->i64, e->i64};
  function_scope scope;
  LLVMValueRef function = function_begin(e, name, e->void_type, types, 6, FUNCTION_NOALIAS, &scope);
  LLVMValueRef in = parameter(e, 0, "in"), ld_in = parameter(e, 1, "ld_in"), out = parameter(e, 2, "out");
  LLVMValueRef ld_out = parameter(e, 3, "ld_out"), rows = parameter(e, 4, "rows"),
               columns = parameter(e, 5, "columns");
  LLVMValueRef lanes = const_i64(e, e->lanes);
  LLVMValueRef whole = LLVMBuildAnd(e->builder, rows, const_i64(e, -(int64_t)e->lanes), "");
  loop l;
  loop_begin(e, &l, "strip", const_i64(e, 0), whole, lanes, NULL, 0, LOOP_PLAIN);
  LLVMValueRef arguments[] = {emit_at(e, e->real, in, emit_imul(e, l.index, ld_in)),
                              ld_in,
                              emit_at(e, e->real, out, l.index),
                              ld_out,
                              columns,
                              lanes};
  emit_call(e, strip_function(e), arguments, 6);
  loop_end(e, &l, NULL);
  transpose_rest(e, in, ld_in, out, ld_out, whole, rows, columns);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}
