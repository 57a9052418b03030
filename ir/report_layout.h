#ifndef NLM_IR_REPORT_LAYOUT_H
#define NLM_IR_REPORT_LAYOUT_H
// A layered drawing of the applications of a model: ranks from top to bottom by longest path, edges over
// several ranks led through bends, order within a rank by the mean place of the neighbours above and below.
#include "ir/report_private.h"

typedef struct drawn_node {
  const application *app; // NULL: a bend of an edge
  int rank;
  double key;  // for ordering within the rank
  double x, y; // centre
  double width, height;
} drawn_node;

typedef struct drawn_edge {
  int from, to; // applications' nodes
  const tensor *carries;
  VEC(int) path; // nodes from `from` to `to`, bends between
} drawn_edge;

typedef struct drawing {
  VEC(drawn_node) nodes;
  VEC(drawn_edge) edges;
  int n_ranks;
  double width, height;
} drawing;

// Every application becomes a node as wide as `width_of` says.
void drawing_make(drawing *d, const report *r, double (*width_of)(const report *r, const application *app));
void drawing_free(drawing *d);

#endif
