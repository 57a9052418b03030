#include "codegen/scan_weights.h"
#include "codegen/gemm_parts.h"

enum { LINE_BYTES = 64, LONG_ROW_BYTES = 2048, LEAST_STEPS = 8, LEAST_ROWS = 4 };

static const dim *bytes_of(program_code *pc, int64_t elements) {
  return dim_const(pc->dims, elements * (int64_t)pc->e->real_bytes);
}

// Of panels of a matrix [k, n].
static int64_t packed_elements(const emitter *e, int64_t k, int64_t n) {
  int64_t width = GEMM_PANEL_VECTORS * (int64_t)e->lanes;
  return (n + width - 1) / width * width * (k + 1);
}

static bool is_worth_packing(const emitter *e, int64_t n) {
  int64_t bytes = n * (int64_t)e->real_bytes;
  return bytes >= LONG_ROW_BYTES || (bytes > LINE_BYTES && bytes % LINE_BYTES);
}

arranged_weights scan_weights_plan(program_code *pc, const kernel *scan) {
  arranged_weights all = {0};
  for (int s = 0; s < scan->n_body; s++) {
    node *matmul = scan->body[s].matmul;
    int64_t rows, columns;
    if (scan->body[s].kind != STAGE_MATMUL)
      continue;
    const shape *w = &matmul->in[1]->shape;
    if (!dim_is_const(w->d[0], &rows) || !dim_is_const(w->d[1], &columns))
      continue;
    bool transposed = matmul->i[1] != 0;
    int64_t k = transposed ? columns : rows, n = transposed ? rows : columns;
    arranged_weight arranged = {matmul, -1, -1};
    if (transposed)
      arranged.turned = scratch_add(pc, bytes_of(pc, rows * columns));
    if (is_worth_packing(pc->e, n))
      arranged.packed = scratch_add(pc, bytes_of(pc, packed_elements(pc->e, k, n)));
    if (arranged.turned >= 0 || arranged.packed >= 0)
      vec_push(&all, arranged);
  }
  return all;
}

const arranged_weight *scan_weights_find(const arranged_weights *all, const node *matmul) {
  for (size_t k = 0; k < all->len; k++)
    if (all->data[k].matmul == matmul)
      return &all->data[k];
  return NULL;
}

LLVMValueRef scan_weights_packed_pay(routine *r, const node *pack, LLVMValueRef rows) {
  emitter *e = r->e;
  LLVMValueRef steps = dim_value(r, pack_steps(pack));
  LLVMValueRef many = emit_icompare(e, LLVMIntSGE, steps, const_i64(e, LEAST_STEPS));
  return LLVMBuildAnd(e->builder, many, emit_icompare(e, LLVMIntSGE, rows, const_i64(e, LEAST_ROWS)), "");
}

void scan_weights_emit(routine *r, const arranged_weights *all, const node *pack) {
  emitter *e = r->e;
  for (size_t k = 0; k < all->len; k++) {
    const arranged_weight *arranged = &all->data[k];
    node *w = arranged->matmul->in[1];
    bool transposed = arranged->matmul->i[1] != 0;
    LLVMValueRef base = memory_of(r, w).base, rows = dim_value(r, w->shape.d[0]),
                 columns = dim_value(r, w->shape.d[1]);
    if (arranged->turned >= 0) {
      LLVMValueRef arguments[] = {base, columns, scratch_address(r, arranged->turned), rows, rows, columns};
      emit_call(e, transpose_function(e), arguments, 6);
    }
    if (arranged->packed < 0)
      continue;
    branch pays;
    if_begin(e, &pays, scan_weights_packed_pay(r, pack, dim_value(r, pack_batch(pack))), "pays");
    LLVMValueRef arguments[] = {base, columns, scratch_address(r, arranged->packed),
                                transposed ? columns : rows, transposed ? rows : columns};
    emit_call(e, gemm_pack_function(e, transposed), arguments, 5);
    if_end(e, &pays);
  }
}
