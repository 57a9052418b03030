// The inner kernel of a product with windows: all K terms of a few windows' chains, in order, in registers.
#include "codegen/windows.h"
#include "support/diag.h"
#include <stdio.h>

enum { STRAIGHT_RUN = 4 }; // a run of so few elements becomes straight code

unsigned windows_most_rows(const emitter *e, unsigned vectors) {
  unsigned registers = e->target->vector_registers >= 32 ? 31 : 15;
  unsigned rows = (registers - vectors - 1) / vectors;
  return rows < 14 ? rows : 14;
}

LLVMValueRef windows_run_start(emitter *e, const windows_code *c, LLVMValueRef run, LLVMValueRef line) {
  LLVMValueRef below = emit_imul(e, line, const_i64(e, c->y.dilation));
  if (c->run == c->along.size * c->channels)
    return emit_imul(e, run, below);
  LLVMValueRef size = const_i64(e, c->along.size);
  LLVMValueRef y = LLVMBuildSDiv(e->builder, run, size, ""), x = LLVMBuildSRem(e->builder, run, size, "");
  return emit_iadd(e, emit_imul(e, y, below), emit_imul(e, x, const_i64(e, c->along.dilation * c->channels)));
}

typedef struct tile_code {
  const windows_code *c;
  const windows_tile *tile;
  LLVMValueRef argument[WINDOWS_ARGUMENTS];
  LLVMValueRef line, mask;
  LLVMValueRef row[32]; // elements from the first window to each
} tile_code;

static unsigned chains_of(const tile_code *t) {
  return t->tile->rows * t->tile->vectors;
}

// One term of every chain: a and b point to it in the first window and in the panel.
static void add_term(emitter *e, const tile_code *t, LLVMValueRef a, LLVMValueRef b, LLVMValueRef *chains) {
  unsigned vectors = t->tile->vectors;
  LLVMValueRef columns[8];
  for (unsigned v = 0; v < vectors; v++)
    columns[v] = emit_load(e, e->vector, emit_at(e, e->real, b, const_i64(e, v * e->lanes)), 0, NULL);
  for (unsigned i = 0; i < t->tile->rows; i++) {
    LLVMValueRef number = emit_load(e, e->real, emit_at(e, e->real, a, t->row[i]), 0, NULL);
    LLVMValueRef factor = emit_splat(e, number, e->lanes);
    for (unsigned v = 0; v < vectors; v++)
      chains[i * vectors + v] = emit_fma(e, factor, columns[v], chains[i * vectors + v]);
  }
}

static int64_t width_of_panel(const emitter *e, const tile_code *t) {
  return t->tile->vectors * e->lanes;
}

static void add_straight(emitter *e, const tile_code *t, LLVMValueRef a, LLVMValueRef b,
                         LLVMValueRef *chains) {
  for (int64_t k = 0; k < t->c->run; k++)
    add_term(e, t, emit_at(e, e->real, a, const_i64(e, k)),
             emit_at(e, e->real, b, const_i64(e, k * width_of_panel(e, t))), chains);
}

static void add_run(emitter *e, const tile_code *t, LLVMValueRef a, LLVMValueRef b, LLVMValueRef *chains) {
  if (t->c->run <= STRAIGHT_RUN) {
    add_straight(e, t, a, b, chains);
    return;
  }
  loop l;
  loop_begin(e, &l, "k", const_i64(e, 0), const_i64(e, t->c->run), const_i64(e, 1), chains, chains_of(t),
             LOOP_PLAIN);
  LLVMValueRef next[LOOP_MAX_CARRIED];
  for (unsigned i = 0; i < chains_of(t); i++)
    next[i] = l.carried[i];
  LLVMValueRef in_b = emit_imul(e, l.index, const_i64(e, width_of_panel(e, t)));
  add_term(e, t, emit_at(e, e->real, a, l.index), emit_at(e, e->real, b, in_b), next);
  loop_end(e, &l, next);
  for (unsigned i = 0; i < chains_of(t); i++)
    chains[i] = l.carried[i];
}

static void run_at(emitter *e, const tile_code *t, LLVMValueRef run, LLVMValueRef *a, LLVMValueRef *b) {
  LLVMValueRef rows = emit_imul(e, run, const_i64(e, t->c->run * width_of_panel(e, t)));
  *a = emit_at(e, e->real, t->argument[WINDOWS_A], windows_run_start(e, t->c, run, t->line));
  *b = emit_at(e, e->real, t->argument[WINDOWS_B], rows);
}

static void add_window(emitter *e, const tile_code *t, LLVMValueRef *chains) {
  int64_t runs = t->c->k / t->c->run;
  LLVMValueRef a, b;
  if (runs == 1) {
    run_at(e, t, const_i64(e, 0), &a, &b);
    add_run(e, t, a, b, chains);
    return;
  }
  loop l;
  loop_begin(e, &l, "run", const_i64(e, 0), const_i64(e, runs), const_i64(e, 1), chains, chains_of(t),
             LOOP_PLAIN);
  LLVMValueRef next[LOOP_MAX_CARRIED];
  for (unsigned i = 0; i < chains_of(t); i++)
    next[i] = l.carried[i];
  run_at(e, t, l.index, &a, &b);
  add_run(e, t, a, b, next);
  loop_end(e, &l, next);
  for (unsigned i = 0; i < chains_of(t); i++)
    chains[i] = l.carried[i];
}

static void emit_tile(emitter *e, tile_code *t) {
  const windows_code *c = t->c;
  unsigned vectors = t->tile->vectors, per_line = t->tile->per_line;
  int64_t width;
  t->line = dim_is_const(c->width, &width) ? const_i64(e, width * c->channels) : t->argument[WINDOWS_LINE];
  for (unsigned i = 0; i < t->tile->rows; i++) {
    LLVMValueRef below = emit_imul(e, const_i64(e, i / per_line * c->y.stride), t->line);
    t->row[i] = emit_iadd(e, below, const_i64(e, i % per_line * c->along.stride * c->channels));
  }
  if (t->tile->masked)
    t->mask = emit_tail_mask(e, const_i64(e, (int64_t)(vectors - 1) * e->lanes), t->argument[WINDOWS_COLUMNS],
                             e->lanes);
  LLVMValueRef chains[LOOP_MAX_CARRIED];
  for (unsigned i = 0; i < chains_of(t); i++)
    chains[i] = const_real(e->vector, 0);
  add_window(e, t, chains);
  for (unsigned i = 0; i < chains_of(t); i++) {
    LLVMValueRef row = emit_imul(e, t->argument[WINDOWS_LDC], const_i64(e, i / vectors));
    LLVMValueRef at = emit_iadd(e, row, const_i64(e, i % vectors * e->lanes));
    emit_masked_store(e, chains[i], emit_at(e, e->real, t->argument[WINDOWS_C], at),
                      i % vectors + 1 == vectors ? t->mask : NULL, NULL);
  }
}

LLVMValueRef windows_tile_function(emitter *e, const windows_code *c, const windows_tile *tile) {
  static const char *const names[WINDOWS_ARGUMENTS] = {"a", "line", "b", "c", "ldc", "columns"};
  int64_t width = 0;
  dim_is_const(c->width, &width);
  char name[192];
  int n = snprintf(name, sizeof name, "windows.tile.%ux%ux%u%s.c%lld.w%lld.y%lld.%lld.%lld.x%lld.%lld.%lld",
                   tile->rows, tile->per_line, tile->vectors, tile->masked ? "m" : "", (long long)c->channels,
                   (long long)width, (long long)c->y.size, (long long)c->y.stride, (long long)c->y.dilation,
                   (long long)c->along.size, (long long)c->along.stride, (long long)c->along.dilation);
  INVARIANT((size_t)n < sizeof name && tile->rows <= 32);
  LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
  if (known)
    return known;
  LLVMTypeRef types[WINDOWS_ARGUMENTS] = {e->ptr, e->i64, e->ptr, e->ptr, e->i64, e->i64};
  function_scope scope;
  LLVMValueRef function =
      function_begin(e, name, e->void_type, types, WINDOWS_ARGUMENTS, FUNCTION_NOINLINE, &scope);
  tile_code t = {.c = c, .tile = tile};
  for (unsigned i = 0; i < WINDOWS_ARGUMENTS; i++)
    t.argument[i] = parameter(e, i, names[i]);
  parameter_attribute(function, WINDOWS_C, "noalias");
  emit_tile(e, &t);
  emit_return(e, NULL);
  function_end(e, &scope);
  return function;
}
