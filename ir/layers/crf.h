#ifndef NLM_IR_LAYERS_CRF_H
#define NLM_IR_LAYERS_CRF_H
// What the CRF layer and its loss share. A path y of classes along the n valid steps of an example scores
//   left[y_1] + sum_t score[t, y_t] + sum_t chain[y_t, y_t+1] + right[y_n].
// Legend: B batch, V valid rows in scan order (TM), C classes.
#include "ir/layer.h"

typedef struct crf_chain {
  node *chain;        // [C, C]: from class, to class
  node *left, *right; // [C], zeros without boundaries
} crf_chain;

crf_chain crf_weights(lowering *lw, const layer *l);
// INT [V]: which rows are the first valid step of their example.
node *crf_first_rows(graph *g, node *pack);
// x [V, C] plus `first` [C] in first rows and `later` [C] or a number in the others.
node *crf_add_by_place(graph *g, node *x, node *is_first, node *first, node *later);
node *crf_along_rows(graph *g, node *per_row, const shape *like); // [R] -> [R, C]
node *crf_to_batch_order(graph *g, node *rows, node *pack);       // [B, ...] of scan states

#endif
