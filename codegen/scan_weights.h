#ifndef NLM_CODEGEN_SCAN_WEIGHTS_H
#define NLM_CODEGEN_SCAN_WEIGHTS_H
// Weights that a scan's body multiplies by, laid out anew once for all its steps: turned round where the body
// has them transposed, and packed into panels where their rows are long or do not begin with a line of the
// cache.
#include "codegen/scan.h"

typedef struct arranged_weight {
  node *matmul;
  int turned, packed; // scratch slots, or -1
} arranged_weight;
typedef VEC(arranged_weight) arranged_weights; // vec_free releases

arranged_weights scan_weights_plan(program_code *pc, const kernel *scan);
// NULL: they are read where they are, as they are.
const arranged_weight *scan_weights_find(const arranged_weights *all, const node *matmul);
// At the start of the kernel.
void scan_weights_emit(routine *r, const arranged_weights *all, const node *pack);
// i1: whether a product of `rows` rows takes the packed ones. Few steps do not repay packing, and few rows
// have more columns at a time than a panel.
LLVMValueRef scan_weights_packed_pay(routine *r, const node *pack, LLVMValueRef rows);

#endif
