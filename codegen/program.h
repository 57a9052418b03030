#ifndef NLM_CODEGEN_PROGRAM_H
#define NLM_CODEGEN_PROGRAM_H
// State of emission of one program (a schedule) and of the generated functions that make it up.
//
// Every kernel is a function i64 (call *), which returns a status. Work that may run on several threads sits
// in bodies, void (call *, i64 block), which the kernel hands to parallel_for. A call is two pointers: the
// frame, and a table of i64 that holds what differs between equal kernels (which buffers, which run-time
// dimensions, which random stream): codegen/share.h. All functions read what they need in a prologue, so that
// bodies need no environment of their own. Kernels and bodies are never inlined into each other: alias scopes
// are numbered per kernel, and buffers of different kernels may share memory.
#include "codegen/emitter.h"
#include "codegen/share.h"
#include "ir/kernel.h"
#include "nlm/abi.h"

// Positions of the frame's fields and of the runtime calls, from the ABI's own lists.
#define FRAME_FIELD(kind, type, name) FRAME_##name,
enum { NLM_ABI_FRAME_FIELDS(FRAME_FIELD) FRAME_FIELDS };
#undef FRAME_FIELD
#define CALL(name, result, parameters) RUNTIME_##name,
enum {
#include "nlm/abi.def"
  RUNTIME_CALLS
};
#undef CALL

// Workspace of codegen's own: a slot after those of the schedule, live during one kernel, or always.
typedef struct scratch_slot {
  const dim *bytes; // run-time counts at their bounds
  int kernel;
  bool kept;
} scratch_slot;

enum { CALL_FRAME, CALL_TABLE, CALL_FIELDS };

enum { ALIAS_SCOPES = 48 };

typedef struct program_code {
  emitter *e;
  const schedule *s;
  dim_table *dims;
  arena *mem;
  const char *name; // prefix of function names: "sentiment.infer"
  int kernel;       // position of the kernel being emitted
  int half;         // of the key, that is being emitted: 1: the partner's of an equal pair
  int owner;        // the same, or that of the scan which it runs with
  VEC(scratch_slot) scratch;
  kernel_key *key;     // of the kernel being emitted: what its table holds
  shared_body *body;   // being emitted
  int *next_of_value;  // by buffer: the next one that holds the same node's value, or -1
  int *first_of_value; // by node id: the first such buffer, or -1
  alias_scope scopes[ALIAS_SCOPES];
  VEC(int64_t) scope_keys; // memory that has a scope in this kernel
} program_code;

// Memory that holds a node's elements, row-major.
typedef struct memory {
  LLVMValueRef base;
  LLVMTypeRef element; // e->real, i32, or double (results reported to the caller)
  const alias_scope *scope;
} memory;

struct scan_code;

// Where a node is evaluated (codegen/value.h): lane l of axis k is at base + l*step, or at base[l].
typedef struct component {
  LLVMValueRef base; // i64, or a vector of i64
  int64_t step;      // 0 with a vector base
} component;

typedef struct place {
  bool flat;      // at[0] is the row-major element number
  unsigned lanes; // of this evaluation; 1: a single element
  component at[MAX_RANK];
} place;

typedef struct memo_entry {
  const node *node;
  place place;
  LLVMValueRef mask, value;
  int previous;
} memo_entry;

typedef struct cached_dim {
  const dim *dim;
  LLVMValueRef value;
} cached_dim;

typedef struct cached_memory {
  int64_t key;
  memory memory;
} cached_memory;

// One generated function of the program.
typedef struct routine {
  program_code *pc;
  emitter *e;
  LLVMValueRef function;
  LLVMValueRef call;         // NULL in an entry function
  LLVMValueRef frame, table; // loaded at first use; see routine_frame
  function_scope outer;
  LLVMValueRef last_prologue; // last instruction of the prologue, or NULL
  int prologue_depth;
  LLVMValueRef fields[FRAME_FIELDS];
  VEC(cached_dim) dims;
  VEC(cached_memory) memories;
  // ---- evaluation (codegen/value.h)
  LLVMValueRef mask;  // lanes that are wanted; NULL: all
  node *const *roots; // nodes computed here although they have memory
  int n_roots;
  VEC(memo_entry) memo;
  int *memo_head;          // by node id: last entry + 1, or 0
  LLVMValueRef random_key; // of seed and step
  struct scan_code *scan;  // inside a scan body, else NULL
  LLVMValueRef band;       // inside a band: ptr [private buffers], where row 0 of each would lie; else NULL
  LLVMValueRef column_begin, column_end; // of maps with rows; NULL: all
} routine;

// ---- functions
// Starts a kernel's function or a body of it; `part` distinguishes the bodies of one kernel (NULL: the
// kernel).
LLVMValueRef routine_begin_kernel(routine *r, program_code *pc);
LLVMValueRef routine_begin_part(routine *r, program_code *pc, const char *part, LLVMTypeRef *parameters,
                                unsigned count); // void, the first parameter is the call
LLVMValueRef routine_begin_body(routine *r, program_code *pc, const char *part, LLVMValueRef *block);
// A routine over a function that somebody else began; `call` is a value of that function.
void routine_attach(routine *r, program_code *pc, LLVMValueRef call);
// Emits the return and restores the emission to where it was.
void routine_end_body(routine *r);
void routine_end_kernel(routine *r, LLVMValueRef status); // NULL: done
void routine_release(routine *r);                         // frees the caches (the ends do it too)

// Emission into the prologue: what is built between the two runs once, at the start of the function.
LLVMBasicBlockRef prologue_begin(routine *r);
void prologue_end(routine *r, LLVMBasicBlockRef here);

// ---- what the frame and the table hold
LLVMValueRef routine_frame(routine *r);
LLVMValueRef routine_table(routine *r);
// Entries of one half of the table of a pair of equal scans; known once the first one's scratch is.
int64_t half_length(const program_code *pc);
LLVMValueRef external_value(routine *r, external_kind kind, int64_t value); // i64, of the kernel at run time
LLVMValueRef frame_field(routine *r, int field);                            // loaded once, in the prologue
LLVMValueRef frame_slot_address(routine *r, int field);
LLVMValueRef runtime_call(routine *r, int call, const LLVMValueRef *arguments, unsigned count);
LLVMValueRef dim_value(routine *r, const dim *d); // i64
void dim_cache_set(routine *r, const dim *d, LLVMValueRef value);
// Adds a scratch slot (bytes at the upper bound of the expression) and gives its number within the kernel.
int scratch_add(program_code *pc, const dim *bytes);
// The same for what the kernel makes of weights alone: where it keeps_packed, it stays from run to run.
int scratch_add_of_weights(program_code *pc, const dim *bytes);
// Work that fills such scratch: what is emitted between the two runs unless it is there from an earlier run.
void unless_kept_begin(routine *r, branch *b);
void unless_kept_end(routine *r, branch *b);
LLVMValueRef scratch_address(routine *r, int slot);

// ---- memory of nodes
bool has_memory(const routine *r, const node *n); // a leaf with memory, or materialised
memory memory_of(routine *r, const node *n);      // ICE when it has none
memory memory_of_buffer(routine *r, const buffer *b);
// Scope of memory named by a key unique in the kernel.
const alias_scope *scope_of(program_code *pc, int64_t key);
enum memory_space { SPACE_BUFFER, SPACE_PARAM, SPACE_INPUT, SPACE_STATE, SPACE_SCRATCH };
static inline int64_t memory_key(enum memory_space space, int64_t number) {
  return ((int64_t)space << 32) | number;
}
// Buffers that a computed node must be stored to: its own and those of further roles (an output that is also
// a loss). In the program's arena.
const buffer *const *stored_buffers(const program_code *pc, const node *n, int *count);

LLVMTypeRef element_type(emitter *e, elem_type type);
int64_t element_bytes_of(const emitter *e, elem_type type);
const dim *stride_of(program_code *pc, const shape *s, int axis);              // in elements
const dim *extent_product(program_code *pc, const shape *s, int from, int to); // axes [from, to)

// ---- denormals are zero, as operands and results, in kernels, on every thread (x86 only; nothing
// elsewhere). The slot holds the caller's state; NULL where the target has none.
LLVMValueRef floating_state_enter(emitter *e);
void floating_state_leave(emitter *e, LLVMValueRef slot);

// ---- work split
// Work of a kernel over `rows` rows: `work` is an estimate in element operations. Borders depend on shapes
// alone.
typedef struct work_split {
  LLVMValueRef rows, rows_per_block, blocks;
} work_split;
// rows per block is a multiple of `unit`; at least `grain` work a block.
work_split split_work(routine *r, const dim *rows, const dim *work, int64_t grain, int64_t unit);
work_split split_work_into(routine *r, const dim *rows, const dim *work, int64_t grain, int64_t unit,
                           int64_t most);
enum { GRAIN = 1 << 17, MOST_BLOCKS = 64 }; // enough blocks to balance, few enough to hand out cheaply
LLVMValueRef ceil_divide(emitter *e, LLVMValueRef a, LLVMValueRef b); // a >= 0, b > 0
void split_range(routine *r, const work_split *split, LLVMValueRef block, LLVMValueRef *begin,
                 LLVMValueRef *end);
// Runs a body over all blocks, at once when there is only one.
void run_blocks(routine *r, LLVMValueRef body, LLVMValueRef blocks);

#endif
