// Extents as sums of products: conversion to and from the canonical form, and arithmetic on it.
#include "ir/dim_private.h"
#include "support/diag.h"
#include <stdlib.h>
#include <string.h>

int64_t dim_checked_mul(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r))
    ICE("an extent overflows 64 bits");
  return r;
}

int64_t dim_checked_add(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r))
    ICE("an extent overflows 64 bits");
  return r;
}

int64_t floor_div(int64_t a, int64_t b) {
  INVARIANT(b != 0);
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

static dim_term term_of(const dim *d) {
  if (d->kind == DIM_CONST)
    return (dim_term){d->value, NULL};
  if (d->kind == DIM_MUL && d->a->kind == DIM_CONST)
    return (dim_term){d->a->value, d->b};
  return (dim_term){1, d};
}

dim_poly dim_to_poly(dim_table *t, const dim *d) {
  size_t n = 1;
  for (const dim *s = d; s->kind == DIM_ADD; s = s->a)
    n++;
  dim_poly p = {ARENA_ARRAY(dim_table_arena(t), dim_term, n), n};
  size_t k = n;
  for (; d->kind == DIM_ADD; d = d->a)
    p.terms[--k] = term_of(d->b);
  p.terms[0] = term_of(d);
  if (n == 1 && p.terms[0].factor == 0)
    p.n = 0;
  return p;
}

static int compare_terms(const void *x, const void *y) {
  const dim_term *a = x, *b = y;
  uint32_t ka = a->product ? a->product->id : UINT32_MAX, kb = b->product ? b->product->id : UINT32_MAX;
  return ka < kb ? -1 : ka > kb;
}

const dim *dim_from_poly(dim_table *t, dim_term *terms, size_t n) {
  qsort(terms, n, sizeof *terms, compare_terms);
  const dim *sum = NULL;
  for (size_t k = 0; k < n;) {
    dim_term whole = terms[k++];
    while (k < n && terms[k].product == whole.product)
      whole.factor = dim_checked_add(whole.factor, terms[k++].factor);
    if (whole.factor == 0)
      continue;
    const dim *d = whole.product;
    if (!d)
      d = dim_const(t, whole.factor);
    else if (whole.factor != 1)
      d = dim_intern(t, DIM_MUL, 0, dim_const(t, whole.factor), d);
    sum = sum ? dim_intern(t, DIM_ADD, 0, sum, d) : d;
  }
  return sum ? sum : dim_const(t, 0);
}

const dim *dim_add(dim_table *t, const dim *a, const dim *b) {
  dim_poly x = dim_to_poly(t, a), y = dim_to_poly(t, b);
  dim_term *all = ARENA_ARRAY(dim_table_arena(t), dim_term, x.n + y.n);
  for (size_t k = 0; k < x.n; k++)
    all[k] = x.terms[k];
  for (size_t k = 0; k < y.n; k++)
    all[x.n + k] = y.terms[k];
  return dim_from_poly(t, all, x.n + y.n);
}

const dim *dim_sub_const(dim_table *t, const dim *a, int64_t b) {
  return dim_add(t, a, dim_const(t, -b));
}

static size_t atom_count(const dim *product) {
  size_t n = product != NULL;
  for (; product && product->kind == DIM_MUL; product = product->a)
    n++;
  return n;
}

static void list_atoms(const dim *product, const dim **atoms) {
  size_t n = atom_count(product);
  for (; n > 1; product = product->a)
    atoms[--n] = product->b;
  if (n)
    atoms[0] = product;
}

static int compare_dims(const void *x, const void *y) {
  const dim *a = *(const dim *const *)x, *b = *(const dim *const *)y;
  return a->id < b->id ? -1 : a->id > b->id;
}

static const dim *product_of(dim_table *t, const dim **atoms, size_t n) {
  qsort(atoms, n, sizeof *atoms, compare_dims);
  const dim *product = n ? atoms[0] : NULL;
  for (size_t k = 1; k < n; k++)
    product = dim_intern(t, DIM_MUL, 0, product, atoms[k]);
  return product;
}

static const dim *multiply_products(dim_table *t, const dim *a, const dim *b) {
  size_t na = atom_count(a), nb = atom_count(b);
  const dim **atoms = ARENA_ARRAY(dim_table_arena(t), const dim *, na + nb);
  list_atoms(a, atoms);
  list_atoms(b, atoms + na);
  return product_of(t, atoms, na + nb);
}

const dim *dim_mul(dim_table *t, const dim *a, const dim *b) {
  dim_poly x = dim_to_poly(t, a), y = dim_to_poly(t, b);
  dim_term *all = ARENA_ARRAY(dim_table_arena(t), dim_term, x.n * y.n);
  size_t n = 0;
  for (size_t i = 0; i < x.n; i++)
    for (size_t j = 0; j < y.n; j++)
      all[n++] = (dim_term){dim_checked_mul(x.terms[i].factor, y.terms[j].factor),
                            multiply_products(t, x.terms[i].product, y.terms[j].product)};
  return dim_from_poly(t, all, n);
}

// product / divisor when every atom of the divisor occurs in it; *exact tells.
static const dim *divide_product(dim_table *t, const dim *product, const dim *divisor, bool *exact) {
  size_t n = atom_count(product), m = atom_count(divisor);
  const dim **atoms = ARENA_ARRAY(dim_table_arena(t), const dim *, n + m);
  const dim **remove = atoms + n;
  list_atoms(product, atoms);
  list_atoms(divisor, remove);
  for (size_t j = 0; j < m; j++) {
    size_t k = 0;
    while (k < n && atoms[k] != remove[j])
      k++;
    if (k == n) {
      *exact = false;
      return NULL;
    }
    memmove(atoms + k, atoms + k + 1, (n - k - 1) * sizeof *atoms);
    n--;
  }
  return product_of(t, atoms, n);
}

// a / b where b is one term and divides every term of a, else NULL.
static const dim *divide_exactly(dim_table *t, dim_poly a, dim_term b) {
  dim_term *terms = ARENA_ARRAY(dim_table_arena(t), dim_term, a.n);
  bool exact = true;
  for (size_t k = 0; k < a.n && exact; k++) {
    exact = a.terms[k].factor % b.factor == 0;
    if (exact)
      terms[k] =
          (dim_term){a.terms[k].factor / b.factor, divide_product(t, a.terms[k].product, b.product, &exact)};
  }
  return exact ? dim_from_poly(t, terms, a.n) : NULL;
}

static int64_t gcd(int64_t a, int64_t b) {
  a = a < 0 ? -a : a;
  while (b) {
    int64_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}

// x // c for a constant c > 1: multiples of c leave the quotient, a common factor of the rest cancels.
static const dim *divide_by_const(dim_table *t, dim_poly x, int64_t c) {
  dim_term *whole = ARENA_ARRAY(dim_table_arena(t), dim_term, 2 * x.n + 2), *rest = whole + x.n + 1;
  size_t n_whole = 0, n_rest = 0;
  int64_t common = c, constant = 0;
  for (size_t k = 0; k < x.n; k++) {
    dim_term term = x.terms[k];
    if (!term.product) {
      whole[n_whole++] = (dim_term){floor_div(term.factor, c), NULL};
      constant = term.factor - dim_checked_mul(floor_div(term.factor, c), c);
    } else if (term.factor % c == 0) {
      whole[n_whole++] = (dim_term){term.factor / c, term.product};
    } else {
      rest[n_rest++] = term;
      common = gcd(term.factor, common);
    }
  }
  const dim *sum = dim_from_poly(t, whole, n_whole);
  if (n_rest == 0)
    return sum;
  for (size_t k = 0; k < n_rest; k++)
    rest[k].factor /= common;
  rest[n_rest++] = (dim_term){floor_div(constant, common), NULL};
  const dim *numerator = dim_from_poly(t, rest, n_rest);
  c /= common;
  if (c > 1 && numerator->kind == DIM_FLOORDIV && numerator->b->kind == DIM_CONST) {
    c = dim_checked_mul(c, numerator->b->value);
    numerator = numerator->a;
  }
  if (c > 1)
    numerator = dim_intern(t, DIM_FLOORDIV, 0, numerator, dim_const(t, c));
  return dim_add(t, sum, numerator);
}

const dim *dim_floordiv(dim_table *t, const dim *a, const dim *b) {
  int64_t divisor;
  if (dim_is_const(b, &divisor)) {
    INVARIANT(divisor > 0);
    return divisor == 1 ? a : divide_by_const(t, dim_to_poly(t, a), divisor);
  }
  dim_poly x = dim_to_poly(t, a), y = dim_to_poly(t, b);
  if (a == b)
    return dim_const(t, 1);
  const dim *exact = y.n == 1 ? divide_exactly(t, x, y.terms[0]) : NULL;
  return exact ? exact : dim_intern(t, DIM_FLOORDIV, 0, a, b);
}

static bool atom_nonnegative(dim_table *t, const dim *d) {
  switch (d->kind) {
  case DIM_SYMBOL:
    return true;
  case DIM_FLOORDIV:
    return dim_known_nonnegative(t, d->a) && dim_known_nonnegative(t, d->b);
  case DIM_MIN:
    return dim_known_nonnegative(t, d->a) && dim_known_nonnegative(t, d->b);
  case DIM_MAX:
    return dim_known_nonnegative(t, d->a) || dim_known_nonnegative(t, d->b);
  case DIM_MUL:
    return atom_nonnegative(t, d->a) && atom_nonnegative(t, d->b);
  case DIM_CONST:
  case DIM_ADD:
    break;
  }
  return dim_known_nonnegative(t, d);
}

bool dim_known_nonnegative(dim_table *t, const dim *d) {
  dim_poly p = dim_to_poly(t, d);
  for (size_t k = 0; k < p.n; k++)
    if (p.terms[k].factor < 0 || (p.terms[k].product && !atom_nonnegative(t, p.terms[k].product)))
      return false;
  return true;
}

bool dim_known_at_least(dim_table *t, const dim *a, const dim *b) {
  return dim_known_nonnegative(t, dim_add(t, a, dim_mul(t, dim_const(t, -1), b)));
}
