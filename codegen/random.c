// Uniform numbers by the definition of support/random.h, for a scalar or a vector of elements.
#include "support/random.h"
#include "codegen/value.h"

static LLVMValueRef wide(LLVMTypeRef type, uint64_t v) {
  return const_int(type, (int64_t)v);
}

static LLVMValueRef shifted_xor(emitter *e, LLVMValueRef x, int bits) {
  LLVMValueRef shifted = LLVMBuildLShr(e->builder, x, const_int(LLVMTypeOf(x), bits), "");
  return LLVMBuildXor(e->builder, x, shifted, "");
}

static LLVMValueRef mix(emitter *e, LLVMValueRef x) {
  LLVMTypeRef type = LLVMTypeOf(x);
  x = emit_imul(e, shifted_xor(e, x, 30), wide(type, RANDOM_MIX_A));
  x = emit_imul(e, shifted_xor(e, x, 27), wide(type, RANDOM_MIX_B));
  return shifted_xor(e, x, 31);
}

// The key of seed and step, once for each function.
static LLVMValueRef session_key(routine *r) {
  if (r->random_key)
    return r->random_key;
  emitter *e = r->e;
  LLVMValueRef seed = frame_field(r, FRAME_seed), step = frame_field(r, FRAME_step);
  LLVMBasicBlockRef here = prologue_begin(r);
  LLVMValueRef advance = wide(e->i64, RANDOM_STEP);
  LLVMValueRef key = mix(e, emit_iadd(e, seed, advance));
  r->random_key = mix(e, emit_iadd(e, key, emit_imul(e, step, advance)));
  prologue_end(r, here);
  return r->random_key;
}

LLVMValueRef random_value(routine *r, int64_t stream, LLVMValueRef element) {
  emitter *e = r->e;
  LLVMValueRef session = session_key(r);
  LLVMBasicBlockRef here = prologue_begin(r);
  LLVMValueRef number = external_value(r, EXTERNAL_STREAM, stream);
  LLVMValueRef of_stream = emit_imul(e, number, wide(e->i64, RANDOM_STREAM));
  LLVMValueRef key = mix(e, emit_iadd(e, session, of_stream));
  prologue_end(r, here);
  LLVMTypeRef type = LLVMTypeOf(element);
  LLVMValueRef count = emit_imul(e, element, wide(type, RANDOM_STEP));
  LLVMValueRef bits = mix(e, emit_iadd(e, emit_like(e, key, type), count));
  bits = LLVMBuildLShr(e->builder, bits, const_int(type, RANDOM_DROP_BITS), "");
  LLVMValueRef real = emit_int_to_real(e, emit_int_cast(e, bits, e->i32)); // below 2^24: exact
  return emit_mul(e, real, const_real(LLVMTypeOf(real), RANDOM_SCALE));
}
