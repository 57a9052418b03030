// Which memory each node with memory has: the caller's, a weight, a workspace slot, or scratch rows inside a
// scan.
#include "passes/fusion.h"

static void add_buffer(schedule *s, buffer b) {
  b.index = (int)s->buffers.len;
  b.first = b.last = -1;
  if (b.value)
    s->buffer_of[b.value->id] = b.index;
  vec_push(&s->buffers, b);
}

static buffer buffer_for(const fusion *f, node *n, buffer_place place, int slot) {
  return (buffer){.place = place,
                  .slot = slot,
                  .value = n,
                  .type = n->type,
                  .elements = shape_elements(f->g->dims, &n->shape)};
}

static bool caller_owned(root_role role, buffer_place *place) {
  switch (role) {
  case ROOT_OUTPUT:
    *place = PLACE_OUTPUT;
    return true;
  case ROOT_OUTPUT_MASK:
    *place = PLACE_MASK;
    return true;
  case ROOT_PROBE:
    *place = PLACE_PROBE;
    return true;
  case ROOT_LOSS:
    *place = PLACE_RESULT;
    return true;
  default:
    return false;
  }
}

static void place_roots(const fusion *f, schedule *s) {
  const program *p = f->program;
  int probes = 0;
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *r = &p->roots.data[k];
    node *base = fusion_base(f, r->value);
    buffer_place place;
    if (!caller_owned(r->role, &place))
      continue;
    int slot = r->role == ROOT_PROBE ? probes++ : r->role == ROOT_LOSS ? r->index + 1 : r->index;
    add_buffer(s, buffer_for(f, base, place, slot));
  }
}

static void place_outer_nodes(const fusion *f, schedule *s) {
  for (size_t k = 0; k < f->n; k++) {
    node *n = f->nodes[k];
    if (f->scan[n->id] >= 0 || s->buffer_of[n->id] >= 0)
      continue;
    if (n->op == OP_INPUT)
      add_buffer(s, buffer_for(f, n, PLACE_INPUT, (int)n->i[0]));
    else if (n->op == OP_PARAM)
      add_buffer(s, buffer_for(f, n, PLACE_PARAM, (int)n->i[0]));
    else if (f->materialise[n->id])
      add_buffer(s, buffer_for(f, n, PLACE_WORKSPACE, s->n_offsets++));
  }
}

static void place_scratch(const fusion *f, schedule *s) {
  dim_table *t = f->g->dims;
  for (size_t k = 0; k < s->kernels.len; k++) {
    kernel *kn = &s->kernels.data[k];
    const dim *ints = NULL;
    if (kn->kind == KERNEL_UNIQUE) {
      const dim *n = shape_elements(t, &kn->subject->in[0]->shape);
      ints = dim_add(t, dim_mul(t, dim_const(t, 4), n), dim_const(t, 4096));
    } else if (kn->kind == KERNEL_PACK) {
      const dim *batch = dim_mul(t, dim_const(t, 4), pack_batch(kn->subject));
      const dim *steps = dim_mul(t, dim_const(t, 2), pack_time(kn->subject));
      ints = dim_add(t, dim_add(t, batch, steps), dim_const(t, 16));
    }
    if (!ints)
      continue;
    kn->scratch = (int)s->buffers.len;
    add_buffer(s, (buffer){.place = PLACE_WORKSPACE, .slot = s->n_offsets++, .type = INT, .elements = ints});
  }
}

typedef struct wanted {
  const fusion *f;
  const schedule *s;
  bool *read; // by node id: read from memory by a stage other than its own
  node *const *own;
  int n_own;
} wanted;

static void note_wanted(const fusion *f, node *read, bool same_index, void *context) {
  (void)same_index;
  wanted *w = context;
  node *base = fusion_base(f, read);
  for (int k = 0; k < w->n_own; k++)
    if (w->own[k] == base)
      return;
  w->read[base->id] = true;
}

static const dim *row_elements(const fusion *f, const node *n) {
  shape row = {.rank = n->shape.rank - 1};
  for (int k = 1; k < n->shape.rank; k++)
    row.d[k - 1] = n->shape.d[k];
  return shape_elements(f->g->dims, &row);
}

// Body nodes that later stages read, or that are copied into a state after the last stage. `read`, by node
// id, serves all bodies: a node is of one only.
static void place_body(const fusion *f, schedule *s, const kernel *k, bool *read) {
  wanted w = {.f = f, .s = s, .read = read};
  for (int j = 0; j < k->n_body; j++) {
    w.own = k->body[j].roots;
    w.n_own = k->body[j].n_roots;
    for (int r = 0; r < w.n_own; r++)
      fusion_reads(f, w.own[r], note_wanted, &w);
  }
  const scan_body *body = scan_body_of(k->subject);
  for (int j = 0; j < body->n_state; j++)
    if (!k->in_place[j])
      w.read[body->next[j]->id] = true;
  for (int j = 0; j < k->n_body; j++)
    for (int r = 0; r < k->body[j].n_roots; r++) {
      node *n = k->body[j].roots[r];
      if (!w.read[n->id] || fusion_is_leaf(n) || s->buffer_of[n->id] >= 0)
        continue;
      buffer b = buffer_for(f, n, PLACE_ROWS, 0);
      b.elements = row_elements(f, n);
      add_buffer(s, b);
    }
}

// Aliases of nodes with memory share it.
static void place_aliases(const fusion *f, schedule *s) {
  for (size_t k = 0; k < f->n; k++) {
    node *n = f->nodes[k];
    if ((n->op == OP_RESHAPE || n->op == OP_CHECK_IDS) && s->buffer_of[n->id] < 0)
      s->buffer_of[n->id] = s->buffer_of[n->in[0]->id];
  }
}

void buffers_assign(const fusion *f, schedule *s) {
  s->n_nodes = f->g->n_nodes;
  s->buffer_of = ARENA_ARRAY(f->mem, int, s->n_nodes + 1);
  for (size_t k = 0; k < s->n_nodes; k++)
    s->buffer_of[k] = -1;
  place_roots(f, s);
  place_outer_nodes(f, s);
  bool *read = ARENA_ARRAY(f->mem, bool, s->n_nodes + 1);
  for (size_t k = 0; k < s->kernels.len; k++)
    if (s->kernels.data[k].kind == KERNEL_SCAN)
      place_body(f, s, &s->kernels.data[k], read);
  place_aliases(f, s);
  place_scratch(f, s);
}
