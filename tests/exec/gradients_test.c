// Gradients of every layer, function and loss against central differences, by the interpreter in double: of
// the model's own loss, and of a weighted sum of all that a caller sees of its outputs. Dropout draws the
// same numbers for every evaluation of the loss. Without dropout and statistics of the batch the loss of
// training is that of evaluation.
#include "tests/exec/results.h"
#include "tests/reference/interp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance =
    1e-6; // relative to the largest gradient of the model; differences err by 1e-9

static double total_loss(program *p, const feed *f) {
  results r = {0};
  interpret(p, f, &r);
  double loss = results_find(&r, ROOT_LOSS, -1)->values[0];
  results_free(&r);
  return loss;
}

static double difference(program *p, feed *f, size_t which, size_t element) {
  double *at = &f->params[which][element], was = *at, h = 1e-5;
  *at = was + h;
  double up = total_loss(p, f);
  *at = was - h;
  double down = total_loss(p, f);
  *at = was;
  return (up - down) / (2 * h);
}

static double largest_gradient(const results *r) {
  double most = 0;
  for (size_t k = 0; k < r->list.len; k++)
    for (size_t i = 0; r->list.data[k].role == ROOT_GRAD && i < r->list.data[k].count; i++)
      most = fmax(most, fabs(r->list.data[k].values[i]));
  return most;
}

// `loss`: the same program without gradients.
static int check_weight(program *loss, feed *f, const results *gradients, size_t k, const char *what) {
  const weight *w = f->s->m->weights.data[k];
  const result *g = results_find(gradients, ROOT_GRAD, (int)k);
  double allowed = tolerance * fmax(1e-3, largest_gradient(gradients));
  for (size_t i = 0; w->trainable && i < f->param_counts[k]; i++) {
    double expected = difference(loss, f, k, i), got = g ? g->values[i] : 0;
    if (fabs(expected - got) <= allowed)
      continue;
    printf("%s: gradient of %s[%zu] is %.12g, by differences %.12g\n", what, w->name, i, got, expected);
    return 1;
  }
  if (!w->trainable && g)
    printf("%s: %s is not trained, but has a gradient\n", what, w->name);
  return !w->trainable && g;
}

// Random numbers, or statistics of the batch.
static bool differs_from_prediction(const program *p) {
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == ROOT_ASSIGN)
      return true;
  for (size_t k = 0; k < p->g->n_nodes; k++)
    if (p->g->nodes[k]->op == OP_RANDOM)
      return true;
  return false;
}

static int check_evaluation(const subject *s, const program *training, const feed *f, const char *what) {
  if (differs_from_prediction(training))
    return 0;
  program *p = subject_lower(s, PROGRAM_EVALUATE, false);
  double evaluated = total_loss(p, f), trained = total_loss((program *)training, f);
  program_free(p);
  if (fabs(evaluated - trained) <= 1e-12 * fmax(1, fabs(trained)))
    return 0;
  printf("%s: the loss is %.17g in evaluation, %.17g in training\n", what, evaluated, trained);
  return 1;
}

static int check_scene(const subject *s, const scene *sc, bool weigh_outputs) {
  char what[200];
  snprintf(what, sizeof what, "%s, %s, %s", s->title, scene_name(sc), weigh_outputs ? "all outputs" : "loss");
  feed f = feed_new(s, sc, 3);
  program *loss = subject_lower(s, PROGRAM_GRAD, weigh_outputs),
          *p = subject_lower(s, PROGRAM_GRAD, weigh_outputs);
  program_add_gradients(p);
  results gradients = {0};
  interpret(p, &f, &gradients);
  int failed = weigh_outputs ? 0 : check_evaluation(s, loss, &f, what);
  for (size_t k = 0; k < s->m->weights.len; k++)
    failed += check_weight(loss, &f, &gradients, k, what);
  results_free(&gradients);
  program_free(loss);
  program_free(p);
  feed_free(&f);
  return failed;
}

static int check(const subject *s, void *context) {
  static const scene small[] = {{3, 4, MASKS_MIDDLE}, {3, 3, MASKS_ROWS}, {1, 1, MASKS_NOTHING}};
  int failed = 0;
  (void)context;
  for (int k = 0; k < 3; k++)
    for (int weigh = 0; weigh < 2; weigh++)
      failed += check_scene(s, &small[k], weigh);
  return failed;
}

// gradients_test [part of a title]
int main(int argc, char **argv) {
  int failed = subjects_each(SUBJECTS_ALL, argc > 1 ? argv[1] : NULL, check, NULL);
  printf("%d failed\n", failed);
  return failed != 0;
}
