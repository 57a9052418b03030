// Bands: what a few rows of private buffers hold stays in the second-level cache between the stages.
#include "codegen/band.h"
#include "codegen/matmul_stage.h"
#include "codegen/windows.h"
#include "support/diag.h"

// Rows at a time: as many as TILE_BYTES of private buffers hold, but no fewer than LEAST_ROWS, so that
// products are worth their packing. Convolutions pack their weights once: what they make and the next stage
// reads may stay in the first-level cache.
enum { BAND_BLOCKS = 16, TILE_BYTES = 1 << 18, WINDOWS_BYTES = 1 << 14, LEAST_ROWS = 16, PRODUCT_SHARE = 8 };

typedef struct band_code {
  program_code *pc;
  const kernel *k;
  const dim *rows, *work;
  const buffer **private;
  int n_private;
  const dim *row_bytes; // of all private buffers together
  int slot;             // scratch of all blocks
  int64_t tile_bytes, least_rows;
  int packed; // scratch for the packed weights of a convolution, the first stage; -1: there is none
} band_code;

static bool has_windows(const kernel *k) {
  return k->body[0].a_windows != NULL;
}

// Lines of a convolution to one row of the band.
static int64_t lines_of_row(const kernel *k) {
  return k->body[0].roots[0]->shape.d[1]->value / k->body[1].roots[0]->shape.d[1]->value;
}

static void find_private(band_code *c) {
  int most = 0;
  for (int j = 0; j < c->k->n_body; j++)
    most += c->k->body[j].n_roots;
  c->private = ARENA_ARRAY(c->pc->mem, const buffer *, most + 1);
  for (int j = 0; j < c->k->n_body; j++)
    for (int r = 0; r < c->k->body[j].n_roots; r++) {
      const buffer *b = schedule_buffer(c->pc->s, c->k->body[j].roots[r]);
      if (b && b->place == PLACE_BAND) {
        INVARIANT(b->slot == c->n_private);
        c->private[c->n_private++] = b;
      }
    }
}

static const dim *bytes_of_row(const band_code *c, const buffer *b) {
  dim_table *t = c->pc->dims;
  return dim_mul(t, b->elements, dim_const(t, element_bytes_of(c->pc->e, b->type)));
}

static const dim *block_bytes(const band_code *c) {
  dim_table *t = c->pc->dims;
  return dim_add(t, dim_const(t, c->tile_bytes), dim_mul(t, c->row_bytes, dim_const(t, c->least_rows)));
}

static band_code plan(program_code *pc, const kernel *k) {
  band_code c = {.pc = pc, .k = k, .tile_bytes = TILE_BYTES, .least_rows = LEAST_ROWS, .packed = -1};
  dim_table *t = pc->dims;
  const stage *first = &k->body[0];
  if (has_windows(k)) {
    c.tile_bytes = WINDOWS_BYTES;
    c.least_rows = 1;
    c.packed = windows_packed_slot(pc, first++);
  }
  const node *of_rows = first->kind == STAGE_MATMUL ? first->matmul : first->roots[0];
  c.rows = extent_product(pc, &of_rows->shape, 0, k->axes);
  c.row_bytes = dim_const(t, 0);
  find_private(&c);
  for (int j = 0; j < c.n_private; j++)
    c.row_bytes = dim_add(t, c.row_bytes, bytes_of_row(&c, c.private[j]));
  c.slot = scratch_add(pc, dim_mul(t, block_bytes(&c), dim_const(t, BAND_BLOCKS)));
  return c;
}

static const dim *work_of(band_code *c, const routine *r) {
  dim_table *t = c->pc->dims;
  const dim *work = dim_const(t, 0);
  for (int j = 0; j < c->k->n_body; j++) {
    const stage *st = &c->k->body[j];
    const dim *own = st->kind == STAGE_MATMUL
                         ? dim_floordiv(t, matmul_work(c->pc, st), dim_const(t, PRODUCT_SHARE))
                         : stage_work(c->pc, r, st);
    work = dim_add(t, work, own);
  }
  return work;
}

static work_split split_of(band_code *c, routine *r) {
  if (!c->work)
    c->work = work_of(c, r);
  return split_work_into(r, c->rows, c->work, GRAIN, 1, BAND_BLOCKS);
}

// void (call *, ptr band, i64 begin, i64 end)
static LLVMValueRef emit_tile(const band_code *c) {
  emitter *e = c->pc->e;
  LLVMTypeRef types[] = {e->ptr, e->ptr, e->i64, e->i64};
  routine r;
  LLVMValueRef function = routine_begin_part(&r, c->pc, "tile", types, 4);
  r.band = parameter(e, 1, "band");
  LLVMValueRef begin = parameter(e, 2, "begin"), end = parameter(e, 3, "end");
  for (int j = 0; j < c->k->n_body; j++) {
    const stage *st = &c->k->body[j];
    if (st->a_windows) {
      int64_t lines = lines_of_row(c->k);
      LLVMValueRef each = const_i64(e, lines);
      emit_windows_lines(&r, st, c->packed, emit_imul(e, begin, each), emit_imul(e, end, each), lines);
      continue;
    }
    r.roots = st->roots; // decides what is flat
    r.n_roots = st->n_roots;
    LLVMValueRef each = dim_value(&r, stage_band_rows(c->pc, &r, st, c->k->axes));
    r.roots = NULL;
    r.n_roots = 0;
    LLVMValueRef from = emit_imul(e, begin, each), to = emit_imul(e, end, each);
    if (st->kind == STAGE_MATMUL)
      emit_matmul_rows(&r, st, from, to);
    else
      emit_stage_rows(&r, st, from, to);
  }
  routine_end_body(&r);
  return function;
}

// Where row 0 of each private buffer would lie, so that rows keep their numbers.
static void place_private(routine *r, const band_code *c, LLVMValueRef area, LLVMValueRef scratch,
                          LLVMValueRef begin, LLVMValueRef tile_rows) {
  emitter *e = r->e;
  LLVMValueRef at = LLVMBuildPtrToInt(e->builder, scratch, e->i64, "");
  for (int j = 0; j < c->n_private; j++) {
    LLVMValueRef bytes = dim_value(r, bytes_of_row(c, c->private[j]));
    LLVMValueRef base = emit_isub(e, at, emit_imul(e, begin, bytes));
    emit_store(e, LLVMBuildIntToPtr(e->builder, base, e->ptr, ""), emit_at(e, e->ptr, area, const_i64(e, j)),
               8, NULL);
    at = emit_iadd(e, at, emit_imul(e, tile_rows, bytes));
  }
}

static LLVMValueRef emit_block(band_code *c, LLVMValueRef tile) {
  routine r;
  LLVMValueRef block, begin, end;
  LLVMValueRef function = routine_begin_body(&r, c->pc, "rows", &block);
  emitter *e = r.e;
  work_split split = split_of(c, &r);
  split_range(&r, &split, block, &begin, &end);
  LLVMValueRef row_bytes = emit_imax(e, dim_value(&r, c->row_bytes), const_i64(e, 1));
  LLVMValueRef fit = LLVMBuildSDiv(e->builder, const_i64(e, c->tile_bytes), row_bytes, "");
  LLVMValueRef tile_rows = emit_imax(e, fit, const_i64(e, c->least_rows));
  LLVMValueRef offset = emit_imul(e, block, dim_value(&r, block_bytes(c)));
  LLVMValueRef scratch = emit_at(e, e->i8, scratch_address(&r, c->slot), offset);
  LLVMValueRef area = emit_stack(e, e->ptr, (uint64_t)c->n_private, 8, "band");
  loop tiles;
  loop_begin(e, &tiles, "tile", begin, end, tile_rows, NULL, 0, LOOP_PLAIN);
  place_private(&r, c, area, scratch, tiles.index, tile_rows);
  LLVMValueRef stop = emit_imin(e, emit_iadd(e, tiles.index, tile_rows), end);
  emit_call(e, tile, (LLVMValueRef[]){r.call, area, tiles.index, stop}, 4);
  loop_end(e, &tiles, NULL);
  routine_end_body(&r);
  return function;
}

LLVMValueRef emit_band_kernel(program_code *pc, const kernel *k) {
  band_code c = plan(pc, k);
  LLVMValueRef block = emit_block(&c, emit_tile(&c));
  LLVMValueRef pack = has_windows(k) ? emit_windows_packing(pc, &k->body[0], c.packed) : NULL;
  routine whole;
  LLVMValueRef made = routine_begin_kernel(&whole, pc);
  if (pack)
    run_windows_packing(&whole, &k->body[0], pack);
  work_split split = split_of(&c, &whole);
  run_blocks(&whole, block, split.blocks);
  routine_end_kernel(&whole, NULL);
  return made;
}
