#ifndef NLM_IR_SCAN_H
#define NLM_IR_SCAN_H
// Working on scans beyond building them: reading a body, extending it, copying it into another scan.
//
// To change a scan's sequences or states (hoist a product, drop a state): scan_begin on the same packing, add
// sequences and states, graph_substitute the old parameters (and, say, a hoisted node) by the new ones in the
// old `next` and `out`, set them, scan_end. Keep the order of states and outputs and every PART of the old
// scan can be rebuilt on the new one.
#include "ir/graph.h"

const dim *scan_active(const scan_builder *s);
int scan_builder_id(const scan_builder *s);

// The nodes of a body in topological order: members, and the constants and extents they use (which are never
// captured). Caller frees *list.
size_t scan_body_nodes(const graph *g, const scan_body *b, node ***list);
// The SCAN node of a body whose fields but `captured` are filled in (arrays must live as long as the graph).
node *scan_from_body(graph *g, const scan_body *draft);
// The same recurrence (same id and parameters) with more outputs after its own. See graph_tidy_scans.
node *scan_with_outputs(graph *g, const node *scan, node *const *more, int n_more);

// values[k] with from[j] replaced by to[j], through everything between; run-time dims of the first axes of
// from[j] and to[j] that differ (the scans' active rows) are replaced too. In place.
void graph_substitute(graph *g, node **values, size_t n_values, node *const *from, node *const *to,
                      size_t n_from);

// During graph_rewrite: what a node reached before became; of a node that was not reached, itself.
node *graph_rewritten(graph *g, node *original);
// During graph_rewrite: an extent or shape of an original node in terms of the new graph. A packing or unique
// on new operands counts under new names, so a rule must not use an original's shape as it is.
const dim *graph_rewritten_dim(graph *g, const dim *d);
shape graph_rewritten_shape(graph *g, const shape *s);

// Makes the scans that roots reach minimal, in place of roots: scans that are one recurrence (same id,
// operands and next states; graph_gradients makes such pairs) become one with the outputs of all; outputs,
// states and sequences that nothing uses go. Call it with all roots of a program after graph_gradients.
void graph_tidy_scans(graph *g, node **roots, size_t n_roots);

#endif
