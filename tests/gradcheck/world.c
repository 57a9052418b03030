// Small graphs with values, and their gradients against central differences.
#include "tests/gradcheck/world.h"
#include "ir/scan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_open(world *w) {
  *w = (world){.mem = arena_new(), .state = 20240229};
  w->g = graph_new(w->mem, dim_table_new(w->mem));
}

void world_close(world *w) {
  graph_free(w->g);
  arena_free(w->mem);
}

const dim *world_dim(world *w, const char *name, int64_t value) {
  INVARIANT(w->n_dims < 8);
  const dim *d = dim_named(w->g->dims, name);
  w->dims[w->n_dims].d = d;
  w->dims[w->n_dims++].value = value;
  return d;
}

const dim *world_const(world *w, int64_t value) {
  return dim_const(w->g->dims, value);
}

double world_number(world *w, double low, double high) {
  w->state = w->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return low + (high - low) * (double)(w->state >> 33) / 2147483648.0;
}

int64_t world_extent(const world *w, const dim *d) {
  int64_t symbols[64];
  for (int k = 0; k < w->n_dims; k++)
    symbols[w->dims[k].d->symbol] = w->dims[k].value;
  return dim_eval(d, symbols);
}

static node *add_leaf(world *w, node *leaf, bool differentiate) {
  INVARIANT(w->n_leaves < WORLD_LEAVES);
  int k = w->n_leaves++;
  w->leaf[k] = leaf;
  w->count[k] = (size_t)world_extent(w, shape_elements(w->g->dims, &leaf->shape));
  w->data[k] = ARENA_ARRAY(w->mem, double, w->count[k]);
  w->differentiate[k] = differentiate;
  return leaf;
}

double *world_values(world *w, const node *leaf) {
  for (int k = 0; k < w->n_leaves; k++)
    if (w->leaf[k] == leaf)
      return w->data[k];
  ICE("not a leaf of this world");
}

static void fill(world *w, const node *leaf, double low, double high) {
  double *data = world_values(w, leaf);
  size_t n = w->count[w->n_leaves - 1];
  for (size_t k = 0; k < n; k++) {
    bool apart = false;
    while (!apart) {
      data[k] = world_number(w, low, high);
      apart = true;
      for (size_t j = 0; j < k && apart; j++)
        apart = fabs(data[j] - data[k]) > 1e-4 * (high - low);
    }
  }
}

node *world_param(world *w, double low, double high, shape s) {
  node *leaf = add_leaf(w, g_param(w->g, w->n_leaves, s), true);
  fill(w, leaf, low, high);
  return leaf;
}

node *world_fixed(world *w, double low, double high, shape s) {
  node *leaf = add_leaf(w, g_input(w->g, w->n_leaves, REAL, s), false);
  fill(w, leaf, low, high);
  return leaf;
}

node *world_ints(world *w, shape s, const int *values) {
  node *leaf = add_leaf(w, g_input(w->g, w->n_leaves, INT, s), false);
  double *data = world_values(w, leaf);
  for (size_t k = 0; k < w->count[w->n_leaves - 1]; k++)
    data[k] = values[k];
  return leaf;
}

// Weights that follow from the element's place: w = sin(1 + i + 0.37 j + ...).
static node *weigh(graph *g, node *x) {
  node *phase = g_real(g, 1);
  double step = 1;
  for (int k = 0; k < x->shape.rank; k++, step *= 0.37)
    phase = g_add(g, phase, g_mul(g, g_cast(g, g_iota(g, x->shape, k), REAL), g_real(g, step)));
  return g_reduce_sum(g, g_mul(g, x, g_unary(g, OP_SIN, phase)), (1u << x->shape.rank) - 1);
}

node *world_loss(world *w, node *const *outputs, int n) {
  node *loss = g_real(w->g, 0);
  for (int k = 0; k < n; k++)
    loss = g_add(w->g, loss, g_mul(w->g, weigh(w->g, outputs[k]), g_real(w->g, 1 + 0.5 * k)));
  return loss;
}

void world_bind(const world *w, reference *r) {
  for (int k = 0; k < w->n_dims; k++)
    reference_set_dim(r, w->dims[k].d, w->dims[k].value);
  for (int k = 0; k < w->n_leaves; k++)
    reference_bind(r, w->leaf[k], w->data[k]);
  reference_set_random(r, 7, 3);
}

static double run_scalar(const world *w, reference *r, node *scalar) {
  world_bind(w, r);
  if (!reference_run(r, &scalar, 1))
    ICE("%s", reference_error(r));
  return reference_value(r, scalar)->data[0];
}

double world_eval(const world *w, node *scalar) {
  reference *r = reference_new(w->g);
  double value = run_scalar(w, r, scalar);
  reference_free(r);
  return value;
}

int world_program(world *w, node *loss, node **roots) {
  node *wrt[WORLD_LEAVES] = {0}, *grads[WORLD_LEAVES] = {0};
  int n = 0;
  for (int k = 0; k < w->n_leaves; k++)
    if (w->differentiate[k])
      wrt[n++] = w->leaf[k];
  graph_gradients(w->g, loss, wrt, (size_t)n, grads, NULL);
  roots[0] = loss;
  for (int k = 0; k < n; k++)
    roots[k + 1] = grads[k];
  graph_tidy_scans(w->g, roots, (size_t)n + 1);
  const char *wrong = graph_verify(w->g, roots, (size_t)n + 1);
  if (wrong)
    ICE("the gradient program is unsound: %s", wrong);
  return n + 1;
}

static double difference(world *w, reference *r, node *loss, double *at) {
  double middle = *at, step = 1e-5 * fmax(1, fabs(middle));
  *at = middle + step;
  double above = run_scalar(w, r, loss);
  *at = middle - step;
  double below = run_scalar(w, r, loss);
  *at = middle;
  return (above - below) / (2 * step);
}

int world_check(world *w, const char *name, node *loss) {
  node *roots[WORLD_LEAVES + 1];
  int n = world_program(w, loss, roots), failed = 0;
  reference *gradients = reference_new(w->g), *values = reference_new(w->g);
  world_bind(w, gradients);
  if (!reference_run(gradients, roots, (size_t)n))
    ICE("%s", reference_error(gradients));
  for (int k = 0, root = 1; k < w->n_leaves; k++) {
    if (!w->differentiate[k])
      continue;
    node *grad = roots[root++];
    const double *found = grad ? reference_value(gradients, grad)->data : NULL;
    for (size_t e = 0; e < w->count[k]; e++) {
      double expected = difference(w, values, loss, &w->data[k][e]), got = found ? found[e] : 0;
      if (fabs(expected - got) <= 2e-7 * (1 + fabs(expected)))
        continue;
      printf("%s: parameter %d element %zu: gradient %.9g, difference quotient %.9g\n", name, k, e, got,
             expected);
      failed++;
      break;
    }
  }
  reference_free(gradients);
  reference_free(values);
  return failed;
}
