// The inner kernel of a matrix product: rows x vectors chains of multiply-adds over k, in order.
#include "codegen/gemm_parts.h"
#include "support/diag.h"
#include <stdio.h>

typedef struct tile_state {
  const gemm_tile *tile;
  LLVMValueRef argument[TILE_ARGUMENTS];
  LLVMValueRef extra[GEMM_MAX_EXTRA];
  LLVMValueRef mask; // of the last vector, or NULL
  LLVMValueRef row[GEMM_MAX_ROWS];
} tile_state;

const char *gemm_epilogue_suffix(const gemm_spec *spec) {
  INVARIANT(!spec->epilogue || spec->epilogue_name);
  return spec->epilogue ? spec->epilogue_name : "";
}

static LLVMValueRef mask_of(const tile_state *s, unsigned vector) {
  return vector + 1 == s->tile->vectors ? s->mask : NULL;
}

static LLVMValueRef c_address(emitter *e, const tile_state *s, unsigned row, unsigned vector) {
  LLVMValueRef offset = emit_imul(e, s->argument[TILE_LDC], const_i64(e, row));
  return emit_at(e, e->real, s->argument[TILE_C], emit_iadd(e, offset, const_i64(e, vector * e->lanes)));
}

static void load_rows(emitter *e, tile_state *s) {
  if (s->tile->spec->transpose_a)
    return;
  for (unsigned i = 0; i < s->tile->rows; i++) {
    LLVMValueRef slot = emit_at(e, e->ptr, s->argument[TILE_A], const_i64(e, i));
    s->row[i] = emit_at(e, e->real, emit_load(e, e->ptr, slot, 0, NULL), s->argument[TILE_A_STEP]);
  }
}

static LLVMValueRef a_address(emitter *e, const tile_state *s, unsigned row, LLVMValueRef k) {
  if (!s->tile->spec->transpose_a)
    return emit_at(e, e->real, s->row[row], k);
  LLVMValueRef line = emit_at(e, e->real, s->argument[TILE_A], emit_imul(e, k, s->argument[TILE_A_STEP]));
  return emit_at(e, e->real, line, const_i64(e, row));
}

// Old C or zeros, rows x vectors.
static void start_chains(emitter *e, const tile_state *s, LLVMValueRef *chains) {
  unsigned vectors = s->tile->vectors, count = s->tile->rows * vectors;
  LLVMValueRef old[LOOP_MAX_CARRIED], zero = const_real(e->vector, 0);
  branch b;
  if_begin(e, &b, s->argument[TILE_LOAD_C], "old");
  for (unsigned i = 0; i < count; i++)
    old[i] = emit_masked_load(e, e->vector, c_address(e, s, i / vectors, i % vectors),
                              mask_of(s, i % vectors), NULL);
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
  LLVMValueRef next[LOOP_MAX_CARRIED], b[8];
  loop l;
  loop_begin(e, &l, "k", const_i64(e, 0), s->argument[TILE_K], const_i64(e, 1), chains, rows * vectors,
             LOOP_PLAIN);
  LLVMValueRef line = emit_at(e, e->real, s->argument[TILE_B], emit_imul(e, l.index, s->argument[TILE_LDB]));
  for (unsigned v = 0; v < vectors; v++)
    b[v] = emit_masked_load(e, e->vector, emit_at(e, e->real, line, const_i64(e, v * e->lanes)),
                            mask_of(s, v), NULL);
  for (unsigned i = 0; i < rows; i++) {
    LLVMValueRef a = emit_splat(e, emit_load(e, e->real, a_address(e, s, i, l.index), 0, NULL), e->lanes);
    for (unsigned v = 0; v < vectors; v++)
      next[i * vectors + v] = emit_fma(e, a, b[v], l.carried[i * vectors + v]);
  }
  loop_end(e, &l, next);
  for (unsigned i = 0; i < rows * vectors; i++)
    chains[i] = l.carried[i];
}

static void store_chains(emitter *e, const tile_state *s, LLVMValueRef *chains, bool finished) {
  const gemm_spec *spec = s->tile->spec;
  for (unsigned i = 0; i < s->tile->rows; i++)
    for (unsigned v = 0; v < s->tile->vectors; v++) {
      LLVMValueRef value = chains[i * s->tile->vectors + v];
      if (finished) {
        LLVMValueRef row = emit_iadd(e, s->argument[TILE_ROW], const_i64(e, i));
        LLVMValueRef column = emit_iadd(e, s->argument[TILE_COLUMN], const_i64(e, v * e->lanes));
        value = spec->epilogue(e, value, row, column, mask_of(s, v), s->extra, spec->epilogue_data);
      }
      emit_masked_store(e, value, c_address(e, s, i, v), mask_of(s, v), NULL);
    }
}

static void emit_tile_body(emitter *e, tile_state *s) {
  LLVMValueRef chains[LOOP_MAX_CARRIED];
  if (s->tile->masked)
    s->mask = emit_tail_mask(e, const_i64(e, 0), s->argument[TILE_COLUMNS], e->lanes);
  load_rows(e, s);
  start_chains(e, s, chains);
  run_chains(e, s, chains);
  if (!s->tile->spec->epilogue) {
    store_chains(e, s, chains, false);
    return;
  }
  branch b;
  if_begin(e, &b, s->argument[TILE_FINISH], "finish");
  store_chains(e, s, chains, true);
  if_else(e, &b);
  store_chains(e, s, chains, false);
  if_end(e, &b);
}

LLVMValueRef gemm_tile_function(emitter *e, const gemm_tile *tile) {
  static const char *const names[TILE_ARGUMENTS] = {"a", "a_step",  "b",      "ldb",    "c",   "ldc",
                                                    "k", "columns", "load_c", "finish", "row", "column"};
  const gemm_spec *spec = tile->spec;
  char name[256];
  snprintf(name, sizeof name, "gemm.tile.%ux%u%s.%s%s%s", tile->rows, tile->vectors, tile->masked ? "m" : "",
           spec->transpose_a ? "t" : "n", spec->epilogue ? "." : "", gemm_epilogue_suffix(spec));
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[TILE_ARGUMENTS + GEMM_MAX_EXTRA];
  for (unsigned i = 0; i < TILE_ARGUMENTS; i++)
    types[i] = i == TILE_A || i == TILE_B || i == TILE_C ? e->ptr
               : i == TILE_LOAD_C || i == TILE_FINISH    ? e->i1
                                                         : e->i64;
  unsigned extra = spec->epilogue ? spec->extra_count : 0;
  for (unsigned i = 0; i < extra; i++)
    types[TILE_ARGUMENTS + i] = spec->extra[i];
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, TILE_ARGUMENTS + extra, FUNCTION_NOINLINE, &scope);
  tile_state s = {.tile = tile};
  for (unsigned i = 0; i < TILE_ARGUMENTS; i++)
    s.argument[i] = parameter(e, i, names[i]);
  for (unsigned i = 0; i < extra; i++)
    s.extra[i] = LLVMGetParam(function, TILE_ARGUMENTS + i);
  parameter_attribute(function, TILE_C, "noalias");
  emit_tile_body(e, &s);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}
