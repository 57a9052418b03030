#ifndef NLM_IR_AUTODIFF_SCAN_H
#define NLM_IR_AUTODIFF_SCAN_H
// The differentiation of a scan, shared by its two halves: the sweep through the body and the building of the
// adjoint scan (autodiff_scan.c), and the lifting of captured values' gradients out of the body (lift.c).
#include "ir/autodiff.h"
#include "ir/scan.h"

typedef VEC(node *) node_set; // small, searched linearly

typedef struct scan_sweep {
  adjoint *outer;
  graph *g;
  node *scan;
  const scan_body *b;
  adjoint inner; // over the body
  node **body;   // its nodes, in order
  size_t n_body;
  node_map *forward; // holds the nodes of the body as it was
  // By state or output: adjoint from outside (NULL: none), and the leaf that stands for it inside until the
  // adjoint scan exists.
  node **d_final, **d_out, **carried, **incoming;
  node **d_state, **d_seq; // what the sweep found, in terms of body nodes and those leaves; NULL: none
  node_set saved;          // forward values that the forward scan hands out
  node_set collected;      // adjoint values that the adjoint scan hands out
  int first_collected;     // its output that holds collected.data[0]
  node *forward_scan, *adjoint_scan;
  bool again; // recompute: the forward scan hands out states alone
} scan_sweep;

bool has_active_rows(const scan_sweep *s, const node *n); // [active, F...]
void node_set_add(node_set *set, node *n);
int node_set_find(const node_set *set, const node *n); // index, or -1

// All rows [V, F...] of a value that the body computes, in two steps: plan_rows before the scans are built
// says that they are needed, rows_of_value gives them afterwards.
void plan_rows(scan_sweep *s, node *value);
node *rows_of_value(scan_sweep *s, node *value);

// Gradients of captured values, each a sum over all steps of what the body contributes. plan_lifts before the
// scans are built, add_lifts after.
void plan_lifts(scan_sweep *s);
void add_lifts(scan_sweep *s);

#endif
