#include "runtime/train/confusion.h"
#include "runtime/train/schema.h"
#include <stdlib.h>
#include <string.h>

bool confusion_init(confusion *c, const loaded_model *m, size_t output) {
  const model_output *o = &m->outputs[output];
  *c = (confusion){0};
  if (o->target < 0 || o->units < 1 || !output_has_classes(o))
    return false;
  size_t n = (size_t)output_class_limit(o), cells = n <= CONFUSION_CELLS_CLASSES ? n * n : 0;
  c->output = output;
  c->classes = n;
  c->block = xcalloc(3 * n + cells, sizeof *c->block);
  c->right = c->block;
  c->truths = c->block + n;
  c->guesses = c->block + 2 * n;
  c->cells = cells ? c->block + 3 * n : NULL;
  return true;
}

void confusion_free(confusion *c) {
  free(c->block);
  *c = (confusion){0};
}

static size_t block_bytes(const confusion *c) {
  return (3 * c->classes + (c->cells ? c->classes * c->classes : 0)) * sizeof *c->block;
}

void confusion_reset(confusion *c) {
  memset(c->block, 0, block_bytes(c));
  c->rows = 0;
}

void confusion_copy(confusion *to, const confusion *from) {
  memcpy(to->block, from->block, block_bytes(from));
  to->rows = from->rows;
}

// The class that a row of values names.
static size_t class_of(const void *values, size_t real_bytes, size_t row, size_t units) {
  size_t first = row * units, best = 0;
  if (units == 1)
    return metric_real(values, real_bytes, first) > 0.5;
  for (size_t k = 1; k < units; k++)
    if (metric_real(values, real_bytes, first + k) > metric_real(values, real_bytes, first + best))
      best = k;
  return best;
}

void confusion_add(confusion *c, const metric_batch *b) {
  for (size_t r = 0; r < b->rows; r++) {
    if (b->mask && !b->mask[r])
      continue;
    size_t guess = class_of(b->predicted, b->real_bytes, r, b->units);
    size_t truth =
        b->int_target ? (size_t)b->int_target[r] : class_of(b->real_target, b->real_bytes, r, b->units);
    if (truth >= c->classes || guess >= c->classes)
      continue;
    c->rows++;
    c->truths[truth]++;
    c->guesses[guess]++;
    c->right[truth] += truth == guess;
    if (c->cells)
      c->cells[truth * c->classes + guess]++;
  }
}

static double ratio(size_t part, size_t whole) {
  return whole ? (double)part / (double)whole : 0;
}

class_scores confusion_scores(const confusion *c, size_t k) {
  return (class_scores){ratio(c->right[k], c->guesses[k]), ratio(c->right[k], c->truths[k]),
                        ratio(2 * c->right[k], c->guesses[k] + c->truths[k])};
}

class_scores confusion_mean(const confusion *c, bool weighted) {
  class_scores sum = {0};
  double weights = 0;
  for (size_t k = 0; k < c->classes; k++) {
    class_scores s = confusion_scores(c, k);
    double weight = weighted ? (double)c->truths[k] : c->truths[k] > 0;
    sum.precision += weight * s.precision;
    sum.recall += weight * s.recall;
    sum.f1 += weight * s.f1;
    weights += weight;
  }
  if (weights > 0)
    sum = (class_scores){sum.precision / weights, sum.recall / weights, sum.f1 / weights};
  return sum;
}
