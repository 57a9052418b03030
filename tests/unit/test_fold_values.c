// Folding keeps values: random programs, in which every built node (folded as the builders like) must have
// the value that the op itself gives on its operands' values.
#include "tests/gradcheck/world.h"
#include "tests/reference/eval.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 150, LENGTH = 60 };

static void (*const evaluations[OP_COUNT])(reference *r, const node *n, array *out) = {
#define OP(NAME, name, family, inputs, flags) reference_eval_##name,
#include "ir/ops.def"
#undef OP
};

typedef struct walk {
  world w;
  graph *g;
  node *pool[LENGTH + 16];
  int n;
  uint64_t state;
} walk;

static int below(walk *k, int n) {
  return (int)((unsigned)world_number(&k->w, 0, 1e6) % (unsigned)n);
}

// A pool node of the type, or of the other node's type and shape.
static node *pick(walk *k, elem_type type, const node *like) {
  node *found = like && like->type == type && below(k, 4) == 0 ? (node *)like : NULL;
  for (int tries = 0; tries < 200 && !found; tries++) {
    node *n = k->pool[below(k, k->n)];
    if (n->type == type && (!like || shape_equal(&n->shape, &like->shape)))
      found = n;
  }
  return found ? found : like && like->type == type ? (node *)like : NULL;
}

static int64_t extent(const node *n, int axis) {
  int64_t e = 0;
  assert_true(dim_is_const(n->shape.d[axis], &e));
  return e;
}

static const dim *number(walk *k, int64_t n) {
  return dim_const(k->g->dims, n);
}

// The op on its operands, built and (in *draft, whose operands go to in[]) as it was asked for; NULL: not
// possible.
static node *build_elementwise(walk *k, node *x, node *draft, node **in) {
  static const op_code real_unary[] = {OP_NEG, OP_ABS, OP_SIGN, OP_FLOOR, OP_TANH, OP_COPY, OP_SIGMOID};
  static const op_code both[] = {OP_ADD, OP_SUB, OP_MUL, OP_MIN, OP_MAX, OP_LT,
                                 OP_LE,  OP_EQ,  OP_DIV, OP_AND, OP_OR};
  int kind = below(k, 4);
  in[0] = x;
  if (kind == 0) {
    draft->op = x->type == REAL ? real_unary[below(k, 7)] : real_unary[below(k, 3)];
    draft->n_in = 1;
    return g_unary(k->g, draft->op, x);
  }
  if (kind == 1) {
    draft->op = OP_CAST;
    draft->type = below(k, 2) ? REAL : INT;
    draft->n_in = 1;
    return g_cast(k->g, x, draft->type);
  }
  in[1] = pick(k, x->type, x);
  if (kind == 2) {
    in[2] = in[1];
    in[1] = x;
    in[0] = pick(k, INT, x);
    draft->op = OP_SELECT;
    draft->n_in = 3;
    return in[0] ? g_select(k->g, in[0], in[1], in[2]) : NULL;
  }
  draft->op = both[below(k, x->type == REAL ? 9 : 8)];
  if (x->type == INT && below(k, 3) == 0)
    draft->op = both[9 + below(k, 2)];
  draft->n_in = 2;
  return g_binary(k->g, draft->op, in[0], in[1]);
}

static node *build_shape(walk *k, node *x, node *draft) {
  graph *g = k->g;
  int rank = x->shape.rank, axes[MAX_RANK];
  if (rank == 0 || below(k, 3) == 0) { // repeat: a new axis before or after
    if (rank >= 3)
      return NULL;
    int at = below(k, rank + 1);
    shape s = {.rank = rank + 1};
    for (int a = 0, from = 0; a <= rank; a++) {
      axes[a] = a == at ? -1 : from++;
      s.d[a] = a == at ? number(k, 1 + below(k, 3)) : x->shape.d[axes[a]];
      draft->i[a] = axes[a];
    }
    draft->op = OP_BROADCAST;
    return g_broadcast(g, x, s, axes);
  }
  if (below(k, 2)) {
    draft->op = OP_TRANSPOSE;
    int turn = below(k, rank);
    for (int a = 0; a < rank; a++)
      draft->i[a] = axes[a] = (a + turn) % rank;
    return g_transpose(g, x, axes);
  }
  draft->op = OP_RESHAPE;
  int64_t count = 1;
  for (int a = 0; a < rank; a++)
    count *= extent(x, a);
  shape flat = shape_of(1, number(k, count)), split = shape_of(2, number(k, count / 2), number(k, 2));
  return g_reshape(g, x, count % 2 == 0 && below(k, 2) ? split : flat);
}

static node *build_axis(walk *k, node *x, node *draft, node **in) {
  graph *g = k->g;
  if (x->shape.rank == 0)
    return NULL;
  int axis = below(k, x->shape.rank);
  int64_t n = extent(x, axis), start = below(k, (int)n), size = 1 + below(k, (int)(n - start));
  draft->i[0] = axis;
  switch (below(k, 5)) {
  case 0:
    draft->op = OP_SLICE;
    draft->i[1] = start;
    draft->i[2] = size > 2 ? 2 : 1;
    return g_slice(g, x, axis, start, number(k, size > 2 ? (size + 1) / 2 : size), draft->i[2]);
  case 1:
    draft->op = OP_REVERSE;
    return g_reverse(g, x, axis);
  case 2:
    draft->op = OP_PAD;
    draft->i[1] = below(k, 3);
    draft->f = below(k, 2);
    return g_pad(g, x, axis, draft->i[1], number(k, n + draft->i[1] + below(k, 2)), draft->f);
  case 3:
    draft->op = below(k, 2) ? OP_REDUCE_SUM : OP_REDUCE_MAX;
    draft->i[0] = 1 + below(k, (1 << x->shape.rank) - 1);
    return g_reduce(g, draft->op, x, (unsigned)draft->i[0]);
  default:
    draft->op = OP_CONCAT;
    in[1] = pick(k, x->type, x);
    in[2] = pick(k, x->type, x);
    draft->n_in = 3;
    return g_concat(g, in, 3, axis);
  }
}

static node *build_rows(walk *k, node *x, node *draft, node **in) {
  graph *g = k->g;
  if (x->shape.rank == 0 || x->shape.rank > 2)
    return NULL;
  if (below(k, 2) && x->type == REAL && x->shape.rank == 2) {
    in[1] = pick(k, REAL, x);
    draft->op = OP_MATMUL;
    draft->n_in = 2;
    bool swap = below(k, 2);
    draft->i[0] = swap;
    draft->i[1] = !swap;
    return g_matmul(g, x, in[1], swap, !swap);
  }
  int some[4];
  for (int j = 0; j < 4; j++)
    some[j] = below(k, (int)extent(x, 0) + 1) - 1;
  if (k->w.n_leaves == WORLD_LEAVES)
    return NULL;
  in[1] = world_ints(&k->w, shape_of(1, number(k, 4)), some);
  if (below(k, 2))
    in[1] = g_binary(g, OP_MAX, in[1], g_int(g, 0));
  draft->op = OP_GATHER;
  draft->n_in = 2;
  return g_gather(g, x, in[1], NULL);
}

static bool same(double a, double b) {
  return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1e-12 * (fabs(a) + fabs(b));
}

// Integers beyond int32 are not held by the interpreter: false, nothing was compared.
static bool holds_integers(const node *n, const array *a) {
  for (size_t e = 0; e < a->count && n->type == INT; e++)
    if (!(fabs(a->data[e]) < 2147483648.0))
      return false;
  return true;
}

static bool expect_op(walk *k, node *draft, node *built) {
  node *roots[5] = {built};
  for (int j = 0; j < draft->n_in; j++)
    roots[j + 1] = draft->in[j];
  reference *r = reference_new(k->g);
  world_bind(&k->w, r);
  assert_true(reference_run(r, roots, (size_t)draft->n_in + 1));
  draft->shape = built->shape;
  draft->type = built->type;
  array expected = array_of_shape(r, &draft->shape);
  evaluations[draft->op](r, draft, &expected);
  const array *found = reference_value(r, built);
  bool held = holds_integers(draft, &expected);
  assert_int_equal(found->count, expected.count);
  for (size_t e = 0; e < expected.count && held; e++) {
    double value = expected.data[e];
    if (!same(found->data[e], value))
      fail_msg("%s folds to %s: element %zu is %.17g, not %.17g", op_name(draft->op), op_name(built->op), e,
               found->data[e], value);
  }
  reference_free(r);
  return held;
}

static bool small(const node *n) {
  int64_t count = 1;
  for (int a = 0; a < n->shape.rank; a++)
    count *= extent(n, a);
  return count > 0 && count <= 128;
}

static void fill_pool(walk *k) {
  world *w = &k->w;
  const int ints[] = {0, 1, -2, 3, 1, 0, 2, 2, -1, 0, 1, 5, 0, 1, -3};
  const double reals[] = {0, 1, -1, 2.5};
  shape s = shape_of(2, number(k, 3), number(k, 5));
  k->pool[k->n++] = world_fixed(w, -2, 2, s);
  k->pool[k->n++] = world_fixed(w, -2, 2, s);
  k->pool[k->n++] = world_fixed(w, -2, 2, shape_of(1, number(k, 5)));
  k->pool[k->n++] = world_ints(w, s, ints);
  k->pool[k->n++] = g_iota(k->g, s, below(k, 2));
  for (int j = 0; j < 4; j++)
    k->pool[k->n++] = g_broadcast_to(k->g, g_real(k->g, reals[j]), s);
  k->pool[k->n++] = g_broadcast_to(k->g, g_int(k->g, below(k, 3) - 1), s);
  k->pool[k->n++] = g_real(k->g, 0.5);
}

static void folding_keeps_values(void **state) {
  (void)state;
  bool built_op[OP_COUNT] = {0};
  for (int round = 0; round < ROUNDS; round++) {
    walk k = {0};
    world_open(&k.w);
    k.w.state += (uint64_t)round;
    k.g = k.w.g;
    fill_pool(&k);
    for (int step = 0; step < LENGTH; step++) {
      int recent = k.n < 4 ? k.n : 4;
      node *x = k.pool[below(&k, 2) ? below(&k, k.n) : k.n - 1 - below(&k, recent)], *in[4] = {x},
           draft = {.n_in = 1, .in = in}, *built;
      int family = below(&k, 6);
      built = family < 3    ? build_elementwise(&k, x, &draft, in)
              : family == 3 ? build_shape(&k, x, &draft)
              : family == 4 ? build_axis(&k, x, &draft, in)
                            : build_rows(&k, x, &draft, in);
      if (!built || !small(built))
        continue;
      if (!expect_op(&k, &draft, built))
        continue;
      built_op[draft.op] = true;
      k.pool[k.n++] = built;
    }
    world_close(&k.w);
  }
  static const op_code must[] = {OP_ADD,        OP_SELECT,     OP_BROADCAST, OP_RESHAPE, OP_TRANSPOSE,
                                 OP_SLICE,      OP_REVERSE,    OP_PAD,       OP_CONCAT,  OP_GATHER,
                                 OP_REDUCE_SUM, OP_REDUCE_MAX, OP_MATMUL};
  for (size_t j = 0; j < sizeof must / sizeof *must; j++)
    assert_true(built_op[must[j]]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(folding_keeps_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
