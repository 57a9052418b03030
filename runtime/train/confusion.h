#ifndef NLM_RUNTIME_TRAIN_CONFUSION_H
#define NLM_RUNTIME_TRAIN_CONFUSION_H
// Truth against guess, class by class, of one output whose targets are classes. The guess is the largest unit
// or, of one unit, whether it is above 0.5, as `accuracy` has it. Masked steps do not count.
#include "runtime/metrics/metric.h"

enum { CONFUSION_CELLS_CLASSES = 50 }; // with more classes there are no cells

typedef struct confusion {
  size_t output, classes;
  size_t rows;
  size_t *right, *truths, *guesses; // [classes]: rightly guessed, in the data, guessed
  size_t *cells;                    // [classes of truth, classes of guess] or NULL
  size_t *block;                    // all of the above, zeroed by confusion_reset
} confusion;

// False where the output tells no classes apart, or how many is not known; then *c is zero.
bool confusion_init(confusion *c, const loaded_model *m, size_t output);
void confusion_free(confusion *c);
void confusion_reset(confusion *c);
void confusion_add(confusion *c, const metric_batch *b);
void confusion_copy(confusion *to, const confusion *from); // of the same output

typedef struct class_scores { // 0 where nothing can be divided
  double precision, recall, f1;
} class_scores;
class_scores confusion_scores(const confusion *c, size_t class_number);
// Means over the classes that occur in the data; `weighted` by how often.
class_scores confusion_mean(const confusion *c, bool weighted);

#endif
