// Sums and maxima: along the lanes (vector accumulators, joined in a fixed order), across them (tiles of
// columns, rows in order), over segments of rows, and reductions to few elements in fixed blocks.
#include "codegen/reduce.h"
#include <math.h>

static bool is_sum(const node *root) {
  return root->op == OP_REDUCE_SUM || root->op == OP_SEGMENT_SUM;
}

LLVMValueRef reduction_identity(const node *root, LLVMTypeRef type) {
  if (root->type == REAL)
    return const_real(type, is_sum(root) ? 0 : -(double)INFINITY);
  return const_int(type, is_sum(root) ? 0 : INT32_MIN);
}

LLVMValueRef reduction_joined(emitter *e, const node *root, LLVMValueRef a, LLVMValueRef b) {
  if (root->type == REAL)
    return is_sum(root) ? emit_add(e, a, b) : emit_max(e, a, b);
  return is_sum(root) ? emit_iadd(e, a, b) : emit_imax(e, a, b);
}

static LLVMValueRef across_lanes(emitter *e, const node *root, LLVMValueRef vector) {
  LLVMTypeRef type = LLVMTypeOf(vector);
  if (type_lanes(type) == 1)
    return vector;
  if (root->type == REAL)
    return is_sum(root) ? emit_reduce_add(e, vector) : emit_reduce_max(e, vector);
  return emit_intrinsic(e, is_sum(root) ? "llvm.vector.reduce.add" : "llvm.vector.reduce.smax", &type, 1,
                        &vector, 1);
}

static LLVMValueRef join_wanted(routine *r, const node *root, LLVMValueRef sum, LLVMValueRef v) {
  emitter *e = r->e;
  LLVMValueRef next = reduction_joined(e, root, sum, emit_like(e, v, LLVMTypeOf(sum)));
  return r->mask ? emit_select(e, r->mask, next, sum) : next;
}

reduction reduction_of(const routine *r, node *root) {
  reduction d = {.root = root, .x = root->in[0], .reduced = (unsigned)root->i[0], .lanes = 1, .vectors = 1};
  const shape *s = &d.x->shape;
  d.lanes_axis = lane_axis(s);
  d.along_lanes = d.lanes_axis < 0 || (d.reduced >> d.lanes_axis & 1);
  if (r->scan && d.lanes_axis == 0) { // rows of a scan are not lanes
    d.lanes_axis = -1;
    d.along_lanes = true;
  }
  if (d.lanes_axis < 0)
    return d;
  const dim *extent = s->d[d.lanes_axis];
  d.lanes = lanes_for(r, extent);
  int64_t columns;
  if (!d.along_lanes && dim_is_const(extent, &columns)) {
    int64_t vectors = (columns + d.lanes - 1) / d.lanes;
    d.vectors = vectors > TILE_VECTORS ? TILE_VECTORS : vectors < 1 ? 1 : (unsigned)vectors;
  }
  return d;
}

static unsigned all_axes(const shape *s) {
  return (1u << s->rank) - 1;
}

unsigned reduction_lane_bit(const reduction *d) {
  return d->lanes_axis >= 0 ? 1u << d->lanes_axis : 0;
}

unsigned reduction_kept_rows(const reduction *d) {
  return all_axes(&d->x->shape) & ~d->reduced & ~reduction_lane_bit(d);
}

const dim *reduction_tiles(program_code *pc, const reduction *d) {
  int64_t width = (int64_t)d->lanes * d->vectors;
  const dim *columns = d->x->shape.d[d->lanes_axis];
  return dim_floordiv(pc->dims, dim_add(pc->dims, columns, dim_const(pc->dims, width - 1)),
                      dim_const(pc->dims, width));
}

const dim *reduction_rows(program_code *pc, const reduction *d) {
  const dim *rows = masked_product(pc, &d->x->shape, reduction_kept_rows(d));
  return d->along_lanes ? rows : dim_mul(pc->dims, rows, reduction_tiles(pc, d));
}

const dim *reduction_rows_inside(program_code *pc, const reduction *d) {
  const dim *rows = masked_product(pc, &d->x->shape, reduction_kept_rows(d) & ~1u);
  return d->along_lanes ? rows : dim_mul(pc->dims, rows, reduction_tiles(pc, d));
}

static place result_place(const reduction *d, const place *p) {
  place q = {.lanes = p->lanes};
  int axis = 0;
  for (int k = 0; k < d->x->shape.rank; k++)
    if (!(d->reduced >> k & 1))
      q.at[axis++] = p->at[k];
  return q;
}

// ---- along the lanes

void lane_sum_vector(routine *r, component at, unsigned lanes, void *data) {
  const lane_sum *sum = data;
  emitter *e = r->e;
  place p = sum->row;
  p.lanes = lanes;
  if (p.flat)
    p.at[0] = at;
  else if (sum->d->lanes_axis >= 0)
    p.at[sum->d->lanes_axis] = at;
  LLVMTypeRef type = vector_of(element_type(e, sum->d->root->type), sum->d->lanes);
  LLVMValueRef before = emit_load(e, type, sum->slot, 0, NULL);
  emit_store(e, join_wanted(r, sum->d->root, before, value_at(r, sum->d->x, &p)), sum->slot, 0, NULL);
}

void lane_sum_clear(routine *r, lane_sum *sum) {
  LLVMTypeRef type = vector_of(element_type(r->e, sum->d->root->type), sum->d->lanes);
  if (!sum->slot)
    sum->slot = emit_stack(r->e, type, 1, 64, "sum");
  emit_store(r->e, reduction_identity(sum->d->root, type), sum->slot, 0, NULL);
}

LLVMValueRef lane_sum_result(routine *r, const lane_sum *sum) {
  LLVMTypeRef type = vector_of(element_type(r->e, sum->d->root->type), sum->d->lanes);
  return across_lanes(r->e, sum->d->root, emit_load(r->e, type, sum->slot, 0, NULL));
}

void lane_sum_rows(routine *r, lane_sum *sum, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  const reduction *d = sum->d;
  const shape *s = &d->x->shape;
  loop l;
  loop_begin(e, &l, "reduced", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  place_rows(r, s, d->reduced & ~reduction_lane_bit(d), l.index, &sum->row);
  LLVMValueRef columns = d->lanes_axis >= 0 ? dim_value(r, s->d[d->lanes_axis]) : const_i64(e, 1);
  emit_columns(r, "column", const_i64(e, 0), columns, d->lanes, lane_sum_vector, sum);
  memo_release(r, mark);
  loop_end(e, &l, NULL);
}

static void emit_lane_rows(routine *r, const reduction *d, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  lane_sum sum = {.d = d};
  loop rows;
  loop_begin(e, &rows, "row", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  place_rows(r, &d->x->shape, reduction_kept_rows(d), rows.index, &sum.row);
  lane_sum_clear(r, &sum);
  const dim *reduced = masked_product(r->pc, &d->x->shape, d->reduced & ~reduction_lane_bit(d));
  lane_sum_rows(r, &sum, const_i64(e, 0), dim_value(r, reduced));
  sum.row.lanes = 1;
  place to = result_place(d, &sum.row);
  store_root(r, d->root, &to, lane_sum_result(r, &sum));
  memo_release(r, mark);
  loop_end(e, &rows, NULL);
}

// ---- across the lanes: one tile of columns, rows in order

void tile_set_columns(routine *r, const tile *t, unsigned vector, place *p) {
  p->lanes = t->lanes;
  if (t->axis >= 0) {
    LLVMValueRef column = emit_iadd(r->e, t->first, const_i64(r->e, (int64_t)vector * t->lanes));
    p->at[t->axis] = component_of(column, t->lanes > 1 ? 1 : 0);
  }
}

// Larger than what a second-level cache holds for long.
static bool lies_far(const emitter *e, const node *table) {
  enum { NEAR_BYTES = 1 << 22 };
  int64_t rows, columns;
  return dim_is_const(table->shape.d[0], &rows) && dim_is_const(table->shape.d[1], &columns) &&
         rows * columns > NEAR_BYTES / (int64_t)e->real_bytes;
}

// Rows that an index picks out of a table lie anywhere: those of later turns are asked for in time.
static void fetch_ahead(routine *r, const tile *t, LLVMValueRef row, LLVMValueRef end) {
  enum { ROWS_AHEAD = 8, KEEP = 3 };
  emitter *e = r->e;
  const node *x = t->x;
  if (x->op != OP_GATHER || t->axis < 1 || x->shape.rank != 2 || x->in[1]->shape.rank != 1 ||
      !has_memory(r, x->in[0]) || is_computed_here(r, x->in[0]) || !lies_far(e, x->in[0]))
    return;
  size_t mark = memo_mark(r);
  LLVMValueRef later = emit_iadd(e, row, const_i64(e, ROWS_AHEAD)), last = emit_isub(e, end, const_i64(e, 1));
  place p = t->at;
  p.lanes = 1;
  t->set(r, emit_imin(e, later, last), &p, t->data);
  LLVMValueRef id = emit_int_cast(e, value_at(r, x->in[1], &p), e->i64);
  memory table = memory_of(r, x->in[0]);
  LLVMValueRef start = emit_iadd(e, emit_imul(e, id, dim_value(r, x->shape.d[1])), t->first);
  for (unsigned k = 0; k < t->vectors; k++) {
    LLVMValueRef at = emit_at(e, table.element, table.base, emit_iadd(e, start, const_i64(e, k * t->lanes)));
    emit_intrinsic(e, "llvm.prefetch", &e->ptr, 1,
                   (LLVMValueRef[]){at, const_i32(e, 0), const_i32(e, KEEP), const_i32(e, 1)}, 4);
  }
  memo_release(r, mark);
}

void tile_sum(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  LLVMTypeRef type = vector_of(element_type(e, t->root->type), t->lanes);
  for (unsigned k = 0; k < t->vectors; k++)
    t->sum[k] = reduction_identity(t->root, type);
  loop l;
  loop_begin(e, &l, "summed", begin, end, const_i64(e, 1), t->sum, t->vectors, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  place p = t->at;
  p.lanes = 1;
  t->set(r, l.index, &p, t->data);
  fetch_ahead(r, t, l.index, end);
  LLVMValueRef next[WIDE_TILE_VECTORS];
  for (unsigned k = 0; k < t->vectors; k++) {
    tile_set_columns(r, t, k, &p);
    r->mask = t->mask[k];
    next[k] = reduction_joined(e, t->root, l.carried[k], emit_like(e, value_at(r, t->x, &p), type));
    r->mask = NULL;
  }
  memo_release(r, mark);
  loop_end(e, &l, next);
  for (unsigned k = 0; k < t->vectors; k++)
    t->sum[k] = l.carried[k];
}

static void masked_tile(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, use_tile *use,
                        void *data) {
  for (unsigned k = 0; t->lanes > 1 && k < t->vectors; k++) {
    LLVMValueRef column = emit_iadd(r->e, t->first, const_i64(r->e, (int64_t)k * t->lanes));
    t->mask[k] = emit_tail_mask(r->e, column, t->columns, t->lanes);
  }
  size_t mark = memo_mark(r);
  use(r, t, begin, end, data);
  memo_release(r, mark);
  for (unsigned k = 0; k < t->vectors; k++)
    t->mask[k] = NULL;
}

void tile_each(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, use_tile *use, void *data) {
  emitter *e = r->e;
  int64_t width = (int64_t)t->lanes * t->vectors;
  if (t->axis < 0 || width == 1 ||
      (LLVMIsAConstantInt(t->columns) && LLVMConstIntGetSExtValue(t->columns) % width == 0)) {
    use(r, t, begin, end, data);
    return;
  }
  if (LLVMIsAConstantInt(t->columns) && LLVMConstIntGetSExtValue(t->columns) < width) {
    masked_tile(r, t, begin, end, use, data);
    return;
  }
  branch whole;
  LLVMValueRef stop = emit_iadd(e, t->first, const_i64(e, width));
  if_begin(e, &whole, emit_icompare(e, LLVMIntSLE, stop, t->columns), "tile");
  size_t mark = memo_mark(r);
  use(r, t, begin, end, data);
  memo_release(r, mark);
  if_else(e, &whole);
  masked_tile(r, t, begin, end, use, data);
  if_end(e, &whole);
}

static void set_reduced(routine *r, LLVMValueRef row, place *p, const void *data) {
  const reduction *d = data;
  place_rows(r, &d->x->shape, d->reduced, row, p);
}

tile tile_of(const reduction *d) {
  return (tile){.root = d->root,
                .x = d->x,
                .axis = d->lanes_axis,
                .lanes = d->lanes,
                .vectors = d->vectors,
                .set = set_reduced,
                .data = d};
}

static void store_tile(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, void *data) {
  const reduction *d = data;
  tile_sum(r, t, begin, end);
  for (unsigned k = 0; k < t->vectors; k++) {
    place p = t->at;
    tile_set_columns(r, t, k, &p);
    place to = result_place(d, &p);
    r->mask = t->mask[k];
    store_root(r, d->root, &to, t->sum[k]);
    r->mask = NULL;
  }
}

static void emit_tile_rows(routine *r, const reduction *d, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  const shape *s = &d->x->shape;
  tile t = tile_of(d);
  LLVMValueRef tiles = dim_value(r, reduction_tiles(r->pc, d)),
               reduced = dim_value(r, masked_product(r->pc, s, d->reduced));
  t.columns = dim_value(r, s->d[d->lanes_axis]);
  loop items;
  loop_begin(e, &items, "tile", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  place_rows(r, s, reduction_kept_rows(d), LLVMBuildSDiv(e->builder, items.index, tiles, ""), &t.at);
  LLVMValueRef number = LLVMBuildSRem(e->builder, items.index, tiles, "");
  t.first = emit_imul(e, number, const_i64(e, (int64_t)d->lanes * d->vectors));
  tile_each(r, &t, const_i64(e, 0), reduced, store_tile, (void *)d);
  memo_release(r, mark);
  loop_end(e, &items, NULL);
}

void emit_reduction_rows(routine *r, const reduction *d, LLVMValueRef begin, LLVMValueRef end) {
  if (d->along_lanes)
    emit_lane_rows(r, d, begin, end);
  else
    emit_tile_rows(r, d, begin, end);
}

// ---- segments

typedef struct segment_rows {
  node *root;
  LLVMValueRef group;
  LLVMValueRef any; // i1: the segment has rows
} segment_rows;

static void set_segment_row(routine *r, LLVMValueRef row, place *p, const void *data) {
  const segment_rows *seg = data;
  place at = {.lanes = 1, .at[0] = component_of(row, 0)};
  if (seg->root->n_in > 3)
    row = emit_int_cast(r->e, value_at(r, seg->root->in[3], &at), r->e->i64);
  p->at[0] = component_of(row, 0);
}

static void store_segment(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, void *data) {
  const segment_rows *seg = data;
  emitter *e = r->e;
  tile_sum(r, t, begin, end);
  for (unsigned k = 0; k < t->vectors; k++) {
    place p = t->at;
    tile_set_columns(r, t, k, &p);
    p.at[0] = component_of(seg->group, 0);
    LLVMTypeRef type = LLVMTypeOf(t->sum[k]);
    LLVMValueRef v = t->sum[k];
    if (!is_sum(t->root)) {
      double empty = t->root->f;
      LLVMValueRef none = t->root->type == REAL ? const_real(type, empty) : const_int(type, (int64_t)empty);
      v = emit_select(e, seg->any, v, none);
    }
    r->mask = t->mask[k];
    store_root(r, t->root, &p, v);
    r->mask = NULL;
  }
}

static LLVMValueRef segment_start(routine *r, node *root, LLVMValueRef group) {
  place at = {.lanes = 1, .at[0] = component_of(group, 0)};
  return emit_int_cast(r->e, value_at(r, root->in[1], &at), r->e->i64);
}

LLVMValueRef segment_border(routine *r, node *root, LLVMValueRef block, LLVMValueRef blocks) {
  enum { HALVINGS = 32 };
  emitter *e = r->e;
  LLVMValueRef groups = dim_value(r, root->shape.d[0]), rows = dim_value(r, root->in[0]->shape.d[0]);
  LLVMValueRef before = emit_imul(e, emit_iadd(e, groups, rows), block);
  before = LLVMBuildSDiv(e->builder, before, blocks, "");
  LLVMValueRef range[2] = {const_i64(e, 0), groups}, next[2];
  loop l;
  loop_begin(e, &l, "border", const_i64(e, 0), const_i64(e, HALVINGS), const_i64(e, 1), range, 2, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  LLVMValueRef low = l.carried[0], high = l.carried[1];
  LLVMValueRef middle = LLVMBuildLShr(e->builder, emit_iadd(e, low, high), const_i64(e, 1), "");
  LLVMValueRef at_middle = emit_iadd(e, segment_start(r, root, middle), middle);
  LLVMValueRef open = emit_icompare(e, LLVMIntSLT, low, high);
  LLVMValueRef above = emit_icompare(e, LLVMIntSLT, at_middle, before);
  next[0] =
      emit_select(e, LLVMBuildAnd(e->builder, open, above, ""), emit_iadd(e, middle, const_i64(e, 1)), low);
  next[1] = emit_select(e, above, high, middle);
  memo_release(r, mark);
  loop_end(e, &l, next);
  return emit_select(e, emit_icompare(e, LLVMIntSLT, block, blocks), l.carried[0], groups);
}

// All columns of one segment: other axes of the rows, then tiles.
static void emit_segment(routine *r, tile *t, segment_rows *seg, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  const shape *s = &t->x->shape;
  unsigned others = all_axes(s) & ~1u & ~(t->axis > 0 ? 1u << t->axis : 0);
  loop outer, tiles;
  LLVMValueRef count = dim_value(r, masked_product(r->pc, s, others));
  loop_begin(e, &outer, "outer", const_i64(e, 0), count, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  place_rows(r, s, others, outer.index, &t->at);
  t->columns = t->axis > 0 ? dim_value(r, s->d[t->axis]) : const_i64(e, 1);
  LLVMValueRef width = const_i64(e, (int64_t)t->lanes * t->vectors);
  loop_begin(e, &tiles, "tile", const_i64(e, 0), t->columns, width, NULL, 0, LOOP_PLAIN);
  t->first = tiles.index;
  tile_each(r, t, begin, end, store_segment, seg);
  loop_end(e, &tiles, NULL);
  loop_end(e, &outer, NULL);
}

void emit_segment_rows(routine *r, node *root, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  node *x = root->in[0];
  int axis = lane_axis(&x->shape) > 0 ? lane_axis(&x->shape) : -1;
  segment_rows seg = {.root = root};
  tile t = {
      .root = root, .x = x, .axis = axis, .lanes = 1, .vectors = 1, .set = set_segment_row, .data = &seg};
  int64_t columns;
  if (axis > 0) {
    t.lanes = lanes_for(r, x->shape.d[axis]);
    if (dim_is_const(x->shape.d[axis], &columns)) {
      int64_t vectors = (columns + t.lanes - 1) / t.lanes, most = r->e->target->vector_registers / 2;
      most = most < WIDE_TILE_VECTORS ? most : WIDE_TILE_VECTORS;
      int64_t tiles = (vectors + most - 1) / most;
      t.vectors = (unsigned)((vectors + tiles - 1) / tiles);
    }
  }
  loop groups;
  loop_begin(e, &groups, "segment", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  seg.group = groups.index;
  LLVMValueRef from = segment_start(r, root, groups.index);
  LLVMValueRef to = segment_start(r, root, emit_iadd(e, groups.index, const_i64(e, 1)));
  seg.any = emit_icompare(e, LLVMIntSLT, from, to);
  emit_segment(r, &t, &seg, from, to);
  memo_release(r, mark);
  loop_end(e, &groups, NULL);
}
