#ifndef NLM_IR_DIM_PRIVATE_H
#define NLM_IR_DIM_PRIVATE_H
// What the two halves of the extent algebra share: the table (dim.c) and sums of products (dim_poly.c).
#include "ir/dim.h"

// A canonical extent is a sum, left-nested, of terms sorted by the id of their product, the constant last;
// a term is a product of atoms (symbol, //, min, max; sorted by id, left-nested), times a constant in `a`.
typedef struct dim_term {
  int64_t factor;
  const dim *product; // NULL: the constant term
} dim_term;
typedef struct dim_poly {
  dim_term *terms; // sorted, no zero factors
  size_t n;
} dim_poly;

const dim *dim_intern(dim_table *t, dim_kind kind, int64_t value, const dim *a, const dim *b);
arena *dim_table_arena(dim_table *t);

dim_poly dim_to_poly(dim_table *t, const dim *d);
const dim *dim_from_poly(dim_table *t, dim_term *terms, size_t n); // sorts and merges in place
int64_t dim_checked_mul(int64_t a, int64_t b);
int64_t dim_checked_add(int64_t a, int64_t b);
int64_t floor_div(int64_t a, int64_t b);
bool dim_known_nonnegative(dim_table *t, const dim *d);
bool dim_known_at_least(dim_table *t, const dim *a, const dim *b); // a >= b for every assignment

#endif
