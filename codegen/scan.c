// The time loop. Rows of a block: sorted examples [row, row + rows). At each step the first `count` of them
// are active; body stages run over these one after the other, with everything of the block in the stack area.
#include "codegen/matmul_stage.h"
#include "codegen/scan_rows.h"
#include "codegen/scan_weights.h"
#include "support/diag.h"

static LLVMValueRef ceil_divide_by(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSDiv(e->builder, emit_iadd(e, a, emit_isub(e, b, const_i64(e, 1))), b, "");
}

// ---- products

static LLVMValueRef rows_address(routine *r, node *a) {
  const scan_code *sc = r->scan;
  const node *base = scan_without_views(a);
  if (scan_is_sequence(sc, base)) {
    memory m = memory_of(r, sc->body->seq[base->i[1]]);
    LLVMValueRef start = emit_imul(r->e, sc->tm_row, const_i64(r->e, scan_row_elements(base)));
    return emit_at(r->e, m.element, m.base, start);
  }
  const local_rows *local = scan_find_local(sc, r, a);
  if (!local)
    ICE("%%%u (%s): operand of a product in a scan has no rows", a->id, op_name(a->op));
  return scan_local_memory(r, sc, local).base;
}

static bool stored_elsewhere(const scan_code *sc, const node *root) {
  for (int k = 0; k < sc->body->n_out; k++)
    if (sc->body->out[k] == root)
      return true;
  return next_in_place(sc, root);
}

// ---- teams: the columns of every stage are shared out, and members meet after it

// A member's columns of `count`, in whole vectors.
static void columns_of_member(routine *r, LLVMValueRef count, LLVMValueRef *begin, LLVMValueRef *end) {
  emitter *e = r->e;
  const scan_code *sc = r->scan;
  LLVMValueRef lanes = const_i64(e, e->lanes);
  LLVMValueRef each = emit_imul(e, ceil_divide_by(e, ceil_divide_by(e, count, lanes), sc->members), lanes);
  *begin = emit_imin(e, emit_imul(e, sc->member, each), count);
  *end = emit_imin(e, emit_iadd(e, *begin, each), count);
}

static void emit_meeting(routine *r) {
  if (r->scan->member)
    runtime_call(r, RUNTIME_meet, (LLVMValueRef[]){r->scan->meeting, r->scan->member}, 2);
}

// The rest of a product's operands is that of all columns.
static void share_product(routine *r, gemm_spec *spec, gemm_operands *o) {
  emitter *e = r->e;
  LLVMValueRef begin, end;
  columns_of_member(r, o->n, &begin, &end);
  spec->n = 0;
  o->n = emit_isub(e, end, begin);
  o->b = emit_at(e, e->real, o->b, begin);
  o->c = emit_at(e, e->real, o->c, begin);
}

static void emit_packed_or_plain(routine *r, const gemm_spec *spec, gemm_operands o, LLVMValueRef panels) {
  emitter *e = r->e;
  gemm_spec packed = *spec;
  branch b;
  if_begin(e, &b, scan_weights_packed_pay(r, r->scan->body->pack, r->scan->count), "packed");
  gemm_operands of_panels = o;
  of_panels.b = panels;
  packed.packed_b = true;
  emit_gemm(e, &packed, &of_panels);
  if_else(e, &b);
  emit_gemm(e, spec, &o);
  if_end(e, &b);
}

static void emit_product(routine *r, const stage *st, const arranged_weights *weights) {
  emitter *e = r->e;
  scan_code *sc = r->scan;
  matmul_extents x = matmul_extents_of(r->pc, st->matmul);
  int64_t n, k;
  if (st->matmul->shape.rank != 2 || x.transpose_a || !dim_is_const(x.n, &n) || !dim_is_const(x.k, &k))
    ICE("%%%u: a product in a scan is rows times a captured matrix", st->matmul->id);
  gemm_spec spec = {.n = n, .k = k};
  const local_rows *to = scan_find_local(sc, r, st->roots[0]);
  for (size_t i = (size_t)sc->body->n_state; i < sc->locals.len; i++)
    if (sc->locals.data[i].value == st->roots[0])
      to = &sc->locals.data[i];
  epilogue ep = {0};
  bool with_epilogue = stage_has_epilogue(st) || stored_elsewhere(sc, st->roots[0]);
  LLVMValueRef area = sc->area, tm_row = sc->tm_row, count = sc->count;
  LLVMValueRef extra[EPILOGUE_EXTRA] = {[EPILOGUE_CALL] = r->call,
                                        [EPILOGUE_ROW] = const_i64(e, 0),
                                        [EPILOGUE_COLUMN] = const_i64(e, 0),
                                        [EPILOGUE_BATCH] = const_i64(e, 0),
                                        [EPILOGUE_AREA] = area,
                                        [EPILOGUE_TM_ROW] = tm_row,
                                        [EPILOGUE_COUNT] = count};
  gemm_operands o = {.a = rows_address(r, st->matmul->in[0]),
                     .lda = const_i64(e, k),
                     .ldb = const_i64(e, n),
                     .c = scan_local_memory(r, sc, to).base,
                     .ldc = const_i64(e, n),
                     .m = count,
                     .n = const_i64(e, n),
                     .k = const_i64(e, k),
                     .extra = extra};
  const arranged_weight *w = scan_weights_find(weights, st->matmul);
  o.b = w && w->turned >= 0 ? scratch_address(r, w->turned) : memory_of(r, st->matmul->in[1]).base;
  if (with_epilogue)
    epilogue_begin(&ep, r->pc, st, sc, &spec);
  sc->product = st->roots[0];
  if (sc->member)
    share_product(r, &spec, &o);
  if (w && w->packed >= 0 && !sc->member)
    emit_packed_or_plain(r, &spec, o, scratch_address(r, w->packed));
  else
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
      scan_copy_local(r, sc, saved++, &sc->locals.data[sc->body->next[k]->i[1]], sc->count);
}

static void commit_states(routine *r) {
  scan_code *sc = r->scan;
  const local_rows *saved = &sc->locals.data[sc->body->n_state];
  for (int k = 0; k < sc->body->n_state; k++) {
    node *next = sc->body->next[k];
    const local_rows *state = &sc->locals.data[k];
    if (next_is_other_state(sc, k)) {
      scan_copy_local(r, sc, state, saved++, sc->count);
    } else if (!sc->k->in_place[k] && next != sc->body->state_param[k]) {
      copy_columns copy = {.from = next, .to = scan_local_memory(r, sc, state)};
      scan_copy_rows(r, &copy, sc->count);
    }
  }
}

static void emit_step(routine *r, const arranged_weights *weights) {
  scan_code *sc = r->scan;
  size_t mark = memo_mark(r);
  save_taken_states(r);
  for (int s = 0; s < sc->k->n_body; s++) {
    const stage *st = &sc->k->body[s];
    if (st->kind == STAGE_MATMUL) {
      emit_product(r, st, weights);
    } else {
      if (sc->member)
        columns_of_member(r, dim_value(r, st->roots[0]->shape.d[1]), &r->column_begin, &r->column_end);
      emit_stage_rows(r, st, const_i64(r->e, 0), rows_of_stage(r, st));
      r->column_begin = r->column_end = NULL;
    }
    emit_meeting(r);
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

static void emit_steps(routine *r, LLVMValueRef row, LLVMValueRef rows, const arranged_weights *weights) {
  emitter *e = r->e;
  scan_code *sc = r->scan;
  memory offsets = memory_of(r, g_part(r->pc->s->program->g, sc->body->pack, PACK_STEP_OFFSETS));
  LLVMValueRef steps = dim_value(r, pack_steps(sc->body->pack)), one = const_i64(e, 1);
  loop l;
  loop_begin(e, &l, "step", const_i64(e, 0), steps, one, NULL, 0, LOOP_PLAIN);
  LLVMValueRef backwards = emit_icompare(e, LLVMIntNE, sc->reverse, const_i64(e, 0));
  LLVMValueRef step = emit_select(e, backwards, emit_isub(e, emit_isub(e, steps, one), l.index), l.index);
  LLVMValueRef start = step_offset(r, &offsets, step),
               stop = step_offset(r, &offsets, emit_iadd(e, step, one));
  sc->tm_row = emit_iadd(e, start, row);
  sc->count = emit_imin(e, emit_isub(e, stop, sc->tm_row), rows);
  branch active;
  if_begin(e, &active, emit_icompare(e, LLVMIntSGT, sc->count, const_i64(e, 0)), "active");
  emit_step(r, weights);
  if_end(e, &active);
  loop_end(e, &l, NULL);
}

static void copy_states_in(routine *r, LLVMValueRef row, LLVMValueRef rows) {
  scan_code *sc = r->scan;
  for (int k = 0; k < sc->body->n_state; k++) {
    copy_columns copy = {
        .from = sc->body->init[k], .to = scan_local_memory(r, sc, &sc->locals.data[k]), .first_row = row};
    scan_copy_rows(r, &copy, rows);
  }
}

static void copy_states_out(routine *r, LLVMValueRef row, LLVMValueRef rows) {
  scan_code *sc = r->scan;
  for (int k = 0; k < sc->body->n_state; k++) {
    const local_rows *state = &sc->locals.data[k];
    node *part = scan_final_state(r->pc->s->program->g, sc->subject, k);
    int count;
    const buffer *const *list = stored_buffers(r->pc, part, &count);
    for (int j = 0; j < count; j++) {
      memory to = memory_of_buffer(r, list[j]);
      LLVMValueRef first = emit_imul(r->e, row, const_i64(r->e, state->row_elements));
      emit_memory_copy(r->e, emit_at(r->e, to.element, to.base, first), scan_local_memory(r, sc, state).base,
                       scan_row_bytes(r, state, rows));
    }
  }
}

// Blocks are as large as their area and even; a small batch still makes two, for two threads, unless there is
// a partner for the other one.
static LLVMValueRef blocks_of(routine *r, const scan_code *sc) {
  enum { WORTH_TWO = 4 };
  emitter *e = r->e;
  LLVMValueRef batch = dim_value(r, pack_batch(sc->body->pack));
  LLVMValueRef blocks = ceil_divide_by(e, batch, const_i64(e, sc->block_rows));
  if (sc->k->partner >= 0)
    return blocks;
  LLVMValueRef two = emit_icompare(e, LLVMIntSGE, batch, const_i64(e, WORTH_TWO));
  return emit_imax(e, blocks, emit_select(e, two, const_i64(e, 2), const_i64(e, 1)));
}

static LLVMValueRef rows_per_block(routine *r, const scan_code *sc) {
  return ceil_divide_by(r->e, dim_value(r, pack_batch(sc->body->pack)), blocks_of(r, sc));
}

static LLVMValueRef emit_block(program_code *pc, scan_code *sc, const arranged_weights *weights) {
  routine r;
  LLVMValueRef block;
  LLVMValueRef function = routine_begin_body(&r, pc, "rows", &block);
  emitter *e = r.e;
  r.scan = sc;
  sc->reverse = external_value(&r, EXTERNAL_REVERSE, sc->body->reverse);
  sc->area = emit_stack(e, e->i8, (uint64_t)sc->local_bytes, AREA_ALIGN, "area");
  LLVMValueRef per_block = rows_per_block(&r, sc), row = emit_imul(e, block, per_block);
  LLVMValueRef batch = dim_value(&r, pack_batch(sc->body->pack));
  LLVMValueRef rows = emit_imin(e, emit_isub(e, batch, row), per_block);
  branch any; // a pair of scans may have fewer blocks of one than of the other
  if_begin(e, &any, emit_icompare(e, LLVMIntSGT, rows, const_i64(e, 0)), "any");
  copy_states_in(&r, row, rows);
  emit_steps(&r, row, rows, weights);
  copy_states_out(&r, row, rows);
  if_end(e, &any);
  routine_end_body(&r);
  return function;
}

// ---- one block by a team

// A step of few rows waits for its weights, which come from further away than the first-level cache: it pays
// to read them on several threads although members meet after every stage.
enum { TEAM_WEIGHTS = 1 << 19, TEAM_MOST = 4 };

static bool stage_suits_team(const scan_code *sc, const stage *st) {
  const shape *s = &st->roots[0]->shape;
  int64_t n;
  if (s->rank != 2 || !dim_is_const(s->d[1], &n) || n < 2)
    return false;
  if (st->kind == STAGE_MATMUL)
    return !stage_has_epilogue(st) && !stored_elsewhere(sc, st->roots[0]);
  return st->kind == STAGE_MAP;
}

static bool suits_team(const program_code *pc, const scan_code *sc) {
  int64_t bytes = 0, n, k;
  if (sc->k->partner >= 0)
    return false;
  for (int j = 0; j < sc->body->n_state; j++)
    if (!sc->k->in_place[j])
      return false;
  for (int j = 0; j < sc->k->n_body; j++) {
    const stage *st = &sc->k->body[j];
    if (!stage_suits_team(sc, st))
      return false;
    if (st->kind == STAGE_MATMUL && dim_is_const(st->matmul->in[1]->shape.d[0], &n) &&
        dim_is_const(st->matmul->in[1]->shape.d[1], &k))
      bytes += n * k * pc->e->real_bytes;
  }
  return bytes >= TEAM_WEIGHTS;
}

static void only_first_member(routine *r, void (*emit)(routine *r, LLVMValueRef row, LLVMValueRef rows),
                              LLVMValueRef rows) {
  branch first;
  if_begin(r->e, &first, emit_icompare(r->e, LLVMIntEQ, r->scan->member, const_i64(r->e, 0)), "first");
  emit(r, const_i64(r->e, 0), rows);
  if_end(r->e, &first);
}

// All rows of the batch, on the members of a team; their area is scratch that all of them see.
static LLVMValueRef emit_member(program_code *pc, scan_code *sc, const arranged_weights *weights, int area) {
  routine r;
  LLVMTypeRef parameters[] = {pc->e->ptr, pc->e->i64, pc->e->ptr};
  LLVMValueRef function = routine_begin_part(&r, pc, "member", parameters, 3);
  emitter *e = r.e;
  LLVMValueRef number = parameter(e, 1, "member"), meeting = parameter(e, 2, "meeting");
  LLVMValueRef state = floating_state_enter(e);
  r.scan = sc;
  sc->reverse = external_value(&r, EXTERNAL_REVERSE, sc->body->reverse);
  sc->area = scratch_address(&r, area);
  sc->member = LLVMBuildAnd(e->builder, number, const_i64(e, UINT32_MAX), "");
  sc->members = LLVMBuildLShr(e->builder, number, const_i64(e, 32), "");
  sc->meeting = meeting;
  LLVMValueRef rows = dim_value(&r, pack_batch(sc->body->pack));
  only_first_member(&r, copy_states_in, rows);
  emit_meeting(&r);
  emit_steps(&r, const_i64(e, 0), rows, weights);
  only_first_member(&r, copy_states_out, rows); // the last step ended with a meeting
  floating_state_leave(e, state);
  sc->member = sc->members = sc->meeting = NULL;
  routine_end_body(&r);
  return function;
}

// ---- kernels

// The call of the other one of two equal scans: the second half of the table.
static LLVMValueRef other_call(routine *r) {
  emitter *e = r->e;
  LLVMValueRef call = emit_stack(e, e->ptr, CALL_FIELDS, 8, "other");
  LLVMValueRef table = emit_at(e, e->i64, routine_table(r), const_i64(e, half_length(r->pc)));
  emit_store(e, routine_frame(r), emit_at(e, e->ptr, call, const_i64(e, CALL_FRAME)), 8, NULL);
  emit_store(e, table, emit_at(e, e->ptr, call, const_i64(e, CALL_TABLE)), 8, NULL);
  return call;
}

// Blocks of both scans take turns, the longest examples of both first. Equal scans have one body (`second`
// NULL).
static LLVMValueRef emit_pair(program_code *pc, LLVMValueRef first, LLVMValueRef second) {
  routine r;
  LLVMValueRef block;
  LLVMValueRef function = routine_begin_body(&r, pc, "pair", &block);
  emitter *e = r.e;
  LLVMValueRef half_block = LLVMBuildAShr(e->builder, block, const_i64(e, 1), "");
  LLVMValueRef arguments[] = {r.call, half_block}, others[] = {second ? r.call : other_call(&r), half_block};
  LLVMValueRef odd = LLVMBuildAnd(e->builder, block, const_i64(e, 1), "");
  branch which;
  if_begin(e, &which, emit_icompare(e, LLVMIntEQ, odd, const_i64(e, 0)), "which");
  emit_call(e, first, arguments, 2);
  if_else(e, &which);
  emit_call(e, second ? second : first, others, 2);
  if_end(e, &which);
  routine_end_body(&r);
  return function;
}

typedef struct scan_emission {
  scan_code code;
  arranged_weights weights;
  LLVMValueRef block;
} scan_emission;

static scan_emission plan_scan_block(program_code *pc) {
  return (scan_emission){.code = scan_code_of(pc),
                         .weights = scan_weights_plan(pc, &pc->s->kernels.data[pc->kernel])};
}

static scan_emission emit_scan_block(program_code *pc) {
  scan_emission s = plan_scan_block(pc);
  s.block = emit_block(pc, &s.code, &s.weights);
  return s;
}

static void scan_emission_free(scan_emission *s) {
  scan_code_free(&s->code);
  vec_free(&s->weights);
}

// By a team when there is one block, and threads for a team; else the blocks one by one. `member` NULL: there
// is no team.
static void run_scan(routine *r, LLVMValueRef body, LLVMValueRef blocks, LLVMValueRef member) {
  emitter *e = r->e;
  if (!member) {
    run_blocks(r, body, blocks);
    return;
  }
  branch one, alone;
  if_begin(e, &one, emit_icompare(e, LLVMIntEQ, blocks, const_i64(e, 1)), "one_block");
  LLVMValueRef arguments[] = {frame_field(r, FRAME_context), member, r->call, const_i64(e, TEAM_MOST)};
  LLVMValueRef done = runtime_call(r, RUNTIME_team, arguments, 4);
  if_begin(e, &alone, emit_icompare(e, LLVMIntEQ, done, const_i64(e, 0)), "alone");
  emit_call(e, body, (LLVMValueRef[]){r->call, const_i64(e, 0)}, 2);
  if_end(e, &alone);
  if_else(e, &one);
  run_blocks(r, body, blocks);
  if_end(e, &one);
}

LLVMValueRef emit_scan_kernel(program_code *pc) {
  int here = pc->kernel, partner = pc->s->kernels.data[here].partner;
  if (partner >= 0 && partner < here)
    return NULL; // runs with its partner
  scan_emission own = emit_scan_block(pc), other = {0};
  if (partner >= 0) {
    pc->kernel = partner;
    pc->half = pc->key->half ? 1 : 0;
    other = pc->half ? plan_scan_block(pc) : emit_scan_block(pc);
    pc->half = 0;
    pc->kernel = here;
  }
  LLVMValueRef body = partner >= 0 ? emit_pair(pc, own.block, other.block) : own.block, member = NULL;
  if (suits_team(pc, &own.code)) {
    int area = scratch_add(pc, dim_const(pc->dims, own.code.local_bytes));
    member = emit_member(pc, &own.code, &own.weights, area);
  }
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  scan_weights_emit(&r, &own.weights, own.code.body->pack);
  LLVMValueRef blocks = blocks_of(&r, &own.code);
  if (partner >= 0) {
    pc->half = pc->key->half ? 1 : 0;
    scan_weights_emit(&r, &other.weights, other.code.body->pack);
    blocks = emit_imul(r.e, emit_imax(r.e, blocks, blocks_of(&r, &other.code)), const_i64(r.e, 2));
    pc->half = 0;
  }
  run_scan(&r, body, blocks, member);
  routine_end_kernel(&r, NULL);
  scan_emission_free(&own);
  if (partner >= 0)
    scan_emission_free(&other);
  return made;
}
