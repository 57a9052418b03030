#include "codegen/abi_table.h"
#include "support/diag.h"
#include <string.h>

typedef enum { SLOT_I64, SLOT_F64, SLOT_PTR } slot_kind;

static LLVMTypeRef slot_type(emitter *e, slot_kind kind) {
  return kind == SLOT_I64 ? e->i64 : kind == SLOT_F64 ? LLVMDoubleTypeInContext(e->context) : e->ptr;
}

#define SLOT_OF(kind, type, name) SLOT_##kind,
#define NAME_OF(kind, type, name) #name,
#define STRUCT_TABLES(S)                                                                                     \
  static const slot_kind S##_slots[] = {NLM_ABI_##S##_FIELDS(SLOT_OF)};                                      \
  static const char *const S##_names[] = {NLM_ABI_##S##_FIELDS(NAME_OF)};
ABI_STRUCTS(STRUCT_TABLES)

#define STRUCT_OF(S) {S##_slots, S##_names, sizeof S##_slots / sizeof *S##_slots},
static const struct {
  const slot_kind *slots;
  const char *const *names;
  unsigned count;
} structs[] = {ABI_STRUCTS(STRUCT_OF)};

abi_row abi_row_begin(emitter *e, abi_struct type) {
  abi_row r = {.type = type};
  INVARIANT(structs[type].count <= ABI_MAX_FIELDS);
  for (unsigned k = 0; k < structs[type].count; k++)
    r.fields[k] = LLVMConstNull(slot_type(e, structs[type].slots[k]));
  return r;
}

void abi_row_set(abi_row *r, const char *field, LLVMValueRef v) {
  for (unsigned k = 0; k < structs[r->type].count; k++)
    if (strcmp(structs[r->type].names[k], field) == 0) {
      INVARIANT(LLVMTypeOf(r->fields[k]) == LLVMTypeOf(v));
      r->fields[k] = v;
      return;
    }
  ICE("the ABI has no field %s", field);
}

LLVMValueRef abi_row_end(emitter *e, abi_row *r) {
  return LLVMConstStructInContext(e->context, r->fields, structs[r->type].count, 0);
}

LLVMValueRef abi_global(emitter *e, LLVMValueRef v, unsigned align) {
  LLVMValueRef g = LLVMAddGlobal(e->module, LLVMTypeOf(v), "");
  LLVMSetInitializer(g, v);
  LLVMSetGlobalConstant(g, 1);
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  LLVMSetAlignment(g, align);
  return g;
}

LLVMValueRef abi_table(emitter *e, LLVMValueRef *rows, size_t count) {
  if (count == 0)
    return LLVMConstNull(e->ptr);
  return abi_global(e, LLVMConstArray2(LLVMTypeOf(rows[0]), rows, count), 8);
}

LLVMValueRef abi_text(emitter *e, const char *string) {
  if (!string)
    return LLVMConstNull(e->ptr);
  return abi_global(e, LLVMConstStringInContext2(e->context, string, strlen(string), 0), 1);
}

// ---- expressions

static int64_t expr_code(const dim *d) {
  static const int64_t codes[] = {
      [DIM_CONST] = NLM_EXPR_CONST, [DIM_SYMBOL] = NLM_EXPR_SYMBOL,     [DIM_ADD] = NLM_EXPR_ADD,
      [DIM_MUL] = NLM_EXPR_MUL,     [DIM_FLOORDIV] = NLM_EXPR_FLOORDIV, [DIM_MIN] = NLM_EXPR_MIN,
      [DIM_MAX] = NLM_EXPR_MAX};
  return codes[d->kind];
}

static int64_t expr_of(abi_builder *t, const dim *d) {
  for (size_t k = 0; k < t->expr_dims.len; k++)
    if (t->expr_dims.data[k] == d)
      return (int64_t)k;
  int64_t a = d->kind == DIM_CONST ? d->value : d->kind == DIM_SYMBOL ? d->symbol : expr_of(t, d->a);
  int64_t b = d->kind == DIM_CONST || d->kind == DIM_SYMBOL ? 0 : expr_of(t, d->b);
  abi_row r = abi_row_begin(t->e, ABI_EXPR);
  abi_row_set(&r, "op", const_i64(t->e, expr_code(d)));
  abi_row_set(&r, "a", const_i64(t->e, a));
  abi_row_set(&r, "b", const_i64(t->e, b));
  vec_push(&t->exprs, abi_row_end(t->e, &r));
  vec_push(&t->expr_dims, d);
  return (int64_t)t->expr_dims.len - 1;
}

LLVMValueRef abi_expr(abi_builder *t, const dim *d) {
  return const_i64(t->e, d ? expr_of(t, d) : -1);
}
