// Vector loops over columns, rows of maps, and the split of a stage's rows over threads.
#include "codegen/loops.h"
#include "codegen/scan.h"
#include "support/diag.h"

enum { STRAIGHT_VECTORS = 4, COSTLY_WEIGHT = 8 };

bool extent_is_one(const dim *d) {
  int64_t v;
  return dim_is_const(d, &v) && v == 1;
}

int lane_axis(const shape *s) {
  int axis = s->rank - 1;
  while (axis >= 0 && extent_is_one(s->d[axis]))
    axis--;
  return axis;
}

unsigned lanes_for(const routine *r, const dim *extent) {
  int64_t v;
  unsigned lanes = r->e->lanes;
  if (dim_is_const(extent, &v))
    while (lanes > 1 && (int64_t)(lanes / 2) >= v)
      lanes /= 2;
  return lanes;
}

// ---- columns

static void one_vector(routine *r, LLVMValueRef index, unsigned lanes, column_body *body, void *data) {
  size_t mark = memo_mark(r);
  body(r, component_of(index, lanes > 1 ? 1 : 0), lanes, data);
  memo_release(r, mark);
}

static void last_vector(routine *r, LLVMValueRef index, LLVMValueRef end, unsigned lanes, column_body *body,
                        void *data) {
  LLVMValueRef outer = r->mask;
  r->mask = emit_tail_mask(r->e, index, end, lanes);
  one_vector(r, index, lanes, body, data);
  r->mask = outer;
}

static bool emit_straight(routine *r, LLVMValueRef begin, LLVMValueRef end, unsigned lanes, column_body *body,
                          void *data) {
  if (!LLVMIsAConstantInt(begin) || !LLVMIsAConstantInt(end))
    return false;
  int64_t at = LLVMConstIntGetSExtValue(begin), count = LLVMConstIntGetSExtValue(end) - at;
  if (count > (int64_t)(STRAIGHT_VECTORS * lanes))
    return false;
  for (; count >= (int64_t)lanes; at += lanes, count -= lanes)
    one_vector(r, const_i64(r->e, at), lanes, body, data);
  if (count > 0)
    last_vector(r, const_i64(r->e, at), end, lanes, body, data);
  return true;
}

void emit_columns(routine *r, const char *name, LLVMValueRef begin, LLVMValueRef end, unsigned lanes,
                  column_body *body, void *data) {
  emitter *e = r->e;
  INVARIANT(!r->mask);
  if (emit_straight(r, begin, end, lanes, body, data))
    return;
  LLVMValueRef count = emit_isub(e, end, begin);
  LLVMValueRef whole = LLVMBuildAnd(e->builder, count, const_i64(e, -(int64_t)lanes), "");
  LLVMValueRef stop = emit_iadd(e, begin, whole);
  loop l;
  loop_begin(e, &l, name, begin, stop, const_i64(e, lanes), NULL, 0, LOOP_PLAIN);
  one_vector(r, l.index, lanes, body, data);
  loop_end(e, &l, NULL);
  if (lanes == 1 || (LLVMIsAConstantInt(count) && LLVMConstIntGetSExtValue(count) % lanes == 0))
    return;
  branch tail;
  if_begin(e, &tail, emit_icompare(e, LLVMIntSLT, stop, end), name);
  last_vector(r, stop, end, lanes, body, data);
  if_end(e, &tail);
}

// ---- rows

const dim *masked_product(program_code *pc, const shape *s, unsigned axes_mask) {
  const dim *product = dim_const(pc->dims, 1);
  for (int k = 0; k < s->rank; k++)
    if (axes_mask >> k & 1)
      product = dim_mul(pc->dims, product, s->d[k]);
  return product;
}

void place_rows(routine *r, const shape *s, unsigned axes_mask, LLVMValueRef number, place *p) {
  emitter *e = r->e;
  for (int k = s->rank - 1; k >= 0; k--) {
    if (!(axes_mask >> k & 1))
      continue;
    if (extent_is_one(s->d[k])) {
      p->at[k] = component_const(r, 0);
      continue;
    }
    axes_mask &= ~(1u << k);
    bool more = false;
    for (int j = 0; j < k; j++)
      more = more || ((axes_mask >> j & 1) && !extent_is_one(s->d[j]));
    if (!more) {
      p->at[k] = component_of(number, 0);
      number = const_i64(e, 0);
      continue;
    }
    LLVMValueRef extent = dim_value(r, s->d[k]);
    p->at[k] = component_of(LLVMBuildURem(e->builder, number, extent, ""), 0);
    number = LLVMBuildUDiv(e->builder, number, extent, "");
  }
}

// ---- estimates

typedef struct weighing {
  const routine *r;
  bool *seen;
  int64_t weight;
} weighing;

static void weigh(weighing *w, const node *n, bool computed) {
  if (w->seen[n->id])
    return;
  w->seen[n->id] = true;
  w->weight += value_is_costly(n) ? COSTLY_WEIGHT : 1;
  if (!computed && has_memory(w->r, n))
    return;
  bool inline_op = op_is_elementwise(n->op) || op_family_of(n->op) == FAMILY_VIEW || n->op == OP_GATHER ||
                   n->op == OP_ONE_HOT || n->op == OP_RANDOM || n->op == OP_CHECK_IDS;
  for (int k = 0; inline_op && n->op != OP_PART && k < n->n_in; k++)
    weigh(w, n->in[k], false);
}

int64_t inline_weight(const routine *r, const node *n) {
  weighing w = {r, xcalloc(r->pc->s->n_nodes + 1, sizeof(bool)), 0};
  weigh(&w, n, true);
  free(w.seen);
  return w.weight;
}

// ---- maps

typedef enum { FLAT, NOT_FLAT, FLAT_IF_OPERANDS_ARE } flatness;

static flatness flatness_of(const routine *r, const node *n) {
  if (n->op == OP_CONST || n->op == OP_EXTENT || (n->op == OP_RANDOM && n->n_in == 0))
    return FLAT;
  if (!is_computed_here(r, n) && has_memory(r, n))
    return FLAT;
  if (n->op == OP_BROADCAST)
    return n->in[0]->shape.rank == 0 ? FLAT : NOT_FLAT;
  bool same_elements = n->op == OP_RESHAPE || n->op == OP_CHECK_IDS || op_is_elementwise(n->op);
  return same_elements ? FLAT_IF_OPERANDS_ARE : NOT_FLAT;
}

bool value_is_flat(const routine *r, const node *n) {
  bool *seen = xcalloc(r->pc->s->n_nodes + 1, sizeof *seen);
  VEC(const node *) stack = {0};
  flatness flat = FLAT;
  vec_push(&stack, n);
  while (stack.len && flat != NOT_FLAT) {
    const node *top = vec_pop(&stack);
    if (seen[top->id])
      continue;
    seen[top->id] = true;
    flat = flatness_of(r, top);
    for (int k = 0; flat == FLAT_IF_OPERANDS_ARE && k < top->n_in; k++)
      vec_push(&stack, top->in[k]);
  }
  vec_free(&stack);
  free(seen);
  return flat != NOT_FLAT;
}

bool stage_is_flat(const routine *r, const stage *st) {
  if (r->scan || st->kind != STAGE_MAP)
    return false;
  for (int k = 0; k < st->n_roots; k++)
    if (!value_is_flat(r, st->roots[k]))
      return false;
  return st->roots[0]->shape.rank > 0;
}

void store_root(routine *r, node *root, const place *p, LLVMValueRef v) {
  if (r->scan && scan_store(r, root, p, v))
    return;
  int count;
  const buffer *const *list = stored_buffers(r->pc, root, &count);
  INVARIANT(count > 0);
  for (int k = 0; k < count; k++) {
    memory m = memory_of_buffer(r, list[k]);
    store_at(r, &m, &root->shape, p, v);
  }
}

typedef struct map_columns {
  const stage *st;
  place row;
  int axis; // of the columns; 0 of a flat place
} map_columns;

static void map_vector(routine *r, component at, unsigned lanes, void *data) {
  const map_columns *map = data;
  place p = map->row;
  p.lanes = lanes;
  if (map->axis >= 0)
    p.at[map->axis] = at;
  // All values before any store: a root may read what another one's store overwrites.
  const stage *st = map->st;
  LLVMValueRef *values = xcalloc((size_t)st->n_roots, sizeof(LLVMValueRef));
  for (int k = 0; k < st->n_roots; k++)
    values[k] = value_at(r, st->roots[k], &p);
  for (int k = 0; k < st->n_roots; k++)
    store_root(r, st->roots[k], &p, values[k]);
  free(values);
}

static unsigned outer_axes(const shape *s) {
  int axis = lane_axis(s);
  return ((1u << s->rank) - 1) & ~(axis >= 0 ? 1u << axis : 0);
}

// Rows are elements when there is no axis besides the columns, or the stage is flat.
static bool rows_are_elements(const routine *r, const stage *st) {
  const shape *s = &st->roots[0]->shape;
  if (stage_is_flat(r, st))
    return true;
  unsigned outer = outer_axes(s);
  for (int k = 0; k < s->rank; k++)
    if ((outer >> k & 1) && !extent_is_one(s->d[k]))
      return false;
  return true;
}

static void emit_map_rows(routine *r, const stage *st, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  const shape *s = &st->roots[0]->shape;
  map_columns map = {.st = st, .axis = lane_axis(s)};
  if (rows_are_elements(r, st)) {
    map.row.flat = stage_is_flat(r, st);
    for (int k = 0; k < s->rank; k++)
      map.row.at[k] = component_const(r, 0);
    if (map.row.flat)
      map.axis = 0;
    unsigned lanes = map.row.flat    ? lanes_for(r, shape_elements(r->pc->dims, s))
                     : map.axis >= 0 ? lanes_for(r, s->d[map.axis])
                                     : 1;
    emit_columns(r, "element", begin, end, lanes, map_vector, &map);
    return;
  }
  loop rows;
  loop_begin(e, &rows, "row", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  place_rows(r, s, outer_axes(s), rows.index, &map.row);
  LLVMValueRef first = r->column_begin ? r->column_begin : const_i64(e, 0);
  LLVMValueRef last = r->column_end ? r->column_end : dim_value(r, s->d[map.axis]);
  emit_columns(r, "column", first, last, lanes_for(r, s->d[map.axis]), map_vector, &map);
  memo_release(r, mark);
  loop_end(e, &rows, NULL);
}

// ---- scatter

typedef struct scatter_columns {
  node *root;
  place row; // of the operand
  int axis;
  LLVMValueRef to; // row of the result
} scatter_columns;

static void scatter_vector(routine *r, component at, unsigned lanes, void *data) {
  const scatter_columns *scatter = data;
  place p = scatter->row;
  p.lanes = lanes;
  if (scatter->axis > 0)
    p.at[scatter->axis] = at;
  LLVMValueRef v = value_at(r, scatter->root->in[0], &p);
  p.at[0] = component_of(scatter->to, 0);
  store_root(r, scatter->root, &p, v);
}

static void emit_scatter_rows(routine *r, node *root, LLVMValueRef begin, LLVMValueRef end) {
  emitter *e = r->e;
  const shape *s = &root->in[0]->shape;
  int axis = lane_axis(s) > 0 ? lane_axis(s) : -1;
  scatter_columns scatter = {.root = root, .axis = axis};
  unsigned axes = ((1u << s->rank) - 1) & ~(axis > 0 ? 1u << axis : 0);
  loop rows;
  loop_begin(e, &rows, "row", begin, end, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  scatter.row.lanes = 1;
  place_rows(r, s, axes, rows.index, &scatter.row);
  LLVMValueRef id = value_at(r, root->in[1], &scatter.row);
  scatter.to = emit_int_cast(e, id, e->i64);
  branch given;
  if_begin(e, &given, emit_icompare(e, LLVMIntSGE, id, const_i32(e, 0)), "given");
  LLVMValueRef columns = axis > 0 ? dim_value(r, s->d[axis]) : const_i64(e, 1);
  emit_columns(r, "column", const_i64(e, 0), columns, axis > 0 ? lanes_for(r, s->d[axis]) : 1, scatter_vector,
               &scatter);
  memo_release(r, mark);
  if_end(e, &given);
  loop_end(e, &rows, NULL);
}

// ---- stages

const dim *stage_rows(program_code *pc, const routine *r, const stage *st) {
  node *root = st->roots[0];
  const shape *s = &root->shape;
  switch (st->kind) {
  case STAGE_MAP:
    return rows_are_elements(r, st) ? shape_elements(pc->dims, s) : masked_product(pc, s, outer_axes(s));
  case STAGE_REDUCE: {
    reduction d = reduction_of(r, root);
    return reduction_rows(pc, &d);
  }
  case STAGE_SEGMENT:
    return s->d[0];
  case STAGE_SCATTER: {
    const shape *x = &root->in[0]->shape;
    int axis = lane_axis(x);
    return masked_product(pc, x, ((1u << x->rank) - 1) & ~(axis > 0 ? 1u << axis : 0));
  }
  case STAGE_SPARSE:
  case STAGE_MATMUL:
    break;
  }
  ICE("a product has no rows here");
}

const dim *stage_band_rows(program_code *pc, const routine *r, const stage *st, int axes) {
  const shape *s = &st->roots[0]->shape;
  switch (st->kind) {
  case STAGE_MAP:
    if (rows_are_elements(r, st))
      return extent_product(pc, s, axes, s->rank);
    return masked_product(pc, s, outer_axes(s) & ~((1u << axes) - 1));
  case STAGE_REDUCE: // of trailing axes
    return extent_product(pc, s, axes, s->rank);
  case STAGE_MATMUL:
    return extent_product(pc, &st->matmul->shape, axes, st->matmul->shape.rank - 1);
  case STAGE_SEGMENT:
  case STAGE_SCATTER:
  case STAGE_SPARSE:
    break;
  }
  ICE("a stage of kind %d in a band", (int)st->kind);
}

const dim *stage_work(program_code *pc, const routine *r, const stage *st) {
  const dim *work = dim_const(pc->dims, 0);
  for (int k = 0; k < st->n_roots; k++) {
    node *x = st->kind == STAGE_MAP ? st->roots[k] : st->roots[k]->in[0];
    const dim *w = dim_const(pc->dims, inline_weight(r, x));
    work = dim_add(pc->dims, work, dim_mul(pc->dims, shape_elements(pc->dims, &x->shape), w));
  }
  return work;
}

void emit_stage_rows(routine *r, const stage *st, LLVMValueRef begin, LLVMValueRef end) {
  node *root = st->roots[0];
  r->roots = st->roots;
  r->n_roots = st->n_roots;
  switch (st->kind) {
  case STAGE_MAP:
    emit_map_rows(r, st, begin, end);
    break;
  case STAGE_REDUCE: {
    reduction d = reduction_of(r, root);
    emit_reduction_rows(r, &d, begin, end);
    break;
  }
  case STAGE_SEGMENT:
    emit_segment_rows(r, root, begin, end);
    break;
  case STAGE_SCATTER:
    emit_scatter_rows(r, root, begin, end);
    break;
  case STAGE_SPARSE:
  case STAGE_MATMUL:
    ICE("a product has no rows here");
  }
  r->roots = NULL;
  r->n_roots = 0;
}

// Zeroes the table that the rows are then stored into.
static void zero_scatter(routine *r, node *root) {
  int count;
  const buffer *const *list = stored_buffers(r->pc, root, &count);
  for (int k = 0; k < count; k++) {
    memory m = memory_of_buffer(r, list[k]);
    LLVMValueRef bytes = emit_imul(r->e, dim_value(r, shape_elements(r->pc->dims, &root->shape)),
                                   const_i64(r->e, element_bytes_of(r->e, root->type)));
    emit_memory_set_zero(r->e, m.base, bytes);
  }
}

static work_split stage_split(routine *r, const stage *st) {
  r->roots = st->roots; // decides what is flat
  r->n_roots = st->n_roots;
  enum { ELEMENTS_UNIT = 64 };
  bool elements = st->kind == STAGE_MAP && rows_are_elements(r, st);
  const dim *rows = stage_rows(r->pc, r, st), *work = stage_work(r->pc, r, st);
  return split_work(r, rows, work, GRAIN, elements ? ELEMENTS_UNIT : 1);
}

LLVMValueRef emit_stage_kernel(program_code *pc, const stage *st) {
  routine body, whole;
  LLVMValueRef block, begin, end, made;
  if (st->kind == STAGE_REDUCE && emit_split_reduction(pc, st, &made))
    return made;
  LLVMValueRef function = routine_begin_body(&body, pc, "rows", &block);
  work_split split = stage_split(&body, st);
  split_range(&body, &split, block, &begin, &end);
  if (st->kind == STAGE_SEGMENT) {
    LLVMValueRef next = emit_iadd(body.e, block, const_i64(body.e, 1));
    begin = segment_border(&body, st->roots[0], block, split.blocks);
    end = segment_border(&body, st->roots[0], next, split.blocks);
  }
  emit_stage_rows(&body, st, begin, end);
  routine_end_body(&body);
  made = routine_begin_kernel(&whole, pc);
  if (st->kind == STAGE_SCATTER)
    zero_scatter(&whole, st->roots[0]);
  split = stage_split(&whole, st);
  run_blocks(&whole, function, split.blocks);
  routine_end_kernel(&whole, NULL);
  return made;
}
