#ifndef NLM_IR_GRAPH_H
#define NLM_IR_GRAPH_H
// L2: an immutable, hash-consed SSA graph of tensor ops. Building the same op on the same operands twice
// gives the same node; constants fold and identities vanish on construction. Nodes live in the graph's arena.
// Operands are always created before the node that uses them, so `nodes[]` is in topological order and every
// walk is a loop, never a recursion. Shape legend: B batch, T time, V valid rows of a packed sequence (a
// run-time count), D distinct ids (a run-time count), F, U features. Thread-safety: one thread per graph.
// Errors: operands that do not fit are a defect of the caller: ICE.
#include "ir/dim.h"
#include "support/diag.h"

typedef enum {
#define OP(NAME, name, family, inputs, flags) OP_##NAME,
#include "ir/ops.def"
#undef OP
  OP_COUNT
} op_code;

typedef enum {
  FAMILY_LEAF,
  FAMILY_UNARY,
  FAMILY_BINARY,
  FAMILY_TERNARY,
  FAMILY_VIEW,
  FAMILY_INDEX,
  FAMILY_REDUCE,
  FAMILY_CONTRACT,
  FAMILY_MULTI
} op_family;
typedef enum { REAL, INT } elem_type; // REAL is f32 or f64 (one choice for a whole compilation); INT is int32

typedef struct node node;
typedef struct scan_body scan_body;
enum { NODE_ATTRS = 6, MOST_LABELS = 64 };

struct node {
  op_code op;
  elem_type type;
  uint32_t id; // index in graph.nodes
  shape shape; // of MULTI nodes: rank 0, unused; ask the parts
  int n_in;
  node **in;
  int64_t i[NODE_ATTRS];
  double f;
  int again;         // of a repetition (graph_repeat) its number, part of the identity; else 0
  const void *extra; // EXTENT: const dim *; SCAN: scan_body *; PACK, UNIQUE: their dims (use the accessors)
  const char *const *labels; // names of the layers it serves, sorted, n_labels; not part of the identity. Of
                             // a node that serves more than MOST_LABELS layers, the first of them to come.
  int n_labels;
};

typedef struct graph graph;
struct graph {
  arena *mem;
  dim_table *dims;
  node **nodes;
  size_t n_nodes;
  // private: hash table, current label, next scan id
  struct graph_private *p;
};

graph *graph_new(arena *mem, dim_table *dims);
void graph_free(graph *g);
// Nodes built from now on also serve this layer (NULL: none). `name` must outlive the graph.
void graph_set_label(graph *g, const char *name);
void graph_add_label(graph *g, node *n, const char *name);

const char *op_name(op_code op);
op_family op_family_of(op_code op);
bool op_is_elementwise(op_code op); // UNARY, BINARY, TERNARY
bool op_is_costly(op_code op);
bool op_has_effect(op_code op);

// ---- leaves
node *g_input(graph *g, int index, elem_type type, shape s);
node *g_param(graph *g, int index, shape s);
node *g_real(graph *g, double value);                   // rank 0
node *g_int(graph *g, int64_t value);                   // rank 0
node *g_extent(graph *g, const dim *d, elem_type type); // rank 0
node *g_iota(graph *g, shape s, int axis);
// Uniform numbers in [0, 1) of shape s (support/random.h), a pure function of (session seed, step number,
// stream, logical element number). Logical number of element (r, j...) = row * prod(s[1:]) + offset of j,
// where row = rows[r] when `rows` (INT [s[0]]) is given, else r. So a packed sequence draws what the padded
// one would.
node *g_random(graph *g, uint64_t stream, shape s, node *rows_or_null);

// ---- elementwise. Binary builders broadcast by numpy's rules, inserting BROADCAST nodes.
// MAX is a >= b ? a : b and MIN a <= b ? a : b, so NaN passes from b; at a tie the gradient goes to a whole
// (TensorFlow's rule): relu is MAX(0, x), whose gradient at 0 is 0.
node *g_unary(graph *g, op_code op, node *x);
node *g_cast(graph *g, node *x, elem_type type);
node *g_binary(graph *g, op_code op, node *a, node *b);
node *g_select(graph *g, node *condition, node *a, node *b);
static inline node *g_add(graph *g, node *a, node *b) {
  return g_binary(g, OP_ADD, a, b);
}
static inline node *g_sub(graph *g, node *a, node *b) {
  return g_binary(g, OP_SUB, a, b);
}
static inline node *g_mul(graph *g, node *a, node *b) {
  return g_binary(g, OP_MUL, a, b);
}
static inline node *g_div(graph *g, node *a, node *b) {
  return g_binary(g, OP_DIV, a, b);
}

// ---- views
// i[k] = operand axis that result axis k follows, or -1 where the operand is repeated. Every operand axis is
// followed by exactly one result axis, with the same extent (an extent of 1 that stretches is reshaped away
// first).
node *g_broadcast(graph *g, node *x, shape s, const int *axis_of_result);
node *g_broadcast_to(graph *g, node *x, shape s); // numpy alignment from the right
node *g_reshape(graph *g, node *x, shape s);      // same number of elements (checked where provable)
node *g_transpose(graph *g, node *x, const int *permutation); // result axis k = operand axis permutation[k]
node *g_slice(graph *g, node *x, int axis, int64_t start, const dim *size,
              int64_t step);                                    // i0 axis i1 start i2 step
node *g_reverse(graph *g, node *x, int axis);                   // i0
node *g_concat(graph *g, node *const *xs, int count, int axis); // i0
node *g_pad(graph *g, node *x, int axis, int64_t before, const dim *size,
            double value); // size: result extent

// Windows along one spatial axis: `size` taps, `dilation` apart, at every `stride`-th place; `out` windows.
typedef struct graph_window {
  int64_t size, stride, dilation;
  const dim *out;
} graph_window;
// x [B, S..., C], one or two spatial axes with a graph_window each -> [B, out..., taps * C]: the elements of
// every window, taps counted with the last axis fastest. i: size, stride, dilation of each axis. A product
// reads them where they are (codegen/windows.h); they have memory of their own only where another op wants
// them.
node *g_windows(graph *g, node *x, const graph_window *w);
int windows_rank(const node *windows); // spatial axes
graph_window windows_axis(const node *windows, int k);
int64_t windows_taps(const node *windows);
// The windows that are operand a of this product, rows (or with transpose_a columns) of a matrix, where a
// kernel can read them in place; NULL: it is another product.
node *product_windows(const node *matmul);

// ---- rows through indices
// table [R, F...], index INT [I...] -> [I..., F...]; index -1 gives zeros. `inverse` (may be NULL) is given
// when the index is a permutation of the table's rows: it is the index of the opposite gather. in = {table,
// index[, inverse]}
node *g_gather(graph *g, node *table, node *index, node *inverse);
// rows [D, F...], ids INT [D] (distinct, -1 skipped) -> [R, F...], zeros elsewhere
node *g_scatter(graph *g, node *rows, node *ids, const dim *table_rows);
node *g_one_hot(graph *g, node *ids, const dim *depth);
// Identity on ids; at run time an id outside [0, bound) stops the call with an error naming program input
// `input` (its index), row and step. `positions` are logical: element number in the input's own tensor [B,
// T]. in = {ids[, positions INT, same shape]}, i0 bound, i1 input
node *g_check_ids(graph *g, node *ids, node *positions_or_null, int64_t bound, int input);

// ---- reductions
node *g_reduce(graph *g, op_code op, node *x, unsigned axes_mask); // axes removed; i0 = mask
static inline node *g_reduce_sum(graph *g, node *x, unsigned axes) {
  return g_reduce(g, OP_REDUCE_SUM, x, axes);
}
// x [V, F...], starts INT [G+1], group INT [V] (the segment of each row of x), order INT [V] or NULL (rows of
// x in segment order; NULL: they already are) -> [G, F...]. Rows are added in order. Empty segments give 0
// (sum) or `empty` (max). in = {x, starts, group[, order]}, f = empty
node *g_segment(graph *g, op_code op, node *x, node *starts, node *group, node *order, double empty);

// ---- contraction: a [..., M, K] b [..., K, N] -> [..., M, N]; i0, i1: operand is stored transposed.
// Leading dimensions are equal; b may have none (then it is shared by all).
node *g_matmul(graph *g, node *a, node *b, bool transpose_a, bool transpose_b);

// Products of windows with rows g [I, O..., F] that are mostly zeros, which cost nothing: windows of
// x [I, S..., C], one or two spatial axes with a graph_window each (its `out` is g's extent), K = taps * C.
// spread: kernel [K, F] -> x: every window of x gets, added, kernel * (its row of g).
// collect: [K, F]: the sum over windows of the window times its row of g.
node *g_spread(graph *g, node *rows, node *kernel, const graph_window *w, const shape *result);
node *g_collect(graph *g, node *x, node *rows, const graph_window *w);

// The gather of rows of a matrix that x [I, S..., C] is, by an index that is never negative; NULL: it is
// none.
node *gathered_rows(node *x);

// ---- several results
node *g_part(graph *g, node *multi, int k);

// Distinct ids of ids INT [V], each in [0, bound).
enum unique_part {
  UNIQUE_VALUES /* [D] ascending */,
  UNIQUE_INVERSE /* [V]: ids = values[inverse] */,
  UNIQUE_ORDER /* [V] positions sorted by id, stable */,
  UNIQUE_STARTS /* [D+1] in order */
};
node *g_unique(graph *g, node *ids, int64_t bound); // run-time dims: {D}
// The same with a bound known when a call starts. i0 is the bound where it is a constant, else -1.
node *g_unique_dim(graph *g, node *ids, const dim *bound);

// The packing of a masked batch of sequences (mask INT [B, T], nonzero = valid), or of an unmasked one (mask
// NULL: every step valid, V = B*T, S = T). Two orders of the valid rows: RM row-major (example after
// example), and TM time-major: step after step, at each step the examples still active, longest first
// (stable), "step" counting an example's valid steps only. All parts INT.
enum pack_part {
  PACK_ROWS,         // [V] b*T+t of each RM row
  PACK_OFFSETS,      // [B+1] first RM row of each example
  PACK_EXAMPLE,      // [V] example of each RM row
  PACK_INVERSE,      // [B*T] RM row of each step, -1 where masked
  PACK_ORDER,        // [B] example at each sorted place
  PACK_RANK,         // [B] sorted place of each example
  PACK_STEP_OFFSETS, // [T+1] first TM row of each step; V from the last step on
  PACK_TM_RM,        // [V] RM row of each TM row
  PACK_RM_TM,        // [V] TM row of each RM row
  PACK_CARRY,        // [B*T] RM row of the last valid step at or before each step, -1 before the first
  PACK_PARTS
};
node *g_pack(graph *g, node *mask_or_null, const dim *batch,
             const dim *time);           // run-time dims: {V, S} unless dense
const dim *pack_valid(const node *pack); // V (B*T when dense)
const dim *pack_steps(const node *pack); // S
const dim *pack_batch(const node *pack); // B
const dim *pack_time(const node *pack);  // T
bool pack_is_dense(const node *pack);
const dim *unique_count(const node *unique); // D
const dim *unique_bound(const node *unique);

// ---- scan: one recurrence over packed rows in TM order. At step k the active rows are the first n_k of the
// sorted examples. `reverse` runs the steps from last to first (the active set grows). Carried states [B,
// U...] are in sorted order; at each step rows [0, n_k) are read and replaced, the others keep their value.
// Bodies see tensors whose first dimension is `active` rows, and anything captured from outside that does not
// depend on a scan parameter (weights, scalars).
struct scan_body {
  int id;
  int again; // of the SCAN
  bool reverse;
  node *pack;
  const dim *active; // run-time dim of the bodies' rows, bounded by the batch
  int n_seq, n_state, n_out;
  node **seq;                      // outer operands [V, F...]
  node **init;                     // outer operands [B, U...]
  node **seq_param, **state_param; // SCAN_SEQ, SCAN_STATE leaves
  node **next;                     // n_state body nodes [active, U...]
  node **out;                      // n_out body nodes [active, F...]: collected as [V, F...]
  node **captured; // outer nodes that the body uses, sorted by id; constants and extents are not captured
  int n_captured;
};
typedef struct scan_builder scan_builder;
scan_builder *scan_begin(graph *g, node *pack, bool reverse);
node *scan_add_sequence(scan_builder *s, node *rows); // [V, F...] -> [active, F...]
node *scan_add_state(scan_builder *s, node *initial); // [B, U...] (sorted order) -> [active, U...]
void scan_set_next(scan_builder *s, int state, node *next);
int scan_add_output(scan_builder *s, node *step_value); // its number
node *scan_end(scan_builder *s); // in = {pack, seq..., init..., captured...}; parts: states [B,U] first, then
                                 // outputs [V,F]
const scan_body *scan_body_of(const node *scan);
node *scan_final_state(graph *g, node *scan, int state);
node *scan_output(graph *g, node *scan, int output);
// The scan whose parameters this node reaches, or -1. A body node belongs to exactly one scan.
int node_scan_id(const graph *g, const node *n);
// The nodes made so far that belong to the body of a scan, in order, and their number.
node *const *scan_nodes(const graph *g, int scan, size_t *n);

// ---- rewriting: copies what `roots` reach into the same graph, giving each node to `rule` after its
// operands were rewritten; `rule` returns a replacement, or NULL to rebuild the node on its new operands.
// Scan bodies are rewritten too (their parameters keep their identity unless a rule replaces the SCAN
// itself). A PACK or UNIQUE on new operands counts under new names: a rule translates an original's shape
// with graph_rewritten_shape (ir/scan.h).
typedef node *(*rewrite_rule)(graph *g, node *original, node *const *new_in, void *context);
void graph_rewrite(graph *g, node **roots, size_t n_roots, rewrite_rule rule, void *context);
node *graph_rebuild(graph *g, const node *original, node *const *new_in);
// What `original` computes, on these operands, a second time: equal to no node but those of the repetition
// `again` (1 or more), so that it has memory of its own and a later place in the schedule. A SCAN gets a new
// id.
node *graph_repeat(graph *g, const node *original, node *const *new_in, int again);
// Nodes reachable from roots in topological order (scan bodies included, before their scan). Caller frees
// *list. A node that mentions a run-time count reaches the PACK or UNIQUE that gives it.
size_t graph_reachable(const graph *g, node *const *roots, size_t n_roots, node ***list);

// ---- autodiff: gradients of a rank-0 loss. grads[k] has the shape of wrt[k]; NULL where the loss does not
// depend. The gradient of a table that is only gathered from is a SCATTER (or a sum of them): see passes. A
// scan that is differentiated is there twice afterwards, with and without the outputs that its adjoint reads:
// follow with graph_tidy_scans (ir/scan.h) on all roots. `r` (NULL: none) says which scans' gates and
// products are computed again by the adjoint, instead of being handed to it by the forward scan.
struct recompute;
void graph_gradients(graph *g, node *loss, node *const *wrt, size_t n_wrt, node **grads,
                     const struct recompute *r);

// ---- text for dumps (`emit ops`): one line a node, `%12 = matmul %3, %9 : real[batch, 128]  # lstm`
void graph_print(const graph *g, node *const *roots, const char *const *root_names, size_t n_roots,
                 strbuf *out);
// Structural checks (operands before users, shapes, types, scan membership); NULL when sound, else a reason.
const char *graph_verify(const graph *g, node *const *roots, size_t n_roots);

#endif
