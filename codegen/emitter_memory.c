#include "codegen/emitter.h"
#include "support/diag.h"
#include <stdlib.h>
#include <string.h>

static unsigned metadata_kind(emitter *e, const char *name) {
  return LLVMGetMDKindIDInContext(e->context, name, (unsigned)strlen(name));
}

void emit_alias_scopes(emitter *e, size_t count, alias_scope *scopes) {
  LLVMMetadataRef domain = distinct_metadata(e, NULL, 0);
  LLVMMetadataRef *nodes = xcalloc(count + 1, sizeof *nodes), *others = xcalloc(count + 1, sizeof *others);
  for (size_t i = 0; i < count; i++)
    nodes[i] = distinct_metadata(e, &domain, 1);
  for (size_t i = 0; i < count; i++) {
    size_t n = 0;
    for (size_t k = 0; k < count; k++)
      if (k != i)
        others[n++] = nodes[k];
    scopes[i].scope = LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, &nodes[i], 1));
    scopes[i].others = LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, others, n));
  }
  free(nodes);
  free(others);
}

static void mark_scope(emitter *e, LLVMValueRef access, const alias_scope *scope) {
  if (!scope || !scope->scope)
    return;
  LLVMSetMetadata(access, metadata_kind(e, "alias.scope"), scope->scope);
  LLVMSetMetadata(access, metadata_kind(e, "noalias"), scope->others);
}

static unsigned element_bytes(emitter *e, LLVMTypeRef type) {
  return (unsigned)LLVMABISizeOfType(e->target->layout, type_element(type));
}

LLVMValueRef emit_at(emitter *e, LLVMTypeRef element, LLVMValueRef base, LLVMValueRef index) {
  return LLVMBuildInBoundsGEP2(e->builder, element, base, &index, 1, "");
}

LLVMValueRef emit_load(emitter *e, LLVMTypeRef type, LLVMValueRef pointer, unsigned align,
                       const alias_scope *scope) {
  LLVMValueRef load = LLVMBuildLoad2(e->builder, type, pointer, "");
  LLVMSetAlignment(load, align ? align : element_bytes(e, type));
  mark_scope(e, load, scope);
  return load;
}

void emit_store(emitter *e, LLVMValueRef value, LLVMValueRef pointer, unsigned align,
                const alias_scope *scope) {
  LLVMValueRef store = LLVMBuildStore(e->builder, value, pointer);
  LLVMSetAlignment(store, align ? align : element_bytes(e, LLVMTypeOf(value)));
  mark_scope(e, store, scope);
}

LLVMValueRef emit_masked_load(emitter *e, LLVMTypeRef type, LLVMValueRef pointer, LLVMValueRef mask,
                              const alias_scope *scope) {
  if (!mask)
    return emit_load(e, type, pointer, 0, scope);
  LLVMTypeRef overloads[] = {type, e->ptr};
  LLVMValueRef arguments[] = {pointer, const_i32(e, (int32_t)element_bytes(e, type)), mask,
                              LLVMConstNull(type)};
  LLVMValueRef load = emit_intrinsic(e, "llvm.masked.load", overloads, 2, arguments, 4);
  mark_scope(e, load, scope);
  return load;
}

void emit_masked_store(emitter *e, LLVMValueRef value, LLVMValueRef pointer, LLVMValueRef mask,
                       const alias_scope *scope) {
  if (!mask) {
    emit_store(e, value, pointer, 0, scope);
    return;
  }
  LLVMTypeRef type = LLVMTypeOf(value);
  LLVMTypeRef overloads[] = {type, e->ptr};
  LLVMValueRef arguments[] = {value, pointer, const_i32(e, (int32_t)element_bytes(e, type)), mask};
  mark_scope(e, emit_intrinsic(e, "llvm.masked.store", overloads, 2, arguments, 4), scope);
}

LLVMValueRef emit_gather(emitter *e, LLVMTypeRef element, LLVMValueRef base, LLVMValueRef index,
                         LLVMValueRef mask, const alias_scope *scope) {
  unsigned lanes = type_lanes(LLVMTypeOf(index));
  LLVMValueRef pointers = emit_at(e, element, base, index);
  if (lanes == 1)
    return emit_load(e, element, pointers, 0, scope);
  LLVMTypeRef type = LLVMVectorType(element, lanes);
  LLVMTypeRef overloads[] = {type, LLVMVectorType(e->ptr, lanes)};
  LLVMValueRef all = mask ? mask : const_int(LLVMVectorType(e->i1, lanes), 1);
  LLVMValueRef arguments[] = {pointers, const_i32(e, (int32_t)element_bytes(e, element)), all,
                              LLVMConstNull(type)};
  LLVMValueRef load = emit_intrinsic(e, "llvm.masked.gather", overloads, 2, arguments, 4);
  mark_scope(e, load, scope);
  return load;
}

LLVMValueRef emit_stack(emitter *e, LLVMTypeRef element, uint64_t count, unsigned align, const char *name) {
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
  LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(e->function);
  LLVMValueRef first = LLVMGetFirstInstruction(entry);
  if (first)
    LLVMPositionBuilderBefore(e->builder, first);
  else
    LLVMPositionBuilderAtEnd(e->builder, entry);
  LLVMValueRef slot = LLVMBuildAlloca(e->builder, LLVMArrayType2(element, count), name);
  LLVMSetAlignment(slot, align ? align : element_bytes(e, element));
  LLVMPositionBuilderAtEnd(e->builder, here);
  return slot;
}

void emit_memory_set_zero(emitter *e, LLVMValueRef pointer, LLVMValueRef bytes) {
  LLVMBuildMemSet(e->builder, pointer, const_int(e->i8, 0), bytes, 1);
}

void emit_memory_copy(emitter *e, LLVMValueRef to, LLVMValueRef from, LLVMValueRef bytes) {
  LLVMBuildMemCpy(e->builder, to, 1, from, 1, bytes);
}
