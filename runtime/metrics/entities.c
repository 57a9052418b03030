// F1 of entities marked by BIO tags: an entity is right when its type, its first and its last step are. As in
// the CoNLL shared tasks, an I- that continues nothing begins an entity.
#include "runtime/metrics/metric.h"
#include <string.h>

enum { RIGHT, PREDICTED, TRUE_ONES, CLASSES, HEADER }; // then a code for each class
enum { OUTSIDE = -1 };                                 // else 2 * type, + 1 for I-

static bool is_tag(const char *name) {
  return (name[0] == 'B' || name[0] == 'I') && name[1] == '-';
}

static size_t state_size(const config_call *args, const model_output *o) {
  (void)args;
  return HEADER + (size_t)(o->units > 0 ? o->units : 0);
}

// The number of a class's type: the first class with the same one.
static double code_of(const model_output *o, size_t k) {
  const char *name = k < o->classes_count ? o->classes[k] : "O";
  if (!is_tag(name))
    return OUTSIDE;
  size_t first = 0;
  while (!is_tag(o->classes[first]) || strcmp(o->classes[first] + 2, name + 2))
    first++;
  return (double)(2 * first + (name[0] == 'I'));
}

static void start(double *state, const config_call *args, const model_output *o) {
  (void)args;
  state[CLASSES] = (double)(o->units > 0 ? o->units : 0);
  for (size_t k = 0; k < (size_t)state[CLASSES]; k++)
    state[HEADER + k] = code_of(o, k);
}

// ---- counting

typedef struct walk { // along the tags of one sequence
  int type;           // of the entity that is open; OUTSIDE: none
  size_t first;
} walk;

// Takes the next step's tag; whether it ends the open entity.
static bool ends(const walk *w, int tag) {
  return w->type != OUTSIDE && !(tag != OUTSIDE && tag % 2 == 1 && tag / 2 == w->type);
}

static void go_on(walk *w, int tag, size_t step, bool ended) {
  if (ended)
    w->type = OUTSIDE;
  if (tag != OUTSIDE && w->type == OUTSIDE) {
    w->type = tag / 2;
    w->first = step;
  }
}

static size_t likeliest(const metric_batch *b, const void *values, size_t row) {
  size_t best = 0;
  for (size_t k = 1; k < b->units; k++)
    if (metric_real(values, b->real_bytes, row * b->units + k) >
        metric_real(values, b->real_bytes, row * b->units + best))
      best = k;
  return best;
}

static int tag_of(const double *state, size_t class_number) {
  return class_number < (size_t)state[CLASSES] ? (int)state[HEADER + class_number] : OUTSIDE;
}

static void count_sequence(double *state, const metric_batch *b, size_t first) {
  walk guess = {.type = OUTSIDE}, truth = {.type = OUTSIDE};
  for (size_t step = 0, row = first; step <= b->steps; step++, row++) {
    bool over = step == b->steps;
    if (!over && b->mask && !b->mask[row])
      continue;
    int guessed = over ? OUTSIDE : tag_of(state, likeliest(b, b->predicted, row)), meant = OUTSIDE;
    if (!over)
      meant = tag_of(state, b->int_target ? (size_t)b->int_target[row] : likeliest(b, b->real_target, row));
    bool guess_ends = ends(&guess, guessed), truth_ends = ends(&truth, meant);
    state[PREDICTED] += guess_ends;
    state[TRUE_ONES] += truth_ends;
    state[RIGHT] += guess_ends && truth_ends && guess.type == truth.type && guess.first == truth.first;
    go_on(&guess, guessed, step, guess_ends);
    go_on(&truth, meant, step, truth_ends);
  }
}

static void update(double *state, const config_call *args, const metric_batch *b) {
  (void)args;
  for (size_t first = 0; b->steps && first + b->steps <= b->rows; first += b->steps)
    count_sequence(state, b, first);
}

static double result(const double *state, const config_call *args) {
  const char *measure = config_text(args, "measure", "f1");
  double whole = !strcmp(measure, "precision") ? state[PREDICTED]
                 : !strcmp(measure, "recall")  ? state[TRUE_ONES]
                                               : (state[PREDICTED] + state[TRUE_ONES]) / 2;
  return whole > 0 ? state[RIGHT] / whole : 0;
}

static const char *refuse(const model_output *o) {
  if (!o->sequence || o->units < 2)
    return "entities are marked by a class at each step of a sequence";
  for (size_t k = 0; k < o->classes_count; k++)
    if (is_tag(o->classes[k]))
      return NULL;
  return o->classes_count ? "its classes are no BIO tags such as B-PER, I-PER and O" : NULL;
}

static const char *const measures[] = {"f1", "precision", "recall", NULL};
static const arg_spec args[] = {{.name = "measure",
                                 .kinds = ARG_MODE,
                                 .modes = measures,
                                 .default_text = "f1",
                                 .doc = "what is reported of the entities"},
                                METRIC_NAME,
                                {0}};

const metric_def metric_entity_f1 = {
    .item = {"entity_f1", "EntityF1", "F1 of whole entities, for BIO tags (B-PER, I-PER, O)", args, NULL},
    .takes_decided = true,
    .whole_rows_only = true,
    .refuse = refuse,
    .state_size = state_size,
    .start = start,
    .update = update,
    .result = result,
};
