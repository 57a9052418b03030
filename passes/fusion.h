#ifndef NLM_PASSES_FUSION_H
#define NLM_PASSES_FUSION_H
// The decision which nodes get memory, and the analysis it rests on; shared by the passes that build the
// schedule.
#include "passes/pass.h"

typedef struct fusion {
  const program *program;
  graph *g;
  arena *mem;
  bool fuse;
  node **nodes; // live nodes in topological order, scan bodies included
  size_t n;
  // By node id:
  bool *live;
  bool *is_root;        // owns the memory of a root of the program
  bool *is_body_result; // an output or next state of a scan
  int *scan_index;      // of a SCAN node: its index in `scans`
  int *scan;            // index in `scans` of the scan whose body the node belongs to, or -1
  int *place;           // of a live node: its place among those of its scan, or outside all scans
  bool *materialise;    // gets a buffer (leaves never do: they have one already)
  int *cost;            // work per element when evaluated inline
  node ***users;        // live users
  int *n_users;
  uint32_t (*seen)[2]; // in walks, by whether the index changed: the last walk that came by
  uint32_t *walks;     // how many there were
  VEC(node *) scans;   // SCAN nodes
  node ***body;        // by scan: the nodes of its body, in topological order, and their number
  size_t *n_body;
} fusion;

// Analyses the program's live nodes and decides. `fuse` false: every node that is not a leaf or a view gets
// memory.
fusion *fusion_decide(const program *p, bool fuse);

void fusion_free(fusion *f);

// The node that owns the memory of n: follows RESHAPE, CHECK_IDS and COPY-free aliases to a materialised node
// or leaf.
node *fusion_base(const fusion *f, node *n);
// Whether a product takes the windows of its operand a from where they are.
bool fusion_reads_windows(const fusion *f, const node *matmul);
bool fusion_is_leaf(const node *n); // INPUT, PARAM, scan parameters: have memory of their own
bool fusion_has_memory(const fusion *f, const node *n);

// Whether n is a number of few operations wherever its operand is the maximum of its rows, and zero
// elsewhere.
bool fusion_picks_maximum(const node *n);
bool fusion_asks_for_maximum(const node *n); // whether n tells where its operand is the maximum of its rows

// Calls visit for every node with memory, and every CHECK_IDS, that evaluating `n` inline reads (n itself is
// evaluated, not visited), telling whether the read is at the very index that is evaluated: once, or once
// with either.
typedef void (*fusion_visit)(const fusion *f, node *read, bool same_index, void *context);
void fusion_reads(const fusion *f, node *n, fusion_visit visit, void *context);
// The same, where a read of `through` by way of a reshape to n's shape counts as one at the same index.
void fusion_reads_through(const fusion *f, node *n, const node *through, fusion_visit visit, void *context);

// The work of one scope in an order that respects what it reads: stages, and in the outer graph (scan -1)
// also scans, runtime calls and checks, as kernels.
typedef struct work_item {
  kernel_kind kind;
  stage stage;   // KERNEL_STAGE
  node *subject; // other kinds
  bool dropped;  // merged away
  int cost;      // KERNEL_STAGE: of its roots together, inline
  int again;     // the repetition that it belongs to (graph_repeat), or 0: it waits for all work of none that
                 // stands before what reads that repetition first
} work_item;

typedef struct work_list {
  VEC(work_item) items;
  const fusion *f;
  int scan;
  int *position; // by the place of a node in the scope: see work_position
} work_list;

// Which item of the list computes the node; -1: none does, or it is of another scope.
int work_position(const work_list *list, const node *n);

// `merge`: maps over the same shape become one stage. `epilogue`: see the epilogue pass.
work_list *work_build(const fusion *f, int scan, bool merge, bool epilogue);

void work_free(work_list *list);

// Gives every node with memory a buffer of `s`, whose kernels are in place.
void buffers_assign(const fusion *f, schedule *s);

// Fills in flops and bytes of every kernel.
void schedule_estimate(const fusion *f, schedule *s);

// First and last kernel of every buffer; what the caller reads after a run lives until the end.
void schedule_lifetimes(schedule *s);

// Assembles the schedule (kernels in order, buffers) from the work of all scopes.
schedule *schedule_assemble(const fusion *f, bool merge, bool epilogue);

#endif
