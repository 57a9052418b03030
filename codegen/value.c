// Pulling evaluation: leaves, views and index ops. Elementwise arithmetic is in elementwise.c, index
// arithmetic in place.c.
#include "codegen/value.h"
#include "codegen/scan.h"
#include "support/diag.h"

// ---- memo

size_t memo_mark(const routine *r) {
  return r->memo.len;
}

void memo_release(routine *r, size_t mark) {
  while (r->memo.len > mark) {
    memo_entry entry = vec_pop(&r->memo);
    r->memo_head[entry.node->id] = entry.previous;
  }
}

static bool same_place(const place *a, const place *b, int rank) {
  if (a->flat != b->flat || a->lanes != b->lanes)
    return false;
  for (int k = 0; k < (a->flat ? 1 : rank); k++)
    if (a->at[k].base != b->at[k].base || a->at[k].step != b->at[k].step)
      return false;
  return true;
}

static LLVMValueRef memo_find(const routine *r, const node *n, const place *p) {
  for (int k = r->memo_head[n->id]; k; k = r->memo.data[k - 1].previous) {
    const memo_entry *entry = &r->memo.data[k - 1];
    if (entry->mask == r->mask && same_place(&entry->place, p, n->shape.rank))
      return entry->value;
  }
  return NULL;
}

void memo_set(routine *r, node *n, const place *p, LLVMValueRef v) {
  memo_entry entry = {n, *p, r->mask, v, r->memo_head[n->id]};
  vec_push(&r->memo, entry);
  r->memo_head[n->id] = (int)r->memo.len;
}

// ---- memory

static LLVMValueRef reversed(emitter *e, LLVMValueRef vector) {
  unsigned lanes = type_lanes(LLVMTypeOf(vector));
  LLVMValueRef picks[64];
  for (unsigned k = 0; k < lanes; k++)
    picks[k] = const_i32(e, (int32_t)(lanes - 1 - k));
  return LLVMBuildShuffleVector(e->builder, vector, LLVMGetPoison(LLVMTypeOf(vector)),
                                LLVMConstVector(picks, lanes), "");
}

static LLVMValueRef load_linear(routine *r, const memory *m, component at, unsigned lanes) {
  emitter *e = r->e;
  if (component_uniform(&at))
    return emit_load(e, m->element, emit_at(e, m->element, m->base, at.base), 0, m->scope);
  LLVMTypeRef type = vector_of(m->element, lanes);
  if (at.step == 1)
    return emit_masked_load(e, type, emit_at(e, m->element, m->base, at.base), r->mask, m->scope);
  if (at.step == -1) {
    LLVMValueRef first = emit_isub(e, at.base, const_i64(e, lanes - 1));
    LLVMValueRef mask = r->mask ? reversed(e, r->mask) : NULL;
    return reversed(e, emit_masked_load(e, type, emit_at(e, m->element, m->base, first), mask, m->scope));
  }
  if (at.step == 0)
    return emit_gather(e, m->element, m->base, at.base, r->mask, m->scope);
  LLVMTypeRef offsets = vector_of(at.step * lanes < INT32_MAX / 16 ? e->i32 : e->i64, lanes);
  LLVMValueRef steps = LLVMConstMul(const_iota(offsets), const_int(offsets, at.step));
  return emit_gather(e, m->element, emit_at(e, m->element, m->base, at.base), steps, r->mask, m->scope);
}

// Numbers reported to the caller are doubles whatever REAL is.
static LLVMValueRef converted(emitter *e, LLVMValueRef v, LLVMTypeRef element) {
  LLVMTypeRef type = LLVMTypeOf(v);
  if (type_element(type) == element || element == e->i32)
    return v;
  return LLVMBuildFPCast(e->builder, v, type_with(element, type), "");
}

LLVMValueRef load_at(routine *r, const memory *m, elem_type type, const shape *s, const place *p) {
  LLVMValueRef v = load_linear(r, m, linear_place(r, s, p), p->lanes);
  return converted(r->e, v, element_type(r->e, type));
}

static void store_lanes(routine *r, const memory *m, component at, LLVMValueRef v, unsigned lanes) {
  emitter *e = r->e;
  LLVMValueRef index = component_lanes(r, at, lanes);
  for (unsigned lane = 0; lane < lanes; lane++) {
    branch wanted;
    if (r->mask)
      if_begin(e, &wanted, emit_lane(e, r->mask, lane), "lane");
    emit_store(e, emit_lane(e, v, lane), emit_at(e, m->element, m->base, emit_lane(e, index, lane)), 0,
               m->scope);
    if (r->mask)
      if_end(e, &wanted);
  }
}

void store_at(routine *r, const memory *m, const shape *s, const place *p, LLVMValueRef v) {
  emitter *e = r->e;
  component at = linear_place(r, s, p);
  v = converted(e, v, m->element);
  if (component_uniform(&at)) {
    INVARIANT(type_lanes(LLVMTypeOf(v)) == 1);
    emit_store(e, v, emit_at(e, m->element, m->base, at.base), 0, m->scope);
    return;
  }
  v = emit_like(e, v, vector_of(type_element(LLVMTypeOf(v)), p->lanes));
  if (at.step == 1)
    emit_masked_store(e, v, emit_at(e, m->element, m->base, at.base), r->mask, m->scope);
  else
    store_lanes(r, m, at, v, p->lanes);
}

// ---- conditions: one branch where all lanes agree, masks and a select where they differ

typedef LLVMValueRef choice(routine *r, node *n, const place *p, int which);

static LLVMValueRef narrowed(routine *r, LLVMValueRef condition) {
  return r->mask ? LLVMBuildAnd(r->e->builder, r->mask, condition, "") : condition;
}

static LLVMValueRef choose_by_mask(routine *r, node *n, const place *p, LLVMValueRef condition,
                                   choice *branch_value, int which) {
  emitter *e = r->e;
  LLVMValueRef outer = r->mask, sides[2];
  LLVMTypeRef type = vector_of(element_type(e, n->type), p->lanes);
  for (int side = 0; side < 2; side++) {
    r->mask = outer;
    r->mask = narrowed(r, side ? LLVMBuildNot(e->builder, condition, "") : condition);
    sides[side] = emit_like(e, branch_value(r, n, p, which + side), type);
  }
  r->mask = outer;
  return emit_select(e, condition, sides[0], sides[1]);
}

// Value `which` of the choice where the condition holds, value which + 1 elsewhere.
static LLVMValueRef choose(routine *r, node *n, const place *p, LLVMValueRef condition, choice *branch_value,
                           int which) {
  emitter *e = r->e;
  if (type_lanes(LLVMTypeOf(condition)) > 1)
    return choose_by_mask(r, n, p, condition, branch_value, which);
  LLVMTypeRef type = vector_of(element_type(e, n->type), p->lanes);
  branch b;
  size_t mark = memo_mark(r);
  if_begin(e, &b, condition, "choose");
  LLVMValueRef yes = emit_like(e, branch_value(r, n, p, which), type);
  memo_release(r, mark);
  if_else(e, &b);
  LLVMValueRef no = emit_like(e, branch_value(r, n, p, which + 1), type);
  memo_release(r, mark);
  return if_end_value(e, &b, yes, no);
}

static LLVMValueRef below(routine *r, component at, LLVMValueRef limit, unsigned lanes) {
  LLVMValueRef index = component_lanes(r, at, lanes);
  return emit_icompare(r->e, LLVMIntSLT, index, emit_like(r->e, limit, LLVMTypeOf(index)));
}

// ---- views

static LLVMValueRef concat_start(routine *r, const node *n, int part) {
  const dim *start = dim_const(r->pc->dims, 0);
  for (int k = 0; k < part; k++)
    start = dim_add(r->pc->dims, start, n->in[k]->shape.d[n->i[0]]);
  return dim_value(r, start);
}

static LLVMValueRef concat_part(routine *r, node *n, const place *p, int part) {
  place q = *p;
  component *at = &q.at[n->i[0]];
  *at = component_offset(r, *at, LLVMBuildNeg(r->e->builder, concat_start(r, n, part), ""));
  return value_at(r, n->in[part], &q);
}

// Parts `part` and up.
static LLVMValueRef concat_rest(routine *r, node *n, const place *p, int part);

static LLVMValueRef concat_choice(routine *r, node *n, const place *p, int which) {
  return which & 1 ? concat_rest(r, n, p, which / 2 + 1) : concat_part(r, n, p, which / 2);
}

static LLVMValueRef concat_rest(routine *r, node *n, const place *p, int part) {
  if (part == n->n_in - 1)
    return concat_part(r, n, p, part);
  LLVMValueRef condition = below(r, p->at[n->i[0]], concat_start(r, n, part + 1), p->lanes);
  return choose(r, n, p, condition, concat_choice, 2 * part);
}

static LLVMValueRef pad_choice(routine *r, node *n, const place *p, int which) {
  if (which) {
    LLVMTypeRef type = element_type(r->e, n->type);
    return n->type == REAL ? const_real(type, n->f) : const_int(type, (int64_t)n->f);
  }
  place q = *p;
  q.at[n->i[0]] = component_offset(r, q.at[n->i[0]], const_i64(r->e, -n->i[1]));
  return value_at(r, n->in[0], &q);
}

static LLVMValueRef pad_value(routine *r, node *n, const place *p) {
  component at = component_offset(r, p->at[n->i[0]], const_i64(r->e, -n->i[1]));
  LLVMValueRef index = component_lanes(r, at, p->lanes);
  LLVMValueRef extent = emit_like(r->e, dim_value(r, n->in[0]->shape.d[n->i[0]]), LLVMTypeOf(index));
  // Below zero is far above as an unsigned number.
  return choose(r, n, p, emit_icompare(r->e, LLVMIntULT, index, extent), pad_choice, 0);
}

static LLVMValueRef view_value(routine *r, node *n, const place *p) {
  emitter *e = r->e;
  node *x = n->in[0];
  if (n->op == OP_RESHAPE) {
    place q = reshaped_place(r, &x->shape, &n->shape, p);
    return value_at(r, x, &q);
  }
  place q = {.lanes = p->lanes};
  for (int k = 0; k < x->shape.rank; k++)
    q.at[k] = n->op == OP_SLICE || n->op == OP_REVERSE ? p->at[k] : component_const(r, 0);
  component *at = n->op == OP_SLICE || n->op == OP_REVERSE ? &q.at[n->i[0]] : NULL;
  switch (n->op) {
  case OP_BROADCAST:
    for (int k = 0; k < n->shape.rank; k++)
      if (n->i[k] >= 0)
        q.at[n->i[k]] = p->at[k];
    break;
  case OP_TRANSPOSE:
    for (int k = 0; k < n->shape.rank; k++)
      q.at[n->i[k]] = p->at[k];
    break;
  case OP_SLICE:
    *at =
        component_offset(r, component_scale(r, *at, const_i64(e, n->i[2]), p->lanes), const_i64(e, n->i[1]));
    break;
  case OP_REVERSE: {
    LLVMValueRef last = emit_isub(e, dim_value(r, n->shape.d[n->i[0]]), const_i64(e, 1));
    *at = component_offset(r, component_scale(r, *at, const_i64(e, -1), p->lanes), last);
    break;
  }
  default:
    ICE("%s is no view", op_name(n->op));
  }
  return value_at(r, x, &q);
}

// Element of a window: its tap and channel from the last axis, then its place from those of the window.
static LLVMValueRef windows_value(routine *r, node *n, const place *p) {
  emitter *e = r->e;
  const node *x = n->in[0];
  int last = n->shape.rank - 1;
  LLVMValueRef column = component_lanes(r, p->at[last], p->lanes);
  LLVMTypeRef type = LLVMTypeOf(column);
  LLVMValueRef channels = emit_like(e, dim_value(r, x->shape.d[last]), type);
  LLVMValueRef tap = LLVMBuildUDiv(e->builder, column, channels, "");
  place q = {.lanes = p->lanes, .at[0] = p->at[0]};
  q.at[last] = component_of(LLVMBuildURem(e->builder, column, channels, ""), 0);
  for (int k = windows_rank(n) - 1; k >= 0; k--) {
    graph_window w = windows_axis(n, k);
    LLVMValueRef step = LLVMBuildURem(e->builder, tap, const_int(type, w.size), "");
    step = LLVMBuildMul(e->builder, step, const_int(type, w.dilation), "");
    component start = component_scale(r, p->at[k + 1], const_i64(e, w.stride), p->lanes);
    q.at[k + 1] = component_add(r, start, component_of(step, 0), p->lanes);
    tap = LLVMBuildUDiv(e->builder, tap, const_int(type, w.size), "");
  }
  return value_at(r, n->in[0], &q);
}

// ---- rows through indices

bool value_is_costly(const node *n) {
  return op_is_costly(n->op) && op_is_elementwise(n->op);
}

bool index_never_negative(const node *index) {
  if (index->op == OP_CHECK_IDS || index->op == OP_IOTA)
    return true;
  if (index->op != OP_PART)
    return index->op == OP_RESHAPE || index->op == OP_BROADCAST || index->op == OP_SLICE
               ? index_never_negative(index->in[0])
               : false;
  if (index->in[0]->op == OP_UNIQUE)
    return true;
  return index->in[0]->op == OP_PACK && index->i[0] != PACK_INVERSE && index->i[0] != PACK_CARRY;
}

static LLVMValueRef index_of(routine *r, LLVMValueRef id) {
  return emit_int_cast(r->e, id, r->e->i64);
}

static LLVMValueRef gathered_row(routine *r, node *n, const place *p, LLVMValueRef id) {
  node *table = n->in[0], *index = n->in[1];
  place q = {.lanes = p->lanes, .at[0] = component_of(index_of(r, id), 0)};
  for (int k = 1; k < table->shape.rank; k++)
    q.at[k] = p->at[index->shape.rank + k - 1];
  return value_at(r, table, &q);
}

// Row of a negative index: zeros.
static LLVMValueRef gather_choice(routine *r, node *n, const place *p, int which) {
  if (which)
    return LLVMConstNull(element_type(r->e, n->type));
  return gathered_row(r, n, p, value_at(r, n->in[1], p));
}

// A table of a fixed number of rows in memory: row 0 may be read in place of one that does not exist. Another
// one may have no rows at all.
static bool has_row_0(const routine *r, const node *table) {
  int64_t rows;
  return !is_computed_here(r, table) && (table->op == OP_PARAM || table->op == OP_INPUT) &&
         dim_is_const(table->shape.d[0], &rows) && rows > 0;
}

static LLVMValueRef gather_value(routine *r, node *n, const place *p) {
  emitter *e = r->e;
  node *table = n->in[0], *index = n->in[1];
  LLVMValueRef id = value_at(r, index, p); // the index's axes come first
  if (index_never_negative(index))
    return gathered_row(r, n, p, id);
  LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(id)), present = emit_icompare(e, LLVMIntSGE, id, zero);
  if (!has_row_0(r, table))
    return choose(r, n, p, present, gather_choice, 0);
  LLVMValueRef v = gathered_row(r, n, p, emit_imax(e, id, zero));
  if (type_lanes(LLVMTypeOf(present)) > 1)
    v = emit_like(e, v, type_with(type_element(LLVMTypeOf(v)), LLVMTypeOf(present)));
  return emit_select(e, present, v, LLVMConstNull(LLVMTypeOf(v)));
}

static LLVMValueRef one_hot_value(routine *r, node *n, const place *p) {
  emitter *e = r->e;
  LLVMValueRef id = index_of(r, value_at(r, n->in[0], p));
  LLVMValueRef at = component_lanes(r, p->at[n->shape.rank - 1], p->lanes);
  LLVMTypeRef type = type_lanes(LLVMTypeOf(id)) > 1 ? LLVMTypeOf(id) : LLVMTypeOf(at);
  LLVMValueRef hit = emit_icompare(e, LLVMIntEQ, emit_like(e, id, type), emit_like(e, at, type));
  LLVMTypeRef real = type_with(e->real, type);
  return emit_select(e, hit, const_real(real, 1), const_real(real, 0));
}

static LLVMValueRef random_at(routine *r, node *n, const place *p) {
  if (n->n_in == 0)
    return random_value(r, n->i[0], component_lanes(r, linear_place(r, &n->shape, p), p->lanes));
  place q = *p;
  q.at[0] = component_of(index_of(r, value_at(r, n->in[0], p)), 0);
  return random_value(r, n->i[0], component_lanes(r, linear_place(r, &n->shape, &q), p->lanes));
}

// ---- leaves

static LLVMValueRef leaf_value(routine *r, node *n, const place *p) {
  emitter *e = r->e;
  switch (n->op) {
  case OP_CONST:
    return n->type == REAL ? const_real(e->real, n->f) : const_i32(e, (int32_t)n->i[0]);
  case OP_EXTENT: {
    LLVMValueRef extent = dim_value(r, n->extra);
    return n->type == REAL ? emit_int_to_real(e, extent) : emit_int_cast(e, extent, e->i32);
  }
  case OP_IOTA:
    return emit_int_cast(e, component_lanes(r, p->at[n->i[0]], p->lanes), e->i32);
  case OP_RANDOM:
    return random_at(r, n, p);
  default:
    ICE("%s is no leaf of a kernel", op_name(n->op));
  }
}

static LLVMValueRef elementwise(routine *r, node *n, const place *p) {
  LLVMValueRef in[3] = {0};
  for (int k = 0; k < n->n_in; k++)
    in[k] = value_at(r, n->in[k], p);
  return elementwise_value(r, n, in);
}

static LLVMValueRef computed_on_axes(routine *r, node *n, const place *p) {
  switch (n->op) {
  case OP_CONCAT:
    return concat_rest(r, n, p, 0);
  case OP_PAD:
    return pad_value(r, n, p);
  case OP_WINDOWS:
    return windows_value(r, n, p);
  case OP_GATHER:
    return gather_value(r, n, p);
  case OP_ONE_HOT:
    return one_hot_value(r, n, p);
  default:
    if (op_family_of(n->op) == FAMILY_LEAF)
      return leaf_value(r, n, p);
    if (op_family_of(n->op) == FAMILY_VIEW && n->op != OP_PART)
      return view_value(r, n, p);
    ICE("%%%u (%s) cannot be computed where it is read", n->id, op_name(n->op));
  }
}

static bool takes_flat(const node *n) {
  return op_is_elementwise(n->op) || n->op == OP_RESHAPE || n->op == OP_CONST || n->op == OP_EXTENT ||
         n->op == OP_CHECK_IDS || (n->op == OP_RANDOM && n->n_in == 0) ||
         (n->op == OP_BROADCAST && n->in[0]->shape.rank == 0);
}

LLVMValueRef value_computed(routine *r, node *n, const place *p) {
  LLVMValueRef known = memo_find(r, n, p);
  if (known)
    return known;
  place axes = p->flat && !takes_flat(n) ? unflatten(r, &n->shape, p) : *p;
  LLVMValueRef v = op_is_elementwise(n->op) ? elementwise(r, n, &axes)
                   : n->op == OP_CHECK_IDS  ? value_at(r, n->in[0], &axes)
                                            : computed_on_axes(r, n, &axes);
  memo_set(r, n, p, v);
  return v;
}

// A leaf that a stage copies out is still read from its own memory.
bool is_computed_here(const routine *r, const node *n) {
  if (n->op == OP_INPUT || n->op == OP_PARAM || n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE)
    return false;
  for (int k = 0; k < r->n_roots; k++)
    if (r->roots[k] == n)
      return true;
  return false;
}

LLVMValueRef value_at(routine *r, node *n, const place *p) {
  LLVMValueRef known = memo_find(r, n, p);
  if (known)
    return known;
  LLVMValueRef v;
  memory m;
  if (r->scan && scan_memory(r, n, p, &m, &v)) {
    if (!v)
      v = load_at(r, &m, n->type, &n->shape, p);
  } else if (!is_computed_here(r, n) && has_memory(r, n)) {
    m = memory_of(r, n);
    v = load_at(r, &m, n->type, &n->shape, p);
  } else {
    return value_computed(r, n, p);
  }
  memo_set(r, n, p, v);
  return v;
}
