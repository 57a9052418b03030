// Kernels at odd sizes: columns around the vector length, no rows, one row, and enough work for several
// blocks.
#include "tests/exec-unit/exec_world.h"
#include <stdio.h>
#include <string.h>

enum { MAX_OUTPUTS = 40 };

typedef struct outputs {
  node *list[MAX_OUTPUTS];
  int n;
} outputs;

static void add(outputs *o, node *n) {
  INVARIANT(o->n < MAX_OUTPUTS);
  o->list[o->n++] = n;
}

// Like world_fixed, for many elements.
static node *leaf(world *w, elem_type type, double low, double high, shape s) {
  INVARIANT(w->n_leaves < WORLD_LEAVES);
  int k = w->n_leaves++;
  w->leaf[k] = g_input(w->g, k, type, s);
  w->count[k] = (size_t)world_extent(w, shape_elements(w->g->dims, &s));
  w->data[k] = ARENA_ARRAY(w->mem, double, w->count[k] + 1);
  for (size_t i = 0; i < w->count[k]; i++) {
    double v = world_number(w, low, high);
    w->data[k][i] = type == INT ? (double)(int)v : v;
  }
  return w->leaf[k];
}

static node *real(world *w, shape s) {
  return leaf(w, REAL, -1, 1, s);
}

static node *unary(world *w, op_code op, node *x) {
  return g_unary(w->g, op, x);
}

static node *softmax(world *w, node *x) {
  graph *g = w->g;
  const unsigned last = 1u << (x->shape.rank - 1);
  shape column = x->shape;
  column.d[column.rank - 1] = world_const(w, 1);
  node *top = g_reshape(g, g_reduce(g, OP_REDUCE_MAX, x, last), column);
  node *e = unary(w, OP_EXP, g_sub(g, x, top));
  return g_div(g, e, g_reshape(g, g_reduce_sum(g, e, last), column));
}

// Elementwise work, broadcasts, reductions and views of x [R, C].
static void matrix_cases(world *w, outputs *o, const dim *r, const dim *c) {
  graph *g = w->g;
  node *x = real(w, shape_of(2, r, c)), *row = real(w, shape_of(1, c)),
       *column = real(w, shape_of(2, r, world_const(w, 1)));
  node *ints = leaf(w, INT, -9, 9, shape_of(2, r, c));
  add(o, g_add(g, g_mul(g, x, row), unary(w, OP_TANH, column)));
  add(o, softmax(w, x));
  add(o, g_reduce_sum(g, x, 1));
  add(o, g_reduce_sum(g, g_mul(g, x, row), 2));
  add(o, g_reduce_sum(g, unary(w, OP_SIGMOID, x), 3));
  add(o, g_reduce(g, OP_REDUCE_MAX, x, 3));
  add(o, g_reduce(g, OP_REDUCE_MAX, x, 1));
  add(o, g_reduce_sum(g, ints, 1));
  add(o, g_reduce_sum(g, ints, 2));
  add(o, g_reduce_sum(g, ints, 3));
  add(o, g_mul(g, g_transpose(g, x, (int[]){1, 0}), g_real(g, 2)));
  add(o, g_add(g, g_reverse(g, x, 1), g_reverse(g, x, 0)));
  add(o, g_add(g, g_concat(g, (node *[]){x, unary(w, OP_NEG, x), column}, 3, 1), g_real(g, 1)));
  add(o, g_mul(g, g_concat(g, (node *[]){x, x}, 2, 0), row));
  add(o, g_add(g, g_pad(g, x, 1, 2, dim_add(g->dims, c, world_const(w, 5)), 0.5), g_real(g, 1)));
  add(o, g_add(g, g_pad(g, x, 0, 1, dim_add(g->dims, r, world_const(w, 2)), -1), g_real(g, 1)));
  add(o, g_select(g, g_binary(g, OP_LT, ints, g_int(g, 0)), x, g_cast(g, ints, REAL)));
  add(o, g_div(g, ints, g_int(g, 4)));
  add(o, g_add(g, x, g_random(g, 11, x->shape, NULL)));
  add(o, g_mul(g, g_cast(g, g_iota(g, x->shape, 1), REAL), g_cast(g, g_iota(g, x->shape, 0), REAL)));
  add(o, g_mul(g, g_extent(g, r, REAL), row));
}

static void row_cases(world *w, outputs *o, const dim *r, const dim *c) {
  graph *g = w->g;
  const dim *table_rows = world_const(w, 11);
  node *table = real(w, shape_of(2, table_rows, c)), *x = real(w, shape_of(2, r, c));
  node *ids = leaf(w, INT, -1.99, 11, shape_of(1, r)),
       *pairs = leaf(w, INT, 0, 11, shape_of(2, r, world_const(w, 2)));
  add(o, g_mul(g, g_gather(g, table, ids, NULL), x));
  add(o, g_add(g, g_gather(g, table, pairs, NULL), g_real(g, 1)));
  add(o, g_reduce_sum(g, g_gather(g, table, pairs, NULL), 2));
  add(o, g_add(g, g_one_hot(g, ids, world_const(w, 13)), g_real(g, 1)));
  add(o, g_add(g, x, g_random(g, 5, x->shape, pairs->shape.rank ? ids : NULL)));
  node *unique = g_unique(g, g_binary(g, OP_MAX, ids, g_int(g, 0)), 11);
  node *starts = g_part(g, unique, UNIQUE_STARTS), *inverse = g_part(g, unique, UNIQUE_INVERSE),
       *order = g_part(g, unique, UNIQUE_ORDER);
  node *sums = g_segment(g, OP_SEGMENT_SUM, x, starts, inverse, order, 0);
  node *tops = g_segment(g, OP_SEGMENT_MAX, x, starts, inverse, order, -7);
  add(o, g_gather(g, sums, inverse, NULL));
  add(o, g_scatter(g, sums, g_part(g, unique, UNIQUE_VALUES), table_rows));
  add(o, g_scatter(g, tops, g_part(g, unique, UNIQUE_VALUES), table_rows));
  node *counts = g_segment(g, OP_SEGMENT_SUM, g_reshape(g, g_reduce_sum(g, x, 2), shape_of(1, r)), starts,
                           inverse, order, 0);
  add(o, g_scatter(g, counts, g_part(g, unique, UNIQUE_VALUES), table_rows));
}

static void product_cases(world *w, outputs *o, const dim *r, const dim *c) {
  graph *g = w->g;
  const dim *k = world_const(w, 19), *batch = world_const(w, 3);
  node *a = real(w, shape_of(2, r, k)), *b = real(w, shape_of(2, k, c)), *bias = real(w, shape_of(1, c));
  node *a3 = real(w, shape_of(3, batch, r, k)), *b3 = real(w, shape_of(3, batch, k, c)),
       *dy = real(w, shape_of(2, r, c));
  node *at3 = real(w, shape_of(3, batch, k, r)), *bt3 = real(w, shape_of(3, batch, c, k));
  node *table = real(w, shape_of(2, world_const(w, 9), k)), *ids = leaf(w, INT, 0, 9, shape_of(1, r));
  add(o, g_matmul(g, a, b, false, false));
  add(o, g_binary(g, OP_MAX, g_real(g, 0),
                  g_add(g, g_matmul(g, a, g_mul(g, b, g_real(g, 2)), false, false), bias)));
  add(o, g_matmul(g, a, dy, true, false));
  add(o, g_matmul(g, dy, b, false, true));
  add(o, g_matmul(g, a3, b3, false, false));
  add(o, unary(w, OP_TANH, g_matmul(g, at3, bt3, true, true)));
  add(o, unary(w, OP_SIGMOID, g_matmul(g, a3, b, false, false)));
  add(o, g_matmul(g, g_gather(g, table, ids, NULL), b, false, false));
}

static void cube_cases(world *w, outputs *o, const dim *r, const dim *c) {
  graph *g = w->g;
  const dim *t = world_const(w, 3), *one = world_const(w, 1);
  node *x = real(w, shape_of(3, r, t, c)), *y = real(w, shape_of(2, t, c)),
       *z = real(w, shape_of(3, r, one, c));
  add(o, g_mul(g, g_add(g, x, y), z));
  for (unsigned axes = 1; axes < 8; axes++)
    add(o, g_reduce_sum(g, g_mul(g, x, y), axes));
  add(o, g_add(g, g_transpose(g, x, (int[]){2, 0, 1}), g_real(g, 1)));
  add(o, g_add(g, g_transpose(g, x, (int[]){1, 0, 2}), g_real(g, 1)));
  node *merged = g_reshape(g, g_add(g, x, y), shape_of(2, dim_mul(g->dims, r, t), c));
  add(o, g_mul(g, merged, real(w, shape_of(1, c))));
  node *wide = g_reshape(g, g_add(g, x, y), shape_of(2, r, dim_mul(g->dims, t, c)));
  add(o, g_mul(g, wide, real(w, shape_of(2, r, one))));
  add(o, g_add(g, g_slice(g, x, 1, 1, world_const(w, 2), 1), g_real(g, 1)));
  add(o, g_add(g, g_slice(g, x, 1, 0, world_const(w, 2), 2), g_real(g, 1)));
  add(o, g_reduce(g, OP_REDUCE_MAX, g_slice(g, x, 1, 0, world_const(w, 2), 2), 2));
}

typedef void build_cases(world *w, outputs *o, const dim *r, const dim *c);

static int run(const char *name, build_cases *build, int64_t rows, int64_t columns, bool symbolic) {
  world w;
  outputs o = {0};
  world_open(&w);
  const dim *r = world_dim(&w, "rows", rows);
  const dim *c = symbolic ? world_dim(&w, "columns", columns) : world_const(&w, columns);
  build(&w, &o, r, c);
  char text[96];
  snprintf(text, sizeof text, "%s of %lld rows, %lld%s columns", name, (long long)rows, (long long)columns,
           symbolic ? " symbolic" : "");
  int failed = exec_check_all(&w, text, o.list, o.n);
  world_close(&w);
  return failed;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    build_cases *build;
  } groups[] = {
      {"matrix", matrix_cases}, {"rows", row_cases}, {"product", product_cases}, {"cube", cube_cases}};
  static const struct {
    int64_t rows, columns;
    bool symbolic;
  } sizes[] = {{5, 1, false},  {1, 3, false}, {0, 7, false}, {6, 17, false},   {5, 33, false},
               {4, 64, false}, {7, 5, true},  {3, 40, true}, {700, 37, false}, {4000, 37, false}};
  int failed = 0;
  for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
      if (argc < 2 || !strcmp(argv[1], groups[k].name))
        failed += run(groups[k].name, groups[k].build, sizes[s].rows, sizes[s].columns, sizes[s].symbolic);
  printf("%d failed\n", failed);
  return failed != 0;
}
