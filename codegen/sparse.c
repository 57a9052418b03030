// STAGE_SPARSE: products of windows with rows g [I, O..., F] that are mostly zeros. g is read a vector at a
// time; a zero costs no more than that. What is left is a sum of multiples of runs: of x's windows for
// COLLECT, of the kernel's columns for SPREAD.
#include "codegen/windows.h"
#include "support/diag.h"

enum { SCAN_GRAIN = 1 << 16, FACTOR_WORK = 2 };

typedef struct sparse_code {
  windows_code c;
  const node *root;
  node *g;            // has memory, or is made where it is read
  bool single_pixels; // every pixel is an image by itself
  int slot;           // COLLECT: the result, transposed [F, K]; SPREAD: the kernel, transposed
} sparse_code;

// One number of g that is not zero.
typedef struct factor {
  LLVMValueRef value;       // e->real
  LLVMValueRef image, y, x; // its window
  LLVMValueRef column;
} factor;

typedef struct sparse_body {
  const sparse_code *s;
  routine *r;
  LLVMValueRef g;     // memory of g; NULL: it has none
  LLVMValueRef found; // stack: the vector of g that is looked at, where g has no memory
  LLVMValueRef transposed;
  LLVMValueRef images;      // COLLECT: x, or the table; SPREAD: the result
  LLVMValueRef index;       // COLLECT, of gathered rows: the table's row of each pixel; else NULL
  LLVMValueRef column, end; // columns of g: one vector
  void (*add)(struct sparse_body *b, const factor *f);
} sparse_body;

static LLVMValueRef extent(const sparse_body *b, const dim *d) {
  return dim_value(b->r, d);
}

static bool is_collect(const sparse_code *s) {
  return s->root->op == OP_COLLECT;
}

// ---- numbers of g that are not zero

static void each_factor(sparse_body *b, LLVMValueRef row, LLVMValueRef bits, factor *f) {
  emitter *e = b->r->e;
  LLVMTypeRef type = LLVMTypeOf(bits);
  LLVMValueRef left = emit_intrinsic(e, "llvm.ctpop", &type, 1, &bits, 1);
  loop l;
  loop_begin(e, &l, "factor", const_i64(e, 0), LLVMBuildZExt(e->builder, left, e->i64, ""), const_i64(e, 1),
             &bits, 1, LOOP_PLAIN);
  LLVMValueRef first[2] = {l.carried[0], const_i1(e, true)};
  LLVMValueRef lane = emit_intrinsic(e, "llvm.cttz", &type, 1, first, 2);
  f->column = emit_iadd(e, b->column, LLVMBuildZExt(e->builder, lane, e->i64, ""));
  LLVMValueRef at = b->g ? emit_at(e, e->real, b->g, emit_iadd(e, row, f->column))
                         : emit_at(e, e->real, b->found, LLVMBuildZExt(e->builder, lane, e->i64, ""));
  f->value = emit_load(e, e->real, at, 0, NULL);
  b->add(b, f);
  LLVMValueRef less = LLVMBuildSub(e->builder, l.carried[0], LLVMConstInt(type, 1, 0), "");
  LLVMValueRef next = LLVMBuildAnd(e->builder, l.carried[0], less, "");
  loop_end(e, &l, &next);
}

// A vector of g that has no memory, of row `row` of all its rows.
static LLVMValueRef made_vector(sparse_body *b, const factor *f, LLVMValueRef row, LLVMValueRef mask) {
  routine *r = b->r;
  node *g = b->s->g;
  int last = g->shape.rank - 1;
  size_t mark = memo_mark(r);
  place p = {.lanes = 1};
  if (b->s->single_pixels) {
    place_rows(r, &g->shape, (1u << last) - 1, row, &p);
  } else {
    p.at[0] = component_of(f->image, 0);
    p.at[last - 1] = component_of(f->x, 0);
    if (last > 2)
      p.at[1] = component_of(f->y, 0);
  }
  p.lanes = r->e->lanes;
  p.at[last] = component_of(b->column, 1);
  r->mask = mask;
  LLVMValueRef v = emit_like(r->e, value_at(r, g, &p), r->e->vector);
  r->mask = NULL;
  memo_release(r, mark);
  return v;
}

static LLVMValueRef vector_of_row(sparse_body *b, const factor *f, LLVMValueRef row, LLVMValueRef mask) {
  emitter *e = b->r->e;
  if (!b->g)
    return made_vector(b, f, row, mask);
  LLVMValueRef first = emit_imul(e, row, const_i64(e, b->s->c.n));
  LLVMValueRef at = emit_at(e, e->real, b->g, emit_iadd(e, first, b->column));
  return emit_masked_load(e, e->vector, at, mask, NULL);
}

// One vector of columns of the row of a window.
static void scan_row(sparse_body *b, factor *f) {
  emitter *e = b->r->e;
  const windows_code *c = &b->s->c;
  LLVMValueRef line = emit_iadd(e, emit_imul(e, f->image, extent(b, c->y.out)), f->y);
  LLVMValueRef row = emit_iadd(e, emit_imul(e, line, extent(b, c->along.out)), f->x);
  LLVMValueRef mask = c->n % e->lanes ? emit_tail_mask(e, b->column, b->end, e->lanes) : NULL;
  LLVMValueRef v = vector_of_row(b, f, row, mask);
  LLVMValueRef some = emit_compare(e, LLVMRealUNE, v, const_real(e->vector, 0));
  if (!b->g && mask)
    some = LLVMBuildAnd(e->builder, some, mask, "");
  LLVMValueRef bits = LLVMBuildBitCast(e->builder, some, LLVMIntTypeInContext(e->context, e->lanes), "");
  branch any;
  if_begin(e, &any, emit_icompare(e, LLVMIntNE, bits, LLVMConstNull(LLVMTypeOf(bits))), "any");
  if (!b->g)
    emit_store(e, v, b->found, 0, NULL);
  each_factor(b, emit_imul(e, row, const_i64(e, c->n)), bits, f);
  if_end(e, &any);
}

// ---- to += value * from, over one run

typedef struct run_sum {
  LLVMValueRef to, from, value;
} run_sum;

static void add_vector(emitter *e, LLVMValueRef index, LLVMValueRef mask, void *data) {
  const run_sum *s = data;
  LLVMValueRef to = emit_at(e, e->real, s->to, index);
  LLVMValueRef old = emit_masked_load(e, e->vector, to, mask, NULL);
  LLVMValueRef term = emit_masked_load(e, e->vector, emit_at(e, e->real, s->from, index), mask, NULL);
  emit_masked_store(e, emit_fma(e, s->value, term, old), to, mask, NULL);
}

// Element of x at which run `run` of the factor's window begins.
static LLVMValueRef run_in_image(sparse_body *b, const factor *f, LLVMValueRef run) {
  emitter *e = b->r->e;
  const windows_code *c = &b->s->c;
  LLVMValueRef channels = const_i64(e, c->channels), width = extent(b, c->width);
  LLVMValueRef line = emit_iadd(e, emit_imul(e, f->image, extent(b, c->height)),
                                emit_imul(e, f->y, const_i64(e, c->y.stride)));
  LLVMValueRef pixel =
      emit_iadd(e, emit_imul(e, line, width), emit_imul(e, f->x, const_i64(e, c->along.stride)));
  LLVMValueRef in_window = windows_run_start(e, c, run, emit_imul(e, width, channels));
  LLVMValueRef element = emit_iadd(e, emit_imul(e, pixel, channels), in_window);
  if (!b->index)
    return element;
  LLVMValueRef at = emit_at(e, e->i32, b->index, LLVMBuildSDiv(e->builder, element, channels, ""));
  return emit_imul(e, emit_int_cast(e, emit_load(e, e->i32, at, 0, NULL), e->i64), channels);
}

// The runs of the factor's window and those of its column of the transposed matrix, one way or the other.
static void add_runs(sparse_body *b, const factor *f) {
  emitter *e = b->r->e;
  const windows_code *c = &b->s->c;
  LLVMValueRef matrix = emit_at(e, e->real, b->transposed, emit_imul(e, f->column, const_i64(e, c->k)));
  loop l;
  loop_begin(e, &l, "run", const_i64(e, 0), const_i64(e, c->k / c->run), const_i64(e, 1), NULL, 0,
             LOOP_PLAIN);
  LLVMValueRef window = emit_at(e, e->real, b->images, run_in_image(b, f, l.index));
  LLVMValueRef column = emit_at(e, e->real, matrix, emit_imul(e, l.index, const_i64(e, c->run)));
  bool collect = is_collect(b->s);
  run_sum sum = {collect ? column : window, collect ? window : column, f->value};
  emit_vector_loop(e, "k", const_i64(e, c->run), add_vector, &sum);
  loop_end(e, &l, NULL);
}

// ---- loops over windows

static void scan_columns(sparse_body *b, factor *f) {
  emitter *e = b->r->e;
  loop l;
  b->end = const_i64(e, b->s->c.n);
  loop_begin(e, &l, "column", const_i64(e, 0), b->end, const_i64(e, e->lanes), NULL, 0, LOOP_PLAIN);
  b->column = l.index;
  scan_row(b, f);
  loop_end(e, &l, NULL);
}

static void scan_image(sparse_body *b, LLVMValueRef image, void (*scan)(sparse_body *, factor *)) {
  emitter *e = b->r->e;
  const windows_code *c = &b->s->c;
  LLVMValueRef zero = const_i64(e, 0), one = const_i64(e, 1);
  factor f = {.image = image};
  loop lines, along;
  loop_begin(e, &lines, "line", zero, extent(b, c->y.out), one, NULL, 0, LOOP_PLAIN);
  f.y = lines.index;
  loop_begin(e, &along, "along", zero, extent(b, c->along.out), one, NULL, 0, LOOP_PLAIN);
  f.x = along.index;
  scan(b, &f);
  loop_end(e, &along, NULL);
  loop_end(e, &lines, NULL);
}

static const dim *scan_work(const sparse_code *s) {
  dim_table *d = s->c.pc->dims;
  return dim_mul(d, shape_elements(d, &s->g->shape), dim_const(d, FACTOR_WORK));
}

static LLVMValueRef result_base(routine *r, const sparse_code *s) {
  return memory_of_buffer(r, matmul_target(s->c.pc, s->c.st)).base;
}

// ---- COLLECT: blocks of columns, a vector each. Every block reads its columns of all rows.

static int64_t chunks_of(const emitter *e, const sparse_code *s) {
  return (s->c.n + e->lanes - 1) / e->lanes;
}

static work_split split_chunks(routine *r, const sparse_code *s) {
  dim_table *d = s->c.pc->dims;
  return split_work(r, dim_const(d, chunks_of(r->e, s)), scan_work(s), SCAN_GRAIN, 1);
}

static void transpose_back(sparse_body *b, LLVMValueRef columns) {
  emitter *e = b->r->e;
  LLVMValueRef k = const_i64(e, b->s->c.k), n = const_i64(e, b->s->c.n);
  LLVMValueRef from = emit_at(e, e->real, b->transposed, emit_imul(e, b->column, k));
  LLVMValueRef to = emit_at(e, e->real, result_base(b->r, b->s), b->column);
  emit_call(e, transpose_function(e), (LLVMValueRef[]){from, k, to, n, columns, k}, 6);
}

static void one_chunk(sparse_body *b, LLVMValueRef chunk) {
  emitter *e = b->r->e;
  const windows_code *c = &b->s->c;
  LLVMValueRef k = const_i64(e, c->k);
  b->column = emit_imul(e, chunk, const_i64(e, e->lanes));
  b->end = const_i64(e, c->n);
  LLVMValueRef columns = emit_imin(e, emit_isub(e, b->end, b->column), const_i64(e, e->lanes));
  LLVMValueRef bytes = emit_imul(e, emit_imul(e, columns, k), const_i64(e, e->real_bytes));
  emit_memory_set_zero(e, emit_at(e, e->real, b->transposed, emit_imul(e, b->column, k)), bytes);
  loop images;
  loop_begin(e, &images, "image", const_i64(e, 0), extent(b, c->images), const_i64(e, 1), NULL, 0,
             LOOP_PLAIN);
  scan_image(b, images.index, scan_row);
  loop_end(e, &images, NULL);
  transpose_back(b, columns);
}

static void collect_operand(sparse_body *b) {
  node *x = b->s->root->in[0], *gather = gathered_rows(x);
  if (!gather || has_memory(b->r, x)) {
    b->images = memory_of(b->r, x).base;
    return;
  }
  b->images = memory_of(b->r, gather->in[0]).base;
  b->index = memory_of(b->r, gather->in[1]).base;
}

// ---- SPREAD: blocks of images

static work_split split_images(routine *r, const sparse_code *s) {
  return split_work(r, s->c.images, scan_work(s), SCAN_GRAIN, 1);
}

static void one_image(sparse_body *b, LLVMValueRef image) {
  emitter *e = b->r->e;
  const windows_code *c = &b->s->c;
  LLVMValueRef elements =
      emit_imul(e, emit_imul(e, extent(b, c->height), extent(b, c->width)), const_i64(e, c->channels));
  LLVMValueRef to = emit_at(e, e->real, b->images, emit_imul(e, image, elements));
  emit_memory_set_zero(e, to, emit_imul(e, elements, const_i64(e, e->real_bytes)));
  scan_image(b, image, scan_columns);
}

// ---- kernels

static sparse_code plan(program_code *pc, const stage *st) {
  node *root = st->roots[0];
  bool collect = root->op == OP_COLLECT;
  sparse_code s = {.root = root, .g = root->in[collect ? 1 : 0]};
  graph_window axes[2];
  for (int k = 0; k < s.g->shape.rank - 2; k++)
    axes[k] = (graph_window){root->i[3 * k], root->i[3 * k + 1], root->i[3 * k + 2], s.g->shape.d[k + 1]};
  s.c = windows_geometry(pc, collect ? root->in[0] : root, axes);
  s.c.st = st;
  s.c.n = s.g->shape.d[s.g->shape.rank - 1]->value;
  if (collect && gathered_rows(root->in[0])) // rows do not lie side by side
    s.c.run = s.c.channels;
  if (s.c.k == s.c.channels && s.c.y.stride == 1 && s.c.along.stride == 1) { // every pixel by itself
    dim_table *d = pc->dims;
    s.c.images = dim_mul(d, s.c.images, dim_mul(d, s.c.height, s.c.width));
    s.c.height = s.c.width = s.c.y.out = s.c.along.out = dim_const(d, 1);
    s.single_pixels = true;
  }
  s.slot = scratch_add(pc, dim_const(pc->dims, s.c.k * s.c.n * (int64_t)pc->e->real_bytes));
  return s;
}

static LLVMValueRef emit_body(const sparse_code *s) {
  routine r;
  LLVMValueRef block, begin, end;
  LLVMValueRef function = routine_begin_body(&r, s->c.pc, "rows", &block);
  emitter *e = r.e;
  bool collect = is_collect(s);
  work_split split = collect ? split_chunks(&r, s) : split_images(&r, s);
  split_range(&r, &split, block, &begin, &end);
  sparse_body b = {.s = s, .r = &r, .add = add_runs};
  if (has_memory(&r, s->g))
    b.g = memory_of(&r, s->g).base;
  else
    b.found = emit_stack(e, e->vector, 1, 64, "found");
  b.transposed = scratch_address(&r, s->slot);
  if (collect)
    collect_operand(&b);
  else
    b.images = result_base(&r, s);
  loop l;
  loop_begin(e, &l, "unit", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  if (collect)
    one_chunk(&b, l.index);
  else
    one_image(&b, l.index);
  loop_end(e, &l, NULL);
  routine_end_body(&r);
  return function;
}

LLVMValueRef emit_sparse_kernel(program_code *pc, const stage *st) {
  sparse_code s = plan(pc, st);
  emitter *e = pc->e;
  LLVMValueRef body = emit_body(&s);
  routine whole;
  LLVMValueRef made = routine_begin_kernel(&whole, pc);
  if (is_collect(&s)) {
    run_blocks(&whole, body, split_chunks(&whole, &s).blocks);
  } else {
    LLVMValueRef from = memory_of(&whole, s.root->in[1]).base, k = const_i64(e, s.c.k),
                 n = const_i64(e, s.c.n);
    LLVMValueRef arguments[] = {from, n, scratch_address(&whole, s.slot), k, k, n};
    emit_call(e, transpose_function(e), arguments, 6);
    run_blocks(&whole, body, split_images(&whole, &s).blocks);
  }
  copy_matmul_result(&whole, st);
  routine_end_kernel(&whole, NULL);
  return made;
}
