#ifndef NLM_IR_AUTODIFF_H
#define NLM_IR_AUTODIFF_H
// What VJP rules see of the reverse sweep. Private to ir/.
#include "ir/op.h"
#include "support/vec.h"

typedef VEC(node *) adjoint_terms;

typedef struct part_adjoint {
  node *scan;
  int part;
  node *value; // of the shape of the part
} part_adjoint;

// One reverse sweep: over a graph, or over the body of a scan.
struct adjoint {
  graph *g;
  const struct recompute *recompute; // NULL: all that is costly is stored
  size_t n;                          // ids below are covered: nodes made by the sweep itself have no adjoint
  node_map *wanted;                  // holds those that are real and that the quantities asked for depend on
  node_map *lists;                   // number + 1, among `terms`, of a node's contributions
  VEC(adjoint_terms) terms;          // contributions so far
  VEC(part_adjoint) parts;           // of results of scans
};

void adjoint_begin(adjoint *a, graph *g);
void adjoint_end(adjoint *a);
void adjoint_want(adjoint *a, const node *x);
bool adjoint_wanted(const adjoint *a, const node *x);
adjoint_terms adjoint_terms_of(const adjoint *a, const node *x); // none: empty
void adjoint_add(adjoint *a, node *x, node *dx);                 // nothing happens where x is not wanted
node *adjoint_total(adjoint *a, const node *x);                  // the sum, or NULL: no contribution
void adjoint_add_part(adjoint *a, node *scan, int part, node *dy);

// Adds the adjoints of a scan's operands, given those of its results in a->parts.
void scan_vjp(adjoint *a, node *scan);

// The gradient of a table [rows, F...] whose rows index [N] were gathered, dy [N, F...] being theirs:
// a SCATTER of distinct rows.
node *table_gradient(graph *g, node *dy, node *index, const dim *rows);

#endif
