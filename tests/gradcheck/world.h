#ifndef NLM_TESTS_GRADCHECK_WORLD_H
#define NLM_TESTS_GRADCHECK_WORLD_H
// A small graph with values for its leaves, and the comparison of its gradients with central differences.
#include "ir/graph.h"
#include "tests/reference/interp.h"

enum { WORLD_LEAVES = 24 };

typedef struct world {
  arena *mem;
  graph *g;
  node *leaf[WORLD_LEAVES]; // inputs and parameters
  double *data[WORLD_LEAVES];
  size_t count[WORLD_LEAVES];
  bool differentiate[WORLD_LEAVES];
  int n_leaves;
  struct {
    const dim *d;
    int64_t value;
  } dims[8];
  int n_dims;
  uint64_t state; // of the number generator
} world;

void world_open(world *w);
void world_close(world *w);
const dim *world_dim(world *w, const char *name, int64_t value); // symbolic, with a value
const dim *world_const(world *w, int64_t value);
double world_number(world *w, double low, double high);
// A parameter to differentiate by, with random values in [low, high); values of a row stay apart by more than
// the step of the differences, so that no maximum switches.
node *world_param(world *w, double low, double high, shape s);
node *world_fixed(world *w, double low, double high, shape s); // real input, not differentiated
node *world_ints(world *w, shape s, const int *values);        // integer input
double *world_values(world *w, const node *leaf);
int64_t world_extent(const world *w, const dim *d); // of dims without run-time counts

// A rank-0 loss that weighs every element of the outputs (REAL, any shape) differently.
node *world_loss(world *w, node *const *outputs, int n);
void world_bind(const world *w, reference *r);
double world_eval(const world *w, node *scalar);

// Number of parameters whose gradient differs from central differences (reported under `name`). A loss that
// does not depend on a parameter must have differences 0.
int world_check(world *w, const char *name, node *loss);
// The tidied program {loss, gradients of the parameters (NULL: none)}; returns the number of roots. Verified.
int world_program(world *w, node *loss, node **roots);

#endif
