// Programs: their kernels, and the entry function, which runs one after the other under a floating-point
// state of its own. What it runs is a constant list, so that its code does not grow with the model.
#include "codegen/band.h"
#include "codegen/calls.h"
#include "codegen/matmul_stage.h"
#include "codegen/module.h"
#include "codegen/scan.h"
#include "codegen/windows.h"
#include "support/diag.h"
#include <string.h>

static const char *const kind_names[PROGRAM_KINDS] = {"infer", "evaluate", "grad", "probe"};

// A kernel in the list that the entry function runs.
enum { RUN_FUNCTION, RUN_TABLE, RUN_POSITION, RUN_ONCE, RUN_FIELDS };

typedef struct run_list {
  program_code *pc;
  VEC(int64_t) table;          // the tables of all kernels, one after the other
  VEC(size_t) starts;          // of each kernel that runs
  VEC(LLVMValueRef) functions; // of the same
  VEC(int64_t) positions;
  VEC(const dim *)
  own, original; // run-time dimensions of a kernel and of the one that its body was emitted for
} run_list;

// ---- kernels

static LLVMValueRef emit_kernel(program_code *pc) {
  const kernel *k = &pc->s->kernels.data[pc->kernel];
  pc->scope_keys.len = 0;
  switch (k->kind) {
  case KERNEL_STAGE:
    if (k->stage.kind == STAGE_SPARSE)
      return emit_sparse_kernel(pc, &k->stage);
    if (k->stage.kind != STAGE_MATMUL)
      return emit_stage_kernel(pc, &k->stage);
    return k->stage.a_windows ? emit_windows_kernel(pc, &k->stage) : emit_matmul_kernel(pc, &k->stage);
  case KERNEL_BAND:
    return emit_band_kernel(pc, k);
  case KERNEL_SCAN:
    return emit_scan_kernel(pc);
  case KERNEL_UNIQUE:
    return emit_unique_kernel(pc);
  case KERNEL_PACK:
    return emit_pack_kernel(pc);
  case KERNEL_CHECK:
    return emit_check_kernel(pc);
  case KERNEL_TOUCH:
    return emit_touch_kernel(pc);
  }
  ICE("kernel of kind %d", (int)k->kind);
}

// Scratch of a body, in the dimensions of the kernel that now uses it: workspace slots behind the schedule's.
static void add_scratch(run_list *l, const shared_body *body, const kernel_key *key, int half) {
  program_code *pc = l->pc;
  l->own.len = l->original.len = 0;
  for (size_t k = 0; k < key->externals.len; k++)
    if (key->externals.data[k].kind == EXTERNAL_DIM) {
      vec_push(&l->own, dim_symbol_at(pc->dims, (int)key->externals.data[k].value));
      vec_push(&l->original, dim_symbol_at(pc->dims, (int)body->key.externals.data[k].value));
    }
  for (size_t k = 0; k < body->scratch.len; k++) {
    const body_scratch *s = &body->scratch.data[k];
    if (key->half && s->of_partner != (half == 1))
      continue;
    const dim *bytes = dim_substitute(pc->dims, s->bytes, l->original.data, l->own.data, l->own.len);
    int position = s->of_partner ? pc->s->kernels.data[pc->kernel].partner : pc->kernel;
    int64_t slot = pc->s->n_offsets + (int64_t)pc->scratch.len;
    vec_push(&l->table, (int64_t)FRAME_offsets << 32 | slot);
    vec_push(&pc->scratch, ((scratch_slot){dim_upper_bound(pc->dims, bytes), position, s->kept}));
  }
}

// Emits the kernel at pc->kernel unless an equal one was emitted, and lists it.
static void add_kernel(run_list *l, body_store *store, key_maker *maker) {
  program_code *pc = l->pc;
  kernel_key key = {0};
  key_make(maker, pc->kernel, &key);
  shared_body *body = body_store_get(store, &key);
  const kernel_key *own = body->function ? &key : &body->key;
  if (!body->function) {
    pc->body = body;
    pc->key = &body->key;
    pc->owner = pc->kernel;
    pc->half = 0;
    body->function = emit_kernel(pc);
  }
  vec_push(&l->starts, l->table.len);
  size_t n = key_table_externals(own);
  for (int half = 0; half < (own->half ? 2 : 1); half++) {
    for (size_t k = 0; k < n; k++)
      vec_push(&l->table, own->externals.data[(size_t)half * n + k].value);
    add_scratch(l, body, own, half);
  }
  vec_push(&l->functions, body->function);
  vec_push(&l->positions, pc->kernel);
  kernel_key_free(&key);
}

// ---- the entry function

static LLVMValueRef constant_global(emitter *e, LLVMValueRef held, const char *name) {
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(held), name);
  LLVMSetInitializer(global, held);
  LLVMSetGlobalConstant(global, 1);
  LLVMSetLinkage(global, LLVMInternalLinkage);
  LLVMSetAlignment(global, 8);
  return global;
}

static LLVMTypeRef run_type(emitter *e) {
  return LLVMStructTypeInContext(e->context, (LLVMTypeRef[]){e->ptr, e->ptr, e->i64, e->i64}, RUN_FIELDS, 0);
}

static LLVMValueRef list_global(emitter *e, const run_list *l) {
  const kernel *kernels = l->pc->s->kernels.data;
  size_t n = l->functions.len;
  LLVMValueRef *numbers = xcalloc(l->table.len + 1, sizeof *numbers), *runs = xcalloc(n + 1, sizeof *runs);
  for (size_t k = 0; k < l->table.len; k++)
    numbers[k] = const_i64(e, l->table.data[k]);
  LLVMTypeRef type = LLVMArrayType2(e->i64, l->table.len);
  LLVMValueRef table = constant_global(e, LLVMConstArray2(e->i64, numbers, l->table.len),
                                       arena_printf(l->pc->mem, "%s.tables", l->pc->name));
  for (size_t k = 0; k < n; k++) {
    LLVMValueRef index[] = {const_i64(e, 0), const_i64(e, (int64_t)l->starts.data[k])};
    LLVMValueRef fields[RUN_FIELDS] = {[RUN_FUNCTION] = l->functions.data[k],
                                       [RUN_TABLE] = LLVMConstGEP2(type, table, index, 2),
                                       [RUN_POSITION] = const_i64(e, l->positions.data[k]),
                                       [RUN_ONCE] = const_i64(e, kernels[l->positions.data[k]].once)};
    runs[k] = LLVMConstStructInContext(e->context, fields, RUN_FIELDS, 0);
  }
  LLVMValueRef list = constant_global(e, LLVMConstArray2(run_type(e), runs, n),
                                      arena_printf(l->pc->mem, "%s.kernels", l->pc->name));
  free(numbers);
  free(runs);
  return list;
}

static void emit_profile(routine *r, LLVMValueRef position, int phase) {
  emitter *e = r->e;
  branch wanted;
  LLVMValueRef hook = frame_field(r, FRAME_profile);
  if_begin(e, &wanted, emit_icompare(e, LLVMIntNE, hook, LLVMConstNull(e->ptr)), "profile");
  runtime_call(r, RUNTIME_profile, (LLVMValueRef[]){r->frame, position, const_i64(e, phase)}, 3);
  if_end(e, &wanted);
}

static LLVMValueRef run_field(emitter *e, LLVMValueRef run, int field) {
  LLVMValueRef at = LLVMBuildStructGEP2(e->builder, run_type(e), run, (unsigned)field, "");
  return emit_load(e, field >= RUN_POSITION ? e->i64 : e->ptr, at, 8, NULL);
}

// Runs a kernel; returns when it reports anything.
static void emit_run_now(routine *r, LLVMValueRef run, LLVMValueRef call, LLVMValueRef state) {
  emitter *e = r->e;
  LLVMValueRef position = run_field(e, run, RUN_POSITION), function = run_field(e, run, RUN_FUNCTION);
  emit_profile(r, position, 0);
  emit_store(e, run_field(e, run, RUN_TABLE), emit_at(e, e->ptr, call, const_i64(e, CALL_TABLE)), 8, NULL);
  LLVMTypeRef type = LLVMFunctionType(e->i64, &e->ptr, 1, 0);
  LLVMValueRef status = LLVMBuildCall2(e->builder, type, function, &call, 1, "");
  emit_profile(r, position, 1);
  LLVMBasicBlockRef failed = LLVMAppendBasicBlockInContext(e->context, e->function, "failed");
  LLVMBasicBlockRef passed = LLVMAppendBasicBlockInContext(e->context, e->function, "passed");
  LLVMBuildCondBr(e->builder, emit_icompare(e, LLVMIntEQ, status, const_i64(e, NLM_STATUS_OK)), passed,
                  failed);
  LLVMPositionBuilderAtEnd(e->builder, failed);
  floating_state_leave(e, state);
  emit_return(e, status);
  LLVMPositionBuilderAtEnd(e->builder, passed);
}

// One kernel of the list, unless all that it makes is kept.
static void emit_run(routine *r, LLVMValueRef run, LLVMValueRef call, LLVMValueRef state) {
  emitter *e = r->e;
  LLVMValueRef skipped =
      LLVMBuildAnd(e->builder, run_field(e, run, RUN_ONCE), frame_field(r, FRAME_kept), "");
  branch wanted;
  if_begin(e, &wanted, emit_icompare(e, LLVMIntEQ, skipped, const_i64(e, 0)), "run");
  emit_run_now(r, run, call, state);
  if_end(e, &wanted);
}

static LLVMValueRef emit_entry(const run_list *l) {
  program_code *pc = l->pc;
  emitter *e = pc->e;
  routine r;
  function_scope outer;
  LLVMValueRef list = list_global(e, l);
  LLVMValueRef entry = function_begin(e, pc->name, e->i64, &e->ptr, 1, 0, &outer);
  routine_attach(&r, pc, NULL);
  r.frame = parameter(e, 0, "frame");
  LLVMValueRef call = emit_stack(e, e->ptr, CALL_FIELDS, 8, "call");
  LLVMValueRef state = floating_state_enter(e);
  emit_store(e, r.frame, emit_at(e, e->ptr, call, const_i64(e, CALL_FRAME)), 8, NULL);
  loop kernels;
  loop_begin(e, &kernels, "kernel", const_i64(e, 0), const_i64(e, (int64_t)l->functions.len), const_i64(e, 1),
             NULL, 0, LOOP_PLAIN);
  emit_run(&r, emit_at(e, run_type(e), list, kernels.index), call, state);
  loop_end(e, &kernels, NULL);
  floating_state_leave(e, state);
  emit_return(e, const_i64(e, NLM_STATUS_OK));
  function_end(e, &outer);
  routine_release(&r);
  return entry;
}

// ---- programs

static void find_buffers_of_values(program_code *pc) {
  const schedule *s = pc->s;
  pc->first_of_value = ARENA_ARRAY(pc->mem, int, s->n_nodes + 1);
  pc->next_of_value = ARENA_ARRAY(pc->mem, int, s->buffers.len + 1);
  for (size_t k = 0; k < s->n_nodes; k++)
    pc->first_of_value[k] = -1;
  for (size_t k = s->buffers.len; k-- > 0;) {
    const node *v = s->buffers.data[k].value;
    pc->next_of_value[k] = v ? pc->first_of_value[v->id] : -1;
    if (v)
      pc->first_of_value[v->id] = (int)k;
  }
}

static void run_list_free(run_list *l) {
  vec_free(&l->table);
  vec_free(&l->starts);
  vec_free(&l->functions);
  vec_free(&l->positions);
  vec_free(&l->own);
  vec_free(&l->original);
}

static entry_code entry_code_of(const run_list *l, int *runs_at) {
  program_code *pc = l->pc;
  entry_code code = {.s = pc->s, .entry = emit_entry(l), .n_scratch = pc->scratch.len, .runs_at = runs_at};
  code.scratch = ARENA_ARRAY(pc->mem, scratch_slot, pc->scratch.len + 1);
  if (pc->scratch.len)
    memcpy(code.scratch, pc->scratch.data, pc->scratch.len * sizeof *code.scratch);
  return code;
}

entry_code emit_program(emitter *e, body_store *store, const schedule *s, dim_table *dims, arena *mem,
                        const char *prefix) {
  program_code pc = {.e = e, .s = s, .dims = dims, .mem = mem};
  pc.name = arena_printf(mem, "%s.%s", prefix, kind_names[s->program->kind]);
  emit_alias_scopes(e, ALIAS_SCOPES, pc.scopes);
  find_buffers_of_values(&pc);
  run_list list = {.pc = &pc};
  key_maker *maker = key_maker_new(&pc);
  int *runs_at = ARENA_ARRAY(mem, int, s->kernels.len + 1);
  for (pc.kernel = 0; pc.kernel < (int)s->kernels.len; pc.kernel++) {
    int partner = s->kernels.data[pc.kernel].partner;
    bool with_partner = s->kernels.data[pc.kernel].kind == KERNEL_SCAN && partner >= 0 && partner < pc.kernel;
    runs_at[pc.kernel] = with_partner ? partner : pc.kernel;
    if (!with_partner)
      add_kernel(&list, store, maker);
  }
  entry_code code = entry_code_of(&list, runs_at);
  key_maker_free(maker);
  run_list_free(&list);
  vec_free(&pc.scratch);
  vec_free(&pc.scope_keys);
  return code;
}
