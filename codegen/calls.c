#include "codegen/calls.h"
#include "support/diag.h"

// Memory of part k of the kernel's subject, or a null pointer when nobody reads it.
static LLVMValueRef part_pointer(routine *r, node *subject, int k) {
  node *part = g_part(r->pc->s->program->g, subject, k);
  return schedule_buffer(r->pc->s, part) ? memory_of(r, part).base : LLVMConstNull(r->e->ptr);
}

static LLVMValueRef kernel_scratch(routine *r, const kernel *k) {
  INVARIANT(k->scratch >= 0);
  return memory_of_buffer(r, &r->pc->s->buffers.data[k->scratch]).base;
}

static void store_run_time_dim(routine *r, const dim *d, LLVMValueRef v) {
  if (d->kind != DIM_SYMBOL)
    return;
  LLVMValueRef at =
      emit_at(r->e, r->e->i64, frame_field(r, FRAME_dims), external_value(r, EXTERNAL_DIM, d->symbol));
  emit_store(r->e, v, at, 8, NULL);
}

static const kernel *current(const program_code *pc) {
  return &pc->s->kernels.data[pc->kernel];
}

static LLVMValueRef emit_remembering_kernel(program_code *pc, const kernel *k) {
  emitter *e = pc->e;
  node *ids = k->subject->in[0];
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  LLVMValueRef fresh = emit_stack(e, e->i64, 1, 8, "fresh");
  LLVMValueRef arguments[] = {routine_frame(&r),
                              memory_of(&r, ids).base,
                              dim_value(&r, shape_elements(pc->dims, &ids->shape)),
                              dim_value(&r, unique_bound(k->subject)),
                              dim_value(&r, k->capacity),
                              part_pointer(&r, k->subject, UNIQUE_VALUES),
                              part_pointer(&r, k->subject, UNIQUE_INVERSE),
                              kernel_scratch(&r, k),
                              fresh};
  store_run_time_dim(&r, unique_count(k->subject), runtime_call(&r, RUNTIME_remember, arguments, 9));
  store_run_time_dim(&r, k->fresh, emit_load(e, e->i64, fresh, 8, NULL));
  routine_end_kernel(&r, NULL);
  return made;
}

LLVMValueRef emit_unique_kernel(program_code *pc) {
  const kernel *k = current(pc);
  if (k->fresh)
    return emit_remembering_kernel(pc, k);
  node *ids = k->subject->in[0];
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  LLVMValueRef arguments[] = {memory_of(&r, ids).base,
                              dim_value(&r, shape_elements(pc->dims, &ids->shape)),
                              dim_value(&r, unique_bound(k->subject)),
                              part_pointer(&r, k->subject, UNIQUE_VALUES),
                              part_pointer(&r, k->subject, UNIQUE_INVERSE),
                              part_pointer(&r, k->subject, UNIQUE_ORDER),
                              part_pointer(&r, k->subject, UNIQUE_STARTS),
                              kernel_scratch(&r, k)};
  store_run_time_dim(&r, unique_count(k->subject), runtime_call(&r, RUNTIME_unique, arguments, 8));
  routine_end_kernel(&r, NULL);
  return made;
}

LLVMValueRef emit_pack_kernel(program_code *pc) {
  const kernel *k = current(pc);
  emitter *e = pc->e;
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  LLVMValueRef parts = emit_stack(e, e->ptr, PACK_PARTS, 8, "parts"),
               steps = emit_stack(e, e->i64, 1, 8, "steps");
  for (int part = 0; part < PACK_PARTS; part++)
    emit_store(e, part_pointer(&r, k->subject, part), emit_at(e, e->ptr, parts, const_i64(e, part)), 8, NULL);
  bool masked = k->subject->n_in > 0;
  LLVMValueRef arguments[] = {masked ? memory_of(&r, k->subject->in[0]).base : LLVMConstNull(e->ptr),
                              dim_value(&r, pack_batch(k->subject)),
                              dim_value(&r, pack_time(k->subject)),
                              parts,
                              steps,
                              kernel_scratch(&r, k)};
  LLVMValueRef valid = runtime_call(&r, RUNTIME_pack, arguments, 6);
  if (!pack_is_dense(k->subject)) {
    store_run_time_dim(&r, pack_valid(k->subject), valid);
    store_run_time_dim(&r, pack_steps(k->subject), emit_load(e, e->i64, steps, 8, NULL));
  }
  routine_end_kernel(&r, NULL);
  return made;
}

LLVMValueRef emit_touch_kernel(program_code *pc) {
  const kernel *k = current(pc);
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  LLVMValueRef count = dim_value(&r, shape_elements(pc->dims, &k->subject->shape));
  LLVMValueRef arguments[] = {frame_field(&r, FRAME_context), external_value(&r, EXTERNAL_WEIGHT, k->weight),
                              memory_of(&r, k->subject).base, count};
  runtime_call(&r, RUNTIME_touch_rows, arguments, 4);
  routine_end_kernel(&r, NULL);
  return made;
}

// A kernel that returns what the runtime found.
LLVMValueRef emit_check_kernel(program_code *pc) {
  const kernel *k = current(pc);
  node *check = k->subject, *ids = check->in[0];
  routine r;
  LLVMValueRef made = routine_begin_kernel(&r, pc);
  LLVMValueRef positions = check->n_in > 1 ? memory_of(&r, check->in[1]).base : LLVMConstNull(pc->e->ptr);
  LLVMValueRef arguments[] = {routine_frame(&r),
                              memory_of(&r, ids).base,
                              positions,
                              dim_value(&r, shape_elements(pc->dims, &ids->shape)),
                              external_value(&r, EXTERNAL_BOUND, check->i[0]),
                              external_value(&r, EXTERNAL_INPUT, check->i[1])};
  routine_end_kernel(&r, runtime_call(&r, RUNTIME_check_ids, arguments, 6));
  return made;
}
