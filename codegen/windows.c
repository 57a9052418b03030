// The product of windows with a matrix: tiles of windows, numbered through all images, times panels of the
// matrix, which are packed once. Tiles do not overlap; an epilogue runs over a tile's rows when they are
// stored.
#include "codegen/windows.h"
#include "codegen/gemm_parts.h"
#include "support/diag.h"

enum { PANEL_VECTORS = 2, PRODUCT_GRAIN = 1 << 19, PACK_GRAIN = 1 << 16 };

windows_code windows_geometry(program_code *pc, const node *x, const graph_window *axes) {
  const dim *one = dim_const(pc->dims, 1);
  int rank = x->shape.rank - 2;
  windows_code c = {.pc = pc, .x = x, .y = {1, 1, 1, one}, .height = one, .groups = one};
  c.along = axes[rank - 1];
  c.width = x->shape.d[rank];
  if (rank == 2) {
    c.y = axes[0];
    c.height = x->shape.d[1];
  }
  c.images = x->shape.d[0];
  c.channels = x->shape.d[rank + 1]->value;
  c.k = c.channels * c.y.size * c.along.size;
  c.run = c.along.dilation == 1 ? c.along.size * c.channels : c.channels;
  return c;
}

windows_code windows_code_of(program_code *pc, const stage *st) {
  const node *w = st->a_windows, *matmul = st->matmul;
  graph_window axes[2];
  for (int k = 0; k < windows_rank(w); k++)
    axes[k] = windows_axis(w, k);
  windows_code c = windows_geometry(pc, w->in[0], axes);
  c.st = st;
  if (matmul->shape.rank == 3) {
    c.groups = matmul->shape.d[0];
    c.images = dim_floordiv(pc->dims, c.images, c.groups);
  }
  c.n = matmul->shape.d[matmul->shape.rank - 1]->value;
  return c;
}

// ---- tiles: `rows` windows side by side, or `lines` whole lines of them

typedef struct tiling {
  int64_t per_line, lines;
  int64_t rest_per_line, rest_lines; // of the last tile along W and H; 0: as all. Unknown width: see `open`
  bool open;                         // the extent OW is known at run time only
  const dim *across, *down;          // tiles along W and H
} tiling;

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Parts of at most `most`, as equal as can be; *rest is the last one where it is smaller.
static int64_t divide_evenly(int64_t extent, int64_t most, int64_t *parts, int64_t *rest) {
  *parts = divide_up(extent, most);
  int64_t part = divide_up(extent, *parts), last = extent - (*parts - 1) * part;
  *rest = last == part ? 0 : last;
  return part;
}

// Whole lines go together into a tile where a line is short; `together`: their number divides this one.
static tiling tiling_of(const windows_code *c, unsigned most_rows, int64_t together) {
  dim_table *d = c->pc->dims;
  int64_t across, down, parts, most = most_rows;
  tiling t = {.per_line = most, .lines = 1, .down = c->y.out};
  if (!dim_is_const(c->along.out, &across) || across < 1) {
    t.open = true;
    t.across = dim_floordiv(d, dim_add(d, c->along.out, dim_const(d, most - 1)), dim_const(d, most));
    return t;
  }
  t.per_line = divide_evenly(across, most, &parts, &t.rest_per_line);
  t.across = dim_const(d, parts);
  if (parts == 1 && 2 * across <= most && dim_is_const(c->width, NULL) && dim_is_const(c->y.out, &down) &&
      down > 0) {
    t.lines = divide_evenly(down, most / across, &parts, &t.rest_lines);
    if (together) {
      for (t.lines = most / across; together % t.lines; t.lines--)
        continue;
      parts = down / t.lines;
      t.rest_lines = 0;
    }
    t.down = dim_const(d, parts);
  }
  return t;
}

// ---- emission

typedef struct windows_body {
  const windows_code *c;
  routine *r;
  tiling t;
  gemm_spec spec;
  epilogue ep;
  LLVMValueRef x, panel, to; // images; packed panel; C of the group
  LLVMValueRef group, column, columns;
  unsigned vectors;
  bool masked;
} windows_body;

static LLVMValueRef extent(const windows_body *b, const dim *d) {
  return dim_value(b->r, d);
}

static void finish_rows(windows_body *b, LLVMValueRef row, int64_t rows) {
  emitter *e = b->r->e;
  if (!b->spec.epilogue)
    return;
  LLVMValueRef zero = const_i64(e, 0);
  LLVMValueRef extra[EPILOGUE_EXTRA] = {[EPILOGUE_CALL] = b->r->call,
                                        [EPILOGUE_ROW] = zero,
                                        [EPILOGUE_COLUMN] = zero,
                                        [EPILOGUE_BATCH] = b->group,
                                        [EPILOGUE_AREA] = b->r->band ? b->r->band : LLVMConstNull(e->ptr),
                                        [EPILOGUE_TM_ROW] = zero,
                                        [EPILOGUE_COUNT] = zero};
  LLVMValueRef arguments[FINISH_ARGUMENTS + EPILOGUE_EXTRA] = {
      [FINISH_C] = b->to,
      [FINISH_LDC] = const_i64(e, b->c->n),
      [FINISH_ROW_FIRST] = row,
      [FINISH_ROW_END] = emit_iadd(e, row, const_i64(e, rows)),
      [FINISH_COLUMN_FIRST] = b->column,
      [FINISH_COLUMN_END] = emit_iadd(e, b->column, b->columns)};
  for (unsigned k = 0; k < EPILOGUE_EXTRA; k++)
    arguments[FINISH_ARGUMENTS + k] = extra[k];
  emit_call(e, gemm_finish_function(e, &b->spec), arguments, FINISH_ARGUMENTS + EPILOGUE_EXTRA);
}

// Windows from (line, along) of an image on, `image` counted through all groups.
static void call_tile(windows_body *b, int64_t per_line, int64_t lines, LLVMValueRef image, LLVMValueRef line,
                      LLVMValueRef along) {
  emitter *e = b->r->e;
  const windows_code *c = b->c;
  LLVMValueRef width = extent(b, c->width), out = extent(b, c->along.out), ldc = const_i64(e, c->n);
  LLVMValueRef pixel_line =
      emit_iadd(e, emit_imul(e, image, extent(b, c->height)), emit_imul(e, line, const_i64(e, c->y.stride)));
  LLVMValueRef pixel =
      emit_iadd(e, emit_imul(e, pixel_line, width), emit_imul(e, along, const_i64(e, c->along.stride)));
  LLVMValueRef in_group = emit_isub(e, image, emit_imul(e, b->group, extent(b, c->images)));
  LLVMValueRef row_line = emit_iadd(e, emit_imul(e, in_group, extent(b, c->y.out)), line);
  LLVMValueRef row = emit_iadd(e, emit_imul(e, row_line, out), along);
  LLVMValueRef channels = const_i64(e, c->channels);
  windows_tile tile = {(unsigned)(per_line * lines), (unsigned)per_line, b->vectors, b->masked};
  LLVMValueRef arguments[WINDOWS_ARGUMENTS] = {
      [WINDOWS_A] = emit_at(e, e->real, b->x, emit_imul(e, pixel, channels)),
      [WINDOWS_LINE] = emit_imul(e, width, channels),
      [WINDOWS_B] = b->panel,
      [WINDOWS_C] = emit_at(e, e->real, b->to, emit_iadd(e, emit_imul(e, row, ldc), b->column)),
      [WINDOWS_LDC] = ldc,
      [WINDOWS_COLUMNS] = b->columns};
  emit_call(e, windows_tile_function(e, c, &tile), arguments, WINDOWS_ARGUMENTS);
  finish_rows(b, row, tile.rows);
}

// What is left of a line whose extent is known at run time only.
static void open_line(windows_body *b, LLVMValueRef image, LLVMValueRef line, LLVMValueRef along) {
  enum { HEIGHTS = 3 };
  const int64_t heights[HEIGHTS] = {b->t.per_line, 4, 1};
  emitter *e = b->r->e;
  LLVMValueRef end =
      emit_imin(e, emit_iadd(e, along, const_i64(e, b->t.per_line)), extent(b, b->c->along.out));
  for (int k = 0; k < HEIGHTS; k++) {
    loop l;
    LLVMValueRef last = emit_isub(e, end, const_i64(e, heights[k] - 1));
    loop_begin(e, &l, "windows", along, last, const_i64(e, heights[k]), NULL, 0, LOOP_PLAIN);
    call_tile(b, heights[k], 1, image, line, l.index);
    loop_end(e, &l, NULL);
    along = l.index;
  }
}

static void one_tile(windows_body *b, LLVMValueRef number) {
  emitter *e = b->r->e;
  const tiling *t = &b->t;
  LLVMValueRef across = extent(b, t->across), down = extent(b, t->down);
  LLVMValueRef x = LLVMBuildURem(e->builder, number, across, "");
  LLVMValueRef rest = LLVMBuildUDiv(e->builder, number, across, "");
  LLVMValueRef y = LLVMBuildURem(e->builder, rest, down, ""),
               image = LLVMBuildUDiv(e->builder, rest, down, "");
  LLVMValueRef along = emit_imul(e, x, const_i64(e, t->per_line)),
               line = emit_imul(e, y, const_i64(e, t->lines));
  if (t->open) {
    open_line(b, image, line, along);
    return;
  }
  int64_t smaller = t->rest_per_line ? t->rest_per_line : t->rest_lines;
  if (!smaller) {
    call_tile(b, t->per_line, t->lines, image, line, along);
    return;
  }
  LLVMValueRef at = t->rest_per_line ? x : y, count = t->rest_per_line ? across : down;
  branch last;
  if_begin(e, &last, emit_icompare(e, LLVMIntEQ, at, emit_isub(e, count, const_i64(e, 1))), "last");
  call_tile(b, t->rest_per_line ? smaller : t->per_line, t->rest_lines ? smaller : t->lines, image, line,
            along);
  if_else(e, &last);
  call_tile(b, t->per_line, t->lines, image, line, along);
  if_end(e, &last);
}

// ---- panels: K x (PANEL_VECTORS * lanes) elements each; the last one may have fewer columns

static int64_t panel_width(const emitter *e) {
  return PANEL_VECTORS * e->lanes;
}

static int64_t panels_of(const windows_code *c, const emitter *e) {
  return divide_up(c->n, panel_width(e));
}

// Where panel `panel` of group `group` begins in the packed matrix.
static LLVMValueRef panel_start(emitter *e, const windows_code *c, LLVMValueRef group, LLVMValueRef panel) {
  LLVMValueRef number = emit_iadd(e, emit_imul(e, group, const_i64(e, panels_of(c, e))), panel);
  return emit_imul(e, number, const_i64(e, c->k * panel_width(e)));
}

typedef struct packing {
  routine *r;
  const windows_code *c;
  LLVMValueRef packed;
} packing;

static void pack_columns(const packing *p, LLVMValueRef group, LLVMValueRef panel, int64_t columns) {
  emitter *e = p->r->e;
  const windows_code *c = p->c;
  unsigned vectors = (unsigned)divide_up(columns, e->lanes);
  memory b = memory_of(p->r, c->st->matmul->in[1]);
  LLVMValueRef first = emit_imul(e, group, const_i64(e, c->k * c->n));
  LLVMValueRef from =
      emit_at(e, e->real, b.base, emit_iadd(e, first, emit_imul(e, panel, const_i64(e, panel_width(e)))));
  LLVMValueRef to = emit_at(e, e->real, p->packed, panel_start(e, c, group, panel));
  loop l;
  loop_begin(e, &l, "k", const_i64(e, 0), const_i64(e, c->k), const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef in = emit_at(e, e->real, from, emit_imul(e, l.index, const_i64(e, c->n)));
  LLVMValueRef out = emit_at(e, e->real, to, emit_imul(e, l.index, const_i64(e, vectors * e->lanes)));
  for (unsigned v = 0; v < vectors; v++) {
    LLVMValueRef at = const_i64(e, v * e->lanes), mask = NULL;
    if ((v + 1) * e->lanes > columns)
      mask = emit_tail_mask(e, at, const_i64(e, columns), e->lanes);
    LLVMValueRef read = emit_masked_load(e, e->vector, emit_at(e, e->real, in, at), mask, b.scope);
    emit_store(e, read, emit_at(e, e->real, out, at), 0, NULL);
  }
  loop_end(e, &l, NULL);
}

static work_split split_packing(routine *r, const windows_code *c) {
  dim_table *d = c->pc->dims;
  const dim *panels = dim_mul(d, c->groups, dim_const(d, panels_of(c, r->e)));
  const dim *work = dim_mul(d, panels, dim_const(d, c->k * panel_width(r->e)));
  return split_work(r, panels, work, PACK_GRAIN, 1);
}

// Body: packs a range of the panels of all groups.
static LLVMValueRef emit_packing(const windows_code *c, int slot) {
  routine r;
  LLVMValueRef block, begin, end;
  LLVMValueRef function = routine_begin_body(&r, c->pc, "pack", &block);
  emitter *e = r.e;
  work_split split = split_packing(&r, c);
  split_range(&r, &split, block, &begin, &end);
  packing p = {&r, c, scratch_address(&r, slot)};
  int64_t panels = panels_of(c, e), rest = c->n % panel_width(e);
  loop l;
  loop_begin(e, &l, "panel", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef group = LLVMBuildUDiv(e->builder, l.index, const_i64(e, panels), "");
  LLVMValueRef panel = LLVMBuildURem(e->builder, l.index, const_i64(e, panels), "");
  branch last;
  if (rest) {
    if_begin(e, &last, emit_icompare(e, LLVMIntEQ, panel, const_i64(e, panels - 1)), "last");
    pack_columns(&p, group, panel, rest);
    if_else(e, &last);
  }
  pack_columns(&p, group, panel, panel_width(e));
  if (rest)
    if_end(e, &last);
  loop_end(e, &l, NULL);
  routine_end_body(&r);
  return function;
}

// ---- the kernel

static void tiles_by_panel(windows_body *b, LLVMValueRef packed, LLVMValueRef panel, LLVMValueRef begin,
                           LLVMValueRef end) {
  emitter *e = b->r->e;
  b->column = emit_imul(e, panel, const_i64(e, panel_width(e)));
  b->panel = emit_at(e, e->real, packed, panel_start(e, b->c, b->group, panel));
  loop l;
  loop_begin(e, &l, "tile", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  one_tile(b, l.index);
  loop_end(e, &l, NULL);
}

// Tiles [begin, end) of one group.
static void tiles_of_group(windows_body *b, LLVMValueRef packed, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = b->r->e;
  const windows_code *c = b->c;
  int64_t whole = c->n / panel_width(e), rest = c->n % panel_width(e);
  const dim *rows = c->st->matmul->shape.d[c->st->matmul->shape.rank - 2];
  memory to = memory_of_buffer(b->r, matmul_target(c->pc, c->st));
  LLVMValueRef before = emit_imul(e, b->group, emit_imul(e, extent(b, rows), const_i64(e, c->n)));
  b->to = emit_at(e, e->real, to.base, before);
  if (whole) {
    loop l;
    loop_begin(e, &l, "panel", const_i64(e, 0), const_i64(e, whole), const_i64(e, 1), NULL, 0, LOOP_PLAIN);
    b->vectors = PANEL_VECTORS;
    b->masked = false;
    b->columns = const_i64(e, panel_width(e));
    tiles_by_panel(b, packed, l.index, begin, end);
    loop_end(e, &l, NULL);
  }
  if (rest) {
    b->vectors = (unsigned)divide_up(rest, e->lanes);
    b->masked = rest % e->lanes != 0;
    b->columns = const_i64(e, rest);
    tiles_by_panel(b, packed, const_i64(e, whole), begin, end);
  }
}

static const dim *tiles_per_group(const windows_body *b) {
  dim_table *d = b->c->pc->dims;
  return dim_mul(d, b->c->images, dim_mul(d, b->t.across, b->t.down));
}

static work_split split_tiles(routine *r, const windows_body *b) {
  const windows_code *c = b->c;
  dim_table *d = c->pc->dims;
  const dim *tiles = dim_mul(d, c->groups, tiles_per_group(b));
  const dim *work = dim_mul(d, tiles, dim_const(d, b->t.per_line * b->t.lines * c->n * c->k));
  return split_work(r, tiles, work, PRODUCT_GRAIN, 1);
}

static LLVMValueRef emit_tiles(windows_body *b, int slot) {
  routine r;
  LLVMValueRef block, begin, end;
  LLVMValueRef function = routine_begin_body(&r, b->c->pc, "tiles", &block);
  emitter *e = r.e;
  b->r = &r;
  work_split split = split_tiles(&r, b);
  split_range(&r, &split, block, &begin, &end);
  LLVMValueRef packed = scratch_address(&r, slot), per_group = dim_value(&r, tiles_per_group(b));
  b->x = memory_of(&r, b->c->x).base;
  branch any;
  if_begin(e, &any, emit_icompare(e, LLVMIntSLT, begin, end), "any");
  loop l;
  LLVMValueRef one = const_i64(e, 1), first = const_i64(e, 0), last = const_i64(e, 0);
  if (!extent_is_one(b->c->groups)) {
    first = LLVMBuildUDiv(e->builder, begin, per_group, "");
    last = LLVMBuildUDiv(e->builder, emit_isub(e, end, one), per_group, "");
  }
  loop_begin(e, &l, "group", first, emit_iadd(e, last, one), one, NULL, 0, LOOP_PLAIN);
  b->group = l.index;
  LLVMValueRef start = emit_imul(e, l.index, per_group);
  tiles_of_group(b, packed, emit_imax(e, begin, start), emit_imin(e, end, emit_iadd(e, start, per_group)));
  loop_end(e, &l, NULL);
  if_end(e, &any);
  routine_end_body(&r);
  return function;
}

int windows_packed_slot(program_code *pc, const stage *st) {
  windows_code c = windows_code_of(pc, st);
  dim_table *d = pc->dims;
  int64_t bytes = panels_of(&c, pc->e) * panel_width(pc->e) * c.k * (int64_t)pc->e->real_bytes;
  return scratch_add_of_weights(pc, dim_mul(d, c.groups, dim_const(d, bytes)));
}

LLVMValueRef emit_windows_packing(program_code *pc, const stage *st, int slot) {
  windows_code c = windows_code_of(pc, st);
  return emit_packing(&c, slot);
}

void run_windows_packing(routine *whole, const stage *st, LLVMValueRef pack) {
  windows_code c = windows_code_of(whole->pc, st);
  branch unless_kept;
  unless_kept_begin(whole, &unless_kept);
  run_blocks(whole, pack, split_packing(whole, &c).blocks);
  unless_kept_end(whole, &unless_kept);
}

void emit_windows_lines(routine *r, const stage *st, int slot, LLVMValueRef begin, LLVMValueRef end,
                        int64_t together) {
  program_code *pc = r->pc;
  emitter *e = r->e;
  windows_code c = windows_code_of(pc, st);
  windows_body b = {.c = &c,
                    .r = r,
                    .t = tiling_of(&c, windows_most_rows(e, PANEL_VECTORS), together),
                    .group = const_i64(e, 0)};
  INVARIANT(extent_is_one(c.groups) && !b.t.open && !b.t.rest_lines);
  if (stage_has_epilogue(st))
    epilogue_begin(&b.ep, pc, st, NULL, &b.spec);
  LLVMValueRef across = extent(&b, b.t.across), lines = const_i64(e, b.t.lines);
  b.x = memory_of(r, c.x).base;
  tiles_of_group(&b, scratch_address(r, slot),
                 emit_imul(e, LLVMBuildUDiv(e->builder, begin, lines, ""), across),
                 emit_imul(e, LLVMBuildUDiv(e->builder, end, lines, ""), across));
  epilogue_end(&b.ep);
}

LLVMValueRef emit_windows_kernel(program_code *pc, const stage *st) {
  if (st->matmul->i[0])
    return emit_windows_gradient(pc, st);
  windows_code c = windows_code_of(pc, st);
  windows_body b = {.c = &c, .t = tiling_of(&c, windows_most_rows(pc->e, PANEL_VECTORS), 0)};
  if (stage_has_epilogue(st))
    epilogue_begin(&b.ep, pc, st, NULL, &b.spec);
  int slot = windows_packed_slot(pc, st);
  LLVMValueRef pack = emit_packing(&c, slot), tiles = emit_tiles(&b, slot);
  epilogue_end(&b.ep);
  routine whole;
  LLVMValueRef made = routine_begin_kernel(&whole, pc);
  run_windows_packing(&whole, st, pack);
  run_blocks(&whole, tiles, split_tiles(&whole, &b).blocks);
  copy_matmul_result(&whole, st);
  routine_end_kernel(&whole, NULL);
  return made;
}
