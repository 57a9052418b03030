// Generated functions of a program: their prologue, the frame, and how work is split.
#include "codegen/program.h"
#include "support/diag.h"
#include <stdio.h>
#include <string.h>

LLVMTypeRef element_type(emitter *e, elem_type type) {
  return type == REAL ? e->real : e->i32;
}

int64_t element_bytes_of(const emitter *e, elem_type type) {
  return type == REAL ? (int64_t)e->real_bytes : 4;
}

const dim *extent_product(program_code *pc, const shape *s, int from, int to) {
  const dim *product = dim_const(pc->dims, 1);
  for (int k = from; k < to; k++)
    product = dim_mul(pc->dims, product, s->d[k]);
  return product;
}

const dim *stride_of(program_code *pc, const shape *s, int axis) {
  return extent_product(pc, s, axis + 1, s->rank);
}

// ---- functions

static const char *unused_name(program_code *pc, const char *part) {
  const char *owner = pc->s->kernels.data[pc->kernel].name;
  const char *name = part ? arena_printf(pc->mem, "%s.%s.%s", pc->name, owner, part)
                          : arena_printf(pc->mem, "%s.%s", pc->name, owner);
  const char *wanted = name;
  for (int k = 2; LLVMGetNamedFunction(pc->e->module, wanted); k++)
    wanted = arena_printf(pc->mem, "%s.%d", name, k);
  return wanted;
}

void routine_attach(routine *r, program_code *pc, LLVMValueRef call) {
  *r = (routine){.pc = pc, .e = pc->e, .function = pc->e->function, .call = call};
  r->memo_head = xcalloc(pc->s->n_nodes + 1, sizeof *r->memo_head);
}

LLVMValueRef routine_begin_kernel(routine *r, program_code *pc) {
  function_scope outer;
  LLVMValueRef function =
      function_begin(pc->e, unused_name(pc, NULL), pc->e->i64, &pc->e->ptr, 1, FUNCTION_NOINLINE, &outer);
  routine_attach(r, pc, parameter(pc->e, 0, "call"));
  r->outer = outer;
  return function;
}

LLVMValueRef routine_begin_part(routine *r, program_code *pc, const char *part, LLVMTypeRef *parameters,
                                unsigned count) {
  function_scope outer;
  LLVMValueRef function = function_begin(pc->e, unused_name(pc, part), pc->e->void_type, parameters, count,
                                         FUNCTION_NOINLINE, &outer);
  routine_attach(r, pc, parameter(pc->e, 0, "call"));
  r->outer = outer;
  return function;
}

LLVMValueRef routine_begin_body(routine *r, program_code *pc, const char *part, LLVMValueRef *block) {
  LLVMValueRef function = routine_begin_part(r, pc, part, (LLVMTypeRef[]){pc->e->ptr, pc->e->i64}, 2);
  *block = parameter(pc->e, 1, "block");
  return function;
}

void routine_release(routine *r) {
  vec_free(&r->dims);
  vec_free(&r->memories);
  vec_free(&r->memo);
  free(r->memo_head);
  r->memo_head = NULL;
}

void routine_end_body(routine *r) {
  emit_return(r->e, NULL);
  function_end(r->e, &r->outer);
  routine_release(r);
}

void routine_end_kernel(routine *r, LLVMValueRef status) {
  emit_return(r->e, status ? status : const_i64(r->e, NLM_STATUS_OK));
  function_end(r->e, &r->outer);
  routine_release(r);
}

// The prologue grows behind its last instruction, at first behind the stack slots of the entry block.
LLVMBasicBlockRef prologue_begin(routine *r) {
  if (r->prologue_depth++)
    return NULL;
  INVARIANT(r->e->function == r->function);
  LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(r->function);
  LLVMBasicBlockRef here = LLVMGetInsertBlock(r->e->builder);
  LLVMValueRef next = LLVMGetFirstInstruction(entry);
  if (r->last_prologue)
    next = LLVMGetNextInstruction(r->last_prologue);
  else
    while (next && LLVMIsAAllocaInst(next))
      next = LLVMGetNextInstruction(next);
  if (next)
    LLVMPositionBuilderBefore(r->e->builder, next);
  else
    LLVMPositionBuilderAtEnd(r->e->builder, entry);
  return here;
}

void prologue_end(routine *r, LLVMBasicBlockRef here) {
  if (--r->prologue_depth)
    return;
  // A marker that does nothing would move with the code: the last instruction is found by building one more.
  LLVMValueRef mark = LLVMBuildAlloca(r->e->builder, r->e->i8, "");
  LLVMValueRef last = LLVMGetPreviousInstruction(mark);
  LLVMInstructionEraseFromParent(mark);
  r->last_prologue = last && !LLVMIsAAllocaInst(last) ? last : NULL;
  LLVMPositionBuilderAtEnd(r->e->builder, here);
}

// ---- the frame and the table

static LLVMValueRef of_call(routine *r, LLVMValueRef *known, int field) {
  if (*known)
    return *known;
  LLVMBasicBlockRef here = prologue_begin(r);
  *known = emit_load(r->e, r->e->ptr, emit_at(r->e, r->e->ptr, r->call, const_i64(r->e, field)), 8, NULL);
  prologue_end(r, here);
  return *known;
}

LLVMValueRef routine_frame(routine *r) {
  return of_call(r, &r->frame, CALL_FRAME);
}

LLVMValueRef routine_table(routine *r) {
  return of_call(r, &r->table, CALL_TABLE);
}

static LLVMValueRef table_value(routine *r, int64_t position) {
  LLVMValueRef at = emit_at(r->e, r->e->i64, routine_table(r), const_i64(r->e, position));
  return emit_load(r->e, r->e->i64, at, 8, NULL);
}

// Only a kernel's own function looks beyond its first half: then all scratch of that one is known.
static int64_t half_start(const program_code *pc) {
  return pc->half ? half_length(pc) : 0;
}

int64_t half_length(const program_code *pc) {
  size_t own = 0;
  for (size_t k = 0; k < pc->body->scratch.len; k++)
    own += !pc->body->scratch.data[k].of_partner;
  return (int64_t)(key_table_externals(pc->key) + own);
}

LLVMValueRef external_value(routine *r, external_kind kind, int64_t number) {
  LLVMBasicBlockRef here = prologue_begin(r);
  const program_code *pc = r->pc;
  LLVMValueRef v = table_value(r, half_start(pc) + key_external(pc->key, pc->half, kind, number));
  prologue_end(r, here);
  return v;
}

LLVMValueRef frame_slot_address(routine *r, int field) {
  return emit_at(r->e, r->e->i64, routine_frame(r), const_i64(r->e, field));
}

static bool is_number_field(int field) {
  return field == FRAME_seed || field == FRAME_step || field >= FRAME_status_input;
}

LLVMValueRef frame_field(routine *r, int field) {
  if (r->fields[field])
    return r->fields[field];
  LLVMBasicBlockRef here = prologue_begin(r);
  LLVMTypeRef type = is_number_field(field) ? r->e->i64 : r->e->ptr;
  r->fields[field] = emit_load(r->e, type, frame_slot_address(r, field), 8, NULL);
  prologue_end(r, here);
  return r->fields[field];
}

// Types of the calls, by their C prototypes.
static LLVMTypeRef runtime_call_type(emitter *e, int call) {
  LLVMTypeRef p = e->ptr, i = e->i64;
  switch (call) {
  case RUNTIME_parallel_for:
    return LLVMFunctionType(e->void_type, (LLVMTypeRef[]){p, p, p, i}, 4, 0);
  case RUNTIME_team:
    return LLVMFunctionType(i, (LLVMTypeRef[]){p, p, p, i}, 4, 0);
  case RUNTIME_meet:
    return LLVMFunctionType(e->void_type, (LLVMTypeRef[]){p, i}, 2, 0);
  case RUNTIME_unique:
    return LLVMFunctionType(i, (LLVMTypeRef[]){p, i, i, p, p, p, p, p}, 8, 0);
  case RUNTIME_remember:
    return LLVMFunctionType(i, (LLVMTypeRef[]){p, p, i, i, i, p, p, p, p}, 9, 0);
  case RUNTIME_pack:
    return LLVMFunctionType(i, (LLVMTypeRef[]){p, i, i, p, p, p}, 6, 0);
  case RUNTIME_check_ids:
    return LLVMFunctionType(i, (LLVMTypeRef[]){p, p, p, i, i, i}, 6, 0);
  case RUNTIME_touch_rows:
    return LLVMFunctionType(e->void_type, (LLVMTypeRef[]){p, i, p, i}, 4, 0);
  case RUNTIME_profile:
    return LLVMFunctionType(e->void_type, (LLVMTypeRef[]){p, i, i}, 3, 0);
  default:
    ICE("runtime call %d has no type", call);
  }
}

LLVMValueRef runtime_call(routine *r, int call, const LLVMValueRef *arguments, unsigned count) {
  emitter *e = r->e;
  LLVMTypeRef type = runtime_call_type(e, call);
  INVARIANT(LLVMCountParamTypes(type) == count);
  LLVMValueRef slot = emit_at(e, e->ptr, frame_field(r, FRAME_calls), const_i64(e, call));
  LLVMValueRef function = emit_load(e, e->ptr, slot, 8, NULL);
  return LLVMBuildCall2(e->builder, type, function, (LLVMValueRef *)arguments, count, "");
}

// ---- extents

static LLVMValueRef emit_dim(routine *r, const dim *d) {
  emitter *e = r->e;
  switch (d->kind) {
  case DIM_CONST:
    return const_i64(e, d->value);
  case DIM_SYMBOL: {
    LLVMValueRef symbol = external_value(r, EXTERNAL_DIM, d->symbol);
    return emit_load(e, e->i64, emit_at(e, e->i64, frame_field(r, FRAME_dims), symbol), 8, NULL);
  }
  case DIM_ADD:
    return LLVMBuildNSWAdd(e->builder, dim_value(r, d->a), dim_value(r, d->b), "");
  case DIM_MUL:
    return LLVMBuildNSWMul(e->builder, dim_value(r, d->a), dim_value(r, d->b), "");
  case DIM_FLOORDIV: { // rounds down, also below zero; divisors are positive
    LLVMValueRef a = dim_value(r, d->a), b = dim_value(r, d->b);
    LLVMValueRef quotient = LLVMBuildSDiv(e->builder, a, b, ""), rest = LLVMBuildSRem(e->builder, a, b, "");
    LLVMValueRef below = emit_icompare(e, LLVMIntSLT, rest, const_i64(e, 0));
    return emit_isub(e, quotient, LLVMBuildZExt(e->builder, below, e->i64, ""));
  }
  case DIM_MIN:
    return emit_imin(e, dim_value(r, d->a), dim_value(r, d->b));
  case DIM_MAX:
    return emit_imax(e, dim_value(r, d->a), dim_value(r, d->b));
  }
  ICE("extent of kind %d", (int)d->kind);
}

void dim_cache_set(routine *r, const dim *d, LLVMValueRef v) {
  vec_push(&r->dims, ((cached_dim){d, v}));
}

LLVMValueRef dim_value(routine *r, const dim *d) {
  if (d->kind == DIM_CONST)
    return const_i64(r->e, d->value);
  for (size_t k = 0; k < r->dims.len; k++)
    if (r->dims.data[k].dim == d)
      return r->dims.data[k].value;
  LLVMBasicBlockRef here = prologue_begin(r);
  LLVMValueRef v = emit_dim(r, d);
  prologue_end(r, here);
  dim_cache_set(r, d, v);
  return v;
}

// ---- scratch

static int add_scratch(program_code *pc, const dim *bytes, bool kept) {
  vec_push(&pc->body->scratch, ((body_scratch){bytes, pc->kernel != pc->owner, kept}));
  int number = (int)pc->body->scratch.len - 1;
  return pc->half ? number - (int)(half_length(pc) - (int64_t)key_table_externals(pc->key)) : number;
}

int scratch_add(program_code *pc, const dim *bytes) {
  return add_scratch(pc, bytes, false);
}

static bool keeps_packed(const program_code *pc) {
  return pc->s->kernels.data[pc->kernel].keeps_packed;
}

int scratch_add_of_weights(program_code *pc, const dim *bytes) {
  return add_scratch(pc, bytes, keeps_packed(pc));
}

void unless_kept_begin(routine *r, branch *b) {
  if (keeps_packed(r->pc))
    if_begin(r->e, b, emit_icompare(r->e, LLVMIntEQ, frame_field(r, FRAME_kept), const_i64(r->e, 0)), "pack");
}

void unless_kept_end(routine *r, branch *b) {
  if (keeps_packed(r->pc))
    if_end(r->e, b);
}

// Where memory lies, by its external: a pointer out of one of the frame's arrays, or an offset from the
// workspace.
static LLVMValueRef memory_address(routine *r, LLVMValueRef entry) {
  emitter *e = r->e;
  LLVMValueRef field = LLVMBuildLShr(e->builder, entry, const_i64(e, 32), "");
  LLVMValueRef slot = LLVMBuildAnd(e->builder, entry, const_i64(e, UINT32_MAX), "");
  LLVMValueRef array = emit_load(e, e->ptr, emit_at(e, e->i64, routine_frame(r), field), 8, NULL);
  LLVMValueRef held = emit_load(e, e->ptr, emit_at(e, e->ptr, array, slot), 8, NULL);
  LLVMValueRef offset = LLVMBuildPtrToInt(e->builder, held, e->i64, "");
  LLVMValueRef in_workspace = emit_at(e, e->i8, frame_field(r, FRAME_workspace), offset);
  LLVMValueRef relative = emit_icompare(e, LLVMIntEQ, field, const_i64(e, FRAME_offsets));
  return emit_select(e, relative, in_workspace, held);
}

LLVMValueRef scratch_address(routine *r, int slot) {
  LLVMBasicBlockRef here = prologue_begin(r);
  LLVMValueRef address =
      memory_address(r, table_value(r, half_start(r->pc) + (int64_t)key_table_externals(r->pc->key) + slot));
  prologue_end(r, here);
  return address;
}

// ---- floating-point state

static bool has_mxcsr(const emitter *e) {
  return strncmp(e->target->triple, "x86_64", 6) == 0;
}

LLVMValueRef floating_state_enter(emitter *e) {
  if (!has_mxcsr(e))
    return NULL;
  enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40, EXCEPTIONS_MASKED = 0x1f80 };
  LLVMValueRef saved = emit_stack(e, e->i32, 1, 4, "mxcsr"),
               wanted = emit_stack(e, e->i32, 1, 4, "mxcsr.ours");
  emit_intrinsic(e, "llvm.x86.sse.stmxcsr", NULL, 0, &saved, 1);
  emit_store(e, const_i32(e, FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | EXCEPTIONS_MASKED), wanted, 4, NULL);
  emit_intrinsic(e, "llvm.x86.sse.ldmxcsr", NULL, 0, &wanted, 1);
  return saved;
}

void floating_state_leave(emitter *e, LLVMValueRef slot) {
  if (slot)
    emit_intrinsic(e, "llvm.x86.sse.ldmxcsr", NULL, 0, &slot, 1);
}

// ---- splitting work

LLVMValueRef ceil_divide(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  LLVMValueRef sum = emit_iadd(e, a, emit_isub(e, b, const_i64(e, 1)));
  return LLVMBuildSDiv(e->builder, sum, b, "");
}

work_split split_work(routine *r, const dim *rows, const dim *work, int64_t grain, int64_t multiple) {
  return split_work_into(r, rows, work, grain, multiple, MOST_BLOCKS);
}

work_split split_work_into(routine *r, const dim *rows, const dim *work, int64_t grain, int64_t multiple,
                           int64_t most) {
  emitter *e = r->e;
  LLVMValueRef one = const_i64(e, 1), n = dim_value(r, rows);
  LLVMValueRef wanted = LLVMBuildSDiv(e->builder, dim_value(r, work), const_i64(e, grain), "");
  wanted = emit_imax(e, one, emit_imin(e, wanted, const_i64(e, most)));
  LLVMValueRef per_block = emit_imax(e, one, ceil_divide(e, n, wanted));
  per_block = emit_imul(e, ceil_divide(e, per_block, const_i64(e, multiple)), const_i64(e, multiple));
  return (work_split){n, per_block, ceil_divide(e, n, per_block)};
}

void split_range(routine *r, const work_split *split, LLVMValueRef block, LLVMValueRef *begin,
                 LLVMValueRef *end) {
  *begin = emit_imul(r->e, block, split->rows_per_block);
  *end = emit_imin(r->e, emit_iadd(r->e, *begin, split->rows_per_block), split->rows);
}

// What the threads of the session run: the body under the floating-point state of a kernel.
static LLVMValueRef threaded(routine *r, LLVMValueRef body) {
  emitter *e = r->e;
  size_t length;
  const char *name = arena_printf(r->pc->mem, "%s.thread", LLVMGetValueName2(body, &length));
  LLVMTypeRef parameters[] = {e->ptr, e->i64};
  function_scope outer;
  LLVMValueRef function = function_begin(e, name, e->void_type, parameters, 2, 0, &outer);
  LLVMValueRef arguments[] = {parameter(e, 0, "call"), parameter(e, 1, "block")};
  LLVMValueRef state = floating_state_enter(e);
  emit_call(e, body, arguments, 2);
  floating_state_leave(e, state);
  emit_return(e, NULL);
  function_end(e, &outer);
  return function;
}

void run_blocks(routine *r, LLVMValueRef body, LLVMValueRef blocks) {
  emitter *e = r->e;
  LLVMValueRef on_thread = threaded(r, body);
  branch several;
  if_begin(e, &several, emit_icompare(e, LLVMIntSGT, blocks, const_i64(e, 1)), "several");
  LLVMValueRef arguments[] = {frame_field(r, FRAME_context), on_thread, r->call, blocks};
  runtime_call(r, RUNTIME_parallel_for, arguments, 4);
  if_else(e, &several);
  branch one;
  if_begin(e, &one, emit_icompare(e, LLVMIntEQ, blocks, const_i64(e, 1)), "one");
  emit_call(e, body, (LLVMValueRef[]){r->call, const_i64(e, 0)}, 2);
  if_end(e, &one);
  if_end(e, &several);
}

// ---- memory

const alias_scope *scope_of(program_code *pc, int64_t key) {
  for (size_t k = 0; k < pc->scope_keys.len; k++)
    if (pc->scope_keys.data[k] == key)
      return &pc->scopes[k];
  if (pc->scope_keys.len == ALIAS_SCOPES)
    return NULL;
  vec_push(&pc->scope_keys, key);
  return &pc->scopes[pc->scope_keys.len - 1];
}

static LLVMValueRef buffer_address(routine *r, const buffer *b) {
  emitter *e = r->e;
  if (b->place == PLACE_BAND)
    return emit_load(e, e->ptr, emit_at(e, e->ptr, r->band, const_i64(e, b->slot)), 8, NULL);
  external_kind kind;
  int64_t number = external_of_buffer(b, &kind);
  LLVMValueRef entry = external_value(r, kind, number);
  if (kind == EXTERNAL_MEMORY)
    return memory_address(r, entry);
  return emit_at(e, LLVMDoubleTypeInContext(e->context), frame_field(r, FRAME_results), entry);
}

static const memory *cached(const routine *r, int64_t key) {
  for (size_t k = 0; k < r->memories.len; k++)
    if (r->memories.data[k].key == key)
      return &r->memories.data[k].memory;
  return NULL;
}

static int64_t buffer_key(const buffer *b) {
  if (b->place == PLACE_PARAM)
    return memory_key(SPACE_PARAM, b->slot);
  if (b->place == PLACE_INPUT)
    return memory_key(SPACE_INPUT, b->slot);
  return memory_key(SPACE_BUFFER, b->index);
}

memory memory_of_buffer(routine *r, const buffer *b) {
  int64_t key = buffer_key(b);
  const memory *known = cached(r, key);
  if (known)
    return *known;
  LLVMBasicBlockRef here = prologue_begin(r);
  memory m = {.base = buffer_address(r, b), .scope = scope_of(r->pc, key)};
  prologue_end(r, here);
  m.element = b->place == PLACE_RESULT ? LLVMDoubleTypeInContext(r->e->context) : element_type(r->e, b->type);
  vec_push(&r->memories, ((cached_memory){key, m}));
  return m;
}

static bool is_outer_leaf(const node *n) {
  return n->op == OP_PARAM || n->op == OP_INPUT;
}

bool has_memory(const routine *r, const node *n) {
  return is_outer_leaf(n) || schedule_buffer(r->pc->s, n);
}

memory memory_of(routine *r, const node *n) {
  if (is_outer_leaf(n)) {
    buffer leaf = {
        .place = n->op == OP_PARAM ? PLACE_PARAM : PLACE_INPUT, .slot = (int)n->i[0], .type = n->type};
    return memory_of_buffer(r, &leaf);
  }
  const buffer *b = schedule_buffer(r->pc->s, n);
  if (!b)
    ICE("%%%u (%s) has no memory where a kernel reads it", n->id, op_name(n->op));
  return memory_of_buffer(r, b);
}

static bool is_stored_to(const buffer *b) {
  return b->place != PLACE_INPUT && b->place != PLACE_PARAM;
}

const buffer *const *stored_buffers(const program_code *pc, const node *n, int *count) {
  const buffer *own = schedule_buffer(pc->s, n), *all = pc->s->buffers.data;
  int first = n->id < pc->s->n_nodes ? pc->first_of_value[n->id] : -1, most = 1, found = 0;
  for (int k = first; k >= 0; k = pc->next_of_value[k])
    most++;
  const buffer **list = ARENA_ARRAY(pc->mem, const buffer *, most);
  if (own && is_stored_to(own))
    list[found++] = own;
  for (int k = first; k >= 0; k = pc->next_of_value[k])
    if (is_stored_to(&all[k]) && &all[k] != own)
      list[found++] = &all[k];
  *count = found;
  return list;
}
