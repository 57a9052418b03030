// The gradients of a training program, dense or row-sparse, as roots.
#include "ir/lower.h"
#include "ir/op.h"
#include "ir/train.h"
#include <stdlib.h>

typedef VEC(node *) node_list;

// The parts of a sum. Graphs of sums are deep at most as a table has readers; walked with a list, not by
// recursion.
static void add_terms(node *sum, node_list *terms) {
  node_list open = {0};
  vec_push(&open, sum);
  while (open.len) {
    node *n = vec_pop(&open);
    if (n->op != OP_ADD) {
      vec_push(terms, n);
      continue;
    }
    vec_push(&open, n->in[1]);
    vec_push(&open, n->in[0]);
  }
  vec_free(&open);
}

// Whether every term speaks of distinct rows by number. Where an index may hold -1, so may the ids of its
// scatter: those gradients are taken dense.
static bool all_scatters(const node_list *terms) {
  for (size_t i = 0; i < terms->len; i++)
    if (terms->data[i]->op != OP_SCATTER || !index_is_nonnegative(terms->data[i]->in[1]))
      return false;
  return true;
}

// ---- readers

typedef struct readers {
  node_list indices; // of the gathers that read the table, each once, in order of creation
  bool gathers_only;
} readers;

static void add_once(node_list *list, node *n) {
  for (size_t i = 0; i < list->len; i++)
    if (list->data[i] == n)
      return;
  vec_push(list, n);
}

// The readers of each weight, by its number.
static readers *find_readers(const model *m, node *const *reachable, size_t n) {
  readers *all = xcalloc(m->weights.len + 1, sizeof *all);
  for (size_t k = 0; k < m->weights.len; k++)
    all[k].gathers_only = true;
  for (size_t k = 0; k < n; k++) {
    const node *user = reachable[k];
    for (int i = 0; i < user->n_in; i++) {
      if (user->in[i]->op != OP_PARAM)
        continue;
      readers *r = &all[user->in[i]->i[0]];
      if (user->op == OP_GATHER && i == 0)
        add_once(&r->indices, user->in[1]);
      else
        r->gathers_only = false;
    }
  }
  return all;
}

static node *flattened(graph *g, node *ids) {
  return g_reshape(g, ids, shape_of(1, shape_elements(g->dims, &ids->shape)));
}

static bool is_distinct(const node *ids) {
  return ids->op == OP_PART && ids->in[0]->op == OP_UNIQUE && ids->i[0] == UNIQUE_VALUES;
}

static int64_t rows_of(const node *param) {
  int64_t rows = 0;
  bool fixed = dim_is_const(param->shape.d[0], &rows);
  INVARIANT(fixed);
  return rows;
}

// The distinct rows that a gather reads. Where the index may hold -1 (no row), row 0 stands in: bringing a
// row up to date that nobody reads does no harm.
static node *touched_rows(graph *g, node *index, int64_t rows) {
  if (is_distinct(index))
    return index;
  if (!index_is_nonnegative(index))
    index = g_binary(g, OP_MAX, index, g_int(g, 0));
  return g_part(g, g_unique(g, flattened(g, index), rows), UNIQUE_VALUES);
}

// ---- roots

typedef struct sparse {
  node *ids, *rows;
} sparse;

// Several scatters into one table: all their rows, equal ids summed in order.
static sparse merged(graph *g, const node_list *scatters, int64_t table_rows) {
  if (scatters->len == 1)
    return (sparse){scatters->data[0]->in[1], scatters->data[0]->in[0]};
  node **ids = ARENA_ARRAY(g->mem, node *, scatters->len),
       **rows = ARENA_ARRAY(g->mem, node *, scatters->len);
  for (size_t i = 0; i < scatters->len; i++) {
    rows[i] = scatters->data[i]->in[0];
    ids[i] = scatters->data[i]->in[1];
  }
  node *all_ids = g_concat(g, ids, (int)scatters->len, 0),
       *all_rows = g_concat(g, rows, (int)scatters->len, 0);
  node *unique = g_unique(g, all_ids, table_rows);
  node *sums = g_segment(g, OP_SEGMENT_SUM, all_rows, g_part(g, unique, UNIQUE_STARTS),
                         g_part(g, unique, UNIQUE_INVERSE), g_part(g, unique, UNIQUE_ORDER), 0);
  return (sparse){g_part(g, unique, UNIQUE_VALUES), sums};
}

static void add_sparse(program *p, int index, const node *param, const node_list *scatters,
                       const readers *r) {
  int64_t rows = rows_of(param);
  node_list touched = {0};
  for (size_t i = 0; i < r->indices.len; i++)
    add_once(&touched, touched_rows(p->g, r->indices.data[i], rows));
  for (size_t i = 0; i < touched.len; i++)
    program_add_root(p, ROOT_TOUCH, index, touched.data[i]);
  vec_free(&touched);
  sparse s = merged(p->g, scatters, rows);
  program_add_root(p, ROOT_GRAD_IDS, index, s.ids);
  program_add_root(p, ROOT_GRAD_ROWS, index, s.rows);
}

typedef struct differentiation {
  VEC(const weight *) weights;
  node **params, **grads; // parallel to weights
  readers *readers;       // by number of the weight
} differentiation;

static void read_graph(const program *p, differentiation *d) {
  node_list roots = {0};
  for (size_t i = 0; i < p->roots.len; i++)
    vec_push(&roots, p->roots.data[i].value);
  for (size_t k = 0; k < d->weights.len; k++)
    if (d->grads[k])
      vec_push(&roots, d->grads[k]);
  node **reachable;
  size_t n = graph_reachable(p->g, roots.data, roots.len, &reachable);
  d->readers = find_readers(p->model, reachable, n);
  free(reachable);
  vec_free(&roots);
}

// Whether the values of a table, this one or another, decide which rows are read (Masking of an embedding
// makes a mask of them): then no list of rows to bring up to date exists before tables are read.
static bool tables_decide(const program *p, const differentiation *d, const readers *r) {
  node **reachable;
  size_t n = graph_reachable(p->g, r->indices.data, r->indices.len, &reachable);
  bool found = false;
  for (size_t k = 0; k < n && !found; k++) {
    const readers *other = reachable[k]->op == OP_PARAM ? &d->readers[reachable[k]->i[0]] : NULL;
    found = other && other->gathers_only && other->indices.len;
  }
  free(reachable);
  return found;
}

static void add_gradient(program *p, const differentiation *d, size_t k) {
  const weight *w = d->weights.data[k];
  if (!d->grads[k]) {
    vec_push(&p->without_gradient, w);
    return;
  }
  node_list terms = {0};
  add_terms(d->grads[k], &terms);
  const readers *r = &d->readers[w->index];
  if (all_scatters(&terms) && r->gathers_only && !tables_decide(p, d, r))
    add_sparse(p, w->index, d->params[k], &terms, r);
  else
    program_add_root(p, ROOT_GRAD, w->index, d->grads[k]);
  vec_free(&terms);
}

static node *total_loss(const program *p) {
  for (size_t i = 0; i < p->roots.len; i++)
    if (p->roots.data[i].role == ROOT_LOSS && p->roots.data[i].index == -1)
      return p->roots.data[i].value;
  ICE("a training program without a loss");
}

void program_add_gradients(program *p) {
  INVARIANT(p->kind == PROGRAM_GRAD);
  graph *g = p->g;
  differentiation d = {0};
  for (size_t i = 0; i < p->model->weights.len; i++)
    if (p->model->weights.data[i]->trainable)
      vec_push(&d.weights, p->model->weights.data[i]);
  d.params = ARENA_ARRAY(g->mem, node *, d.weights.len);
  d.grads = ARENA_ARRAY(g->mem, node *, d.weights.len);
  for (size_t k = 0; k < d.weights.len; k++)
    d.params[k] = g_param(g, d.weights.data[k]->index, d.weights.data[k]->shape);
  const train_config *training = p->model->training;
  graph_gradients(g, total_loss(p), d.params, d.weights.len, d.grads, training ? &training->recompute : NULL);
  read_graph(p, &d);
  for (size_t k = 0; k < d.weights.len; k++)
    add_gradient(p, &d, k);
  for (size_t k = 0; k < p->model->weights.len; k++)
    vec_free(&d.readers[k].indices);
  free(d.readers);
  vec_free(&d.weights);
}
