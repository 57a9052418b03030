// Modules, functions and control flow; values and memory are in emitter_values.c and emitter_memory.c.
#include "codegen/emitter.h"
#include "support/diag.h"
#include <llvm-c/DebugInfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

emitter *emitter_new(const target *t, real_kind kind, const char *name) {
  emitter *e = xcalloc(1, sizeof *e);
  e->context = LLVMContextCreate();
  e->module = LLVMModuleCreateWithNameInContext(name, e->context);
  e->builder = LLVMCreateBuilderInContext(e->context);
  e->target = t;
  e->real_kind = kind;
  e->real_bytes = kind == REAL_F32 ? 4 : 8;
  e->lanes = t->vector_bytes / e->real_bytes;
  e->real = kind == REAL_F32 ? LLVMFloatTypeInContext(e->context) : LLVMDoubleTypeInContext(e->context);
  e->i1 = LLVMInt1TypeInContext(e->context);
  e->i8 = LLVMInt8TypeInContext(e->context);
  e->i32 = LLVMInt32TypeInContext(e->context);
  e->i64 = LLVMInt64TypeInContext(e->context);
  e->ptr = LLVMPointerTypeInContext(e->context, 0);
  e->void_type = LLVMVoidTypeInContext(e->context);
  e->vector = LLVMVectorType(e->real, e->lanes);
  e->mask_type = LLVMVectorType(e->i1, e->lanes);
  target_prepare(t, e->module);
  return e;
}

void emitter_free(emitter *e) {
  if (!e)
    return;
  LLVMDisposeBuilder(e->builder);
  LLVMDisposeModule(e->module);
  LLVMContextDispose(e->context);
  free(e);
}

// ---- functions

static LLVMAttributeRef enum_attribute(LLVMContextRef context, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  INVARIANT(kind != 0);
  return LLVMCreateEnumAttribute(context, kind, 0);
}

static void add_text_attribute(emitter *e, LLVMValueRef function, const char *name, const char *value) {
  LLVMAddAttributeAtIndex(
      function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
      LLVMCreateStringAttribute(e->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value)));
}

static void add_enum_attribute(emitter *e, LLVMValueRef function, const char *name) {
  LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                          enum_attribute(e->context, name));
}

static void add_target_attributes(emitter *e, LLVMValueRef function) {
  char width[16];
  snprintf(width, sizeof width, "%u", e->target->vector_bytes * 8);
  add_text_attribute(e, function, "target-cpu", e->target->cpu);
  if (e->target->features[0])
    add_text_attribute(e, function, "target-features", e->target->features);
  add_text_attribute(e, function, "prefer-vector-width", width);
  add_text_attribute(e, function, "min-legal-vector-width", width);
  add_text_attribute(e, function, "frame-pointer", "none");
}

void parameter_attribute(LLVMValueRef function, unsigned index, const char *attribute) {
  LLVMContextRef context = LLVMGetModuleContext(LLVMGetGlobalParent(function));
  LLVMAddAttributeAtIndex(function, index + 1, enum_attribute(context, attribute));
}

LLVMValueRef function_begin(emitter *e, const char *name, LLVMTypeRef result, const LLVMTypeRef *parameters,
                            unsigned count, unsigned flags, function_scope *scope) {
  LLVMTypeRef type = LLVMFunctionType(result, (LLVMTypeRef *)parameters, count, 0);
  LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
  if (!function)
    function = LLVMAddFunction(e->module, name, type);
  INVARIANT(LLVMGlobalGetValueType(function) == type && LLVMCountBasicBlocks(function) == 0);
  LLVMSetLinkage(function,
                 flags & (FUNCTION_EXPORTED | FUNCTION_HIDDEN) ? LLVMExternalLinkage : LLVMInternalLinkage);
  if (flags & FUNCTION_HIDDEN)
    LLVMSetVisibility(function, LLVMHiddenVisibility);
  add_enum_attribute(e, function, "nounwind");
  if (flags & FUNCTION_INLINE)
    add_enum_attribute(e, function, "alwaysinline");
  if (flags & FUNCTION_NOINLINE)
    add_enum_attribute(e, function, "noinline");
  add_target_attributes(e, function);
  for (unsigned i = 0; (flags & FUNCTION_NOALIAS) && i < count; i++)
    if (parameters[i] == e->ptr)
      parameter_attribute(function, i, "noalias");
  *scope = (function_scope){e->function, LLVMGetInsertBlock(e->builder)};
  e->function = function;
  LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, function, "entry"));
  return function;
}

void function_end(emitter *e, const function_scope *scope) {
  INVARIANT(LLVMGetBasicBlockTerminator(LLVMGetInsertBlock(e->builder)));
  e->function = scope->outer_function;
  if (scope->outer_block)
    LLVMPositionBuilderAtEnd(e->builder, scope->outer_block);
}

LLVMValueRef parameter(emitter *e, unsigned index, const char *name) {
  LLVMValueRef value = LLVMGetParam(e->function, index);
  LLVMSetValueName2(value, name, strlen(name));
  return value;
}

LLVMValueRef emit_call(emitter *e, LLVMValueRef function, const LLVMValueRef *arguments, unsigned count) {
  LLVMTypeRef type = LLVMGlobalGetValueType(function);
  INVARIANT(LLVMCountParamTypes(type) == count);
  return LLVMBuildCall2(e->builder, type, function, (LLVMValueRef *)arguments, count, "");
}

LLVMValueRef declare_function(emitter *e, const char *name, LLVMTypeRef result, const LLVMTypeRef *parameters,
                              unsigned count) {
  LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
  if (function)
    return function;
  function = LLVMAddFunction(e->module, name, LLVMFunctionType(result, (LLVMTypeRef *)parameters, count, 0));
  add_enum_attribute(e, function, "nounwind");
  return function;
}

LLVMValueRef emit_intrinsic(emitter *e, const char *name, const LLVMTypeRef *overloads,
                            unsigned overload_count, const LLVMValueRef *arguments, unsigned count) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  INVARIANT(id != 0);
  LLVMTypeRef *types = (LLVMTypeRef *)overloads;
  return LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, overload_count),
                        LLVMGetIntrinsicDeclaration(e->module, id, types, overload_count),
                        (LLVMValueRef *)arguments, count, "");
}

void emit_return(emitter *e, LLVMValueRef value) {
  if (value)
    LLVMBuildRet(e->builder, value);
  else
    LLVMBuildRetVoid(e->builder);
}

// ---- loops

static LLVMBasicBlockRef new_block(emitter *e, const char *name, const char *part) {
  char text[128];
  snprintf(text, sizeof text, "%s.%s", name, part);
  return LLVMAppendBasicBlockInContext(e->context, e->function, text);
}

void loop_begin(emitter *e, loop *l, const char *name, LLVMValueRef begin, LLVMValueRef end,
                LLVMValueRef step, const LLVMValueRef *initial, unsigned carried_count, unsigned flags) {
  INVARIANT(carried_count <= LOOP_MAX_CARRIED);
  *l = (loop){.carried_count = carried_count, .flags = flags, .begin = begin, .step = step, .outer = e->open};
  e->open = l;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
  l->header = new_block(e, name, "header");
  l->body = new_block(e, name, "body");
  l->exit = new_block(e, name, "end");
  LLVMBuildBr(e->builder, l->header);
  LLVMPositionBuilderAtEnd(e->builder, l->header);
  l->index = LLVMBuildPhi(e->builder, e->i64, name);
  LLVMAddIncoming(l->index, &begin, &before, 1);
  for (unsigned i = 0; i < carried_count; i++) {
    l->carried[i] = LLVMBuildPhi(e->builder, LLVMTypeOf(initial[i]), "");
    LLVMAddIncoming(l->carried[i], (LLVMValueRef *)&initial[i], &before, 1);
  }
  LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, l->index, end, ""), l->body, l->exit);
  LLVMPositionBuilderAtEnd(e->builder, l->body);
}

static bool is_multiple_to(const emitter *e, LLVMValueRef v, int64_t of, int depth) {
  enum { DEEPEST = 8 };
  if (LLVMIsAConstantInt(v))
    return LLVMConstIntGetSExtValue(v) % of == 0;
  if (depth == DEEPEST || !LLVMIsAInstruction(v))
    return false;
  for (const loop *l = e->open; l; l = l->outer)
    if (l->index == v)
      return is_multiple_to(e, l->begin, of, depth + 1) && is_multiple_to(e, l->step, of, depth + 1);
  LLVMOpcode op = LLVMGetInstructionOpcode(v);
  if (op != LLVMAdd && op != LLVMSub && op != LLVMMul && op != LLVMAnd)
    return false;
  bool first = is_multiple_to(e, LLVMGetOperand(v, 0), of, depth + 1);
  if (first != (op == LLVMAdd || op == LLVMSub)) // decided already
    return first;
  return is_multiple_to(e, LLVMGetOperand(v, 1), of, depth + 1);
}

bool is_multiple(const emitter *e, LLVMValueRef v, int64_t of) {
  return is_multiple_to(e, v, of, 0);
}

static LLVMMetadataRef loop_property(emitter *e, const char *name, int64_t value) {
  LLVMMetadataRef operands[2] = {LLVMMDStringInContext2(e->context, name, strlen(name))};
  if (value < 0)
    return LLVMMDNodeInContext2(e->context, operands, 1);
  operands[1] = LLVMValueAsMetadata(const_i1(e, value != 0));
  return LLVMMDNodeInContext2(e->context, operands, 2);
}

LLVMMetadataRef distinct_metadata(emitter *e, const LLVMMetadataRef *operands, unsigned count) {
  LLVMMetadataRef all[4] = {LLVMTemporaryMDNode(e->context, NULL, 0)};
  INVARIANT(count < 4);
  for (unsigned i = 0; i < count; i++)
    all[i + 1] = operands[i];
  LLVMMetadataRef node = LLVMMDNodeInContext2(e->context, all, count + 1);
  LLVMMetadataReplaceAllUsesWith(all[0], node);
  return node;
}

static void mark_plain(emitter *e, LLVMValueRef back_branch) {
  LLVMMetadataRef properties[] = {loop_property(e, "llvm.loop.vectorize.enable", 0),
                                  loop_property(e, "llvm.loop.unroll.disable", -1)};
  LLVMMetadataRef node = distinct_metadata(e, properties, 2);
  LLVMSetMetadata(back_branch, LLVMGetMDKindIDInContext(e->context, "llvm.loop", strlen("llvm.loop")),
                  LLVMMetadataAsValue(e->context, node));
}

void loop_end(emitter *e, loop *l, const LLVMValueRef *next) {
  e->open = l->outer;
  l->latch = LLVMGetInsertBlock(e->builder);
  LLVMValueRef next_index = LLVMBuildNSWAdd(e->builder, l->index, l->step, "");
  LLVMAddIncoming(l->index, &next_index, &l->latch, 1);
  for (unsigned i = 0; i < l->carried_count; i++)
    LLVMAddIncoming(l->carried[i], (LLVMValueRef *)&next[i], &l->latch, 1);
  LLVMValueRef back = LLVMBuildBr(e->builder, l->header);
  if (l->flags & LOOP_PLAIN)
    mark_plain(e, back);
  LLVMMoveBasicBlockAfter(l->exit, l->latch);
  LLVMPositionBuilderAtEnd(e->builder, l->exit);
}

// ---- branches

void if_begin(emitter *e, branch *b, LLVMValueRef condition, const char *name) {
  *b = (branch){.then_block = new_block(e, name, "then"),
                .else_block = new_block(e, name, "else"),
                .end = new_block(e, name, "end")};
  LLVMBuildCondBr(e->builder, condition, b->then_block, b->else_block);
  LLVMPositionBuilderAtEnd(e->builder, b->then_block);
}

void if_else(emitter *e, branch *b) {
  INVARIANT(!b->has_else);
  b->has_else = true;
  b->then_end = LLVMGetInsertBlock(e->builder);
  LLVMBuildBr(e->builder, b->end);
  LLVMMoveBasicBlockAfter(b->else_block, b->then_end);
  LLVMPositionBuilderAtEnd(e->builder, b->else_block);
}

static LLVMBasicBlockRef close_branch(emitter *e, branch *b) {
  if (!b->has_else)
    if_else(e, b);
  LLVMBasicBlockRef else_end = LLVMGetInsertBlock(e->builder);
  LLVMBuildBr(e->builder, b->end);
  LLVMMoveBasicBlockAfter(b->end, else_end);
  LLVMPositionBuilderAtEnd(e->builder, b->end);
  return else_end;
}

void if_end(emitter *e, branch *b) {
  close_branch(e, b);
}

LLVMValueRef if_end_value(emitter *e, branch *b, LLVMValueRef then_value, LLVMValueRef else_value) {
  INVARIANT(b->has_else);
  LLVMBasicBlockRef blocks[2] = {b->then_end, close_branch(e, b)};
  LLVMValueRef values[2] = {then_value, else_value};
  LLVMValueRef joined = LLVMBuildPhi(e->builder, LLVMTypeOf(then_value), "");
  LLVMAddIncoming(joined, values, blocks, 2);
  return joined;
}

void emit_vector_loop(emitter *e, const char *name, LLVMValueRef count, vector_body *body, void *data) {
  LLVMValueRef lanes = const_i64(e, e->lanes);
  LLVMValueRef whole = LLVMBuildAnd(e->builder, count, const_i64(e, -(int64_t)e->lanes), "");
  loop l;
  loop_begin(e, &l, name, const_i64(e, 0), whole, lanes, NULL, 0, LOOP_PLAIN);
  body(e, l.index, NULL, data);
  loop_end(e, &l, NULL);
  if (LLVMIsAConstantInt(count) && LLVMConstIntGetSExtValue(count) % e->lanes == 0)
    return;
  branch tail;
  if_begin(e, &tail, emit_icompare(e, LLVMIntSLT, whole, count), name);
  body(e, whole, emit_tail_mask(e, whole, count, e->lanes), data);
  if_end(e, &tail);
}
