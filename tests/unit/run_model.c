#include "tests/unit/run_model.h"
#include "tests/reference/interp.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static char failure[200];

static size_t elements_of(const weight *w) {
  size_t n = 1;
  for (int k = 0; k < w->shape.rank; k++) {
    int64_t extent = 0;
    assert_true(dim_is_const(w->shape.d[k], &extent));
    n *= (size_t)extent;
  }
  return n;
}

void run_begin(model_run *r, small_model *s, program_kind kind) {
  *r = (model_run){.m = s->m, .inputs = program_inputs_of(s->m)};
  r->p = lower_program(s->m, r->inputs, kind, NULL);
  if (kind == PROGRAM_GRAD)
    program_add_gradients(r->p);
  r->weights = xcalloc(s->m->weights.len + 1, sizeof *r->weights);
  for (size_t i = 0; i < s->m->weights.len; i++) {
    size_t n = elements_of(s->m->weights.data[i]);
    r->weights[i] = xcalloc(n, sizeof(double));
    for (size_t k = 0; k < n; k++)
      r->weights[i][k] = sin(1 + 0.7 * (double)k + 1.3 * (double)i) / 2;
  }
  r->feeds = xcalloc(r->inputs->list.len + 1, sizeof *r->feeds);
  r->n_extents = dim_symbol_count(s->u->dims);
  r->extents = xcalloc((size_t)r->n_extents + 1, sizeof *r->extents);
}

void run_end(model_run *r) {
  for (size_t i = 0; i < r->m->weights.len; i++)
    free(r->weights[i]);
  free(r->weights);
  free(r->feeds);
  free(r->extents);
  program_free(r->p);
  program_inputs_free(r->inputs);
}

void run_extent(model_run *r, const char *dimension, int64_t extent) {
  for (int k = 0; k < r->n_extents; k++) {
    const dim *d = dim_symbol_at(r->m->unit->dims, k);
    if (!d->bound && strcmp(d->name, dimension) == 0) {
      r->extents[k] = extent;
      return;
    }
  }
  fail_msg("no dimension '%s'", dimension);
}

void run_feed(model_run *r, const char *input, const double *values) {
  for (size_t i = 0; i < r->inputs->list.len; i++)
    if (strcmp(r->inputs->list.data[i].name, input) == 0) {
      r->feeds[i] = values;
      return;
    }
  fail_msg("no program input '%s'", input);
}

double *run_weight(model_run *r, const char *name, size_t *count) {
  for (size_t i = 0; i < r->m->weights.len; i++) {
    const weight *w = r->m->weights.data[i];
    if (strcmp(w->name, name) != 0)
      continue;
    if (count)
      *count = elements_of(w);
    return r->weights[i];
  }
  fail_msg("no weight '%s'", name);
  return NULL;
}

// The leaves exist before the reference is made, which counts nodes by then.
static reference *bound_reference(model_run *r) {
  graph *g = r->p->g;
  const model *m = r->m;
  size_t n_inputs = r->inputs->list.len;
  node **leaves = xcalloc(n_inputs + m->weights.len + 1, sizeof *leaves);
  for (size_t i = 0; i < n_inputs; i++) {
    const program_input *p = &r->inputs->list.data[i];
    bool ints = p->role == INPUT_IDS || p->role == INPUT_TARGET_INT;
    leaves[i] = g_input(g, (int)i, ints ? INT : REAL, p->shape);
  }
  for (size_t i = 0; i < m->weights.len; i++)
    leaves[n_inputs + i] = g_param(g, m->weights.data[i]->index, m->weights.data[i]->shape);
  reference *ref = reference_new(g);
  for (size_t i = 0; i < n_inputs; i++)
    if (r->feeds[i])
      reference_bind(ref, leaves[i], r->feeds[i]);
  for (size_t i = 0; i < m->weights.len; i++)
    reference_bind(ref, leaves[n_inputs + i], r->weights[i]);
  for (int k = 0; k < r->n_extents; k++)
    if (!dim_symbol_at(m->unit->dims, k)->bound)
      reference_set_dim(ref, dim_symbol_at(m->unit->dims, k), r->extents[k]);
  free(leaves);
  return ref;
}

double *run_root(model_run *r, root_role role, int index, size_t *count) {
  for (size_t i = 0; i < r->p->roots.len; i++) {
    program_root *root = &r->p->roots.data[i];
    if (root->role != role || root->index != index)
      continue;
    reference *ref = bound_reference(r);
    if (!reference_run(ref, &root->value, 1))
      fail_msg("%s", reference_error(ref));
    const array *a = reference_value(ref, root->value);
    double *copy = xcalloc(a->count + 1, sizeof *copy);
    memcpy(copy, a->data, a->count * sizeof *copy);
    if (count)
      *count = a->count;
    reference_free(ref);
    return copy;
  }
  fail_msg("no root of role %d and index %d", (int)role, index);
  return NULL;
}

const char *run_failure(model_run *r) {
  node *values[64];
  assert_true(r->p->roots.len <= 64);
  for (size_t i = 0; i < r->p->roots.len; i++)
    values[i] = r->p->roots.data[i].value;
  reference *ref = bound_reference(r);
  bool good = reference_run(ref, values, r->p->roots.len);
  if (!good)
    snprintf(failure, sizeof failure, "%s", reference_error(ref));
  reference_free(ref);
  return good ? NULL : failure;
}
