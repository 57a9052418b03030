// Extents: the table of hash-consed expressions, min and max, evaluation, bounds, substitution, printing.
#include "ir/dim.h"
#include "ir/dim_private.h"
#include "support/diag.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct dim_table {
  arena *mem;
  const dim **slots; // open addressing, capacity a power of two
  size_t capacity, count;
  const dim **symbols;
  int n_symbols, cap_symbols;
};

dim_table *dim_table_new(arena *a) {
  dim_table *t = ARENA_NEW(a, dim_table);
  t->mem = a;
  t->capacity = 64;
  t->slots = ARENA_ARRAY(a, const dim *, t->capacity);
  return t;
}

arena *dim_table_arena(dim_table *t) {
  return t->mem;
}

static uint64_t hash_step(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ (h >> 29);
}

static uint64_t hash_dim(const dim *d) {
  uint64_t h = hash_step((uint64_t)d->kind + 1, (uint64_t)d->value);
  h = hash_step(h, d->kind == DIM_SYMBOL ? (uint64_t)d->symbol : 0);
  h = hash_step(h, d->a ? d->a->id + 1u : 0);
  return hash_step(h, d->b ? d->b->id + 1u : 0);
}

static void insert(dim_table *t, const dim *d) {
  size_t k = hash_dim(d) & (t->capacity - 1);
  while (t->slots[k])
    k = (k + 1) & (t->capacity - 1);
  t->slots[k] = d;
}

static const dim *add_new(dim_table *t, const dim *draft) {
  if (2 * (t->count + 1) > t->capacity) {
    const dim **old = t->slots;
    size_t n = t->capacity;
    t->capacity *= 2;
    t->slots = ARENA_ARRAY(t->mem, const dim *, t->capacity);
    for (size_t k = 0; k < n; k++)
      if (old[k])
        insert(t, old[k]);
  }
  dim *d = ARENA_NEW(t->mem, dim);
  *d = *draft;
  d->id = (uint32_t)t->count++;
  insert(t, d);
  return d;
}

const dim *dim_intern(dim_table *t, dim_kind kind, int64_t value, const dim *a, const dim *b) {
  dim draft = {.kind = kind, .value = value, .a = a, .b = b};
  for (size_t k = hash_dim(&draft) & (t->capacity - 1); t->slots[k]; k = (k + 1) & (t->capacity - 1)) {
    const dim *d = t->slots[k];
    if (d->kind == kind && d->value == value && d->a == a && d->b == b)
      return d;
  }
  return add_new(t, &draft);
}

const dim *dim_const(dim_table *t, int64_t value) {
  return dim_intern(t, DIM_CONST, value, NULL, NULL);
}

static const dim *new_symbol(dim_table *t, const char *name, const dim *bound) {
  if (t->n_symbols == t->cap_symbols) {
    int capacity = t->cap_symbols ? 2 * t->cap_symbols : 16;
    const dim **grown = ARENA_ARRAY(t->mem, const dim *, capacity);
    if (t->n_symbols)
      memcpy(grown, t->symbols, sizeof *grown * (size_t)t->n_symbols);
    t->symbols = grown;
    t->cap_symbols = capacity;
  }
  dim draft = {
      .kind = DIM_SYMBOL, .name = arena_strdup(t->mem, name), .symbol = t->n_symbols, .bound = bound};
  return t->symbols[t->n_symbols++] = add_new(t, &draft);
}

const dim *dim_named(dim_table *t, const char *name) {
  for (int k = 0; k < t->n_symbols; k++)
    if (!t->symbols[k]->bound && strcmp(t->symbols[k]->name, name) == 0)
      return t->symbols[k];
  return new_symbol(t, name, NULL);
}

const dim *dim_runtime(dim_table *t, const char *hint, const dim *bound) {
  INVARIANT(bound);
  return new_symbol(t, arena_printf(t->mem, "%s.%d", hint, t->n_symbols), bound);
}

// Appends the operands of nested min (or max) to list, dropping those another operand makes redundant.
static size_t collect_extreme(dim_table *t, dim_kind kind, const dim *d, const dim **list, size_t n) {
  for (const dim *rest = d; rest; rest = rest->kind == kind ? rest->a : NULL) {
    const dim *x = rest->kind == kind ? rest->b : rest;
    bool redundant = false;
    size_t kept = 0;
    for (size_t k = 0; k < n; k++) {
      bool low = dim_known_at_least(t, list[k], x), high = dim_known_at_least(t, x, list[k]);
      redundant |= kind == DIM_MIN ? high : low;
      if (redundant || !(kind == DIM_MIN ? low : high))
        list[kept++] = list[k];
    }
    n = kept;
    if (!redundant)
      list[n++] = x;
  }
  return n;
}

static size_t extreme_count(dim_kind kind, const dim *d) {
  size_t n = 1;
  for (; d->kind == kind; d = d->a)
    n++;
  return n;
}

static int compare_ids(const void *x, const void *y) {
  const dim *a = *(const dim *const *)x, *b = *(const dim *const *)y;
  return a->id < b->id ? -1 : a->id > b->id;
}

static const dim *extreme(dim_table *t, dim_kind kind, const dim *a, const dim *b) {
  const dim **list = ARENA_ARRAY(t->mem, const dim *, extreme_count(kind, a) + extreme_count(kind, b));
  size_t n = collect_extreme(t, kind, a, list, 0);
  n = collect_extreme(t, kind, b, list, n);
  qsort(list, n, sizeof *list, compare_ids);
  const dim *result = list[0];
  for (size_t k = 1; k < n; k++)
    result = dim_intern(t, kind, 0, result, list[k]);
  return result;
}

const dim *dim_min(dim_table *t, const dim *a, const dim *b) {
  return extreme(t, DIM_MIN, a, b);
}

const dim *dim_max(dim_table *t, const dim *a, const dim *b) {
  return extreme(t, DIM_MAX, a, b);
}

bool dim_is_const(const dim *d, int64_t *value) {
  if (d->kind == DIM_CONST && value)
    *value = d->value;
  return d->kind == DIM_CONST;
}

static const dim *combine(dim_table *t, dim_kind kind, const dim *a, const dim *b) {
  switch (kind) {
  case DIM_ADD:
    return dim_add(t, a, b);
  case DIM_MUL:
    return dim_mul(t, a, b);
  case DIM_FLOORDIV:
    return dim_floordiv(t, a, b);
  case DIM_MIN:
    return dim_min(t, a, b);
  case DIM_MAX:
    return dim_max(t, a, b);
  case DIM_CONST:
  case DIM_SYMBOL:
    break;
  }
  ICE("an extent of kind %d has no operands", (int)kind);
}

// The greatest (or least) value over the run-time counts in d, each between 0 and its bound.
static const dim *bound_of(dim_table *t, const dim *d, bool upper) {
  switch (d->kind) {
  case DIM_CONST:
    return d;
  case DIM_SYMBOL:
    return !d->bound ? d : upper ? bound_of(t, d->bound, true) : dim_const(t, 0);
  case DIM_MUL:
    if (d->a->kind == DIM_CONST)
      return dim_mul(t, d->a, bound_of(t, d->b, d->a->value < 0 ? !upper : upper));
    break;
  case DIM_FLOORDIV:
    if (d->b->kind != DIM_CONST && bound_of(t, d->b, false) != d->b)
      return upper ? bound_of(t, d->a, true) : dim_const(t, 0);
    return dim_floordiv(t, bound_of(t, d->a, upper), d->b);
  case DIM_ADD:
  case DIM_MIN:
  case DIM_MAX:
    break;
  }
  return combine(t, d->kind, bound_of(t, d->a, upper), bound_of(t, d->b, upper));
}

const dim *dim_upper_bound(dim_table *t, const dim *d) {
  return bound_of(t, d, true);
}

const dim *dim_substitute(dim_table *t, const dim *d, const dim *const *from, const dim *const *to,
                          size_t n) {
  for (size_t k = 0; k < n; k++)
    if (d == from[k])
      return to[k];
  if (d->kind == DIM_CONST || d->kind == DIM_SYMBOL)
    return d;
  const dim *a = dim_substitute(t, d->a, from, to, n), *b = dim_substitute(t, d->b, from, to, n);
  return a == d->a && b == d->b ? d : combine(t, d->kind, a, b);
}

int dim_symbol_count(const dim_table *t) {
  return t->n_symbols;
}

const dim *dim_symbol_at(const dim_table *t, int symbol) {
  INVARIANT(symbol >= 0 && symbol < t->n_symbols);
  return t->symbols[symbol];
}

static int64_t saturated_add(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_add_overflow(a, b, &r) ? INT64_MAX : r;
}

static int64_t saturated_mul(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_mul_overflow(a, b, &r) ? INT64_MAX : r;
}

int64_t dim_eval(const dim *d, const int64_t *symbols) {
  int64_t sum = 0; // sums are left-nested: their spine is walked, not recursed into
  for (; d->kind == DIM_ADD; d = d->a)
    sum = saturated_add(sum, dim_eval(d->b, symbols));
  int64_t a = 0, b = 0;
  if (d->a) {
    a = dim_eval(d->a, symbols);
    b = dim_eval(d->b, symbols);
  }
  switch (d->kind) {
  case DIM_CONST:
    return saturated_add(sum, d->value);
  case DIM_SYMBOL:
    return saturated_add(sum, symbols[d->symbol]);
  case DIM_MUL:
    return saturated_add(sum, saturated_mul(a, b));
  case DIM_FLOORDIV:
    return saturated_add(sum, floor_div(a, b));
  case DIM_MIN:
    return saturated_add(sum, a < b ? a : b);
  case DIM_MAX:
    return saturated_add(sum, a > b ? a : b);
  case DIM_ADD:
    break;
  }
  ICE("an extent of kind %d cannot be evaluated", (int)d->kind);
}

static double magnitude(const dim *d) {
  double sum = 0;
  for (; d->kind == DIM_ADD; d = d->a)
    sum += magnitude(d->b);
  switch (d->kind) {
  case DIM_CONST:
    return sum + (double)d->value;
  case DIM_SYMBOL:
    return sum + 1;
  case DIM_MUL:
    return sum + magnitude(d->a) * magnitude(d->b);
  case DIM_FLOORDIV: // what is divided may be smaller than its divisor, but no extent is 0
    return sum + fmax(1, magnitude(d->a) / fmax(1, magnitude(d->b)));
  case DIM_MIN:
  case DIM_MAX:
    return sum + fmax(magnitude(d->a), magnitude(d->b));
  case DIM_ADD:
    break;
  }
  ICE("an extent of kind %d has no size", (int)d->kind);
}

double shape_magnitude(const shape *s) {
  double n = 1;
  for (int k = 0; k < s->rank; k++)
    n *= fmax(1, magnitude(s->d[k]));
  return n;
}

static void print_operand(const dim *d, bool in_product, strbuf *out) {
  bool wrap = d->kind == DIM_ADD || d->kind == DIM_FLOORDIV || (d->kind == DIM_MUL && !in_product);
  if (wrap)
    strbuf_putc(out, '(');
  dim_print(d, out);
  if (wrap)
    strbuf_putc(out, ')');
}

void dim_print(const dim *d, strbuf *out) {
  int64_t c;
  switch (d->kind) {
  case DIM_CONST:
    strbuf_printf(out, "%" PRId64, d->value);
    break;
  case DIM_SYMBOL:
    strbuf_puts(out, d->name);
    break;
  case DIM_ADD:
    dim_print(d->a, out);
    if (dim_is_const(d->b, &c) && c < 0) {
      strbuf_printf(out, " - %" PRId64, -c);
    } else if (d->b->kind == DIM_MUL && dim_is_const(d->b->a, &c) && c < 0) {
      strbuf_puts(out, " - ");
      if (c != -1)
        strbuf_printf(out, "%" PRId64 " * ", -c);
      print_operand(d->b->b, true, out);
    } else {
      strbuf_puts(out, " + ");
      dim_print(d->b, out);
    }
    break;
  case DIM_MUL:
    print_operand(d->a, true, out);
    strbuf_puts(out, " * ");
    print_operand(d->b, true, out);
    break;
  case DIM_FLOORDIV:
    print_operand(d->a, false, out);
    strbuf_puts(out, " // ");
    print_operand(d->b, false, out);
    break;
  case DIM_MIN:
  case DIM_MAX:
    strbuf_puts(out, d->kind == DIM_MIN ? "min(" : "max(");
    dim_print(d->a, out);
    strbuf_puts(out, ", ");
    dim_print(d->b, out);
    strbuf_putc(out, ')');
    break;
  }
}

shape shape_of(int rank, ...) {
  INVARIANT(rank >= 0 && rank <= MAX_RANK);
  shape s = {.rank = rank};
  va_list args;
  va_start(args, rank);
  for (int k = 0; k < rank; k++)
    s.d[k] = va_arg(args, const dim *);
  va_end(args);
  return s;
}

bool shape_equal(const shape *a, const shape *b) {
  if (a->rank != b->rank)
    return false;
  for (int k = 0; k < a->rank; k++)
    if (a->d[k] != b->d[k])
      return false;
  return true;
}

const dim *shape_elements(dim_table *t, const shape *s) {
  const dim *n = dim_const(t, 1);
  for (int k = 0; k < s->rank; k++)
    n = dim_mul(t, n, s->d[k]);
  return n;
}

void shape_print(const shape *s, strbuf *out) {
  strbuf_putc(out, '(');
  for (int k = 0; k < s->rank; k++) {
    if (k)
      strbuf_puts(out, ", ");
    dim_print(s->d[k], out);
  }
  strbuf_putc(out, ')');
}
