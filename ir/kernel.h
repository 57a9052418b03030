#ifndef NLM_IR_KERNEL_H
#define NLM_IR_KERNEL_H
// L3: the ordered kernels of one program. The schedule decides which L2 nodes get memory ("materialised");
// every other node is computed inside the kernels that read it, at the index they read ("inline"). Codegen
// follows the schedule and decides nothing about fusion.
//
// Inline evaluation is by pulling: value(node, index) recurs through elementwise ops at the same index,
// through views (BROADCAST, RESHAPE, TRANSPOSE, SLICE, REVERSE, CONCAT, PAD) at a mapped index, through
// GATHER, ONE_HOT and SCATTER-free index ops at an index that is itself pulled, and stops at materialised
// nodes, leaves and scan parameters.
//
// Legend: V valid rows, n active rows of a scan step, U, F features.
#include "ir/lower.h"

typedef enum {
  PLACE_WORKSPACE, // slot: offset table index; lifetime [first, last] in kernel positions
  PLACE_INPUT,     // slot: program input
  PLACE_OUTPUT,    // slot: model output (caller's memory)
  PLACE_MASK,      // slot: model output whose mask this is (caller's memory)
  PLACE_PROBE,     // slot: position among the program's probe roots (caller's memory)
  PLACE_PARAM,     // slot: weight
  PLACE_RESULT,    // slot: 0 total loss, 1 + output: a rank-0 number reported to the caller as double
  PLACE_ROWS,      // inside a scan: scratch for one block of rows [n, U...], private to the block
  PLACE_BAND,      // inside a band: scratch for a few rows, private to them; slot: number within the kernel
} buffer_place;

typedef struct buffer {
  int index;
  buffer_place place;
  int slot;
  node *value; // the node it holds (views without copying share the buffer of what they view); NULL: scratch
  elem_type type;
  const dim *elements; // with run-time counts; sizes use dim_upper_bound. PLACE_ROWS, PLACE_BAND: elements of
                       // one row
  bool kept;           // PLACE_WORKSPACE: what it holds serves later runs too, while the weights stay
  int first, last;     // kernels that write it first and read it last
} buffer;

typedef enum {
  STAGE_MAP,     // for every element of the common shape of `roots`: evaluate and store each root
  STAGE_REDUCE,  // roots[0] is REDUCE_SUM/MAX: kept axes outside, reduced axes inside, operand inline
  STAGE_SEGMENT, // roots[0] is SEGMENT_SUM/MAX: for each segment, for its rows in order; operand inline
  STAGE_SCATTER, // roots[0] is SCATTER: zero the table, then store the inline rows at their ids
  STAGE_SPARSE,  // roots[0] is SPREAD or COLLECT
  STAGE_MATMUL,  // matmul; roots[0] is stored: the MATMUL itself or an elementwise epilogue of it
} stage_kind;

// A stage first evaluates all its roots for an element, then stores them: a root may read, at that element,
// what another root's store overwrites. In a scan body a root (which may be a leaf: a saved SCAN_STATE) is
// stored to every place that wants it: its PLACE_ROWS buffer, if schedule_buffer gives one; the output buffer
// of every body->out that is this node; and, where in_place[k], the working state of every body->next[k] that
// is this node. A next[k] that is not stored in place has a PLACE_ROWS buffer (or is a scan parameter) and is
// copied after the last stage. Later stages read the node from its PLACE_ROWS buffer, which it has exactly
// when a later stage reads it or it is copied.
typedef struct stage {
  stage_kind kind;
  node **roots;
  int n_roots;
  node *matmul;  // STAGE_MATMUL
  node *a_table; // STAGE_MATMUL: operand a is GATHER(a_table, a_index): rows are read through the index; else
                 // NULL
  node *a_index; // INT [M], materialised
  node *a_windows; // STAGE_MATMUL: operand a is RESHAPE(a_windows), the windows of a node with memory, which
                   // are read where they are; else NULL
} stage;

typedef enum {
  KERNEL_STAGE,  // one stage
  KERNEL_SCAN,   // a time loop: for each block of sorted examples, for each step: body stages, then commits
  KERNEL_BAND,   // several stages over the rows of common leading axes, a few rows at a time
  KERNEL_UNIQUE, // runtime call
  KERNEL_PACK,   // runtime call
  KERNEL_CHECK,  // CHECK_IDS on a materialised or input id tensor
  KERNEL_TOUCH,  // tells the runtime which rows of a weight are about to be read
} kernel_kind;

typedef struct kernel {
  kernel_kind kind;
  const char *name; // from the layers it serves: "bidirectional.forward.scan"
  node *subject;    // SCAN, UNIQUE, PACK, CHECK, TOUCH (the ids)
  int weight;       // TOUCH
  int scratch;      // UNIQUE, PACK: index of the workspace buffer for their scratch memory; else -1
  stage stage;      // KERNEL_STAGE
  // KERNEL_SCAN, KERNEL_BAND: in order. Body nodes with memory are PLACE_ROWS buffers in a scan; in a band,
  // PLACE_BAND where no other kernel reads them.
  stage *body;
  int n_body;
  // KERNEL_SCAN: state k may be stored in place by the stage that computes its next value (no later read of
  // the old value in the step, and every read in that stage is at the element stored); else it is copied
  // after the last stage.
  bool *in_place;
  int axes; // KERNEL_BAND: how many leading axes its rows run over; row r of every stage needs rows r alone
  int partner;       // another scan kernel, independent of this one, run in the same parallel region; or -1
  bool once;         // reads weights alone: its results are kept, and it runs when nothing is kept yet
  bool keeps_packed; // operands b of its products depend on weights alone: what code generation packs of them
                     // is kept, too
  // UNIQUE: remembers the ids of earlier runs. D counts all ids seen, values [capacity] and the scratch
  // memory (int32: nothing said, D, and by id its row + 1) are kept, inverse refers to them; `fresh` is how
  // many ids this run added, at the end. Products of these ids: rows [D - fresh, D) are computed, those
  // before are kept.
  const dim *fresh;         // or NULL
  const dim *capacity;      // UNIQUE with `fresh`: the most ids that are remembered
  const dim *flops, *bytes; // estimates for profiles
} kernel;

typedef struct schedule {
  const program *program;
  VEC(kernel) kernels;
  VEC(buffer) buffers;
  // node id -> buffer index or -1; covers views that share a buffer (RESHAPE of a materialised node)
  int *buffer_of;
  size_t n_nodes;
  int n_offsets; // workspace slots
} schedule;

void schedule_free(schedule *s); // NULL is allowed; the arena keeps what the program's graph owns
const buffer *schedule_buffer(const schedule *s, const node *n); // NULL: inline
void schedule_print(const schedule *s, strbuf *out);             // `emit kernels`
// Every inline operand is computable where it is used, every buffer is written before it is read, roots are
// stored, lifetimes are right. NULL when sound, else a reason.
const char *schedule_verify(const schedule *s);

#endif
