// The product of transposed windows, W' D: the gradient of a convolution's kernel, [K, rows] x [rows, N].
// Tiles of C stay in registers while a chain runs over lines of windows. Lines come in blocks that stay in
// cache while the tiles pass by. Where C has few tiles, the lines are cut into SHARES, whose results are
// added in order: by shapes alone, never by the number of threads.
#include "codegen/windows.h"
#include "support/diag.h"

enum {
  MOST_VECTORS = 4,
  SHARES = 16,
  FEW_TILES = 16,        // C has so few tiles that lines are shared
  LINE_BYTES = 16 << 10, // of D that stay in the first-level cache
  GRADIENT_GRAIN = 1 << 19,
  MOST_PARTS = 16, // that tiles are handed out in: each reads all of D
};

// A tile: `rows` elements of a run of the windows (or of all of a small window), `vectors` of D's columns.
typedef struct gradient_code {
  windows_code c;
  unsigned vectors;   // of a panel
  int64_t rows, rest; // of a tile; of the last one of a run, 0: as all
  int64_t tiles_of_run, runs;
  bool whole_window; // one tile has all K
  int64_t shares;
  const dim *lines; // of windows, of one group
  int64_t block;    // lines of a block; 0: unknown width
  int slot;         // of the shares' results
} gradient_code;

typedef struct gradient_body {
  const gradient_code *g;
  routine *r;
  LLVMValueRef x, d, c;             // images; D and C of the group
  LLVMValueRef image;               // first of the group
  LLVMValueRef run, in_run, column; // place of the tile
  LLVMValueRef line_begin, line_end, load_c;
  unsigned rows, vectors;
  LLVMValueRef mask;
} gradient_body;

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

static gradient_code plan(program_code *pc, const stage *st) {
  gradient_code g = {.c = windows_code_of(pc, st), .slot = -1};
  const windows_code *c = &g.c;
  emitter *e = pc->e;
  unsigned most = e->target->vector_registers >= 32 ? MOST_VECTORS : 2;
  int64_t needed = divide_up(c->n, e->lanes), width;
  g.vectors = needed < most ? (unsigned)needed : most;
  int64_t heights = windows_most_rows(e, g.vectors);
  g.runs = c->k / c->run;
  g.whole_window = g.runs > 1 && c->k <= windows_most_rows(e, 2) && dim_is_const(c->width, &width);
  if (g.whole_window) {
    g.vectors = needed < 2 ? 1 : 2;
    g.runs = g.tiles_of_run = 1;
    g.rows = c->k;
  } else {
    g.tiles_of_run = divide_up(c->run, heights);
    g.rows = divide_up(c->run, g.tiles_of_run);
    int64_t last = c->run - (g.tiles_of_run - 1) * g.rows;
    g.rest = last == g.rows ? 0 : last;
  }
  int64_t panels = divide_up(needed, g.vectors);
  g.shares = g.runs * g.tiles_of_run * panels <= FEW_TILES && extent_is_one(c->groups) ? SHARES : 1;
  g.lines = dim_mul(pc->dims, c->images, c->y.out);
  int64_t out;
  if (dim_is_const(c->along.out, &out) && out > 0) {
    g.block = LINE_BYTES / (out * g.vectors * e->lanes * (int64_t)e->real_bytes);
    g.block = g.block < 1 ? 1 : g.block;
  }
  return g;
}

static LLVMValueRef extent(const gradient_body *b, const dim *d) {
  return dim_value(b->r, d);
}

// ---- the chains of one tile over lines [line_begin, line_end)

// Elements from the start of a window to row i of the tile.
static LLVMValueRef row_offset(const gradient_body *b, int64_t i, LLVMValueRef pixel_line) {
  emitter *e = b->r->e;
  const windows_code *c = &b->g->c;
  if (!b->g->whole_window)
    return const_i64(e, i);
  return emit_iadd(e, windows_run_start(e, c, const_i64(e, i / c->run), pixel_line),
                   const_i64(e, i % c->run));
}

static LLVMValueRef mask_of(const gradient_body *b, unsigned vector) {
  return vector + 1 == b->vectors ? b->mask : NULL;
}

static LLVMValueRef c_address(const gradient_body *b, unsigned i) {
  emitter *e = b->r->e;
  const windows_code *c = &b->g->c;
  LLVMValueRef k = emit_iadd(e, emit_imul(e, b->run, const_i64(e, c->run)), b->in_run);
  LLVMValueRef row = emit_iadd(e, k, const_i64(e, i / b->vectors));
  LLVMValueRef column = emit_iadd(e, b->column, const_i64(e, i % b->vectors * e->lanes));
  return emit_at(e, e->real, b->c, emit_iadd(e, emit_imul(e, row, const_i64(e, c->n)), column));
}

static void start_chains(const gradient_body *b, LLVMValueRef *chains) {
  emitter *e = b->r->e;
  unsigned count = b->rows * b->vectors;
  LLVMValueRef old[LOOP_MAX_CARRIED], zero = const_real(e->vector, 0);
  branch load;
  if_begin(e, &load, b->load_c, "old");
  for (unsigned i = 0; i < count; i++)
    old[i] = emit_masked_load(e, e->vector, c_address(b, i), mask_of(b, i % b->vectors), NULL);
  if_else(e, &load);
  if_end(e, &load);
  LLVMBasicBlockRef blocks[2] = {load.then_end, load.else_block};
  for (unsigned i = 0; i < count; i++) {
    LLVMValueRef values[2] = {old[i], zero};
    chains[i] = LLVMBuildPhi(e->builder, e->vector, "");
    LLVMAddIncoming(chains[i], values, blocks, 2);
  }
}

static void add_row(const gradient_body *b, LLVMValueRef a, LLVMValueRef d, LLVMValueRef pixel_line,
                    LLVMValueRef *chains) {
  emitter *e = b->r->e;
  LLVMValueRef columns[MOST_VECTORS];
  for (unsigned v = 0; v < b->vectors; v++)
    columns[v] = emit_masked_load(e, e->vector, emit_at(e, e->real, d, const_i64(e, v * e->lanes)),
                                  mask_of(b, v), NULL);
  for (unsigned i = 0; i < b->rows; i++) {
    LLVMValueRef at = emit_at(e, e->real, a, row_offset(b, i, pixel_line));
    LLVMValueRef factor = emit_splat(e, emit_load(e, e->real, at, 0, NULL), e->lanes);
    for (unsigned v = 0; v < b->vectors; v++)
      chains[i * b->vectors + v] = emit_fma(e, factor, columns[v], chains[i * b->vectors + v]);
  }
}

static void emit_chains(const gradient_body *b) {
  emitter *e = b->r->e;
  const windows_code *c = &b->g->c;
  unsigned count = b->rows * b->vectors;
  LLVMValueRef chains[LOOP_MAX_CARRIED], zero = const_i64(e, 0), one = const_i64(e, 1);
  LLVMValueRef channels = const_i64(e, c->channels), out = extent(b, c->along.out),
               down = extent(b, c->y.out);
  LLVMValueRef pixel_line = emit_imul(e, extent(b, c->width), channels);
  LLVMValueRef in_window = emit_iadd(e, windows_run_start(e, c, b->run, pixel_line), b->in_run);
  start_chains(b, chains);
  loop lines, along;
  loop_begin(e, &lines, "line", b->line_begin, b->line_end, one, chains, count, LOOP_PLAIN);
  LLVMValueRef image = emit_iadd(e, b->image, LLVMBuildUDiv(e->builder, lines.index, down, ""));
  LLVMValueRef y = emit_imul(e, LLVMBuildURem(e->builder, lines.index, down, ""), const_i64(e, c->y.stride));
  LLVMValueRef line = emit_iadd(e, emit_imul(e, image, extent(b, c->height)), y);
  LLVMValueRef a = emit_at(e, e->real, b->x, emit_iadd(e, emit_imul(e, line, pixel_line), in_window));
  LLVMValueRef d_row = emit_imul(e, emit_imul(e, lines.index, out), const_i64(e, c->n));
  LLVMValueRef d = emit_at(e, e->real, b->d, emit_iadd(e, d_row, b->column));
  loop_begin(e, &along, "along", zero, out, one, lines.carried, count, LOOP_PLAIN);
  LLVMValueRef next[LOOP_MAX_CARRIED];
  for (unsigned i = 0; i < count; i++)
    next[i] = along.carried[i];
  LLVMValueRef step_a = emit_imul(e, along.index, const_i64(e, c->along.stride * c->channels));
  LLVMValueRef step_d = emit_imul(e, along.index, const_i64(e, c->n));
  add_row(b, emit_at(e, e->real, a, step_a), emit_at(e, e->real, d, step_d), pixel_line, next);
  loop_end(e, &along, next);
  loop_end(e, &lines, along.carried);
  for (unsigned i = 0; i < count; i++)
    emit_masked_store(e, lines.carried[i], c_address(b, i), mask_of(b, i % b->vectors), NULL);
}

// ---- the tiles of a block

static void tile_over_columns(gradient_body *b) {
  emitter *e = b->r->e;
  int64_t n = b->g->c.n, width = b->g->vectors * e->lanes, whole = n / width * width, rest = n - whole;
  b->mask = NULL;
  if (whole) {
    loop l;
    loop_begin(e, &l, "panel", const_i64(e, 0), const_i64(e, whole), const_i64(e, width), NULL, 0,
               LOOP_PLAIN);
    b->column = l.index;
    b->vectors = b->g->vectors;
    emit_chains(b);
    loop_end(e, &l, NULL);
  }
  if (rest) {
    b->column = const_i64(e, whole);
    b->vectors = (unsigned)divide_up(rest, e->lanes);
    if (rest % e->lanes)
      b->mask =
          emit_tail_mask(e, const_i64(e, (int64_t)(b->vectors - 1) * e->lanes), const_i64(e, rest), e->lanes);
    emit_chains(b);
  }
}

static void one_tile(gradient_body *b, LLVMValueRef number) {
  emitter *e = b->r->e;
  const gradient_code *g = b->g;
  LLVMValueRef of_run = const_i64(e, g->tiles_of_run);
  b->run = LLVMBuildUDiv(e->builder, number, of_run, "");
  LLVMValueRef in_run = LLVMBuildURem(e->builder, number, of_run, "");
  b->in_run = emit_imul(e, in_run, const_i64(e, g->rows));
  b->rows = (unsigned)g->rows;
  if (!g->rest) {
    tile_over_columns(b);
    return;
  }
  branch last;
  if_begin(e, &last, emit_icompare(e, LLVMIntEQ, in_run, const_i64(e, g->tiles_of_run - 1)), "last");
  b->rows = (unsigned)g->rest;
  tile_over_columns(b);
  if_else(e, &last);
  b->rows = (unsigned)g->rows;
  tile_over_columns(b);
  if_end(e, &last);
}

// Tiles [begin, end) over lines [first, end_line), block by block.
static void tiles_over_lines(gradient_body *b, LLVMValueRef begin, LLVMValueRef end, LLVMValueRef first,
                             LLVMValueRef end_line) {
  emitter *e = b->r->e;
  LLVMValueRef step = const_i64(e, b->g->block);
  if (!b->g->block) {
    int64_t row = b->g->vectors * e->lanes * (int64_t)e->real_bytes;
    LLVMValueRef of_line = emit_imul(e, extent(b, b->g->c.along.out), const_i64(e, row));
    of_line = emit_imax(e, of_line, const_i64(e, 1));
    step = emit_imax(e, LLVMBuildUDiv(e->builder, const_i64(e, LINE_BYTES), of_line, ""), const_i64(e, 1));
  }
  // Once at least, so that C is written where there are no lines.
  loop blocks, tiles;
  LLVMValueRef some = emit_imax(e, end_line, emit_iadd(e, first, const_i64(e, 1)));
  loop_begin(e, &blocks, "lines", first, some, step, NULL, 0, LOOP_PLAIN);
  b->line_begin = blocks.index;
  b->line_end = emit_imin(e, emit_iadd(e, blocks.index, step), end_line);
  b->load_c = emit_icompare(e, LLVMIntSGT, blocks.index, first);
  loop_begin(e, &tiles, "tile", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  one_tile(b, tiles.index);
  loop_end(e, &tiles, NULL);
  loop_end(e, &blocks, NULL);
}

static int64_t tiles_of(const gradient_code *g) {
  return g->runs * g->tiles_of_run;
}

static const dim *units_of(const gradient_code *g) {
  dim_table *d = g->c.pc->dims;
  return dim_mul(d, g->c.groups, dim_const(d, tiles_of(g) * g->shares));
}

static work_split split_tiles(routine *r, const gradient_code *g) {
  dim_table *d = g->c.pc->dims;
  const dim *rows = dim_mul(d, dim_mul(d, g->lines, g->c.along.out), g->c.groups);
  int64_t together = divide_up(tiles_of(g) * g->shares, MOST_PARTS);
  return split_work(r, units_of(g), dim_mul(d, rows, dim_const(d, g->c.k * g->c.n)), GRADIENT_GRAIN,
                    together);
}

// Units [begin, end), counted by group or share and tile.
static void emit_units(gradient_body *b, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = b->r->e;
  const gradient_code *g = b->g;
  const windows_code *c = &g->c;
  LLVMValueRef one = const_i64(e, 1), per = const_i64(e, tiles_of(g)), lines = extent(b, g->lines);
  memory d = memory_of(b->r, c->st->matmul->in[1]), to = memory_of_buffer(b->r, matmul_target(c->pc, c->st));
  LLVMValueRef first = LLVMBuildUDiv(e->builder, begin, per, "");
  LLVMValueRef last = LLVMBuildUDiv(e->builder, emit_isub(e, end, one), per, "");
  loop l;
  loop_begin(e, &l, g->shares > 1 ? "share" : "group", first, emit_iadd(e, last, one), one, NULL, 0,
             LOOP_PLAIN);
  LLVMValueRef start = emit_imul(e, l.index, per), result = emit_imul(e, l.index, const_i64(e, c->k * c->n));
  LLVMValueRef tile = emit_isub(e, emit_imax(e, begin, start), start);
  LLVMValueRef tile_end = emit_isub(e, emit_imin(e, end, emit_iadd(e, start, per)), start);
  if (g->shares > 1) {
    b->c = emit_at(e, e->real, scratch_address(b->r, g->slot), result);
    b->d = d.base;
    b->image = const_i64(e, 0);
    LLVMValueRef shares = const_i64(e, g->shares);
    LLVMValueRef from = LLVMBuildUDiv(e->builder, emit_imul(e, lines, l.index), shares, "");
    LLVMValueRef until =
        LLVMBuildUDiv(e->builder, emit_imul(e, lines, emit_iadd(e, l.index, one)), shares, "");
    tiles_over_lines(b, tile, tile_end, from, until);
  } else {
    LLVMValueRef rows = emit_imul(e, lines, extent(b, c->along.out));
    b->c = emit_at(e, e->real, to.base, result);
    b->d = emit_at(e, e->real, d.base, emit_imul(e, emit_imul(e, l.index, rows), const_i64(e, c->n)));
    b->image = emit_imul(e, l.index, extent(b, c->images));
    tiles_over_lines(b, tile, tile_end, const_i64(e, 0), lines);
  }
  loop_end(e, &l, NULL);
}

static LLVMValueRef emit_body(const gradient_code *g) {
  routine r;
  LLVMValueRef block, begin, end;
  LLVMValueRef function = routine_begin_body(&r, g->c.pc, "tiles", &block);
  work_split split = split_tiles(&r, g);
  split_range(&r, &split, block, &begin, &end);
  gradient_body b = {.g = g, .r = &r, .x = memory_of(&r, g->c.x).base};
  branch any;
  if_begin(r.e, &any, emit_icompare(r.e, LLVMIntSLT, begin, end), "any");
  emit_units(&b, begin, end);
  if_end(r.e, &any);
  routine_end_body(&r);
  return function;
}

// ---- the shares' results, added in order

typedef struct share_sum {
  const gradient_code *g;
  LLVMValueRef from, to;
} share_sum;

static void add_shares(routine *r, component at, unsigned lanes, void *data) {
  const share_sum *s = data;
  emitter *e = r->e;
  LLVMTypeRef type = vector_of(e->real, lanes);
  LLVMValueRef sum = const_real(type, 0);
  for (int64_t k = 0; k < s->g->shares; k++) {
    LLVMValueRef index = emit_iadd(e, const_i64(e, k * s->g->c.k * s->g->c.n), at.base);
    LLVMValueRef part = emit_masked_load(e, type, emit_at(e, e->real, s->from, index), r->mask, NULL);
    sum = k ? emit_add(e, sum, part) : part;
  }
  emit_masked_store(e, sum, emit_at(e, e->real, s->to, at.base), r->mask, NULL);
}

LLVMValueRef emit_windows_gradient(program_code *pc, const stage *st) {
  INVARIANT(!stage_has_epilogue(st));
  gradient_code g = plan(pc, st);
  dim_table *d = pc->dims;
  int64_t elements = g.c.k * g.c.n;
  if (g.shares > 1)
    g.slot = scratch_add(pc, dim_const(d, g.shares * elements * (int64_t)pc->e->real_bytes));
  LLVMValueRef body = emit_body(&g);
  routine whole;
  LLVMValueRef made = routine_begin_kernel(&whole, pc);
  run_blocks(&whole, body, split_tiles(&whole, &g).blocks);
  if (g.shares > 1) {
    share_sum s = {&g, scratch_address(&whole, g.slot), memory_of_buffer(&whole, matmul_target(pc, st)).base};
    emit_columns(&whole, "element", const_i64(pc->e, 0), const_i64(pc->e, elements), pc->e->lanes, add_shares,
                 &s);
  }
  copy_matmul_result(&whole, st);
  routine_end_kernel(&whole, NULL);
  return made;
}
