// The driver of the reference interpreter, and the scan.
#include "tests/reference/interp.h"
#include "ir/scan.h"
#include "support/random.h"
#include "tests/reference/eval.h"
#include <stdlib.h>
#include <string.h>

static void (*const evaluations[OP_COUNT])(reference *r, const node *n, array *out) = {
#define OP(NAME, name, family, inputs, flags) reference_eval_##name,
#include "ir/ops.def"
#undef OP
};

reference *reference_new(const graph *g) {
  reference *r = xcalloc(1, sizeof *r);
  r->g = g;
  return r;
}

void reference_free(reference *r) {
  if (!r)
    return;
  arena_free(r->mem);
  free(r->symbols);
  free(r->bound);
  free(r->value);
  free(r->parts);
  free(r);
}

static void cover_symbols(reference *r) {
  int n = dim_symbol_count(r->g->dims);
  if (n <= r->n_symbols)
    return;
  r->symbols = xrealloc(r->symbols, sizeof *r->symbols * (size_t)n);
  while (r->n_symbols < n)
    r->symbols[r->n_symbols++] = -1;
}

static void cover_nodes(reference *r) {
  size_t n = r->g->n_nodes, old = r->n_nodes;
  if (n <= old)
    return;
  r->bound = xrealloc(r->bound, n * sizeof *r->bound);
  r->value = xrealloc(r->value, n * sizeof *r->value);
  r->parts = xrealloc(r->parts, n * sizeof *r->parts);
  for (size_t k = old; k < n; k++) {
    r->bound[k] = NULL;
    r->value[k] = (array){0};
    r->parts[k] = NULL;
  }
  r->n_nodes = n;
}

void reference_set_dim(reference *r, const dim *symbol, int64_t value) {
  INVARIANT(symbol->kind == DIM_SYMBOL);
  cover_symbols(r);
  r->symbols[symbol->symbol] = value;
}

void reference_set_random(reference *r, uint64_t seed, uint64_t step) {
  r->session_key = random_session_key(seed, step);
}

void reference_bind(reference *r, const node *n, const double *data) {
  cover_nodes(r);
  r->bound[n->id] = data;
}

const char *reference_error(const reference *r) {
  return r->error;
}

const array *reference_value(const reference *r, const node *n) {
  INVARIANT(n->id < r->n_nodes && r->value[n->id].data);
  return &r->value[n->id];
}

int64_t reference_dim(const reference *r, const dim *d) {
  return dim_eval(d, r->symbols);
}

// ---- arrays

array array_new(reference *r, int rank, const int64_t *extents) {
  array a = {.rank = rank, .count = 1};
  for (int k = 0; k < rank; k++) {
    INVARIANT(extents[k] >= 0);
    a.extent[k] = extents[k];
    a.count *= (size_t)extents[k];
  }
  a.data = ARENA_ARRAY(r->mem, double, a.count);
  return a;
}

array array_of_shape(reference *r, const shape *s) {
  int64_t extents[MAX_RANK] = {0};
  for (int k = 0; k < s->rank; k++)
    extents[k] = dim_eval(s->d[k], r->symbols);
  return array_new(r, s->rank, extents);
}

const array *operand(const reference *r, const node *n, int k) {
  return reference_value(r, n->in[k]);
}

int64_t row_elements(const array *a) {
  int64_t n = 1;
  for (int k = 1; k < a->rank; k++)
    n *= a->extent[k];
  return n;
}

void unravel(const array *a, size_t element, int64_t *coordinate) {
  for (int k = a->rank; k-- > 0;) {
    coordinate[k] = (int64_t)(element % (size_t)a->extent[k]);
    element /= (size_t)a->extent[k];
  }
}

size_t ravel(const array *a, const int64_t *coordinate) {
  size_t element = 0;
  for (int k = 0; k < a->rank; k++) {
    INVARIANT(coordinate[k] >= 0 && coordinate[k] < a->extent[k]);
    element = element * (size_t)a->extent[k] + (size_t)coordinate[k];
  }
  return element;
}

// ---- evaluation

void evaluate_node(reference *r, const node *n) {
  array out = array_of_shape(r, &n->shape);
  if (r->bound[n->id] && out.count)
    memcpy(out.data, r->bound[n->id], out.count * sizeof *out.data);
  else if (!r->bound[n->id])
    evaluations[n->op](r, n, &out);
  r->value[n->id] = out;
}

bool reference_run(reference *r, node *const *roots, size_t n_roots) {
  arena_free(r->mem);
  r->mem = arena_new();
  r->error[0] = '\0';
  cover_symbols(r);
  cover_nodes(r);
  memset(r->value, 0, r->n_nodes * sizeof *r->value);
  memset(r->parts, 0, r->n_nodes * sizeof *r->parts);
  node **list;
  size_t n = graph_reachable(r->g, roots, n_roots, &list);
  for (size_t k = 0; k < n && !r->error[0]; k++)
    if (node_scan_id(r->g, list[k]) < 0)
      evaluate_node(r, list[k]); // bodies run with their scan
  free(list);
  return !r->error[0];
}

// ---- scan

typedef struct scan_run {
  reference *r;
  const scan_body *b;
  node **body;
  size_t n_body;
  array *results; // states, then outputs
} scan_run;

static array rows_between(scan_run *s, const array *from, int64_t first, int64_t n) {
  int64_t extents[MAX_RANK];
  memcpy(extents, from->extent, sizeof extents);
  extents[0] = n;
  array a = array_new(s->r, from->rank, extents);
  if (a.count)
    memcpy(a.data, from->data + first * row_elements(from), a.count * sizeof *a.data);
  return a;
}

static void put_rows(const array *from, array *to, int64_t first) {
  if (from->count)
    memcpy(to->data + first * row_elements(to), from->data, from->count * sizeof *from->data);
}

static void run_step(scan_run *s, int64_t first_row, int64_t n_rows) {
  const scan_body *b = s->b;
  reference *r = s->r;
  r->symbols[b->active->symbol] = n_rows;
  for (int k = 0; k < b->n_seq; k++)
    r->value[b->seq_param[k]->id] = rows_between(s, reference_value(r, b->seq[k]), first_row, n_rows);
  for (int k = 0; k < b->n_state; k++)
    r->value[b->state_param[k]->id] = rows_between(s, &s->results[k], 0, n_rows);
  for (size_t k = 0; k < s->n_body; k++)
    if (s->body[k]->op != OP_SCAN_SEQ && s->body[k]->op != OP_SCAN_STATE)
      evaluate_node(r, s->body[k]);
  for (int k = 0; k < b->n_state; k++)
    put_rows(reference_value(r, b->next[k]), &s->results[k], 0);
  for (int k = 0; k < b->n_out; k++)
    put_rows(reference_value(r, b->out[k]), &s->results[b->n_state + k], first_row);
}

void reference_eval_scan(reference *r, const node *n, array *out) {
  (void)out;
  const scan_body *b = scan_body_of(n);
  scan_run s = {.r = r, .b = b};
  s.results = ARENA_ARRAY(r->mem, array, b->n_state + b->n_out);
  for (int k = 0; k < b->n_state; k++) {
    const array *init = reference_value(r, b->init[k]);
    s.results[k] = rows_between(&s, init, 0, init->extent[0]);
  }
  for (int k = 0; k < b->n_out; k++) {
    shape whole = b->out[k]->shape;
    whole.d[0] = pack_valid(b->pack);
    s.results[b->n_state + k] = array_of_shape(r, &whole);
  }
  s.n_body = scan_body_nodes(r->g, b, &s.body);
  const double *offsets = r->parts[b->pack->id][PACK_STEP_OFFSETS].data;
  int64_t steps = reference_dim(r, pack_steps(b->pack));
  for (int64_t k = 0; k < steps; k++) {
    int64_t step = b->reverse ? steps - 1 - k : k;
    int64_t first = (int64_t)offsets[step], n_rows = (int64_t)offsets[step + 1] - first;
    if (n_rows > 0)
      run_step(&s, first, n_rows);
  }
  free(s.body);
  r->parts[n->id] = s.results;
}

void reference_eval_scan_seq(reference *r, const node *n, array *out) {
  (void)r;
  (void)out;
  ICE("parameter %d of scan %d outside its body", (int)n->i[1], (int)n->i[0]);
}

void reference_eval_scan_state(reference *r, const node *n, array *out) {
  reference_eval_scan_seq(r, n, out);
}
