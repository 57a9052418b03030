#include "runtime/optim/constraint.h"
#include "support/arena.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static unsigned axes_of(const config_call *c, int64_t rank) {
  const json_t *axis = json_object_get(c->args, "axis");
  unsigned bits = 0;
  for (size_t k = 0; k < (json_is_array(axis) ? json_array_size(axis) : 1); k++) {
    const json_t *one = json_is_array(axis) ? json_array_get(axis, k) : axis;
    int64_t at = json_is_integer(one) ? json_integer_value(one) : 0;
    at += at < 0 ? rank : 0;
    if (at >= 0 && at < rank)
      bits |= 1u << at;
  }
  return bits;
}

bool constraint_read(const config_call *c, int64_t rank, constraint *out) {
  *out = (constraint){.kind = CONSTRAINT_NORM, .rate = 1, .most = INFINITY, .axes = axes_of(c, rank)};
  if (!strcmp(c->name, "non_neg")) {
    out->kind = CONSTRAINT_NON_NEG;
  } else if (!strcmp(c->name, "unit_norm")) {
    out->kind = CONSTRAINT_UNIT_NORM;
  } else if (!strcmp(c->name, "max_norm") || !strcmp(c->name, "min_max_norm")) {
    out->least = config_number(c, "min_value", 0);
    out->most = config_number(c, "max_value", INFINITY);
    out->rate = config_number(c, "rate", 1);
  } else {
    return false;
  }
  return true;
}

static double get(const void *values, size_t real_bytes, int64_t at) {
  return real_bytes == sizeof(double) ? ((const double *)values)[at] : (double)((const float *)values)[at];
}

static void set(void *values, size_t real_bytes, int64_t at, double number) {
  if (real_bytes == sizeof(double))
    ((double *)values)[at] = number;
  else
    ((float *)values)[at] = (float)number;
}

static double factor(const constraint *c, double norm) {

  const double epsilon = 1e-7;
  if (c->kind == CONSTRAINT_UNIT_NORM)
    return 1 / (epsilon + norm);
  double held = norm < c->least ? c->least : norm > c->most ? c->most : norm;
  return (c->rate * held + (1 - c->rate) * norm) / (epsilon + norm);
}

// The number of the norm that element `at` belongs to: its place along the axes that are kept.
static int64_t group_of(const constraint *c, int64_t rank, const int64_t *dims, int64_t at) {
  int64_t group = 0, scale = 1;
  for (int64_t axis = rank - 1; axis >= 0; axis--) {
    if (!(c->axes >> axis & 1)) {
      group += scale * (at % dims[axis]);
      scale *= dims[axis];
    }
    at /= dims[axis];
  }
  return group;
}

static void apply_norm(const constraint *c, void *values, size_t real_bytes, int64_t rank,
                       const int64_t *dims, int64_t n) {
  int64_t groups = 1;
  for (int64_t axis = 0; axis < rank; axis++)
    groups *= c->axes >> axis & 1 ? 1 : dims[axis];
  double *norms = xcalloc((size_t)groups + 1, sizeof *norms);
  for (int64_t k = 0; k < n; k++) {
    double x = get(values, real_bytes, k);
    norms[group_of(c, rank, dims, k)] += x * x;
  }
  for (int64_t k = 0; k < groups; k++)
    norms[k] = factor(c, sqrt(norms[k]));
  for (int64_t k = 0; k < n; k++)
    set(values, real_bytes, k, get(values, real_bytes, k) * norms[group_of(c, rank, dims, k)]);
  free(norms);
}

void constraint_apply(const constraint *c, void *values, size_t real_bytes, int64_t rank,
                      const int64_t *dims) {
  int64_t n = 1;
  for (int64_t axis = 0; axis < rank; axis++)
    n *= dims[axis];
  if (c->kind != CONSTRAINT_NON_NEG) {
    apply_norm(c, values, real_bytes, rank, dims, n);
    return;
  }
  for (int64_t k = 0; k < n; k++)
    if (get(values, real_bytes, k) < 0)
      set(values, real_bytes, k, 0);
}
