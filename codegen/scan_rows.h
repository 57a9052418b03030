#ifndef NLM_CODEGEN_SCAN_ROWS_H
#define NLM_CODEGEN_SCAN_ROWS_H
// Rows of one block of a scan, in its stack area; shared by scan.c and scan_rows.c.
#include "codegen/scan.h"

enum { AREA_ALIGN = 64 };

// Plans the area of the scan at pc->kernel; scan_code_free releases the plan.
scan_code scan_code_of(program_code *pc);
void scan_code_free(scan_code *sc);
bool next_in_place(const scan_code *sc,
                   const node *n); // n is a next value that its stage stores into the state
// A state that takes over another state's old value is committed through an array of its own, behind the
// states.
bool next_is_other_state(const scan_code *sc, int k);

const node *scan_without_views(const node *n); // behind RESHAPE and CHECK_IDS
bool scan_is_sequence(const scan_code *sc, const node *n);
int64_t scan_row_elements(const node *n); // of one row of axis 0
const local_rows *scan_find_local(const scan_code *sc, const routine *r,
                                  const node *n); // NULL: not in the area
memory scan_local_memory(routine *r, const scan_code *sc, const local_rows *local);
LLVMValueRef scan_row_bytes(routine *r, const local_rows *local, LLVMValueRef rows);
void scan_copy_local(routine *r, scan_code *sc, const local_rows *to, const local_rows *from,
                     LLVMValueRef rows);

// Evaluates rows first_row .. first_row + count - 1 of `from` (first_row NULL: 0) into rows 0 .. count - 1 of
// `to`.
typedef struct copy_columns {
  node *from;
  place row;
  int axis;
  LLVMValueRef first_row;
  memory to;
} copy_columns;
void scan_copy_rows(routine *r, copy_columns *copy, LLVMValueRef count);

#endif
