#ifndef NLM_CODEGEN_WINDOWS_H
#define NLM_CODEGEN_WINDOWS_H
// Products whose operand a is the windows of a tensor: convolutions and the gradients of their kernels. The
// windows are read where they are, never copied.
// Legend: a tensor of images [I, H, W, C] (of a sequence H = 1) in G groups of I / G images; windows at
// [I, OH, OW]; taps of kh x kw. A window consists of runs: elements side by side, kw * C of them, or C where
// taps are dilated along W. K = taps * C, N columns of the result.
#include "codegen/gemm.h"
#include "codegen/matmul_stage.h"

typedef struct windows_code {
  program_code *pc;
  const stage *st;
  const node *x;              // the tensor
  graph_window y, along;      // of axes H and W
  const dim *height, *width;  // H, W
  const dim *groups, *images; // G; images of one group
  int64_t channels, k, n;     // C, K, N
  int64_t run;                // elements of a run
} windows_code;
windows_code windows_code_of(program_code *pc, const stage *st);
// The same of windows of x [images, S..., C] with their axes; G, N and the stage are left open.
windows_code windows_geometry(program_code *pc, const node *x, const graph_window *axes);

// Registers hold rows x vectors chains, the vectors of the other operand and one number.
unsigned windows_most_rows(const emitter *e, unsigned vectors);

// Elements from the start of a window to that of its run `run` (i64); `line`: elements of a row of pixels.
LLVMValueRef windows_run_start(emitter *e, const windows_code *c, LLVMValueRef run, LLVMValueRef line);

// ---- rows of the product: the inner kernel
// Computes `rows` windows times a panel: columns of b [K, vectors * lanes]. `per_line` windows stand side by
// side, then they go on one line of windows below (which needs a known width).
typedef struct windows_tile {
  unsigned rows, per_line, vectors;
  bool masked; // the last vector has fewer active lanes
} windows_tile;
enum { WINDOWS_A, WINDOWS_LINE, WINDOWS_B, WINDOWS_C, WINDOWS_LDC, WINDOWS_COLUMNS, WINDOWS_ARGUMENTS };
// void (const real *first window, i64 elements of a line, const real *panel, real *C, i64 ldc, i64 columns),
// created at first use.
LLVMValueRef windows_tile_function(emitter *e, const windows_code *c, const windows_tile *tile);

// ---- in a band
// Scratch for the packed matrix; the function that packs it, and running that, which comes before all rows.
int windows_packed_slot(program_code *pc, const stage *st);
LLVMValueRef emit_windows_packing(program_code *pc, const stage *st, int slot);
void run_windows_packing(routine *whole, const stage *st, LLVMValueRef pack);
// Lines begin .. end - 1 of windows, numbered through all images: multiples of `together`. OH and OW are
// known, there is one group.
void emit_windows_lines(routine *r, const stage *st, int slot, LLVMValueRef begin, LLVMValueRef end,
                        int64_t together);

// ---- kernels
LLVMValueRef emit_windows_kernel(program_code *pc, const stage *st);
// The product with the windows transposed, windows' [K, rows] b [rows, N]: a kernel's gradient.
LLVMValueRef emit_windows_gradient(program_code *pc, const stage *st);
// SPREAD and COLLECT (codegen/sparse.c).
LLVMValueRef emit_sparse_kernel(program_code *pc, const stage *st);

#endif
