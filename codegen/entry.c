// The entry function of a program: kernel after kernel, under a floating-point state of its own.
#include "codegen/calls.h"
#include "codegen/matmul_stage.h"
#include "codegen/module.h"
#include "codegen/scan.h"
#include "support/diag.h"
#include <string.h>

static const char *const kind_names[PROGRAM_KINDS] = {"infer", "evaluate", "grad", "probe"};

// The kernel's function; NULL: it runs with its partner.
static LLVMValueRef emit_kernel(program_code *pc) {
  const kernel *k = &pc->s->kernels.data[pc->kernel];
  pc->scope_keys.len = 0;
  switch (k->kind) {
  case KERNEL_STAGE:
    return k->stage.kind == STAGE_MATMUL ? emit_matmul_kernel(pc, &k->stage)
                                         : emit_stage_kernel(pc, &k->stage);
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

static void emit_profile(routine *r, int position, int phase) {
  emitter *e = r->e;
  branch wanted;
  LLVMValueRef hook = frame_field(r, FRAME_profile);
  if_begin(e, &wanted, emit_icompare(e, LLVMIntNE, hook, LLVMConstNull(e->ptr)), "profile");
  runtime_call(r, RUNTIME_profile, (LLVMValueRef[]){r->frame, const_i64(e, position), const_i64(e, phase)},
               3);
  if_end(e, &wanted);
}

static void return_status(emitter *e, LLVMValueRef state, LLVMValueRef status) {
  floating_state_leave(e, state);
  emit_return(e, status);
}

static void run_kernel(routine *r, int position, LLVMValueRef function, bool checks, LLVMValueRef state) {
  emitter *e = r->e;
  emit_profile(r, position, 0);
  LLVMValueRef status = emit_call(e, function, &r->frame, 1);
  emit_profile(r, position, 1);
  if (!checks)
    return;
  LLVMBasicBlockRef failed = LLVMAppendBasicBlockInContext(e->context, e->function, "failed");
  LLVMBasicBlockRef passed = LLVMAppendBasicBlockInContext(e->context, e->function, "passed");
  LLVMBuildCondBr(e->builder, emit_icompare(e, LLVMIntEQ, status, const_i64(e, NLM_STATUS_OK)), passed,
                  failed);
  LLVMPositionBuilderAtEnd(e->builder, failed);
  return_status(e, state, status);
  LLVMPositionBuilderAtEnd(e->builder, passed);
}

static LLVMValueRef emit_entry(program_code *pc, LLVMValueRef *functions) {
  emitter *e = pc->e;
  routine r;
  function_scope outer;
  LLVMValueRef entry = function_begin(e, pc->name, e->i64, &e->ptr, 1, 0, &outer);
  routine_attach(&r, pc, parameter(e, 0, "frame"));
  LLVMValueRef state = floating_state_enter(e);
  for (size_t k = 0; k < pc->s->kernels.len; k++)
    if (functions[k])
      run_kernel(&r, (int)k, functions[k], pc->s->kernels.data[k].kind == KERNEL_CHECK, state);
  return_status(e, state, const_i64(e, NLM_STATUS_OK));
  function_end(e, &outer);
  routine_release(&r);
  return entry;
}

entry_code emit_program(emitter *e, const schedule *s, dim_table *dims, arena *mem, const char *prefix) {
  program_code pc = {.e = e, .s = s, .dims = dims, .mem = mem};
  pc.name = arena_printf(mem, "%s.%s", prefix, kind_names[s->program->kind]);
  emit_alias_scopes(e, ALIAS_SCOPES, pc.scopes);
  LLVMValueRef *functions = ARENA_ARRAY(mem, LLVMValueRef, s->kernels.len + 1);
  int *runs_at = ARENA_ARRAY(mem, int, s->kernels.len + 1);
  for (pc.kernel = 0; pc.kernel < (int)s->kernels.len; pc.kernel++) {
    int partner = s->kernels.data[pc.kernel].partner;
    bool with_partner = s->kernels.data[pc.kernel].kind == KERNEL_SCAN && partner >= 0 && partner < pc.kernel;
    runs_at[pc.kernel] = with_partner ? partner : pc.kernel;
    functions[pc.kernel] = emit_kernel(&pc);
  }
  entry_code code = {
      .s = s, .entry = emit_entry(&pc, functions), .n_scratch = pc.scratch.len, .runs_at = runs_at};
  code.scratch = ARENA_ARRAY(mem, scratch_slot, pc.scratch.len + 1);
  if (pc.scratch.len)
    memcpy(code.scratch, pc.scratch.data, pc.scratch.len * sizeof *code.scratch);
  vec_free(&pc.scratch);
  vec_free(&pc.scope_keys);
  return code;
}
