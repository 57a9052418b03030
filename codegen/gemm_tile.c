// The inner kernel of a matrix product: rows x vectors chains of multiply-adds over k, in order.
#include "codegen/gemm_parts.h"
#include "support/diag.h"
#include <stdio.h>

typedef struct tile_state {
  const gemm_tile *tile;
  LLVMValueRef argument[TILE_ARGUMENTS];
  LLVMValueRef mask; // of the last vector, or NULL
  LLVMValueRef row[GEMM_MAX_ROWS];
} tile_state;

static LLVMValueRef mask_of(const tile_state *s, unsigned vector) {
  return vector + 1 == s->tile->vectors ? s->mask : NULL;
}

static LLVMValueRef c_address(emitter *e, const tile_state *s, unsigned row, unsigned vector) {
  LLVMValueRef line =
      emit_at(e, e->real, s->argument[TILE_C], emit_imul(e, s->argument[TILE_LDC], const_i64(e, row)));
  return emit_at(e, e->real, line, const_i64(e, vector * e->lanes));
}

// Old C or zeros, rows x vectors.
static void start_chains(emitter *e, const tile_state *s, LLVMValueRef *chains) {
  unsigned vectors = s->tile->vectors, count = s->tile->rows * vectors;
  LLVMValueRef old[LOOP_MAX_CARRIED], zero = const_real(e->vector, 0);
  branch b;
  if_begin(e, &b, s->argument[TILE_LOAD_C], "old");
  for (unsigned i = 0; i < count; i++) {
    LLVMValueRef from = c_address(e, s, i / vectors, i % vectors);
    old[i] = emit_masked_load(e, e->vector, from, mask_of(s, i % vectors), NULL);
  }
  if_else(e, &b);
  if_end(e, &b);
  LLVMBasicBlockRef blocks[2] = {b.then_end, b.else_block};
  for (unsigned i = 0; i < count; i++) {
    LLVMValueRef values[2] = {old[i], zero};
    chains[i] = LLVMBuildPhi(e->builder, e->vector, "");
    LLVMAddIncoming(chains[i], values, blocks, 2);
  }
}

static void run_chains(emitter *e, const tile_state *s, LLVMValueRef *chains) {
  unsigned rows = s->tile->rows, vectors = s->tile->vectors;
  LLVMValueRef next[LOOP_MAX_CARRIED], b[GEMM_MAX_ROWS];
  loop l;
  loop_begin(e, &l, "k", const_i64(e, 0), s->argument[TILE_K], const_i64(e, 1), chains, rows * vectors,
             LOOP_PLAIN);
  LLVMValueRef line = emit_at(e, e->real, s->argument[TILE_B], emit_imul(e, l.index, s->argument[TILE_LDB]));
  for (unsigned v = 0; v < vectors; v++) {
    LLVMValueRef from = emit_at(e, e->real, line, const_i64(e, v * e->lanes));
    b[v] = emit_masked_load(e, e->vector, from, mask_of(s, v), NULL);
  }
  LLVMValueRef place = emit_imul(e, l.index, s->argument[TILE_STEP]);
  for (unsigned i = 0; i < rows; i++) {
    LLVMValueRef a =
        emit_splat(e, emit_load(e, e->real, emit_at(e, e->real, s->row[i], place), 0, NULL), e->lanes);
    for (unsigned v = 0; v < vectors; v++)
      next[i * vectors + v] = emit_fma(e, a, b[v], l.carried[i * vectors + v]);
  }
  loop_end(e, &l, next);
  for (unsigned i = 0; i < rows * vectors; i++)
    chains[i] = l.carried[i];
}

static void emit_tile_body(emitter *e, tile_state *s) {
  LLVMValueRef chains[LOOP_MAX_CARRIED];
  unsigned vectors = s->tile->vectors;
  if (s->tile->masked)
    s->mask = emit_tail_mask(e, const_i64(e, (s->tile->vectors - 1) * e->lanes), s->argument[TILE_COLUMNS],
                             e->lanes);
  for (unsigned i = 0; i < s->tile->rows; i++)
    s->row[i] = emit_load(e, e->ptr, emit_at(e, e->ptr, s->argument[TILE_ROWS], const_i64(e, i)), 0, NULL);
  start_chains(e, s, chains);
  run_chains(e, s, chains);
  for (unsigned i = 0; i < s->tile->rows * vectors; i++)
    emit_masked_store(e, chains[i], c_address(e, s, i / vectors, i % vectors), mask_of(s, i % vectors), NULL);
}

LLVMValueRef gemm_tile_function(emitter *e, const gemm_tile *tile) {
  static const char *const names[TILE_ARGUMENTS] = {"rows", "step", "b",       "ldb",   "c",
                                                    "ldc",  "k",    "columns", "load_c"};
  char name[64];
  snprintf(name, sizeof name, "gemm.tile.%ux%u%s", tile->rows, tile->vectors, tile->masked ? "m" : "");
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[TILE_ARGUMENTS];
  for (unsigned i = 0; i < TILE_ARGUMENTS; i++)
    types[i] = i == TILE_ROWS || i == TILE_B || i == TILE_C ? e->ptr : i == TILE_LOAD_C ? e->i1 : e->i64;
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, TILE_ARGUMENTS, FUNCTION_NOINLINE, &scope);
  tile_state s = {.tile = tile};
  for (unsigned i = 0; i < TILE_ARGUMENTS; i++)
    s.argument[i] = parameter(e, i, names[i]);
  parameter_attribute(function, TILE_C, "noalias");
  emit_tile_body(e, &s);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}
