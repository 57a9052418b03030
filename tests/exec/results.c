#include "tests/exec/results.h"
#include "tests/reference/interp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double *results_add(results *r, root_role role, int index, size_t count) {
  result one = {role, index, count, xcalloc(count + 1, sizeof(double))};
  vec_push(&r->list, one);
  return one.values;
}

const result *results_find(const results *r, root_role role, int index) {
  for (size_t k = 0; k < r->list.len; k++)
    if (r->list.data[k].role == role && r->list.data[k].index == index)
      return &r->list.data[k];
  return NULL;
}

void results_free(results *r) {
  for (size_t k = 0; k < r->list.len; k++)
    free(r->list.data[k].values);
  vec_free(&r->list);
}

// ---- by the interpreter

static void bind_leaves(reference *ref, const program *p, const feed *f) {
  for (size_t k = 0; k < p->g->n_nodes; k++) {
    const node *n = p->g->nodes[k];
    if (n->op == OP_INPUT)
      reference_bind(ref, n, f->inputs[n->i[0]]);
    if (n->op == OP_PARAM)
      reference_bind(ref, n, f->params[n->i[0]]);
  }
  for (int k = 0; k < f->n_dims; k++)
    if (!dim_symbol_at(f->s->u->dims, k)->bound)
      reference_set_dim(ref, dim_symbol_at(f->s->u->dims, k), f->dims[k]);
  reference_set_random(ref, f->seed, f->step);
}

static void take_rows(results *out, const program *p, const feed *f, reference *ref,
                      const program_root *ids) {
  const array *numbers = reference_value(ref, ids->value);
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role != ROOT_GRAD_ROWS || root->index != ids->index)
      continue;
    const array *rows = reference_value(ref, root->value);
    size_t width = rows->extent[0] ? rows->count / (size_t)rows->extent[0] : 0;
    double *to = results_add(out, ROOT_GRAD, ids->index, f->param_counts[ids->index]);
    for (size_t r = 0; r < numbers->count; r++)
      memcpy(to + (size_t)numbers->data[r] * width, rows->data + r * width, width * sizeof *to);
  }
}

void interpret(const program *p, const feed *f, results *out) {
  reference *ref = reference_new(p->g);
  bind_leaves(ref, p, f);
  node **roots = xcalloc(p->roots.len + 1, sizeof *roots);
  for (size_t k = 0; k < p->roots.len; k++)
    roots[k] = p->roots.data[k].value;
  if (!reference_run(ref, roots, p->roots.len))
    ICE("%s: %s", f->s->title, reference_error(ref));
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role == ROOT_GRAD_IDS)
      take_rows(out, p, f, ref, root);
    if (root->role > ROOT_GRAD && root->role != ROOT_ASSIGN)
      continue;
    const array *a = reference_value(ref, root->value);
    memcpy(results_add(out, root->role, root->index, a->count), a->data, a->count * sizeof(double));
  }
  free(roots);
  reference_free(ref);
}

// ---- comparison

static const char *role_name(root_role role) {
  static const char *const names[] = {"output", "output mask", "loss", "gradient"};
  return role == ROOT_ASSIGN ? "new value of parameter" : names[role];
}

static double largest(const result *r) {
  double most = 0;
  for (size_t k = 0; k < r->count; k++)
    if (isfinite(r->values[k]))
      most = fmax(most, fabs(r->values[k]));
  return most;
}

// Losses and gradients are sums that may cancel, and what cancels in one gradient may not in another; an
// output may be a difference of equals.
static double scale_of(const result *r, const results *all) {
  double most = largest(r);
  if (r->role == ROOT_OUTPUT)
    most = fmax(most, 1e-3);
  if (r->role == ROOT_LOSS)
    most = fmax(most, 1);
  if (r->role == ROOT_GRAD)
    most = fmax(most, 0.01);
  for (size_t k = 0; r->role == ROOT_GRAD && k < all->list.len; k++)
    if (all->list.data[k].role == ROOT_GRAD)
      most = fmax(most, largest(&all->list.data[k]) / 2);
  return most;
}

static const result *counterpart(const result *a, const results *b, const char *what) {
  const result *other = results_find(b, a->role, a->index);
  if (other && other->count == a->count)
    return other;
  printf("%s: %s %d %s\n", what, role_name(a->role), a->index, other ? "has another size" : "is missing");
  return NULL;
}

static bool report(const char *what, const result *a, const result *b, size_t k) {
  printf("%s: %s %d, element %zu of %zu: %.17g, expected %.17g\n", what, role_name(a->role), a->index, k,
         a->count, b->values[k], a->values[k]);
  return false;
}

static bool agrees(const result *a, const result *b, double allowed, const char *what) {
  for (size_t k = 0; k < a->count; k++) {
    double x = a->values[k], y = b->values[k];
    if (!(x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= allowed))
      return report(what, a, b, k);
  }
  return true;
}

static bool same_bits(const result *a, const result *b, const char *what) {
  for (size_t k = 0; k < a->count; k++)
    if (memcmp(&a->values[k], &b->values[k], sizeof(double)) != 0)
      return report(what, a, b, k);
  return true;
}

int results_differ(const results *expected, const results *got, double tolerance, const char *what) {
  int failed = 0;
  for (size_t k = 0; k < expected->list.len; k++) {
    const result *a = &expected->list.data[k], *b = counterpart(a, got, what);
    failed += !b || !agrees(a, b, tolerance * scale_of(a, expected), what);
  }
  return failed;
}

int results_differ_in_bits(const results *a, const results *b, const char *what) {
  int failed = a->list.len != b->list.len;
  for (size_t k = 0; k < a->list.len; k++) {
    const result *x = &a->list.data[k], *y = counterpart(x, b, what);
    failed += !y || !same_bits(x, y, what);
  }
  return failed;
}
