#ifndef NLM_TESTS_EXEC_SCENE_H
#define NLM_TESTS_EXEC_SCENE_H
// What a model under test is given: dimensions, masks, inputs, targets, parameters, all from a seed. Numbers
// are such that f32 holds them exactly, so that both precisions compute from the same ones.
#include "tests/exec/subject.h"

typedef enum {
  MASKS_NOTHING,
  MASKS_MIDDLE,   // zeros anywhere
  MASKS_LEADING,  // zeros in front
  MASKS_TRAILING, // zeros behind, rows of different lengths
  MASKS_ROWS,     // every other row has no valid step, the rest zeros behind
  MASKS_ALL,      // no valid step at all
} mask_pattern;

typedef struct scene {
  int64_t batch, time;
  mask_pattern masks;
} scene;

extern const scene scenes[]; // ended by batch 0
const char *scene_name(const scene *sc);

typedef struct feed {
  const subject *s;
  int64_t *dims; // by symbol, as many as there were
  int n_dims;
  size_t n_inputs, n_params;
  double **inputs; // by program input, whole numbers for INT
  size_t *counts;
  double **params; // by weight index
  size_t *param_counts;
  uint64_t seed, step; // of random numbers in the program
} feed;

feed feed_new(const subject *s, const scene *sc, uint64_t seed);
// The same parameters; rows [first, first + count) alone.
feed feed_rows(const feed *f, int64_t first, int64_t count);
// The same with rows and steps of zeros behind.
feed feed_padded(const feed *f, int64_t more_rows, int64_t more_time);
void feed_free(feed *f);
int64_t feed_extent(const feed *f, const dim *d); // of dimensions that a caller gives

#endif
