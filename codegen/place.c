// Index arithmetic of pulling evaluation: components with a known step between lanes, row-major element
// numbers, and the way back from those to axes, taken only where a reshape needs it.
#include "codegen/value.h"
#include "support/diag.h"

static bool constant_of(LLVMValueRef v, int64_t *number) {
  if (!LLVMIsAConstantInt(v))
    return false;
  *number = LLVMConstIntGetSExtValue(v);
  return true;
}

static LLVMValueRef plus(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  int64_t v;
  if (constant_of(a, &v) && v == 0)
    return b;
  if (constant_of(b, &v) && v == 0)
    return a;
  return LLVMBuildNSWAdd(e->builder, a, b, "");
}

static LLVMValueRef times(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  int64_t v;
  if (constant_of(a, &v) && v == 1)
    return b;
  if (constant_of(b, &v) && v == 1)
    return a;
  return LLVMBuildNSWMul(e->builder, a, b, "");
}

component component_const(routine *r, int64_t v) {
  return (component){const_i64(r->e, v), 0};
}

component component_of(LLVMValueRef base, int64_t step) {
  return (component){base, step};
}

static bool is_vector(const component *c) {
  return type_lanes(LLVMTypeOf(c->base)) > 1;
}

bool component_uniform(const component *c) {
  return c->step == 0 && !is_vector(c);
}

LLVMValueRef component_lanes(routine *r, component c, unsigned lanes) {
  emitter *e = r->e;
  if (component_uniform(&c) || is_vector(&c))
    return c.base;
  LLVMTypeRef type = vector_of(e->i64, lanes);
  LLVMValueRef steps = LLVMConstMul(const_iota(type), const_int(type, c.step));
  return LLVMBuildAdd(e->builder, emit_splat(e, c.base, lanes), steps, "");
}

component component_add(routine *r, component a, component b, unsigned lanes) {
  emitter *e = r->e;
  if (!is_vector(&a) && !is_vector(&b))
    return (component){plus(e, a.base, b.base), a.step + b.step};
  LLVMTypeRef type = vector_of(e->i64, lanes);
  LLVMValueRef x = emit_like(e, component_lanes(r, a, lanes), type);
  LLVMValueRef y = emit_like(e, component_lanes(r, b, lanes), type);
  return (component){LLVMBuildAdd(e->builder, x, y, ""), 0};
}

component component_offset(routine *r, component a, LLVMValueRef offset) {
  if (is_vector(&a))
    return (component){LLVMBuildAdd(r->e->builder, a.base, emit_like(r->e, offset, LLVMTypeOf(a.base)), ""),
                       0};
  return (component){plus(r->e, a.base, offset), a.step};
}

component component_scale(routine *r, component a, LLVMValueRef factor, unsigned lanes) {
  emitter *e = r->e;
  int64_t v = 0;
  if (!is_vector(&a) && (a.step == 0 || constant_of(factor, &v)))
    return (component){times(e, a.base, factor), a.step ? a.step * v : 0};
  LLVMValueRef x = component_lanes(r, a, lanes);
  return (component){LLVMBuildMul(e->builder, x, emit_like(e, factor, LLVMTypeOf(x)), ""), 0};
}

// Row-major number within axes [from, to) of the shape.
static component group_number(routine *r, const shape *s, int from, int to, const place *p) {
  component sum = component_const(r, 0);
  for (int k = from; k < to; k++) {
    LLVMValueRef stride = dim_value(r, extent_product(r->pc, s, k + 1, to));
    sum = component_add(r, sum, component_scale(r, p->at[k], stride, p->lanes), p->lanes);
  }
  return sum;
}

component linear_place(routine *r, const shape *s, const place *p) {
  return p->flat ? p->at[0] : group_number(r, s, 0, s->rank, p);
}

// The way back: axes [from, to) of the shape from their row-major number.
static void split_number(routine *r, const shape *s, int from, int to, component number, unsigned lanes,
                         component *at) {
  emitter *e = r->e;
  if (to - from == 1) {
    at[from] = number;
    return;
  }
  int64_t inner;
  if (number.step == 1 && !is_vector(&number) && dim_is_const(s->d[to - 1], &inner) && inner % lanes == 0 &&
      is_multiple(e, number.base, lanes)) { // the lanes lie within one line of the last axis
    LLVMValueRef line = const_i64(e, inner);
    at[to - 1] = (component){LLVMBuildURem(e->builder, number.base, line, ""), 1};
    component lines = {LLVMBuildUDiv(e->builder, number.base, line, ""), 0};
    split_number(r, s, from, to - 1, lines, lanes, at);
    return;
  }
  LLVMValueRef rest = component_lanes(r, number, lanes);
  for (int k = to - 1; k > from; k--) {
    LLVMValueRef extent = emit_like(e, dim_value(r, s->d[k]), LLVMTypeOf(rest));
    at[k] = (component){LLVMBuildURem(e->builder, rest, extent, ""), 0};
    rest = LLVMBuildUDiv(e->builder, rest, extent, "");
  }
  at[from] = (component){rest, 0};
}

place unflatten(routine *r, const shape *s, const place *p) {
  if (!p->flat)
    return *p;
  place axes = {.lanes = p->lanes};
  if (s->rank > 0)
    split_number(r, s, 0, s->rank, p->at[0], p->lanes, axes.at);
  return axes;
}

static bool is_one(const dim *d) {
  int64_t v;
  return dim_is_const(d, &v) && v == 1;
}

place reshaped_place(routine *r, const shape *from, const shape *to, const place *p) {
  if (p->flat)
    return *p;
  place q = {.lanes = p->lanes};
  int first = 0, last = from->rank - 1, to_first = 0, to_last = to->rank - 1;
  for (bool moved = true; moved;) { // equal trailing axes; axes of one element stand anywhere
    moved = true;
    if (last >= 0 && to_last >= 0 && from->d[last] == to->d[to_last])
      q.at[last--] = p->at[to_last--];
    else if (last >= 0 && is_one(from->d[last]))
      q.at[last--] = component_const(r, 0);
    else if (to_last >= 0 && is_one(to->d[to_last]))
      to_last--;
    else
      moved = false;
  }
  for (bool moved = true; moved;) { // equal leading axes
    moved = true;
    if (first <= last && to_first <= to_last && from->d[first] == to->d[to_first])
      q.at[first++] = p->at[to_first++];
    else if (first <= last && is_one(from->d[first]))
      q.at[first++] = component_const(r, 0);
    else if (to_first <= to_last && is_one(to->d[to_first]))
      to_first++;
    else
      moved = false;
  }
  if (first <= last)
    split_number(r, from, first, last + 1, group_number(r, to, to_first, to_last + 1, p), p->lanes, q.at);
  return q;
}
