#ifndef NLM_RUNTIME_TRAIN_ROW_WEIGHTS_H
#define NLM_RUNTIME_TRAIN_ROW_WEIGHTS_H
// How much rows and steps count in a loss: weights that came with the data, and weights of classes. Legend: B
// rows of a batch, S steps of a row (1 where the output is no sequence). Thread-safety: no shared state.
#include "runtime/data/dataset.h"
#include "runtime/model.h"

// Weights that came with the data: somebody must take them, and a row has one for itself or one for each
// step.
void row_weights_check(const loaded_model *m, const dataset *d, data_problems *problems);

typedef struct weight_rows { // [B, S]
  void *out;
  size_t real_bytes, rows, steps;
} weight_rows;
// Of the rows named; `column` NULL: all are 1. Beyond a row's own steps the weight is 0.
void row_weights_fill(const weight_rows *to, const data_column *column, const size_t *rows);
// Times the weight of each target's class: int32 [B, S] class numbers or, with `ids` false, reals [B, S,
// units]: rounded for one unit, else the place of the largest. `classes`: a table of class_weights_new.
void row_weights_by_class(const weight_rows *to, const double *classes, const void *targets, bool ids,
                          size_t units);

// What the train block's class_weight comes to: [n_outputs] tables, NULL where all classes count alike;
// a table's first number says how many classes there are, the others are their weights.
// `balanced` counts the targets of rows [0, rows): n / (classes that occur * count). Class names must be
// bound. False and a sentence: a class that there is not. Freed by class_weights_free.
bool class_weights_new(const loaded_model *m, const dataset *d, size_t rows, double ***tables, strbuf *error);
void class_weights_free(const loaded_model *m, double **tables); // NULL is allowed

#endif
