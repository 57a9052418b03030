// The stack area of a scan's block: which arrays lie in it, how body stages read and write them, and copies
// of rows.
#include "codegen/scan_rows.h"
#include "codegen/loops.h"
#include "support/diag.h"

enum { BLOCK_ROWS = 8, AREA_LIMIT = 1 << 19 };

int64_t scan_row_elements(const node *n) {
  int64_t product = 1;
  for (int k = 1; k < n->shape.rank; k++) {
    int64_t extent;
    if (!dim_is_const(n->shape.d[k], &extent))
      ICE("%%%u: rows of a scan body have static extents", n->id);
    product *= extent;
  }
  return product;
}

static void add_local(scan_code *sc, const emitter *e, const node *v) {
  local_rows local = {v, sc->local_bytes, scan_row_elements(v)};
  int64_t bytes = local.row_elements * element_bytes_of(e, v->type) * sc->block_rows;
  sc->local_bytes += (bytes + AREA_ALIGN - 1) / AREA_ALIGN * AREA_ALIGN;
  vec_push(&sc->locals, local);
}

bool next_in_place(const scan_code *sc, const node *n) {
  for (int k = 0; k < sc->body->n_state; k++)
    if (sc->body->next[k] == n && sc->k->in_place[k])
      return true;
  return false;
}

bool next_is_other_state(const scan_code *sc, int k) {
  const node *next = sc->body->next[k];
  return next->op == OP_SCAN_STATE && next->i[0] == sc->body->id && next->i[1] != k && !sc->k->in_place[k];
}

static bool has_rows(const schedule *s, const node *n) {
  const buffer *b = schedule_buffer(s, n);
  return b && b->place == PLACE_ROWS;
}

static void lay_out(scan_code *sc, const schedule *s, const emitter *e, int64_t block_rows) {
  sc->locals.len = 0;
  sc->local_bytes = 0;
  sc->block_rows = block_rows;
  for (int k = 0; k < sc->body->n_state; k++)
    add_local(sc, e, sc->body->state_param[k]);
  for (int k = 0; k < sc->body->n_state; k++) // commit arrays, behind the states
    if (next_is_other_state(sc, k))
      add_local(sc, e, sc->body->state_param[k]);
  for (int j = 0; j < sc->k->n_body; j++) {
    const stage *st = &sc->k->body[j];
    for (int k = 0; k < st->n_roots; k++)
      if (st->kind == STAGE_MATMUL || (has_rows(s, st->roots[k]) && !next_in_place(sc, st->roots[k])))
        add_local(sc, e, st->roots[k]);
  }
}

scan_code scan_code_of(program_code *pc) {
  const kernel *k = &pc->s->kernels.data[pc->kernel];
  scan_code sc = {.k = k, .body = scan_body_of(k->subject), .subject = k->subject};
  int64_t rows = BLOCK_ROWS;
  lay_out(&sc, pc->s, pc->e, rows);
  while (sc.local_bytes > AREA_LIMIT && rows > 1)
    lay_out(&sc, pc->s, pc->e, rows /= 2);
  return sc;
}

void scan_code_free(scan_code *sc) {
  vec_free(&sc->locals);
}

const node *scan_without_views(const node *n) {
  while (n->op == OP_RESHAPE || n->op == OP_CHECK_IDS)
    n = n->in[0];
  return n;
}

const local_rows *scan_find_local(const scan_code *sc, const routine *r, const node *n) {
  const buffer *b = schedule_buffer(r->pc->s, n);
  const node *v = b && b->place == PLACE_ROWS ? b->value : scan_without_views(n);
  for (size_t k = 0; k < sc->locals.len; k++)
    if (sc->locals.data[k].value == v || sc->locals.data[k].value == n)
      return &sc->locals.data[k];
  for (int k = 0; k < sc->body->n_state; k++) // stored in place in this step
    if (sc->body->next[k] == v && sc->k->in_place[k])
      return &sc->locals.data[k];
  return NULL;
}

memory scan_local_memory(routine *r, const scan_code *sc, const local_rows *local) {
  int64_t number = local - sc->locals.data;
  LLVMValueRef base = emit_at(r->e, r->e->i8, sc->area, const_i64(r->e, local->offset));
  return (memory){base, element_type(r->e, local->value->type),
                  scope_of(r->pc, memory_key(SPACE_STATE, number))};
}

// ---- reads and writes of the body

bool scan_is_sequence(const scan_code *sc, const node *n) {
  return n->op == OP_SCAN_SEQ && n->i[0] == sc->body->id;
}

// The same element in the rows of the whole sequence.
static place in_sequence(routine *r, const node *n, const place *p) {
  place q = *p;
  LLVMValueRef first = r->scan->tm_row;
  if (p->flat)
    first = emit_imul(r->e, first, const_i64(r->e, scan_row_elements(n)));
  q.at[0] = component_offset(r, p->at[0], first);
  return q;
}

bool scan_memory(routine *r, node *n, const place *p, memory *m, LLVMValueRef *v) {
  *v = NULL;
  if (scan_is_sequence(r->scan, n)) {
    place q = in_sequence(r, n, p);
    *v = value_at(r, r->scan->body->seq[n->i[1]], &q);
    return true;
  }
  // An inline view of an array is evaluated as a view.
  if (is_computed_here(r, n) || (scan_without_views(n) != n && !has_rows(r->pc->s, n)))
    return false;
  const local_rows *local = scan_find_local(r->scan, r, n);
  if (local)
    *m = scan_local_memory(r, r->scan, local);
  return local != NULL;
}

static void store_to_all(routine *r, const node *part, const shape *s, const place *p, LLVMValueRef v) {
  int count;
  const buffer *const *list = stored_buffers(r->pc, part, &count);
  for (int k = 0; k < count; k++) {
    memory m = memory_of_buffer(r, list[k]);
    store_at(r, &m, s, p, v);
  }
}

static void store_output(routine *r, int output, const node *n, const place *p, LLVMValueRef v) {
  node *part = scan_output(r->pc->s->program->g, r->scan->subject, output);
  place q = in_sequence(r, n, p);
  store_to_all(r, part, &part->shape, &q, v);
}

bool scan_store(routine *r, node *root, const place *p, LLVMValueRef v) {
  const scan_code *sc = r->scan;
  for (int k = 0; k < sc->body->n_out; k++)
    if (sc->body->out[k] == root)
      store_output(r, k, root, p, v);
  for (size_t k = 0; k < sc->locals.len; k++) {
    const local_rows *local = &sc->locals.data[k];
    bool of_state = (int)k < sc->body->n_state;
    bool wanted = of_state ? sc->body->next[k] == root && sc->k->in_place[k]
                           : local->value == root && root != sc->product;
    if (!wanted)
      continue;
    memory m = scan_local_memory(r, sc, local);
    store_at(r, &m, &root->shape, p, v);
  }
  return true;
}

// ---- copies of rows

static void copy_vector(routine *r, component at, unsigned lanes, void *data) {
  const copy_columns *copy = data;
  place p = copy->row;
  p.lanes = lanes;
  if (copy->axis >= 0)
    p.at[copy->axis] = at;
  place from = p;
  if (copy->first_row)
    from.at[0] = component_offset(r, p.at[0], copy->first_row);
  LLVMValueRef v = value_at(r, copy->from, &from);
  store_at(r, &copy->to, &copy->from->shape, &p, v);
}

// Rows 0 .. count-1 of the destination.
void scan_copy_rows(routine *r, copy_columns *copy, LLVMValueRef count) {
  emitter *e = r->e;
  const shape *s = &copy->from->shape;
  int axis = lane_axis(s);
  unsigned outer = ((1u << s->rank) - 1) & ~1u & ~(axis > 0 ? 1u << axis : 0);
  loop rows, others;
  copy->axis = axis > 0 ? axis : -1;
  loop_begin(e, &rows, "row", const_i64(e, 0), count, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  LLVMValueRef number = dim_value(r, masked_product(r->pc, s, outer));
  loop_begin(e, &others, "other", const_i64(e, 0), number, const_i64(e, 1), NULL, 0, LOOP_PLAIN);
  size_t mark = memo_mark(r);
  place_rows(r, s, outer, others.index, &copy->row);
  copy->row.at[0] = component_of(rows.index, 0);
  LLVMValueRef columns = axis > 0 ? dim_value(r, s->d[axis]) : const_i64(e, 1);
  emit_columns(r, "column", const_i64(e, 0), columns, axis > 0 ? lanes_for(r, s->d[axis]) : 1, copy_vector,
               copy);
  memo_release(r, mark);
  loop_end(e, &others, NULL);
  loop_end(e, &rows, NULL);
}

LLVMValueRef scan_row_bytes(routine *r, const local_rows *local, LLVMValueRef rows) {
  return emit_imul(r->e, rows,
                   const_i64(r->e, local->row_elements * element_bytes_of(r->e, local->value->type)));
}

void scan_copy_local(routine *r, scan_code *sc, const local_rows *to, const local_rows *from,
                     LLVMValueRef rows) {
  emit_memory_copy(r->e, scan_local_memory(r, sc, to).base, scan_local_memory(r, sc, from).base,
                   scan_row_bytes(r, to, rows));
}
