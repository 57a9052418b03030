// Loops of the matrix product around its tiles. Blocks of GEMM_BLOCK_K terms come outermost; within one there
// are two ways, chosen by the number of rows:
//   few rows:  every group of rows runs over all columns, B is read where it lies;
//   many rows: for each block of rows, each panel of B (GEMM_PANEL_VECTORS wide) is packed into the stack,
//   where
//              it stays in the first-level cache while the rows pass by.
#include "codegen/gemm_parts.h"
#include "support/diag.h"
#include <stdio.h>

enum {
  BLOCK_ROWS = 256,   // rows whose block of A stays in the second-level cache
  PACK_MIN_ROWS = 64, // fewer rows do not repay packing
  PACK_MIN_K = 64,    // a shallow B stays in the first-level cache as it is
  WIDE_ROW_BYTES = 2048,
  WIDE_ROW_TERMS = 32,
};

typedef struct product {
  const gemm_spec *spec;
  LLVMValueRef a, lda, b, ldb, c, ldc, m, n, k, index;
  LLVMValueRef extra[GEMM_MAX_EXTRA];
  LLVMValueRef scratch; // stack panel
} product;

typedef struct block_call {
  LLVMValueRef argument[BLOCK_ARGUMENTS + 1];
  LLVMValueRef finish; // i1: the chains end here, so the epilogue applies
} block_call;

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
  call->argument[BLOCK_A] = p->a;
  call->argument[BLOCK_LDA] = p->lda;
  call->argument[BLOCK_C] = p->c;
  call->argument[BLOCK_LDC] = p->ldc;
  if (p->index)
    call->argument[count++] = p->index;
  emit_call(e, gemm_block_function(e, p->spec), call->argument, count);
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

static void pack_panel(emitter *e, const product *p, const block_call *call) {
  LLVMValueRef column = call->argument[BLOCK_COLUMN_FIRST], k = call->argument[BLOCK_K_FIRST];
  LLVMValueRef columns = emit_isub(e, call->argument[BLOCK_COLUMN_END], column);
  bool transposed = p->spec->transpose_b;
  LLVMValueRef line = emit_imul(e, transposed ? column : k, p->ldb);
  LLVMValueRef from = emit_at(e, e->real, p->b, emit_iadd(e, line, transposed ? k : column));
  LLVMValueRef arguments[] = {from, p->ldb, p->scratch, call->argument[BLOCK_K_COUNT], columns};
  emit_call(e, gemm_pack_function(e, transposed), arguments, 5);
}

static void emit_many_rows(emitter *e, const product *p, block_call call) {
  LLVMValueRef zero = const_i64(e, 0), width = const_i64(e, GEMM_PANEL_VECTORS * e->lanes);
  LLVMValueRef block_m = const_i64(e, BLOCK_ROWS);
  loop over_m, over_n;
  loop_begin(e, &over_m, "block_m", zero, p->m, block_m, NULL, 0, LOOP_PLAIN);
  loop_begin(e, &over_n, "panel", zero, p->n, width, NULL, 0, LOOP_PLAIN);
  call.argument[BLOCK_B] = p->scratch;
  call.argument[BLOCK_LDB] = width;
  call.argument[BLOCK_ROW_FIRST] = over_m.index;
  call.argument[BLOCK_ROW_END] = emit_imin(e, emit_iadd(e, over_m.index, block_m), p->m);
  call.argument[BLOCK_COLUMN_FIRST] = over_n.index;
  call.argument[BLOCK_COLUMN_END] = emit_imin(e, emit_iadd(e, over_n.index, width), p->n);
  pack_panel(e, p, &call);
  call_block(e, p, &call);
  loop_end(e, &over_n, NULL);
  loop_end(e, &over_m, NULL);
}

static void emit_block_of_k(emitter *e, const product *p, const block_call *call) {
  if (p->spec->transpose_b) {
    emit_many_rows(e, p, *call);
    return;
  }
  LLVMValueRef many = emit_icompare(e, LLVMIntSGE, p->m, const_i64(e, PACK_MIN_ROWS));
  LLVMValueRef deep = emit_icompare(e, LLVMIntSGE, p->k, const_i64(e, PACK_MIN_K));
  branch b;
  if_begin(e, &b, LLVMBuildAnd(e->builder, many, deep, ""), "many");
  emit_many_rows(e, p, *call);
  if_else(e, &b);
  emit_few_rows(e, p, *call);
  if_end(e, &b);
}

static void emit_product(emitter *e, product *p) {
  LLVMValueRef zero = const_i64(e, 0), block_k = const_i64(e, GEMM_BLOCK_K);
  p->scratch = emit_stack(e, e->real, (uint64_t)GEMM_BLOCK_K * GEMM_PANEL_VECTORS * e->lanes, 64, "panel");
  // Once at least, so that K = 0 still writes C.
  LLVMValueRef k_end = emit_imax(e, p->k, const_i64(e, 1));
  loop over_k;
  loop_begin(e, &over_k, "block_k", zero, k_end, block_k, NULL, 0, LOOP_PLAIN);
  LLVMValueRef k_left = emit_isub(e, p->k, over_k.index);
  LLVMValueRef later = emit_icompare(e, LLVMIntSGT, over_k.index, zero);
  block_call call = {.finish = NULL};
  call.argument[BLOCK_K_FIRST] = over_k.index;
  call.argument[BLOCK_K_COUNT] = emit_imin(e, k_left, block_k);
  call.argument[BLOCK_LOAD_C] = p->spec->accumulate ? const_i1(e, true) : later;
  call.finish = emit_icompare(e, LLVMIntSLE, k_left, block_k);
  emit_block_of_k(e, p, &call);
  loop_end(e, &over_k, NULL);
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
    n += snprintf(name + n, bytes - (size_t)n, ".%s", spec->epilogue_name);
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
  if (spec->n == 1 && !spec->epilogue && !spec->gather_a)
    emit_column(e, &p);
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
