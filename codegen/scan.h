#ifndef NLM_CODEGEN_SCAN_H
#define NLM_CODEGEN_SCAN_H
// KERNEL_SCAN: the time loop. A body function takes one block of sorted examples through all its steps. The
// carried states and the scratch of the body stages of one block lie in `locals`, a stack area private to the
// block.
#include "codegen/program.h"

typedef struct local_rows { // one array [rows of the block, elements of a row] in the stack area
  const node *value;        // SCAN_STATE parameter or materialised body node
  int64_t offset, row_elements;
} local_rows;

typedef struct scan_code {
  const kernel *k;
  const struct scan_body *body;
  node *subject;
  VEC(local_rows) locals; // states first, in order
  int64_t local_bytes;
  int64_t block_rows;
  // Values of the function being emitted:
  LLVMValueRef area;                     // locals
  LLVMValueRef reverse;                  // i64: not 0: steps run from the last to the first
  LLVMValueRef tm_row;                   // first TM row of this block at this step
  LLVMValueRef count;                    // active rows of the block
  LLVMValueRef member, members, meeting; // of a team; NULL: the block is run by one thread
  const node *product; // root whose array the product being emitted writes by itself, or NULL
} scan_code;

// Inside a scan: the memory of a scan parameter or body node at `p`, or (a sequence) its value; false when n
// is neither or is to be computed here.
bool scan_memory(routine *r, node *n, const place *p, memory *m, LLVMValueRef *value);
// Stores a root of a body stage; false when it is not of this scan.
bool scan_store(routine *r, node *root, const place *p, LLVMValueRef value);

// The kernel at pc->kernel, with its partner if it has one.
LLVMValueRef emit_scan_kernel(program_code *pc);

#endif
