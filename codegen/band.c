// Bands: what a few rows of private buffers hold stays in the second-level cache between the stages.
#include "codegen/band.h"
#include "codegen/matmul_stage.h"
#include "codegen/windows.h"
#include "support/diag.h"

// Rows at a time: as many as TILE_BYTES of private buffers hold, but no fewer than LEAST_ROWS, so that
// products are worth their packing. Convolutions pack their weights once: what they make and the next stage
// reads may stay in the first-level cache.
enum {
  BAND_BLOCKS = 16,
  TILE_BYTES = 1 << 18,
  WINDOWS_BYTES = 1 << 14,
  LEAST_ROWS = 16,
  PRODUCT_SHARE = 8,
  PART_ROWS = 64
};

typedef struct band_code {
  program_code *pc;
  const kernel *k;
  const dim *rows, *work;
  const buffer **private;
  int n_private;
  const dim *row_bytes; // of all private buffers together
  const dim *unit;      // rows of one product, which share what it packs; NULL: rows have nothing in common
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
  for (int j = 0; j < k->n_body; j++)
    if (k->body[j].kind == STAGE_MATMUL && !k->body[j].a_windows &&
        k->body[j].matmul->shape.rank == k->axes + 1)
      c.unit = of_rows->shape.d[k->axes - 1];
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

// Blocks: chunks of rows, each in `parts`; a chunk is one product or several whole ones.
typedef struct band_split {
  LLVMValueRef rows, chunk, parts, part, blocks, unit;
} band_split;

static band_split split_of(band_code *c, routine *r) {
  emitter *e = r->e;
  if (!c->work)
    c->work = work_of(c, r);
  work_split even = split_work_into(r, c->rows, c->work, GRAIN, 1, BAND_BLOCKS);
  LLVMValueRef one = const_i64(e, 1), each = even.rows_per_block;
  band_split s = {even.rows, each, one, each, even.blocks, one};
  if (!c->unit)
    return s;
  s.unit = emit_imax(e, dim_value(r, c->unit), one);
  s.parts =
      emit_imax(e, one, LLVMBuildSDiv(e->builder, s.unit, emit_imax(e, each, const_i64(e, PART_ROWS)), ""));
  s.chunk = emit_imul(e, s.unit, ceil_divide(e, each, s.unit));
  s.part = ceil_divide(e, s.chunk, s.parts);
  s.blocks = emit_imul(e, ceil_divide(e, s.rows, s.chunk), s.parts);
  return s;
}

static void range_of(emitter *e, const band_split *s, LLVMValueRef block, LLVMValueRef *begin,
                     LLVMValueRef *end) {
  LLVMValueRef start = emit_imul(e, LLVMBuildSDiv(e->builder, block, s->parts, ""), s->chunk);
  LLVMValueRef stop = emit_imin(e, emit_iadd(e, start, s->chunk), s->rows);
  *begin = emit_iadd(e, start, emit_imul(e, LLVMBuildSRem(e->builder, block, s->parts, ""), s->part));
  *end = emit_imin(e, emit_iadd(e, *begin, s->part), stop);
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

// Rows between which tiles begin anew, and those of a tile, of which `fit` fit: whole products where they
// can.
static void plan_tiles(emitter *e, const band_split *s, LLVMValueRef rows, LLVMValueRef fit,
                       LLVMValueRef *stretch, LLVMValueRef *tile_rows) {
  LLVMValueRef reach = emit_imax(e, emit_imin(e, rows, s->unit), const_i64(e, 1));
  LLVMValueRef whole = emit_imul(e, LLVMBuildSDiv(e->builder, fit, s->unit, ""), s->unit);
  LLVMValueRef fits = emit_icompare(e, LLVMIntSGE, fit, s->unit);
  LLVMValueRef even = ceil_divide(e, reach, ceil_divide(e, reach, fit));
  *stretch = emit_select(e, fits, whole, s->unit);
  *tile_rows = emit_select(e, fits, whole, even);
}

static LLVMValueRef emit_block(band_code *c, LLVMValueRef tile) {
  routine r;
  LLVMValueRef block, begin, end, stretch, tile_rows;
  LLVMValueRef function = routine_begin_body(&r, c->pc, "rows", &block);
  emitter *e = r.e;
  band_split split = split_of(c, &r);
  range_of(e, &split, block, &begin, &end);
  LLVMValueRef row_bytes = emit_imax(e, dim_value(&r, c->row_bytes), const_i64(e, 1));
  LLVMValueRef fit = LLVMBuildSDiv(e->builder, const_i64(e, c->tile_bytes), row_bytes, "");
  fit = emit_imax(e, fit, const_i64(e, c->least_rows));
  plan_tiles(e, &split, emit_isub(e, end, begin), fit, &stretch, &tile_rows);
  LLVMValueRef offset = emit_imul(e, block, dim_value(&r, block_bytes(c)));
  LLVMValueRef scratch = emit_at(e, e->i8, scratch_address(&r, c->slot), offset);
  LLVMValueRef area = emit_stack(e, e->ptr, (uint64_t)c->n_private, 8, "band");
  loop stretches, tiles;
  loop_begin(e, &stretches, "stretch", begin, end, stretch, NULL, 0, LOOP_PLAIN);
  LLVMValueRef last = emit_imin(e, emit_iadd(e, stretches.index, stretch), end);
  loop_begin(e, &tiles, "tile", stretches.index, last, tile_rows, NULL, 0, LOOP_PLAIN);
  place_private(&r, c, area, scratch, tiles.index, tile_rows);
  LLVMValueRef stop = emit_imin(e, emit_iadd(e, tiles.index, tile_rows), last);
  emit_call(e, tile, (LLVMValueRef[]){r.call, area, tiles.index, stop}, 4);
  loop_end(e, &tiles, NULL);
  loop_end(e, &stretches, NULL);
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
  band_split split = split_of(&c, &whole);
  run_blocks(&whole, block, split.blocks);
  routine_end_kernel(&whole, NULL);
  return made;
}
