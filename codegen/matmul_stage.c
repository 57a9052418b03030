#include "codegen/matmul_stage.h"
#include "codegen/gemm_parts.h"
#include "codegen/scan.h"
#include "support/diag.h"

matmul_extents matmul_extents_of(program_code *pc, const node *matmul) {
  const shape *c = &matmul->shape, *a = &matmul->in[0]->shape, *b = &matmul->in[1]->shape;
  bool ta = matmul->i[0] != 0, tb = matmul->i[1] != 0;
  return (matmul_extents){.batch = extent_product(pc, c, 0, c->rank - 2),
                          .m = c->d[c->rank - 2],
                          .n = c->d[c->rank - 1],
                          .k = a->d[ta ? a->rank - 2 : a->rank - 1],
                          .shared_b = b->rank == 2,
                          .transpose_a = ta,
                          .transpose_b = tb};
}

// ---- epilogue

bool stage_has_epilogue(const stage *st) {
  return st->roots[0] != st->matmul;
}

static void attach(epilogue *ep, emitter *e, const LLVMValueRef *extra) {
  if (ep->r.function)
    routine_release(&ep->r);
  routine_attach(&ep->r, ep->pc, extra[EPILOGUE_CALL]);
  INVARIANT(ep->r.function == e->function);
  ep->r.scan = ep->scan;
  ep->r.band = ep->scan ? NULL : extra[EPILOGUE_AREA];
  ep->r.roots = ep->st->roots;
  ep->r.n_roots = ep->st->n_roots;
}

// The product as the root reads it: where the root splits its rows into several axes, a reshape.
static node *product_of(const epilogue *ep) {
  return g_reshape(ep->pc->s->program->g, ep->st->matmul, ep->st->roots[0]->shape);
}

// Row and column of the product within its batch -> a place of the root, whose shape has the same elements.
static place root_place(routine *r, const stage *st, LLVMValueRef row, LLVMValueRef column, unsigned lanes,
                        LLVMValueRef batch) {
  const shape *c = &st->matmul->shape, *root = &st->roots[0]->shape;
  place p = {.lanes = lanes};
  if (!shape_equal(c, root)) {
    place_rows(r, root, (1u << (root->rank - 1)) - 1, row, &p);
    p.at[root->rank - 1] = component_of(column, lanes > 1 ? 1 : 0);
    return p;
  }
  place_rows(r, c, (1u << (c->rank - 2)) - 1, batch, &p);
  p.at[c->rank - 2] = component_of(row, 0);
  p.at[c->rank - 1] = component_of(column, lanes > 1 ? 1 : 0);
  return p;
}

static LLVMValueRef apply(emitter *e, LLVMValueRef v, LLVMValueRef row, LLVMValueRef column,
                          LLVMValueRef mask, const LLVMValueRef *extra, void *data) {
  epilogue *ep = data;
  if (ep->r.function != e->function)
    attach(ep, e, extra);
  routine *r = &ep->r;
  if (ep->scan) {
    ep->scan->area = extra[EPILOGUE_AREA];
    ep->scan->tm_row = extra[EPILOGUE_TM_ROW];
    ep->scan->count = extra[EPILOGUE_COUNT];
  }
  unsigned lanes = type_lanes(LLVMTypeOf(v));
  row = emit_iadd(e, row, extra[EPILOGUE_ROW]);
  column = emit_iadd(e, column, extra[EPILOGUE_COLUMN]);
  place p = root_place(r, ep->st, row, column, lanes, extra[EPILOGUE_BATCH]);
  size_t mark = memo_mark(r);
  r->mask = mask;
  memo_set(r, product_of(ep), &p, v);
  LLVMValueRef result = emit_like(e, value_at(r, ep->st->roots[0], &p), LLVMTypeOf(v));
  if (ep->scan)
    store_root(r, ep->st->roots[0], &p, result);
  r->mask = NULL;
  memo_release(r, mark);
  return result;
}

void epilogue_begin(epilogue *ep, program_code *pc, const stage *st, struct scan_code *scan,
                    gemm_spec *spec) {
  emitter *e = pc->e;
  *ep = (epilogue){.pc = pc, .st = st, .scan = scan};
  ep->types[EPILOGUE_CALL] = ep->types[EPILOGUE_AREA] = e->ptr;
  ep->types[EPILOGUE_ROW] = ep->types[EPILOGUE_COLUMN] = ep->types[EPILOGUE_BATCH] = e->i64;
  ep->types[EPILOGUE_TM_ROW] = ep->types[EPILOGUE_COUNT] = e->i64;
  ep->name = arena_printf(pc->mem, "%s.%d.%u", pc->name, pc->kernel, st->roots[0]->id);
  spec->epilogue = apply;
  spec->epilogue_data = ep;
  spec->epilogue_name = ep->name;
  spec->extra = ep->types;
  spec->extra_count = EPILOGUE_EXTRA;
}

void epilogue_end(epilogue *ep) {
  if (ep->r.function)
    routine_release(&ep->r);
}

// ---- whole kernels

// One kernel: rows of all products of the batch, numbered through.
typedef struct matmul_code {
  program_code *pc;
  const stage *st;
  matmul_extents x;
  gemm_spec spec;
  epilogue ep;
  const dim *fresh; // rows that are not kept from earlier runs, at the end; NULL: all
} matmul_code;

static int64_t static_extent(const dim *d) {
  int64_t v;
  return dim_is_const(d, &v) ? v : 0;
}

enum {
  ROW_UNIT = 64,
  LONG_ROW_UNIT = 128, // where K is long, as across batches, and both operands pass by for each block
  PRODUCT_GRAIN = 1 << 20,
  MOST_ROWS = 512, // that pass by a block's columns: they keep in the second-level cache meanwhile
  BLOCKS_OF_THREAD = 8,
  CUTS_OF_THREAD = 2,
  FEW_BLOCKS = 8, // enough for most machines: columns are cut down to NARROW for as many
  NARROW = 64,
  MANY_BLOCKS = 32, // columns are cut down to WIDE for as many
  WIDE = 128,
};

static bool columns_are_split(const matmul_code *c) {
  int64_t n;
  return extent_is_one(c->x.batch) && !(dim_is_const(c->x.n, &n) && n < 2 * NARROW);
}

const buffer *matmul_target(const program_code *pc, const stage *st) {
  int count;
  const buffer *const *list = stored_buffers(pc, st->roots[0], &count);
  INVARIANT(count > 0);
  return list[0];
}

static matmul_code plan(program_code *pc, const stage *st) {
  matmul_code c = {.pc = pc,
                   .st = st,
                   .x = matmul_extents_of(pc, st->matmul),
                   .fresh = pc->s->kernels.data[pc->kernel].fresh};
  c.spec = (gemm_spec){.transpose_a = c.x.transpose_a,
                       .transpose_b = c.x.transpose_b,
                       .gather_a = st->a_table != NULL,
                       .n = columns_are_split(&c) ? 0 : static_extent(c.x.n),
                       .k = static_extent(c.x.k)};
  return c;
}

static LLVMValueRef first_row(routine *r, const matmul_code *c) {
  if (!c->fresh)
    return const_i64(r->e, 0);
  return emit_isub(r->e, dim_value(r, c->st->matmul->shape.d[0]), dim_value(r, c->fresh));
}

static LLVMValueRef element_of(routine *r, const memory *m, LLVMValueRef index) {
  return emit_at(r->e, m->element, m->base, index);
}

// Part of a product that a block computes.
typedef struct product_part {
  LLVMValueRef batch, row, rows, column, columns;
} product_part;

static gemm_operands operands_of(routine *r, const matmul_code *c, const product_part *part) {
  emitter *e = r->e;
  const matmul_extents *x = &c->x;
  node *matmul = c->st->matmul;
  LLVMValueRef m = dim_value(r, x->m), n = dim_value(r, x->n), k = dim_value(r, x->k);
  memory a = memory_of(r, c->st->a_table ? c->st->a_table : matmul->in[0]), b = memory_of(r, matmul->in[1]);
  memory to = memory_of_buffer(r, matmul_target(c->pc, c->st));
  gemm_operands o = {.m = part->rows,
                     .n = part->columns,
                     .k = k,
                     .lda = x->transpose_a ? m : k,
                     .ldb = x->transpose_b ? k : n,
                     .ldc = n};
  LLVMValueRef batch = part->batch, row = part->row;
  LLVMValueRef a_start = emit_imul(e, batch, emit_imul(e, m, k));
  if (c->st->a_table) {
    memory index = memory_of(r, c->st->a_index);
    o.index = element_of(r, &index, row);
    o.a = a.base;
  } else {
    LLVMValueRef in_a = x->transpose_a ? row : emit_imul(e, row, k);
    o.a = element_of(r, &a, emit_iadd(e, a_start, in_a));
  }
  LLVMValueRef b_start = x->shared_b ? const_i64(e, 0) : emit_imul(e, batch, emit_imul(e, k, n));
  LLVMValueRef in_b = x->transpose_b ? emit_imul(e, part->column, k) : part->column;
  o.b = element_of(r, &b, emit_iadd(e, b_start, in_b));
  LLVMValueRef c_row = emit_iadd(e, emit_imul(e, batch, m), row);
  o.c = element_of(r, &to, emit_iadd(e, emit_imul(e, c_row, n), part->column));
  return o;
}

static const dim *work_of(const matmul_code *c) {
  const dim *work = matmul_work(c->pc, c->st);
  return c->fresh ? dim_substitute(c->pc->dims, work, &c->x.m, &c->fresh, 1) : work;
}

// Blocks of a kernel: those of its rows, times those of its columns.
typedef struct product_split {
  work_split rows;
  LLVMValueRef columns, columns_per_block, column_blocks, blocks;
} product_split;

// `wanted` blocks, if each still has `width` columns.
static LLVMValueRef cut_columns(emitter *e, const product_split *s, int64_t wanted, int64_t width) {
  LLVMValueRef most = LLVMBuildSDiv(e->builder, s->columns, const_i64(e, width), "");
  return emit_imin(e, ceil_divide(e, const_i64(e, wanted), emit_imax(e, s->rows.blocks, const_i64(e, 1))),
                   most);
}

// Products have the same bits however they are cut, so few threads get few blocks: each packs what it reads
// anew. `of_thread` blocks for each thread, 1 for one alone, `many` where their number is not known.
static LLVMValueRef blocks_wanted(routine *r, int64_t of_thread, int64_t many) {
  emitter *e = r->e;
  LLVMValueRef threads = frame_field(r, FRAME_threads), one = const_i64(e, 1);
  LLVMValueRef some = emit_select(e, emit_icompare(e, LLVMIntEQ, threads, one), one,
                                  emit_imul(e, threads, const_i64(e, of_thread)));
  return emit_select(e, emit_icompare(e, LLVMIntSLT, threads, one), const_i64(e, many), some);
}

static void widen_rows(routine *r, work_split *rows, int64_t multiple) {
  emitter *e = r->e;
  LLVMValueRef step = const_i64(e, multiple), most = const_i64(e, MOST_ROWS);
  LLVMValueRef each = ceil_divide(e, rows->rows, blocks_wanted(r, BLOCKS_OF_THREAD, MOST_BLOCKS));
  each = emit_imin(e, emit_imul(e, ceil_divide(e, each, step), step), most);
  rows->rows_per_block = emit_imax(e, rows->rows_per_block, each);
  rows->blocks = ceil_divide(e, rows->rows, rows->rows_per_block);
}

// The products' rows, numbered through the batch, are cut into blocks; a block may touch several products.
// The rows of one product that give few blocks are cut into columns too: a block of many rows and columns
// reads less of both operands than one that is narrow.
static product_split split_matmul(routine *r, const matmul_code *c) {
  emitter *e = r->e;
  const matmul_extents *x = &c->x;
  program_code *pc = c->pc;
  const dim *rows = dim_mul(pc->dims, x->batch, c->fresh ? c->fresh : x->m);
  const dim *work = work_of(c);
  int64_t multiple = !extent_is_one(x->batch) ? 1 : x->transpose_a ? LONG_ROW_UNIT : ROW_UNIT;
  product_split s = {.rows = split_work(r, rows, work, PRODUCT_GRAIN, multiple),
                     .columns = dim_value(r, x->n),
                     .column_blocks = const_i64(e, 1)};
  if (extent_is_one(x->batch))
    widen_rows(r, &s.rows, multiple);
  s.columns_per_block = s.columns;
  s.blocks = s.rows.blocks;
  if (!columns_are_split(c))
    return s;
  LLVMValueRef one = const_i64(e, 1), step = const_i64(e, GEMM_PANEL_VECTORS * e->lanes);
  LLVMValueRef allowed = LLVMBuildSDiv(e->builder, dim_value(r, work), const_i64(e, PRODUCT_GRAIN), "");
  allowed = LLVMBuildSDiv(e->builder, allowed, emit_imax(e, s.rows.blocks, one), "");
  LLVMValueRef cuts =
      emit_imax(e, cut_columns(e, &s, FEW_BLOCKS, NARROW), cut_columns(e, &s, MANY_BLOCKS, WIDE));
  LLVMValueRef wanted = blocks_wanted(r, CUTS_OF_THREAD, MANY_BLOCKS);
  wanted = ceil_divide(e, wanted, emit_imax(e, s.rows.blocks, one));
  cuts = emit_imax(e, emit_imin(e, emit_imin(e, cuts, wanted), allowed), one);
  LLVMValueRef per_block = ceil_divide(e, ceil_divide(e, s.columns, cuts), step);
  s.columns_per_block = emit_imax(e, emit_imul(e, per_block, step), one);
  s.column_blocks = ceil_divide(e, s.columns, s.columns_per_block);
  s.blocks = emit_imul(e, s.rows.blocks, s.column_blocks);
  return s;
}

// Rows begin .. end - 1 of all products of the batch, numbered through, and some columns.
static void emit_product_rows(routine *r, matmul_code *c, LLVMValueRef begin, LLVMValueRef end,
                              LLVMValueRef column, LLVMValueRef columns) {
  emitter *e = r->e;
  LLVMValueRef first_new = first_row(r, c), m = dim_value(r, c->x.m);
  begin = emit_iadd(e, begin, first_new);
  end = emit_iadd(e, end, first_new);
  loop l; // over products
  branch any;
  if_begin(e, &any, emit_icompare(e, LLVMIntSLT, begin, end), "any");
  LLVMValueRef first = LLVMBuildSDiv(e->builder, begin, m, "");
  LLVMValueRef last = LLVMBuildSDiv(e->builder, emit_isub(e, end, const_i64(e, 1)), m, "");
  loop_begin(e, &l, "product", first, emit_iadd(e, last, const_i64(e, 1)), const_i64(e, 1), NULL, 0,
             LOOP_PLAIN);
  LLVMValueRef start = emit_imul(e, l.index, m);
  LLVMValueRef row = emit_imax(e, emit_isub(e, begin, start), const_i64(e, 0));
  LLVMValueRef row_end = emit_imin(e, emit_isub(e, end, start), m);
  product_part part = {l.index, row, emit_isub(e, row_end, row), column, columns};
  gemm_operands o = operands_of(r, c, &part);
  LLVMValueRef extra[EPILOGUE_EXTRA] = {[EPILOGUE_CALL] = r->call,
                                        [EPILOGUE_ROW] = row,
                                        [EPILOGUE_COLUMN] = column,
                                        [EPILOGUE_BATCH] = l.index,
                                        [EPILOGUE_AREA] = r->band ? r->band : LLVMConstNull(e->ptr),
                                        [EPILOGUE_TM_ROW] = const_i64(e, 0),
                                        [EPILOGUE_COUNT] = const_i64(e, 0)};
  o.extra = extra;
  emit_gemm(e, &c->spec, &o);
  loop_end(e, &l, NULL);
  if_end(e, &any);
}

void emit_matmul_rows(routine *r, const stage *st, LLVMValueRef begin, LLVMValueRef end) {
  matmul_code c = plan(r->pc, st);
  if (stage_has_epilogue(st))
    epilogue_begin(&c.ep, r->pc, st, NULL, &c.spec);
  emit_product_rows(r, &c, begin, end, const_i64(r->e, 0), dim_value(r, c.x.n));
  epilogue_end(&c.ep);
}

const dim *matmul_work(program_code *pc, const stage *st) {
  matmul_extents x = matmul_extents_of(pc, st->matmul);
  return dim_mul(pc->dims, dim_mul(pc->dims, x.batch, x.m), dim_mul(pc->dims, x.n, x.k));
}

static LLVMValueRef emit_body(matmul_code *c) {
  routine r;
  LLVMValueRef block, begin, end;
  LLVMValueRef function = routine_begin_body(&r, c->pc, "rows", &block);
  emitter *e = r.e;
  product_split split = split_matmul(&r, c);
  LLVMValueRef of_rows = block, column = const_i64(e, 0);
  if (columns_are_split(c)) {
    LLVMValueRef blocks = emit_imax(e, split.column_blocks, const_i64(e, 1));
    of_rows = LLVMBuildSDiv(e->builder, block, blocks, "");
    column = emit_imul(e, LLVMBuildSRem(e->builder, block, blocks, ""), split.columns_per_block);
  }
  split_range(&r, &split.rows, of_rows, &begin, &end);
  LLVMValueRef columns = emit_imin(e, emit_isub(e, split.columns, column), split.columns_per_block);
  emit_product_rows(&r, c, begin, end, column, columns);
  routine_end_body(&r);
  return function;
}

// Further buffers of the same value (an output that is also something else) are copies.
void copy_matmul_result(routine *r, const stage *st) {
  node *root = st->roots[0];
  int count;
  const buffer *const *list = stored_buffers(r->pc, root, &count);
  LLVMValueRef bytes = emit_imul(r->e, dim_value(r, shape_elements(r->pc->dims, &root->shape)),
                                 const_i64(r->e, element_bytes_of(r->e, root->type)));
  for (int k = 1; k < count; k++)
    emit_memory_copy(r->e, memory_of_buffer(r, list[k]).base, memory_of_buffer(r, list[0]).base, bytes);
}

LLVMValueRef emit_matmul_kernel(program_code *pc, const stage *st) {
  matmul_code c = plan(pc, st);
  if (stage_has_epilogue(st))
    epilogue_begin(&c.ep, pc, st, NULL, &c.spec);
  LLVMValueRef body = emit_body(&c);
  epilogue_end(&c.ep);
  routine whole;
  LLVMValueRef made = routine_begin_kernel(&whole, pc);
  product_split split = split_matmul(&whole, &c);
  run_blocks(&whole, body, split.blocks);
  copy_matmul_result(&whole, st);
  routine_end_kernel(&whole, NULL);
  return made;
}
