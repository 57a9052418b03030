// Ops with several results that give run-time counts: unique, pack; and the op that names one of the results.
// The run-time dims belong to the node: building the same node again finds it, dims included.
#include "ir/autodiff.h"
#include <string.h>

static const char *multi_shape(graph *g, node *n) {
  (void)g;
  n->type = INT;
  return n->shape.rank == 0 ? NULL : "has no shape of its own";
}

static const char *unique_shape(graph *g, node *n) {
  if (n->in[0]->type != INT || n->in[0]->shape.rank != 1)
    return "needs a vector of integers";
  return multi_shape(g, n);
}

const op_rules op_rules_unique = {.shape = unique_shape};

// extra: {D, bound}; attributes: the bound where it is a constant (else -1), and the id of its dim.
node *g_unique_dim(graph *g, node *ids, const dim *bound) {
  int64_t constant = -1;
  dim_is_const(bound, &constant);
  node *found;
  int64_t attrs[NODE_ATTRS] = {constant, bound->id};
  if (multi_find(g, OP_UNIQUE, &ids, 1, attrs, &found))
    return found;
  node n = {.op = OP_UNIQUE, .n_in = 1, .in = &ids};
  memcpy(n.i, attrs, sizeof attrs);
  const dim **dims = ARENA_ARRAY(g->mem, const dim *, 2);
  dims[0] = dim_runtime(g->dims, "distinct", dim_min(g->dims, ids->shape.d[0], bound));
  dims[1] = bound;
  n.extra = dims;
  found = graph_intern(g, &n);
  graph_set_origin(g, dims[0], found);
  return found;
}

node *g_unique(graph *g, node *ids, int64_t bound) {
  return g_unique_dim(g, ids, dim_const(g->dims, bound));
}

static const dim *multi_dim(const node *n, op_code op, int k) {
  INVARIANT(n->op == op);
  const dim *const *dims = n->extra;
  return dims[k];
}

const dim *unique_count(const node *unique) {
  return multi_dim(unique, OP_UNIQUE, 0);
}

const dim *unique_bound(const node *unique) {
  return multi_dim(unique, OP_UNIQUE, 1);
}

static const char *pack_shape(graph *g, node *n) {
  if (n->n_in > 1)
    return "takes one mask at most";
  if (n->n_in == 1) {
    shape s = shape_of(2, pack_batch(n), pack_time(n));
    if (n->in[0]->type != INT || !shape_equal(&n->in[0]->shape, &s))
      return "the mask is one integer for each step of each example";
  }
  return multi_shape(g, n);
}

const op_rules op_rules_pack = {.shape = pack_shape};

// extra: {V, S, batch, time}; attributes: ids of the batch and time dims.
node *g_pack(graph *g, node *mask_or_null, const dim *batch, const dim *time) {
  double value;
  node *mask = mask_or_null, *found;
  if (mask && node_is_number(mask, &value) && value != 0)
    mask = NULL;
  int64_t attrs[NODE_ATTRS] = {batch->id, time->id};
  if (multi_find(g, OP_PACK, &mask, mask != NULL, attrs, &found))
    return found;
  node n = {.op = OP_PACK, .n_in = mask != NULL, .in = &mask};
  memcpy(n.i, attrs, sizeof attrs);
  const dim **dims = ARENA_ARRAY(g->mem, const dim *, 4), *all = dim_mul(g->dims, batch, time);
  dims[0] = mask ? dim_runtime(g->dims, "valid", all) : all;
  dims[1] = mask ? dim_runtime(g->dims, "steps", time) : time;
  dims[2] = batch;
  dims[3] = time;
  n.extra = dims;
  found = graph_intern(g, &n);
  graph_set_origin(g, dims[0], found);
  graph_set_origin(g, dims[1], found);
  return found;
}

const dim *pack_valid(const node *pack) {
  return multi_dim(pack, OP_PACK, 0);
}

const dim *pack_steps(const node *pack) {
  return multi_dim(pack, OP_PACK, 1);
}

const dim *pack_batch(const node *pack) {
  return multi_dim(pack, OP_PACK, 2);
}

const dim *pack_time(const node *pack) {
  return multi_dim(pack, OP_PACK, 3);
}

bool pack_is_dense(const node *pack) {
  INVARIANT(pack->op == OP_PACK);
  return pack->n_in == 0;
}

// ---- parts

static const char *unique_part_shape(graph *g, const node *u, int64_t k, shape *s) {
  const dim *d = unique_count(u);
  if (k < UNIQUE_VALUES || k > UNIQUE_STARTS)
    return "no such result of unique";
  if (k == UNIQUE_INVERSE || k == UNIQUE_ORDER)
    d = u->in[0]->shape.d[0];
  else if (k == UNIQUE_STARTS)
    d = dim_add(g->dims, d, dim_const(g->dims, 1));
  *s = shape_of(1, d);
  return NULL;
}

static const char *pack_part_shape(graph *g, const node *pack, int64_t k, shape *s) {
  const dim *batch = pack_batch(pack), *time = pack_time(pack), *one = dim_const(g->dims, 1);
  switch (k) {
  case PACK_ROWS:
  case PACK_EXAMPLE:
  case PACK_TM_RM:
  case PACK_RM_TM:
    *s = shape_of(1, pack_valid(pack));
    return NULL;
  case PACK_OFFSETS:
    *s = shape_of(1, dim_add(g->dims, batch, one));
    return NULL;
  case PACK_STEP_OFFSETS:
    *s = shape_of(1, dim_add(g->dims, time, one));
    return NULL;
  case PACK_INVERSE:
  case PACK_CARRY:
    *s = shape_of(1, dim_mul(g->dims, batch, time));
    return NULL;
  case PACK_ORDER:
  case PACK_RANK:
    *s = shape_of(1, batch);
    return NULL;
  default:
    return "no such result of pack";
  }
}

static const char *part_shape(graph *g, node *n) {
  const node *multi = n->in[0];
  int64_t k = n->i[0];
  n->type = INT;
  if (multi->op == OP_UNIQUE)
    return unique_part_shape(g, multi, k, &n->shape);
  if (multi->op == OP_PACK)
    return pack_part_shape(g, multi, k, &n->shape);
  if (multi->op != OP_SCAN)
    return "the operand has one result only";
  const scan_body *b = scan_body_of(multi);
  if (k < 0 || k >= b->n_state + b->n_out)
    return "no such result of the scan";
  const node *like = k < b->n_state ? b->init[k] : b->out[k - b->n_state];
  n->type = like->type;
  n->shape = k < b->n_state ? like->shape : shape_with(&like->shape, 0, pack_valid(b->pack));
  return NULL;
}

// Without a mask the orders of rows and examples are the given ones; a state that is never replaced stays, a
// sequence handed through is itself.
static node *part_fold(graph *g, const node *n) {
  const node *multi = n->in[0];
  if (multi->op == OP_SCAN) {
    const scan_body *b = scan_body_of(multi);
    if (n->i[0] < b->n_state)
      return b->next[n->i[0]] == b->state_param[n->i[0]] ? b->init[n->i[0]] : NULL;
    for (int k = 0; k < b->n_seq; k++)
      if (b->out[n->i[0] - b->n_state] == b->seq_param[k])
        return b->seq[k];
    return NULL;
  }
  if (multi->op != OP_PACK || !pack_is_dense(multi))
    return NULL;
  switch (n->i[0]) {
  case PACK_ROWS:
  case PACK_INVERSE:
  case PACK_CARRY:
  case PACK_ORDER:
  case PACK_RANK:
    return g_iota(g, n->shape, 0);
  default:
    return NULL;
  }
}

static void part_vjp(adjoint *a, node *y, node *dy) {
  adjoint_add_part(a, y->in[0], (int)y->i[0], dy);
}

const op_rules op_rules_part = {.shape = part_shape, .fold = part_fold, .vjp = part_vjp};

node *g_part(graph *g, node *multi, int k) {
  node n = {.op = OP_PART, .n_in = 1, .in = &multi, .i = {k}};
  return graph_intern(g, &n);
}
