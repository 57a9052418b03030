// The time loop. Rows of a block: sorted examples [row, row + rows). At each step the first `count` of them
// are active; body stages run over these one after the other, with everything of the block in the stack area.
#include "codegen/scan.h"
#include "codegen/matmul_stage.h"
#include "support/diag.h"

enum { BLOCK_ROWS = 8, AREA_LIMIT = 1 << 19, AREA_ALIGN = 64 };

// ---- the stack area

static int64_t row_elements(const node *n) {
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
  local_rows local = {v, sc->local_bytes, row_elements(v)};
  int64_t bytes = local.row_elements * element_bytes_of(e, v->type) * sc->block_rows;
  sc->local_bytes += (bytes + AREA_ALIGN - 1) / AREA_ALIGN * AREA_ALIGN;
  vec_push(&sc->locals, local);
}

static bool next_in_place(const scan_code *sc, const node *n) {
  for (int k = 0; k < sc->body->n_state; k++)
    if (sc->body->next[k] == n && sc->k->in_place[k])
      return true;
  return false;
}

// A state that takes over another state's old value is committed through an array of its own.
static bool next_is_other_state(const scan_code *sc, int k) {
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

static scan_code scan_code_of(program_code *pc) {
  const kernel *k = &pc->s->kernels.data[pc->kernel];
  scan_code sc = {.k = k, .body = scan_body_of(k->subject), .subject = k->subject};
  int64_t rows = BLOCK_ROWS;
  lay_out(&sc, pc->s, pc->e, rows);
  while (sc.local_bytes > AREA_LIMIT && rows > 1)
    lay_out(&sc, pc->s, pc->e, rows /= 2);
  return sc;
}

static void scan_code_free(scan_code *sc) {
  vec_free(&sc->locals);
}

static const node *without_views(const node *n) {
  while (n->op == OP_RESHAPE || n->op == OP_CHECK_IDS)
    n = n->in[0];
  return n;
}

static const local_rows *find_local(const scan_code *sc, const routine *r, const node *n) {
  const buffer *b = schedule_buffer(r->pc->s, n);
  const node *v = b && b->place == PLACE_ROWS ? b->value : without_views(n);
  for (size_t k = 0; k < sc->locals.len; k++)
    if (sc->locals.data[k].value == v || sc->locals.data[k].value == n)
      return &sc->locals.data[k];
  for (int k = 0; k < sc->body->n_state; k++) // stored in place in this step
    if (sc->body->next[k] == v && sc->k->in_place[k])
      return &sc->locals.data[k];
  return NULL;
}

static memory local_memory(routine *r, const scan_code *sc, const local_rows *local) {
  int64_t number = local - sc->locals.data;
  LLVMValueRef base = emit_at(r->e, r->e->i8, sc->area, const_i64(r->e, local->offset));
  return (memory){base, element_type(r->e, local->value->type),
                  scope_of(r->pc, memory_key(SPACE_STATE, number))};
}

// ---- reads and writes of the body

static bool is_sequence(const scan_code *sc, const node *n) {
  return n->op == OP_SCAN_SEQ && n->i[0] == sc->body->id;
}

// The same element in the rows of the whole sequence.
static place in_sequence(routine *r, const node *n, const place *p) {
  place q = *p;
  LLVMValueRef first = r->scan->tm_row;
  if (p->flat)
    first = emit_imul(r->e, first, const_i64(r->e, row_elements(n)));
  q.at[0] = component_offset(r, p->at[0], first);
  return q;
}

bool scan_memory(routine *r, node *n, const place *p, memory *m, LLVMValueRef *v) {
  *v = NULL;
  if (is_sequence(r->scan, n)) {
    place q = in_sequence(r, n, p);
    *v = value_at(r, r->scan->body->seq[n->i[1]], &q);
    return true;
  }
  // An inline view of an array is evaluated as a view.
  if (is_root(r, n) || (without_views(n) != n && !has_rows(r->pc->s, n)))
    return false;
  const local_rows *local = find_local(r->scan, r, n);
  if (local)
    *m = local_memory(r, r->scan, local);
  return local != NULL;
}

static void store_to_all(routine *r, const node *part, const shape *s, const place *p, LLVMValueRef v) {
  const buffer *list[MAX_STORED];
  int count = stored_buffers(r->pc, part, list, MAX_STORED);
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
    memory m = local_memory(r, sc, local);
    store_at(r, &m, &root->shape, p, v);
  }
  return true;
}

// ---- copies of rows

typedef struct copy_columns {
  node *from; // evaluated
  place row;
  int axis;
  LLVMValueRef first_row; // of `from`
  memory to;
} copy_columns;

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
static void copy_rows(routine *r, copy_columns *copy, LLVMValueRef count) {
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

static LLVMValueRef row_bytes(routine *r, const local_rows *local, LLVMValueRef rows) {
  return emit_imul(r->e, rows,
                   const_i64(r->e, local->row_elements * element_bytes_of(r->e, local->value->type)));
}

static void copy_local(routine *r, scan_code *sc, const local_rows *to, const local_rows *from,
                       LLVMValueRef rows) {
  emit_memory_copy(r->e, local_memory(r, sc, to).base, local_memory(r, sc, from).base,
                   row_bytes(r, to, rows));
}

// ---- products

static LLVMValueRef rows_address(routine *r, node *a) {
  const scan_code *sc = r->scan;
  const node *base = without_views(a);
  if (is_sequence(sc, base)) {
    memory m = memory_of(r, sc->body->seq[base->i[1]]);
    LLVMValueRef start = emit_imul(r->e, sc->tm_row, const_i64(r->e, row_elements(base)));
    return emit_at(r->e, m.element, m.base, start);
  }
  const local_rows *local = find_local(sc, r, a);
  if (!local)
    ICE("%%%u (%s): operand of a product in a scan has no rows", a->id, op_name(a->op));
  return local_memory(r, sc, local).base;
}

static bool stored_elsewhere(const scan_code *sc, const node *root) {
  for (int k = 0; k < sc->body->n_out; k++)
    if (sc->body->out[k] == root)
      return true;
  return next_in_place(sc, root);
}

// Weights that the body multiplies by transposed are turned round once, into scratch.
typedef struct turned_weight {
  node *matmul;
  int slot;
} turned_weight;
typedef VEC(turned_weight) turned_weights;

static int turned_slot(const turned_weights *turned, const node *matmul) {
  for (size_t k = 0; k < turned->len; k++)
    if (turned->data[k].matmul == matmul)
      return turned->data[k].slot;
  return -1;
}

static void emit_product(routine *r, const stage *st, const turned_weights *turned) {
  emitter *e = r->e;
  scan_code *sc = r->scan;
  matmul_extents x = matmul_extents_of(r->pc, st->matmul);
  int64_t n, k;
  if (st->matmul->shape.rank != 2 || x.transpose_a || !dim_is_const(x.n, &n) || !dim_is_const(x.k, &k))
    ICE("%%%u: a product in a scan is rows times a captured matrix", st->matmul->id);
  gemm_spec spec = {.n = n, .k = k};
  const local_rows *to = find_local(sc, r, st->roots[0]);
  for (size_t i = (size_t)sc->body->n_state; i < sc->locals.len; i++)
    if (sc->locals.data[i].value == st->roots[0])
      to = &sc->locals.data[i];
  epilogue ep = {0};
  bool with_epilogue = stage_has_epilogue(st) || stored_elsewhere(sc, st->roots[0]);
  LLVMValueRef area = sc->area, tm_row = sc->tm_row, count = sc->count;
  LLVMValueRef extra[EPILOGUE_EXTRA] = {r->frame, const_i64(e, 0), const_i64(e, 0), area, tm_row, count};
  gemm_operands o = {.a = rows_address(r, st->matmul->in[0]),
                     .lda = const_i64(e, k),
                     .ldb = const_i64(e, n),
                     .c = local_memory(r, sc, to).base,
                     .ldc = const_i64(e, n),
                     .m = count,
                     .n = const_i64(e, n),
                     .k = const_i64(e, k),
                     .extra = extra};
  int slot = turned_slot(turned, st->matmul);
  o.b = slot >= 0 ? scratch_address(r, slot) : memory_of(r, st->matmul->in[1]).base;
  if (with_epilogue)
    epilogue_begin(&ep, r->pc, st, sc, &spec);
  sc->product = st->roots[0];
  emit_gemm(e, &spec, &o);
  sc->product = NULL;
  epilogue_end(&ep);
  sc->area = area;
  sc->tm_row = tm_row;
  sc->count = count;
}

// ---- one step

static LLVMValueRef rows_of_stage(routine *r, const stage *st) {
  emitter *e = r->e;
  const node *root = st->roots[0];
  const dim *others;
  if (st->kind == STAGE_REDUCE) {
    reduction d = reduction_of(r, st->roots[0]);
    INVARIANT(!(d.reduced & 1));
    others = reduction_rows_inside(r->pc, &d);
  } else {
    int axis = lane_axis(&root->shape);
    unsigned outer = ((1u << root->shape.rank) - 1) & ~1u & ~(axis > 0 ? 1u << axis : 0);
    others = masked_product(r->pc, &root->shape, outer);
  }
  return emit_imul(e, r->scan->count, dim_value(r, others));
}

// States that others take over are set aside before stages replace them.
static void save_taken_states(routine *r) {
  scan_code *sc = r->scan;
  const local_rows *saved = &sc->locals.data[sc->body->n_state];
  for (int k = 0; k < sc->body->n_state; k++)
    if (next_is_other_state(sc, k))
      copy_local(r, sc, saved++, &sc->locals.data[sc->body->next[k]->i[1]], sc->count);
}

static void commit_states(routine *r) {
  scan_code *sc = r->scan;
  const local_rows *saved = &sc->locals.data[sc->body->n_state];
  for (int k = 0; k < sc->body->n_state; k++) {
    node *next = sc->body->next[k];
    const local_rows *state = &sc->locals.data[k];
    if (next_is_other_state(sc, k)) {
      copy_local(r, sc, state, saved++, sc->count);
    } else if (!sc->k->in_place[k] && next != sc->body->state_param[k]) {
      copy_columns copy = {.from = next, .to = local_memory(r, sc, state)};
      copy_rows(r, &copy, sc->count);
    }
  }
}

static void emit_step(routine *r, const turned_weights *turned) {
  scan_code *sc = r->scan;
  size_t mark = memo_mark(r);
  save_taken_states(r);
  for (int s = 0; s < sc->k->n_body; s++) {
    const stage *st = &sc->k->body[s];
    if (st->kind == STAGE_MATMUL)
      emit_product(r, st, turned);
    else
      emit_stage_rows(r, st, const_i64(r->e, 0), rows_of_stage(r, st));
    memo_release(r, mark);
  }
  commit_states(r);
  memo_release(r, mark);
}

// ---- one block through all steps

static LLVMValueRef step_offset(routine *r, const memory *offsets, LLVMValueRef step) {
  LLVMValueRef at = emit_at(r->e, r->e->i32, offsets->base, step);
  return emit_int_cast(r->e, emit_load(r->e, r->e->i32, at, 4, offsets->scope), r->e->i64);
}

static void emit_steps(routine *r, LLVMValueRef row, LLVMValueRef rows, const turned_weights *turned) {
  emitter *e = r->e;
  scan_code *sc = r->scan;
  memory offsets = memory_of(r, g_part(r->pc->s->program->g, sc->body->pack, PACK_STEP_OFFSETS));
  LLVMValueRef steps = dim_value(r, pack_steps(sc->body->pack)), one = const_i64(e, 1);
  loop l;
  loop_begin(e, &l, "step", const_i64(e, 0), steps, one, NULL, 0, LOOP_PLAIN);
  LLVMValueRef step = sc->body->reverse ? emit_isub(e, emit_isub(e, steps, one), l.index) : l.index;
  LLVMValueRef start = step_offset(r, &offsets, step),
               stop = step_offset(r, &offsets, emit_iadd(e, step, one));
  sc->tm_row = emit_iadd(e, start, row);
  sc->count = emit_imin(e, emit_isub(e, stop, sc->tm_row), rows);
  branch active;
  if_begin(e, &active, emit_icompare(e, LLVMIntSGT, sc->count, const_i64(e, 0)), "active");
  emit_step(r, turned);
  if_end(e, &active);
  loop_end(e, &l, NULL);
}

static void copy_states_in(routine *r, LLVMValueRef row, LLVMValueRef rows) {
  scan_code *sc = r->scan;
  for (int k = 0; k < sc->body->n_state; k++) {
    copy_columns copy = {
        .from = sc->body->init[k], .to = local_memory(r, sc, &sc->locals.data[k]), .first_row = row};
    copy_rows(r, &copy, rows);
  }
}

static void copy_states_out(routine *r, LLVMValueRef row, LLVMValueRef rows) {
  scan_code *sc = r->scan;
  for (int k = 0; k < sc->body->n_state; k++) {
    const local_rows *state = &sc->locals.data[k];
    const buffer *list[MAX_STORED];
    node *part = scan_final_state(r->pc->s->program->g, sc->subject, k);
    int count = stored_buffers(r->pc, part, list, MAX_STORED);
    for (int j = 0; j < count; j++) {
      memory to = memory_of_buffer(r, list[j]);
      LLVMValueRef first = emit_imul(r->e, row, const_i64(r->e, state->row_elements));
      emit_memory_copy(r->e, emit_at(r->e, to.element, to.base, first), local_memory(r, sc, state).base,
                       row_bytes(r, state, rows));
    }
  }
}

static LLVMValueRef emit_block(program_code *pc, scan_code *sc, const turned_weights *turned) {
  routine r;
  LLVMValueRef block;
  LLVMValueRef function = routine_begin_body(&r, pc, "rows", &block);
  emitter *e = r.e;
  r.scan = sc;
  sc->area = emit_stack(e, e->i8, (uint64_t)sc->local_bytes, AREA_ALIGN, "area");
  LLVMValueRef row = emit_imul(e, block, const_i64(e, sc->block_rows));
  LLVMValueRef batch = dim_value(&r, pack_batch(sc->body->pack));
  LLVMValueRef rows = emit_imin(e, emit_isub(e, batch, row), const_i64(e, sc->block_rows));
  branch any; // a pair of scans may have fewer blocks of one than of the other
  if_begin(e, &any, emit_icompare(e, LLVMIntSGT, rows, const_i64(e, 0)), "any");
  copy_states_in(&r, row, rows);
  emit_steps(&r, row, rows, turned);
  copy_states_out(&r, row, rows);
  if_end(e, &any);
  routine_end(&r);
  return function;
}

// ---- kernels

static turned_weights plan_turned(program_code *pc, const kernel *k) {
  turned_weights turned = {0};
  for (int s = 0; s < k->n_body; s++) {
    node *matmul = k->body[s].matmul;
    if (k->body[s].kind != STAGE_MATMUL || !matmul->i[1])
      continue;
    const dim *elements = shape_elements(pc->dims, &matmul->in[1]->shape);
    const dim *bytes = dim_mul(pc->dims, elements, dim_const(pc->dims, pc->e->real_bytes));
    vec_push(&turned, ((turned_weight){matmul, scratch_add(pc, bytes)}));
  }
  return turned;
}

static void emit_turning(routine *r, const turned_weights *turned) {
  emitter *e = r->e;
  for (size_t k = 0; k < turned->len; k++) {
    node *w = turned->data[k].matmul->in[1]; // stored [N, K]
    LLVMValueRef n = dim_value(r, w->shape.d[0]), inner = dim_value(r, w->shape.d[1]);
    LLVMValueRef arguments[] = {
        memory_of(r, w).base, inner, scratch_address(r, turned->data[k].slot), n, n, inner};
    emit_call(e, transpose_function(e), arguments, 6);
  }
}

static LLVMValueRef blocks_of(routine *r, const scan_code *sc) {
  emitter *e = r->e;
  LLVMValueRef batch = dim_value(r, pack_batch(sc->body->pack));
  LLVMValueRef sum = emit_iadd(e, batch, const_i64(e, sc->block_rows - 1));
  return LLVMBuildSDiv(e->builder, sum, const_i64(e, sc->block_rows), "");
}

// Blocks of both scans take turns, the longest examples of both first.
static LLVMValueRef emit_pair(program_code *pc, LLVMValueRef first, LLVMValueRef second) {
  routine r;
  LLVMValueRef block;
  LLVMValueRef function = routine_begin_body(&r, pc, "pair", &block);
  emitter *e = r.e;
  LLVMValueRef arguments[] = {r.frame, LLVMBuildAShr(e->builder, block, const_i64(e, 1), "")};
  LLVMValueRef odd = LLVMBuildAnd(e->builder, block, const_i64(e, 1), "");
  branch which;
  if_begin(e, &which, emit_icompare(e, LLVMIntEQ, odd, const_i64(e, 0)), "which");
  emit_call(e, first, arguments, 2);
  if_else(e, &which);
  emit_call(e, second, arguments, 2);
  if_end(e, &which);
  routine_end(&r);
  return function;
}

typedef struct scan_emission {
  scan_code code;
  turned_weights turned;
  LLVMValueRef block;
} scan_emission;

static scan_emission emit_scan_block(program_code *pc) {
  scan_emission s = {.code = scan_code_of(pc), .turned = plan_turned(pc, &pc->s->kernels.data[pc->kernel])};
  s.block = emit_block(pc, &s.code, &s.turned);
  return s;
}

static void scan_emission_free(scan_emission *s) {
  scan_code_free(&s->code);
  vec_free(&s->turned);
}

LLVMValueRef emit_scan_kernel(program_code *pc) {
  int here = pc->kernel, partner = pc->s->kernels.data[here].partner;
  if (partner >= 0 && partner < here)
    return NULL; // runs with its partner
  scan_emission own = emit_scan_block(pc), other = {0};
  if (partner >= 0) {
    pc->kernel = partner;
    other = emit_scan_block(pc);
    pc->kernel = here;
  }
  LLVMValueRef body = partner >= 0 ? emit_pair(pc, own.block, other.block) : own.block;
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  emit_turning(&r, &own.turned);
  LLVMValueRef blocks = blocks_of(&r, &own.code);
  if (partner >= 0) {
    emit_turning(&r, &other.turned);
    blocks = emit_imul(r.e, emit_imax(r.e, blocks, blocks_of(&r, &other.code)), const_i64(r.e, 2));
  }
  run_blocks(&r, body, blocks);
  routine_end(&r);
  scan_emission_free(&own);
  if (partner >= 0)
    scan_emission_free(&other);
  return made;
}
