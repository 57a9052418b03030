#ifndef NLM_IR_DIM_H
#define NLM_IR_DIM_H
// Extents of tensors: integer expressions over named dimensions, hash-consed and simplified on construction,
// so that two extents are known to be equal exactly when their pointers are equal.
// Ownership: a dim belongs to its dim_table. Thread-safety: one thread per table.
#include "support/arena.h"
#include "support/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum { DIM_CONST, DIM_SYMBOL, DIM_ADD, DIM_MUL, DIM_FLOORDIV, DIM_MIN, DIM_MAX } dim_kind;

typedef struct dim dim;
struct dim {
  dim_kind kind;
  int64_t value;    // DIM_CONST
  const char *name; // DIM_SYMBOL
  int symbol;       // DIM_SYMBOL: index in the table, in order of creation
  const dim *bound; // DIM_SYMBOL: NULL when the caller gives it (batch, time); else it is a run-time count
                    // (valid tokens, distinct ids) that never exceeds this expression
  const dim *a, *b; // operands
  uint32_t id;      // creation order: canonical ordering of commutative operands
};

typedef struct dim_table dim_table;
dim_table *dim_table_new(arena *a);

const dim *dim_const(dim_table *t, int64_t value);
const dim *dim_named(dim_table *t, const char *name);                     // the same name gives the same dim
const dim *dim_runtime(dim_table *t, const char *hint, const dim *bound); // always a fresh one: "valid.3"
const dim *dim_add(dim_table *t, const dim *a, const dim *b);
const dim *dim_sub_const(dim_table *t, const dim *a, int64_t b);
const dim *dim_mul(dim_table *t, const dim *a, const dim *b);
const dim *dim_floordiv(dim_table *t, const dim *a, const dim *b);
const dim *dim_min(dim_table *t, const dim *a, const dim *b);
const dim *dim_max(dim_table *t, const dim *a, const dim *b);

bool dim_is_const(const dim *d, int64_t *value);        // value may be NULL
const dim *dim_upper_bound(dim_table *t, const dim *d); // run-time counts replaced by their bounds
// d with every occurrence of from[k] replaced by to[k].
const dim *dim_substitute(dim_table *t, const dim *d, const dim *const *from, const dim *const *to, size_t n);
int dim_symbol_count(const dim_table *t);
const dim *dim_symbol_at(const dim_table *t, int symbol);
// Value under an assignment of every symbol the expression uses (indexed by `symbol`); what does not fit into
// 64 bits becomes INT64_MAX.
int64_t dim_eval(const dim *d, const int64_t *symbols);
void dim_print(const dim *d, strbuf *out); // "time_a + time_b", "600", "(time - 2) // 2"

enum { MAX_RANK = 6 };
typedef struct shape {
  int rank;
  const dim *d[MAX_RANK];
} shape;

// Elements with every named dimension and run-time count taken as 1: how much of a size is the source's
// doing. For any shape, without overflow.
double shape_magnitude(const shape *s);

shape shape_of(int rank, ...); // const dim * each
bool shape_equal(const shape *a, const shape *b);
const dim *shape_elements(dim_table *t, const shape *s); // product; 1 for rank 0
void shape_print(const shape *s, strbuf *out);           // "(batch, 600, 256)"

#endif
