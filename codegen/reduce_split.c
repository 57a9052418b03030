// Reductions that leave one element or one row of columns, over many rows: fixed blocks of the reduced rows
// make partial results, side by side in scratch memory, which are then joined in order. Borders depend on
// shapes alone, not on how much of an operand is computed on the way.
#include "codegen/reduce.h"

enum { TERM_WEIGHT = 4 }; // work of a term, by and large

typedef struct split_reduction {
  reduction d;
  bool elements;          // rows are single elements along the lanes
  bool flat;              // they are numbered through the whole operand
  const dim *rows, *work; // reduced rows
  int slot;               // partial results [blocks, columns]
} split_reduction;

static bool reduces_to_columns(const reduction *d) {
  unsigned kept = reduction_kept_rows(d);
  for (int k = 0; k < d->x->shape.rank; k++)
    if ((kept >> k & 1) && !extent_is_one(d->x->shape.d[k]))
      return false;
  return true;
}

static const dim *columns_of(program_code *pc, const split_reduction *s) {
  return s->d.along_lanes ? dim_const(pc->dims, 1) : s->d.x->shape.d[s->d.lanes_axis];
}

static split_reduction plan_split(routine *r, node *root) {
  split_reduction s = {.d = reduction_of(r, root)};
  program_code *pc = r->pc;
  const shape *x = &s.d.x->shape;
  s.rows = masked_product(pc, x, s.d.reduced & ~reduction_lane_bit(&s.d));
  s.flat = s.d.along_lanes && x->rank > 0 && value_is_flat(r, s.d.x);
  s.elements = s.flat || (s.d.along_lanes && s.d.lanes_axis >= 0 && extent_is_one(s.rows));
  if (s.flat)
    s.d.lanes = lanes_for(r, shape_elements(pc->dims, x));
  if (s.elements)
    s.rows = s.flat ? shape_elements(pc->dims, x) : x->d[s.d.lanes_axis];
  s.work = dim_mul(pc->dims, shape_elements(pc->dims, x), dim_const(pc->dims, TERM_WEIGHT));
  return s;
}

static work_split split_of(routine *r, const split_reduction *s) {
  return split_work(r, s->rows, s->work, GRAIN, 1);
}

static memory partial_memory(routine *r, const split_reduction *s) {
  return (memory){scratch_address(r, s->slot), element_type(r->e, s->d.root->type),
                  scope_of(r->pc, memory_key(SPACE_SCRATCH, s->slot))};
}

static place unit_place(const reduction *d, routine *r) {
  place p = {.lanes = 1};
  for (int k = 0; k < d->x->shape.rank; k++)
    p.at[k] = component_const(r, 0);
  return p;
}

typedef struct partial_store {
  const split_reduction *s;
  LLVMValueRef block;
} partial_store;

static void store_partial_tile(routine *r, tile *t, LLVMValueRef begin, LLVMValueRef end, void *data) {
  const partial_store *to = data;
  emitter *e = r->e;
  tile_sum(r, t, begin, end);
  memory m = partial_memory(r, to->s);
  LLVMValueRef row = emit_imul(e, to->block, t->columns);
  for (unsigned k = 0; k < t->vectors; k++) {
    LLVMValueRef column = emit_iadd(e, t->first, const_i64(e, (int64_t)k * t->lanes));
    LLVMValueRef address = emit_at(e, m.element, m.base, emit_iadd(e, row, column));
    emit_masked_store(e, t->sum[k], address, t->mask[k], m.scope);
  }
}

static void emit_partial_columns(routine *r, const split_reduction *s, LLVMValueRef block, LLVMValueRef begin,
                                 LLVMValueRef end) {
  emitter *e = r->e;
  partial_store to = {s, block};
  tile t = tile_of(&s->d);
  t.at = unit_place(&s->d, r);
  t.columns = dim_value(r, s->d.x->shape.d[s->d.lanes_axis]);
  loop tiles;
  LLVMValueRef width = const_i64(e, (int64_t)t.lanes * t.vectors);
  loop_begin(e, &tiles, "tile", const_i64(e, 0), t.columns, width, NULL, 0, LOOP_PLAIN);
  t.first = tiles.index;
  tile_each(r, &t, begin, end, store_partial_tile, &to);
  loop_end(e, &tiles, NULL);
}

static void emit_partial_sum(routine *r, const split_reduction *s, LLVMValueRef block, LLVMValueRef begin,
                             LLVMValueRef end) {
  lane_sum sum = {.d = &s->d, .row = unit_place(&s->d, r)};
  sum.row.flat = s->flat;
  lane_sum_clear(r, &sum);
  if (s->elements)
    emit_columns(r, "element", begin, end, s->d.lanes, lane_sum_vector, &sum);
  else
    lane_sum_rows(r, &sum, begin, end);
  memory m = partial_memory(r, s);
  emit_store(r->e, lane_sum_result(r, &sum), emit_at(r->e, m.element, m.base, block), 0, m.scope);
}

// ---- joining

typedef struct join_columns {
  const split_reduction *s;
  LLVMValueRef blocks;
} join_columns;

static void join_vector(routine *r, component at, unsigned lanes, void *data) {
  const join_columns *join = data;
  const split_reduction *s = join->s;
  emitter *e = r->e;
  memory m = partial_memory(r, s);
  LLVMTypeRef type = vector_of(m.element, lanes);
  LLVMValueRef columns = dim_value(r, columns_of(r->pc, s)), sum = reduction_identity(s->d.root, type);
  loop l;
  loop_begin(e, &l, "block", const_i64(e, 0), join->blocks, const_i64(e, 1), &sum, 1, LOOP_PLAIN);
  LLVMValueRef index = emit_iadd(e, emit_imul(e, l.index, columns), at.base);
  LLVMValueRef part = emit_masked_load(e, type, emit_at(e, m.element, m.base, index), r->mask, m.scope);
  LLVMValueRef next = reduction_joined(e, s->d.root, l.carried[0], part);
  loop_end(e, &l, &next);
  place to = {.lanes = lanes}; // of the result: axes of one element, and the columns
  for (int k = 0; k < s->d.root->shape.rank; k++)
    to.at[k] = component_const(r, 0);
  if (!s->d.along_lanes)
    to.at[lane_axis(&s->d.root->shape)] = at;
  store_root(r, s->d.root, &to, l.carried[0]);
}

bool emit_split_reduction(program_code *pc, const stage *st, LLVMValueRef *made) {
  routine body, whole;
  LLVMValueRef block, begin, end;
  routine_attach(&body, pc, NULL);
  reduction d = reduction_of(&body, st->roots[0]);
  routine_release(&body);
  if (!reduces_to_columns(&d))
    return false;
  LLVMValueRef function = routine_begin_body(&body, pc, "parts", &block);
  split_reduction s = plan_split(&body, st->roots[0]);
  const dim *partials = dim_mul(pc->dims, dim_const(pc->dims, MOST_BLOCKS), columns_of(pc, &s));
  s.slot = scratch_add(
      pc, dim_mul(pc->dims, partials, dim_const(pc->dims, element_bytes_of(pc->e, d.root->type))));
  work_split split = split_of(&body, &s);
  split_range(&body, &split, block, &begin, &end);
  if (d.along_lanes)
    emit_partial_sum(&body, &s, block, begin, end);
  else
    emit_partial_columns(&body, &s, block, begin, end);
  routine_end_body(&body);
  *made = routine_begin_kernel(&whole, pc);
  split = split_of(&whole, &s);
  run_blocks(&whole, function, split.blocks);
  join_columns join = {&s, split.blocks};
  LLVMValueRef columns = dim_value(&whole, columns_of(pc, &s));
  unsigned lanes = d.along_lanes ? 1 : lanes_for(&whole, columns_of(pc, &s));
  emit_columns(&whole, "column", const_i64(pc->e, 0), columns, lanes, join_vector, &join);
  routine_end_kernel(&whole, NULL);
  return true;
}
