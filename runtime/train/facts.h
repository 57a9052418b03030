#ifndef NLM_RUNTIME_TRAIN_FACTS_H
#define NLM_RUNTIME_TRAIN_FACTS_H
// What rows [first, first + count) of a column come to, for check-data and reports. Pure functions.
#include "runtime/data/dataset.h"
#include "runtime/model.h"

enum { LENGTH_PERCENTS = 4 };
extern const int length_percents[LENGTH_PERCENTS]; // 50, 90, 95, 99

// Steps of rows; of a nested column (rows of words split into characters) characters of words.
typedef struct length_facts {
  size_t rows, empty, shortest, longest;
  size_t up_to[LENGTH_PERCENTS]; // this share of them has so many steps or fewer
  size_t cut;                    // those longer than `most`; 0 where nothing is cut
  double mean;
} length_facts;
// `most`: steps that are kept of a row; 0: all.
length_facts facts_lengths(const data_column *c, size_t first, size_t count, int64_t most);

typedef struct coverage_facts {
  size_t tokens, known; // known: in the vocabulary
} coverage_facts;
coverage_facts facts_coverage(const vocabulary *words, const data_column *ids, size_t first, size_t count);

// The ids of a pipeline's input before rows are cut to a length. The vocabulary must be there. NULL and a
// reason where a lookup refuses a value. The caller frees it with data_column_free.
data_column *facts_encode(const data_column *texts, const model_pipeline *p, thread_pool *pool,
                          strbuf *error);

// How many labels of each class a column of class numbers holds: [classes], malloc'ed; numbers outside are
// not counted.
size_t *facts_classes(const data_column *labels, size_t first, size_t count, size_t classes);

#endif
