// Requires: gradients. Guarantees: the gradient of a maximum over many rows (one row a column, unless several
// are equal) stays a sum of few terms through the products behind it. Changes, where g is such a gradient,
// mostly zeros, and X the windows of x or x itself:
//   X' g            to COLLECT(x, g)
//   g W'            to SPREAD(g, W), also where windows of the padded g are multiplied by the turned kernel
//   sums over equal ids of shifted columns of g, times a matrix (a convolution of embedded words): to such
//   sums of a SPREAD's rows, and to a COLLECT of the gathered rows
// Sums are taken in another order: not the bits stay, but the values.
#include "passes/fusion.h"

enum { FEW_ROWS = 16, MOST_DEPTH = 12, MOST_AXES = 2, MOST_CHOICES = 3 };

// ---- mostly zeros

static bool is_zero(const node *n) {
  while (n->op == OP_BROADCAST || n->op == OP_RESHAPE)
    n = n->in[0];
  return n->op == OP_CONST && n->type == REAL && n->f == 0;
}

static bool has_many_rows(const node *max) {
  if (max->op == OP_SEGMENT_MAX)
    return true;
  const shape *x = &max->in[0]->shape;
  int64_t rows = 1, extent;
  for (int k = 0; k < x->rank; k++)
    if (max->i[0] >> k & 1) {
      if (!dim_is_const(x->d[k], &extent))
        return true;
      rows *= extent;
    }
  return rows >= FEW_ROWS;
}

// Whether `all` repeats the maximum of x.
static bool is_maximum_of(const node *all, const node *x) {
  while (all->op == OP_BROADCAST || all->op == OP_RESHAPE || all->op == OP_GATHER)
    all = all->in[0];
  return (all->op == OP_REDUCE_MAX || all->op == OP_SEGMENT_MAX) && all->in[0] == x && has_many_rows(all);
}

bool fusion_asks_for_maximum(const node *condition) {
  return condition->op == OP_EQ && (is_maximum_of(condition->in[1], condition->in[0]) ||
                                    is_maximum_of(condition->in[0], condition->in[1]));
}

static bool is_comparison(const node *n) {
  return n->op == OP_EQ || n->op == OP_LT || n->op == OP_LE;
}

bool fusion_picks_maximum(const node *n) {
  for (int depth = 0; depth < MOST_CHOICES && n->op == OP_SELECT; depth++) {
    if (is_zero(n->in[2]) && fusion_asks_for_maximum(n->in[0]) && n->in[1]->op == OP_BROADCAST)
      return true;
    if (!is_comparison(n->in[0]) || (!is_zero(n->in[1]) && !is_zero(n->in[2])))
      return false;
    n = n->in[is_zero(n->in[1]) ? 2 : 1];
  }
  return false;
}

static bool is_sparse(const node *n, int depth) {
  if (depth > MOST_DEPTH || n->type != REAL)
    return false;
  switch (n->op) {
  case OP_SELECT:
    if (is_zero(n->in[2]) && fusion_asks_for_maximum(n->in[0]))
      return true;
    return (is_zero(n->in[1]) && is_sparse(n->in[2], depth + 1)) ||
           (is_zero(n->in[2]) && is_sparse(n->in[1], depth + 1));
  case OP_MUL:
    return is_sparse(n->in[0], depth + 1) || is_sparse(n->in[1], depth + 1);
  case OP_DIV:
  case OP_NEG:
  case OP_RESHAPE:
    return is_sparse(n->in[0], depth + 1);
  default:
    return false;
  }
}

static bool has_known_width(const node *n) {
  return dim_is_const(n->shape.d[n->shape.rank - 1], NULL);
}

static bool is_sparse_matrix(const node *n) {
  return n->shape.rank == 2 && has_known_width(n) && is_sparse(n, 0);
}

// ---- products of rows, and of windows of rows

static node *as_steps(graph *g, node *rows) { // [rows, F] -> [1, rows, F]
  return g_reshape(g, rows, shape_of(3, dim_const(g->dims, 1), rows->shape.d[0], rows->shape.d[1]));
}

static graph_window each_step(const node *steps) {
  return (graph_window){1, 1, 1, steps->shape.d[1]};
}

static node *windows_of(const node *a) {
  return a->op == OP_RESHAPE && a->in[0]->op == OP_WINDOWS && a->shape.rank == 2 &&
                 a->shape.d[1] == a->in[0]->shape.d[a->in[0]->shape.rank - 1]
             ? a->in[0]
             : NULL;
}

static node *collected(graph *g, node *a, node *rows) {
  node *windows = windows_of(a);
  graph_window axes[MOST_AXES];
  if (!windows) {
    node *steps = as_steps(g, rows);
    axes[0] = each_step(steps);
    return g_collect(g, as_steps(g, a), steps, axes);
  }
  shape places = windows->shape;
  places.d[places.rank - 1] = rows->shape.d[1];
  for (int k = 0; k < windows_rank(windows); k++)
    axes[k] = windows_axis(windows, k);
  return g_collect(g, windows->in[0], g_reshape(g, rows, places), axes);
}

static node *spread_rows(graph *g, node *rows, node *w) {
  node *steps = as_steps(g, rows);
  graph_window axis = each_step(steps);
  shape result = steps->shape;
  result.d[2] = w->shape.d[0];
  return g_reshape(g, g_spread(g, steps, w, &axis, &result), shape_of(2, rows->shape.d[0], w->shape.d[0]));
}

// [taps * F, C] with turned taps, as the gradient of windows has it, back to [taps * C, F].
static node *kernel_of_turned(graph *g, node *turned, int64_t taps) {
  const dim *both = turned->shape.d[0], *channels = turned->shape.d[1], *n = dim_const(g->dims, taps);
  const dim *filters = dim_const(g->dims, both->value / taps);
  node *split = g_reverse(g, g_reshape(g, turned, shape_of(3, n, filters, channels)), 0);
  return g_reshape(g, g_transpose(g, split, (int[]){0, 2, 1}),
                   shape_of(2, dim_mul(g->dims, n, channels), filters));
}

// Windows that slide by one over g with as many zeros around it as they reach.
static node *spread_windows(graph *g, const node *windows, node *turned) {
  int rank = windows_rank(windows);
  node *rows = windows->in[0];
  int64_t before[MOST_AXES] = {0};
  while (rows->op == OP_PAD && rows->f == 0 && rows->i[0] >= 1 && rows->i[0] <= rank) {
    before[rows->i[0] - 1] = rows->i[1];
    rows = rows->in[0];
  }
  if (!is_sparse(rows, 0))
    return NULL;
  shape result = windows->shape;
  graph_window axes[MOST_AXES];
  for (int k = 0; k < rank; k++) {
    axes[k] = windows_axis(windows, k);
    int64_t around = (axes[k].size - 1) * axes[k].dilation;
    const dim *wide = dim_add(g->dims, rows->shape.d[k + 1], dim_const(g->dims, around));
    if (axes[k].stride != 1 || before[k] != around || axes[k].out != wide)
      return NULL;
    axes[k].out = rows->shape.d[k + 1];
  }
  result.d[rank + 1] = turned->shape.d[1];
  return g_spread(g, rows, kernel_of_turned(g, turned, windows_taps(windows)), axes, &result);
}

// ---- sums over equal ids of the columns of g, shifted by tap

typedef struct shifted_columns {
  node *rows; // g [B, O, F]
  int64_t taps, dilation;
  int64_t before; // steps of padding in front
  const dim *batch, *time;
} shifted_columns;

// g as part `part` has it, and how far it is shifted.
static node *shifted_from(node *part, int64_t *shift) {
  *shift = 0;
  if (part->op == OP_SLICE && part->i[0] == 1 && part->i[2] == 1 && part->in[0]->op == OP_PAD) {
    *shift -= part->i[1];
    part = part->in[0];
  }
  if (part->op == OP_PAD && part->i[0] == 1 && part->f == 0) {
    *shift += part->i[1];
    part = part->in[0];
  }
  return part;
}

static bool find_shifted_columns(graph *g, node *x, shifted_columns *s) {
  node *all = x->op == OP_RESHAPE ? x->in[0] : x;
  if (all->op != OP_CONCAT || all->shape.rank != 3 || all->i[0] != 2) {
    if (!is_sparse_matrix(x))
      return false;
    const dim *one = dim_const(g->dims, 1);
    *s = (shifted_columns){as_steps(g, x), 1, 1, 0, one, x->shape.d[0]};
    return true;
  }
  int64_t first, second = 0;
  *s = (shifted_columns){.rows = shifted_from(all->in[0], &first), .taps = all->n_in};
  shifted_from(all->in[1], &second);
  s->dilation = second - first;
  s->before = -first;
  s->batch = all->shape.d[0];
  s->time = all->shape.d[1];
  if (s->dilation < 1 || s->before < 0 || s->rows->shape.rank != 3 || !has_known_width(s->rows) ||
      !is_sparse(s->rows, 0))
    return false;
  for (int k = 0; k < all->n_in; k++) {
    int64_t shift;
    if (shifted_from(all->in[k], &shift) != s->rows || shift != first + k * s->dilation)
      return false;
  }
  int64_t reach = (s->taps - 1) * s->dilation;
  const dim *wide = dim_add(g->dims, s->rows->shape.d[1], dim_const(g->dims, reach));
  return (s->before == 0 && wide == s->time) || (s->rows->shape.d[1] == s->time && s->before <= reach);
}

static graph_window window_of(const shifted_columns *s) {
  return (graph_window){s->taps, 1, s->dilation, s->rows->shape.d[1]};
}

static const dim *padded_time(graph *g, const shifted_columns *s) {
  return dim_add(g->dims, s->rows->shape.d[1], dim_const(g->dims, (s->taps - 1) * s->dilation));
}

// [C, taps * F] <-> [taps * C, F]: the axis of taps moves to the front, or back.
static node *taps_moved(graph *g, node *x, int64_t taps, bool to_front) {
  const dim *n = dim_const(g->dims, taps);
  int64_t rows = x->shape.d[0]->value, columns = x->shape.d[1]->value;
  const dim *channels = dim_const(g->dims, to_front ? rows : rows / taps);
  const dim *filters = dim_const(g->dims, to_front ? columns / taps : columns);
  shape split = to_front ? shape_of(3, channels, n, filters) : shape_of(3, n, channels, filters);
  shape joined = to_front ? shape_of(2, dim_mul(g->dims, n, channels), filters)
                          : shape_of(2, channels, dim_mul(g->dims, n, filters));
  return g_reshape(g, g_transpose(g, g_reshape(g, x, split), (int[]){1, 0, 2}), joined);
}

// The sum over equal ids of columns, times W' [taps * F, C].
static node *sum_of_spread(graph *g, const node *sum, const shifted_columns *s, node *w) {
  graph_window axis = window_of(s);
  const dim *channels = w->shape.d[0];
  shape result = shape_of(3, s->batch, padded_time(g, s), channels);
  node *x = g_spread(g, s->rows, taps_moved(g, w, s->taps, true), &axis, &result);
  x = g_slice(g, x, 1, s->before, s->time, 1);
  x = g_reshape(g, x, shape_of(2, sum->in[0]->shape.d[0], channels));
  return g_segment(g, OP_SEGMENT_SUM, x, sum->in[1], sum->in[2], sum->n_in > 3 ? sum->in[3] : NULL, 0);
}

// E' [C, D] times the sum over equal ids of columns.
static node *collect_of_sum(graph *g, node *e, const node *sum, const shifted_columns *s) {
  graph_window axis = window_of(s);
  node *x = g_gather(g, e, sum->in[2], NULL);
  x = g_reshape(g, x, shape_of(3, s->batch, s->time, e->shape.d[1]));
  if (s->before > 0 || padded_time(g, s) != s->time)
    x = g_pad(g, x, 1, s->before, padded_time(g, s), 0);
  return taps_moved(g, g_collect(g, x, s->rows, &axis), s->taps, false);
}

// ---- the rule

static bool is_sum_of_ids(const node *n) {
  return n->op == OP_SEGMENT_SUM && n->shape.rank == 2 && n->in[0]->shape.rank == 2;
}

static node *rule(graph *g, node *original, node *const *new_in, void *context) {
  (void)context;
  node *a = new_in[0], *b = original->n_in > 1 ? new_in[1] : NULL;
  if (original->op != OP_MATMUL || a->shape.rank != 2 || b->shape.rank != 2 ||
      node_scan_id(g, original) >= 0 || !has_known_width(a) || !has_known_width(b))
    return NULL;
  bool ta = original->i[0] != 0, tb = original->i[1] != 0;
  shifted_columns s;
  if (ta && !tb) {
    if (is_sparse_matrix(b))
      return collected(g, a, b);
    if (is_sum_of_ids(b) && find_shifted_columns(g, b->in[0], &s))
      return collect_of_sum(g, a, b, &s);
  } else if (!ta && tb) {
    if (is_sparse_matrix(a))
      return spread_rows(g, a, b);
    if (is_sum_of_ids(a) && dim_is_const(b->shape.d[0], NULL) && find_shifted_columns(g, a->in[0], &s))
      return sum_of_spread(g, a, &s, b);
  } else if (!ta && windows_of(a)) {
    node *x = spread_windows(g, windows_of(a), b);
    return x ? g_reshape(g, x, shape_of(2, a->shape.d[0], b->shape.d[1])) : NULL;
  }
  return NULL;
}

static void run(compilation *c) {
  if (c->program->kind == PROGRAM_GRAD)
    program_rewrite(c->program, rule, NULL);
}

const pass pass_sparse = {
    .name = "sparse",
    .doc = "products with the gradient of a maximum over all steps skip its zeros",
    .run = run,
};
