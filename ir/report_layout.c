#include "ir/report_layout.h"

static const double box_height = 62, rank_gap = 58, node_gap = 28, margin = 24, bend_width = 130;

static int node_of(const drawing *d, const application *app) {
  for (size_t i = 0; i < d->nodes.len; i++)
    if (d->nodes.data[i].app == app)
      return (int)i;
  return -1;
}

static void add_edges(drawing *d, int to) {
  const application *app = d->nodes.data[to].app;
  size_t n = report_inputs(app, NULL);
  const tensor **inputs = xcalloc(n + 1, sizeof *inputs);
  report_inputs(app, inputs);
  for (size_t i = 0; i < n; i++) {
    drawn_edge e = {.from = node_of(d, inputs[i]->source), .to = to, .carries = inputs[i]};
    if (e.from < 0)
      continue;
    vec_push(&d->edges, e);
    drawn_node *target = &d->nodes.data[to];
    if (target->rank <= d->nodes.data[e.from].rank)
      target->rank = d->nodes.data[e.from].rank + 1;
  }
  free(inputs);
}

static void add_nodes(drawing *d, const report *r, double (*width_of)(const report *, const application *)) {
  const model *m = r->m;
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    drawn_node n = {.app = app, .width = width_of(r, app), .height = box_height};
    vec_push(&d->nodes, n);
    add_edges(d, (int)i);
  }
}

static void add_bends(drawing *d) {
  for (size_t i = 0; i < d->edges.len; i++) {
    drawn_edge *e = &d->edges.data[i];
    vec_push(&e->path, e->from);
    for (int rank = d->nodes.data[e->from].rank + 1; rank < d->nodes.data[e->to].rank; rank++) {
      drawn_node bend = {.rank = rank, .width = bend_width};
      vec_push(&e->path, (int)d->nodes.len);
      vec_push(&d->nodes, bend);
    }
    vec_push(&e->path, e->to);
  }
}

// ---- order within ranks

typedef struct rank_list {
  VEC(int) nodes;
} rank_list;

static void sort_rank(drawing *d, rank_list *rank) {
  for (size_t i = 1; i < rank->nodes.len; i++) { // stable
    int moved = rank->nodes.data[i];
    size_t k = i;
    for (; k > 0 && d->nodes.data[rank->nodes.data[k - 1]].key > d->nodes.data[moved].key; k--)
      rank->nodes.data[k] = rank->nodes.data[k - 1];
    rank->nodes.data[k] = moved;
  }
}

static void place_rank(drawing *d, const rank_list *rank) {
  double width = 0, x;
  for (size_t i = 0; i < rank->nodes.len; i++)
    width += d->nodes.data[rank->nodes.data[i]].width + (i ? node_gap : 0);
  x = -width / 2;
  for (size_t i = 0; i < rank->nodes.len; i++) {
    drawn_node *n = &d->nodes.data[rank->nodes.data[i]];
    n->x = x + n->width / 2;
    x += n->width + node_gap;
  }
}

// Key of each node: mean place of its neighbours in the rank before (step 1) or behind (step -1).
static void set_keys(drawing *d, const rank_list *rank, int step) {
  for (size_t i = 0; i < rank->nodes.len; i++) {
    int of = rank->nodes.data[i], count = 0;
    double sum = 0;
    for (size_t k = 0; k < d->edges.len; k++) {
      const drawn_edge *e = &d->edges.data[k];
      for (size_t p = 0; p < e->path.len; p++) {
        size_t other = step > 0 ? p - 1 : p + 1;
        if (e->path.data[p] != of || other >= e->path.len)
          continue;
        sum += d->nodes.data[e->path.data[other]].x;
        count++;
      }
    }
    d->nodes.data[of].key = count ? sum / count : d->nodes.data[of].x;
  }
}

static void sweep(drawing *d, rank_list *ranks, int step) {
  for (int k = 0; k < d->n_ranks; k++) {
    rank_list *rank = &ranks[step > 0 ? k : d->n_ranks - 1 - k];
    set_keys(d, rank, step);
    sort_rank(d, rank);
    place_rank(d, rank);
  }
}

static void order_ranks(drawing *d) {
  rank_list *ranks = xcalloc((size_t)d->n_ranks + 1, sizeof *ranks);
  for (size_t i = 0; i < d->nodes.len; i++)
    vec_push(&ranks[d->nodes.data[i].rank].nodes, (int)i);
  for (int k = 0; k < d->n_ranks; k++)
    place_rank(d, &ranks[k]);
  for (int round = 0; round < 3; round++) {
    sweep(d, ranks, 1);
    sweep(d, ranks, -1);
  }
  for (int k = 0; k < d->n_ranks; k++)
    vec_free(&ranks[k].nodes);
  free(ranks);
}

static void settle(drawing *d) {
  double left = 0, right = 0;
  for (size_t i = 0; i < d->nodes.len; i++) {
    const drawn_node *n = &d->nodes.data[i];
    left = n->x - n->width / 2 < left ? n->x - n->width / 2 : left;
    right = n->x + n->width / 2 > right ? n->x + n->width / 2 : right;
  }
  for (size_t i = 0; i < d->nodes.len; i++) {
    drawn_node *n = &d->nodes.data[i];
    n->x += margin - left;
    n->y = margin + box_height / 2 + n->rank * (box_height + rank_gap);
  }
  d->width = right - left + 2 * margin;
  d->height = 2 * margin + d->n_ranks * (box_height + rank_gap) - rank_gap;
}

void drawing_make(drawing *d, const report *r, double (*width_of)(const report *r, const application *app)) {
  *d = (drawing){0};
  add_nodes(d, r, width_of);
  for (size_t i = 0; i < d->nodes.len; i++)
    d->n_ranks = d->nodes.data[i].rank >= d->n_ranks ? d->nodes.data[i].rank + 1 : d->n_ranks;
  add_bends(d);
  order_ranks(d);
  settle(d);
}

void drawing_free(drawing *d) {
  for (size_t i = 0; i < d->edges.len; i++)
    vec_free(&d->edges.data[i].path);
  vec_free(&d->nodes);
  vec_free(&d->edges);
}
