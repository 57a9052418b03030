// Which nodes get memory. Required: products, reductions, results of several-result ops, operands that
// kernels read through pointers (index vectors, operands of products, captured values). Otherwise a node is
// evaluated inside its consumers, unless that would repeat more than a little work.
#include "passes/fusion.h"

enum {
  CHEAP = 4,
  COSTLY_OP = 12,
  COST_MAX = 1 << 20,
  DIVISION = 4,
  MOST_INLINE = 200, // so that no kernel's code grows with the model
};

bool fusion_is_leaf(const node *n) {
  switch (n->op) {
  case OP_INPUT:
  case OP_PARAM:
  case OP_SCAN_SEQ:
  case OP_SCAN_STATE:
    return true;
  default:
    return false;
  }
}

static bool is_scalar_leaf(const node *n) {
  return n->op == OP_CONST || n->op == OP_EXTENT;
}

bool fusion_has_memory(const fusion *f, const node *n) {
  return f->materialise[n->id] || fusion_is_leaf(n);
}

static bool is_alias(const node *n) {
  return n->op == OP_RESHAPE || n->op == OP_CHECK_IDS;
}

node *fusion_base(const fusion *f, node *n) {
  while (is_alias(n) && !f->materialise[n->id])
    n = n->in[0];
  return n;
}

// Which scan's body a dimension or a parameter belongs to: index + 1, or 0.
typedef struct scan_map {
  int *of_symbol; // by dimension: it is the active rows of the scan
  int *of_id;     // by scan id
  int64_t n_ids;
} scan_map;

static scan_map map_scans(const fusion *f) {
  scan_map m = {.of_symbol = ARENA_ARRAY(f->mem, int, dim_symbol_count(f->g->dims) + 1)};
  for (size_t s = 0; s < f->scans.len; s++)
    if (scan_body_of(f->scans.data[s])->id >= m.n_ids)
      m.n_ids = scan_body_of(f->scans.data[s])->id + 1;
  m.of_id = ARENA_ARRAY(f->mem, int, m.n_ids + 1);
  for (size_t s = f->scans.len; s-- > 0;) { // the first one of equals stays
    const scan_body *body = scan_body_of(f->scans.data[s]);
    m.of_symbol[body->active->symbol] = (int)s + 1;
    m.of_id[body->id] = (int)s + 1;
  }
  return m;
}

static int scan_membership(const fusion *f, const scan_map *m, const node *n) {
  if (n->op == OP_SCAN || n->op == OP_PART)
    return -1;
  int found = 0;
  for (int k = 0; k < n->shape.rank; k++) {
    const dim *d = n->shape.d[k];
    int s = d->kind == DIM_SYMBOL ? m->of_symbol[d->symbol] : 0;
    found = s && (!found || s < found) ? s : found;
  }
  bool parameter = n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE;
  if (!found && parameter && n->i[0] < m->n_ids)
    found = m->of_id[n->i[0]];
  if (found)
    return found - 1;
  for (int k = 0; k < n->n_in; k++)
    if (f->scan[n->in[k]->id] >= 0)
      return f->scan[n->in[k]->id];
  return -1;
}

static void add_user(fusion *f, node *n, node *user) {
  int count = f->n_users[n->id];
  if ((count & (count - 1)) == 0) { // powers of two: grow
    node **grown = ARENA_ARRAY(f->mem, node *, count ? 2 * count : 1);
    for (int k = 0; k < count; k++)
      grown[k] = f->users[n->id][k];
    f->users[n->id] = grown;
  }
  f->users[n->id][f->n_users[n->id]++] = user;
}

static void require(fusion *f, node *n) {
  if (is_alias(n)) // an alias of memory is memory
    n = fusion_base(f, n);
  if (!fusion_is_leaf(n) && !is_scalar_leaf(n) && n->op != OP_SCAN && n->op != OP_PACK && n->op != OP_UNIQUE)
    f->materialise[n->id] = true;
}

static bool reads_table_rows(const fusion *f, const node *matmul) {
  const node *a = matmul->in[0];
  return f->program->kind != PROGRAM_GRAD && !matmul->i[0] && a->op == OP_GATHER && a->shape.rank == 2 &&
         a->in[0]->op == OP_PARAM && a->in[1]->shape.rank == 1 && f->scan[matmul->id] < 0;
}

bool fusion_reads_windows(const fusion *f, const node *matmul) {
  return f->scan[matmul->id] < 0 && product_windows(matmul);
}

// Weights side by side: read as often as a weight is.
static bool is_joined_weights(const node *n) {
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k]->op != OP_PARAM)
      return false;
  return n->op == OP_CONCAT;
}

// Rows of a product with a bias, which others gather: finished once, however often they are read.
static bool is_finished_product(const node *n) {
  return n->op == OP_ADD && (n->in[0]->op == OP_MATMUL || n->in[1]->op == OP_MATMUL);
}

static bool is_gathered(const fusion *f, const node *n) {
  for (int k = 0; k < f->n_users[n->id]; k++)
    if (f->users[n->id][k]->op == OP_GATHER && f->users[n->id][k]->in[0] == n)
      return true;
  return false;
}

// Rows that an index or an addition makes from memory, at no more than a few loads an element.
static bool is_light(const node *n, int depth) {
  if (fusion_is_leaf(n) || is_scalar_leaf(n) || n->op == OP_MATMUL || n->op == OP_PART ||
      is_joined_weights(n))
    return true;
  if (depth > 0 && is_finished_product(n)) // it gets memory
    return true;
  if (depth > 3 || (n->op != OP_GATHER && n->op != OP_BROADCAST && n->op != OP_ADD && n->op != OP_MUL))
    return false;
  for (int k = 0; k < n->n_in && k < 2; k++)
    if (!is_light(n->in[k], depth + 1))
      return false;
  return true;
}

static bool feeds_element_wise_work(const fusion *f, const node *n) {
  for (int j = 0; j < f->n_users[n->id]; j++) {
    const node *user = f->users[n->id][j];
    if (!op_is_elementwise(user->op) && !(user->op == OP_SLICE && feeds_element_wise_work(f, user)))
      return false;
  }
  return true;
}

// A sequence that only element-wise work of the body reads need not exist as a whole: each row is made when
// its step needs it.
static bool read_in_the_loop(const fusion *f, const scan_body *body, int k) {
  const node *parameter = body->seq_param[k];
  if (!feeds_element_wise_work(f, parameter))
    return false;
  for (int j = 0; j < body->n_out; j++)
    if (body->out[j] == parameter)
      return false;
  for (int j = 0; j < body->n_state; j++)
    if (body->next[j] == parameter)
      return false;
  return f->fuse && f->n_users[body->seq[k]->id] == 1 && is_light(body->seq[k], 0);
}

// Rows that an index gathers are read where the table has them.
static void require_sparse_rows(fusion *f, node *x) {
  node *gather = gathered_rows(x);
  if (!gather) {
    require(f, x);
    return;
  }
  require(f, gather->in[0]);
  require(f, gather->in[1]);
}

// The gradient of a maximum is made anew wherever it is read: that takes less than to write and to read it.
static bool made_where_read(const fusion *f, const node *n) {
  if (!f->fuse || !fusion_picks_maximum(n))
    return false;
  for (int k = 0; k < f->n_users[n->id]; k++) {
    const node *user = f->users[n->id][k];
    bool scans = (user->op == OP_SPREAD && user->in[0] == n) || (user->op == OP_COLLECT && user->in[1] == n);
    if (!scans && user->op != OP_REDUCE_SUM)
      return false;
  }
  return true;
}

static void require_rows_of(fusion *f, node *n) {
  if (!made_where_read(f, n))
    require(f, n);
}

static void require_operands(fusion *f, node *n) {
  switch (n->op) {
  case OP_MATMUL:
    if (fusion_reads_windows(f, n))
      require(f, product_windows(n)->in[0]);
    else
      require(f, reads_table_rows(f, n) ? n->in[0]->in[1] : n->in[0]);
    require(f, n->in[1]);
    break;
  case OP_SEGMENT_SUM:
  case OP_SEGMENT_MAX:
    require(f, n->in[1]);
    if (n->n_in > 3)
      require(f, n->in[3]);
    break;
  case OP_SCATTER:
    require(f, n->in[1]);
    break;
  case OP_COLLECT:
    require_sparse_rows(f, n->in[0]);
    require_rows_of(f, n->in[1]);
    break;
  case OP_SPREAD:
    require_rows_of(f, n->in[0]);
    require(f, n->in[1]);
    break;
  case OP_UNIQUE:
  case OP_PACK:
  case OP_CHECK_IDS:
    for (int k = 0; k < n->n_in; k++)
      require(f, n->in[k]);
    break;
  case OP_SCAN: {
    const scan_body *body = scan_body_of(n);
    for (int k = 1; k < n->n_in; k++) // in[0] is the packing
      if (f->scan[n->in[k]->id] < 0 && !(k <= body->n_seq && read_in_the_loop(f, body, k - 1)))
        require(f, n->in[k]);
    for (int k = 0; k < body->n_state; k++)
      require(f, body->next[k]);
    for (int k = 0; k < body->n_out; k++)
      require(f, body->out[k]);
    break;
  }
  default:
    break;
  }
}

static bool must_have_memory(const node *n) {
  switch (n->op) {
  case OP_MATMUL:
  case OP_SPREAD:
  case OP_COLLECT:
  case OP_REDUCE_SUM:
  case OP_REDUCE_MAX:
  case OP_SEGMENT_SUM:
  case OP_SEGMENT_MAX:
  case OP_SCATTER:
  case OP_PART:
    return true;
  case OP_CONCAT:
    return is_joined_weights(n);
  default:
    return false;
  }
}

static int own_cost(const node *n) {
  if (op_is_costly(n->op))
    return COSTLY_OP;
  switch (n->op) {
  case OP_CONST:
  case OP_EXTENT:
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_REVERSE:
  case OP_WINDOWS:
  case OP_CHECK_IDS:
    return 0;
  case OP_DIV:
    return DIVISION;
  case OP_RANDOM:
    return CHEAP - 1;
  default:
    return 1;
  }
}

static int inline_cost(const fusion *f, const node *n) {
  if (fusion_is_leaf(n))
    return 1;
  int cost = own_cost(n);
  for (int k = 0; k < n->n_in; k++) {
    const node *in = n->in[k];
    cost += f->materialise[in->id] ? 1 : f->cost[in->id];
  }
  return cost < COST_MAX ? cost : COST_MAX; // a shared operand counts at each use
}

static bool repeats_operand(const node *user, const node *n) {
  if (user->op == OP_GATHER)
    return user->in[0] == n && user->n_in < 3;
  if (user->op != OP_BROADCAST)
    return false;
  for (int k = 0; k < user->shape.rank; k++)
    if (user->i[k] < 0)
      return true;
  return false;
}

// A strided walk through a transposed or reversed operand is best taken once, from memory. Where the last
// axis stays, whole rows move.
static bool rearranges(const node *user) {
  int last = user->shape.rank - 1;
  return (user->op == OP_TRANSPOSE && user->i[last] != last) ||
         (user->op == OP_REVERSE && user->i[0] == last);
}

static bool worth_memory(const fusion *f, const node *n, bool fuse) {
  if (is_scalar_leaf(n) || n->op == OP_SCAN || n->op == OP_PACK || n->op == OP_UNIQUE || fusion_is_leaf(n))
    return false;
  if (is_alias(n))
    return false;
  if (!fuse)
    return op_family_of(n->op) != FAMILY_VIEW && n->op != OP_ONE_HOT && n->op != OP_IOTA;
  if (is_finished_product(n) && is_gathered(f, n))
    return true;
  if (f->cost[n->id] <= CHEAP)
    return false;
  if (f->cost[n->id] > MOST_INLINE)
    return true;
  if (made_where_read(f, n) || fusion_asks_for_maximum(n))
    return false;
  if (f->n_users[n->id] > 1)
    return true;
  for (int k = 0; k < f->n_users[n->id]; k++)
    if (repeats_operand(f->users[n->id][k], n) || rearranges(f->users[n->id][k]))
      return true;
  return false;
}

static void find_scans(fusion *f) {
  for (size_t k = 0; k < f->n; k++)
    if (f->nodes[k]->op == OP_SCAN) {
      f->scan_index[f->nodes[k]->id] = (int)f->scans.len;
      vec_push(&f->scans, f->nodes[k]);
    }
}

static void list_bodies(fusion *f) {
  f->body = ARENA_ARRAY(f->mem, node **, f->scans.len + 1);
  f->n_body = ARENA_ARRAY(f->mem, size_t, f->scans.len + 1);
  for (size_t k = 0; k < f->n; k++)
    if (f->scan[f->nodes[k]->id] >= 0)
      f->n_body[f->scan[f->nodes[k]->id]]++;
  for (size_t s = 0; s < f->scans.len; s++) {
    f->body[s] = ARENA_ARRAY(f->mem, node *, f->n_body[s]);
    f->n_body[s] = 0;
  }
  for (size_t k = 0; k < f->n; k++) {
    int s = f->scan[f->nodes[k]->id];
    f->place[f->nodes[k]->id] = s >= 0 ? (int)f->n_body[s] : (int)k;
    if (s >= 0)
      f->body[s][f->n_body[s]++] = f->nodes[k];
  }
}

static void analyse(fusion *f) {
  scan_map scans = map_scans(f);
  for (size_t k = 0; k < f->n; k++) {
    node *n = f->nodes[k];
    f->live[n->id] = true;
    f->scan[n->id] = scan_membership(f, &scans, n);
    for (int j = is_alias(n) ? 1 : 0; j < n->n_in; j++) // an alias of its first operand
      add_user(f, fusion_base(f, n->in[j]), n);
  }
  list_bodies(f);
}

// The final states of a scan are its working memory, and its steps' first rows steer it: they exist even when
// nobody else asks for them.
static size_t live_nodes(const program *p, node ***list) {
  node **roots = ARENA_ARRAY(p->g->mem, node *, p->roots.len + 1);
  for (size_t k = 0; k < p->roots.len; k++)
    roots[k] = p->roots.data[k].value;
  size_t n = graph_reachable(p->g, roots, p->roots.len, list);
  VEC(node *) all = {0};
  for (size_t k = 0; k < p->roots.len; k++)
    vec_push(&all, roots[k]);
  for (size_t k = 0; k < n; k++) {
    node *scan = (*list)[k];
    if (scan->op != OP_SCAN)
      continue;
    for (int s = 0; s < scan_body_of(scan)->n_state; s++)
      vec_push(&all, scan_final_state(p->g, scan, s));
    vec_push(&all, g_part(p->g, scan_body_of(scan)->pack, PACK_STEP_OFFSETS));
  }
  if (all.len > p->roots.len) {
    free(*list);
    n = graph_reachable(p->g, all.data, all.len, list);
  }
  vec_free(&all);
  return n;
}

fusion *fusion_decide(const program *p, bool fuse) {
  arena *mem = p->g->mem;
  fusion *f = ARENA_NEW(mem, fusion);
  f->program = p;
  f->g = p->g;
  f->mem = mem;
  f->fuse = fuse;
  node **list;
  f->n = live_nodes(p, &list);
  f->nodes = ARENA_ARRAY(mem, node *, f->n);
  for (size_t k = 0; k < f->n; k++)
    f->nodes[k] = list[k];
  free(list);
  size_t all = p->g->n_nodes;
  f->live = ARENA_ARRAY(mem, bool, all);
  f->seen = arena_alloc(mem, sizeof *f->seen * all);
  f->walks = ARENA_NEW(mem, uint32_t);
  f->is_root = ARENA_ARRAY(mem, bool, all);
  f->is_body_result = ARENA_ARRAY(mem, bool, all);
  f->scan_index = ARENA_ARRAY(mem, int, all);
  f->scan = ARENA_ARRAY(mem, int, all);
  f->place = ARENA_ARRAY(mem, int, all);
  f->materialise = ARENA_ARRAY(mem, bool, all);
  f->cost = ARENA_ARRAY(mem, int, all);
  f->users = ARENA_ARRAY(mem, node **, all);
  f->n_users = ARENA_ARRAY(mem, int, all);
  find_scans(f);
  analyse(f);
  for (size_t k = 0; k < p->roots.len; k++)
    require(f, p->roots.data[k].value);
  for (size_t k = f->n; k-- > 0;)
    require_operands(f, f->nodes[k]);
  for (size_t k = 0; k < f->n; k++) { // captured values have memory
    node *n = f->nodes[k];
    for (int j = 0; f->scan[n->id] >= 0 && j < n->n_in; j++)
      if (f->scan[n->in[j]->id] < 0)
        require(f, n->in[j]);
  }
  for (size_t k = 0; k < f->n; k++) {
    node *n = f->nodes[k];
    f->cost[n->id] = inline_cost(f, n);
    if (must_have_memory(n) || worth_memory(f, n, fuse))
      f->materialise[n->id] = true;
  }
  for (size_t k = 0; k < p->roots.len; k++)
    f->is_root[fusion_base(f, p->roots.data[k].value)->id] = true;
  for (size_t s = 0; s < f->scans.len; s++) {
    const scan_body *body = scan_body_of(f->scans.data[s]);
    for (int k = 0; k < body->n_out; k++)
      f->is_body_result[body->out[k]->id] = true;
    for (int k = 0; k < body->n_state; k++)
      f->is_body_result[body->next[k]->id] = true;
  }
  return f;
}

// ---- what inline evaluation reads

typedef struct pending_read {
  node *n;
  bool same_index;
} pending_read;

static bool keeps_index(const node *user) {
  return op_is_elementwise(user->op) || user->op == OP_CHECK_IDS;
}

void fusion_reads(const fusion *f, node *n, fusion_visit visit, void *context) {
  fusion_reads_through(f, n, NULL, visit, context);
}

// A reshape of `through` to the shape of the root is at the same index: only its axes are named otherwise.
void fusion_reads_through(const fusion *f, node *n, const node *through, fusion_visit visit, void *context) {
  VEC(pending_read) stack = {0};
  uint32_t walk = ++*f->walks;
  vec_push(&stack, ((pending_read){n, true}));
  while (stack.len) {
    pending_read top = vec_pop(&stack);
    bool renames = through && top.n->op == OP_RESHAPE && top.n->in[0] == through &&
                   shape_equal(&top.n->shape, &n->shape);
    bool stays = top.same_index && (renames || keeps_index(top.n));
    for (int k = 0; k < top.n->n_in; k++) {
      node *in = top.n->in[k];
      if (in->op == OP_SCAN || in->op == OP_PACK || in->op == OP_UNIQUE || f->seen[in->id][stays] == walk)
        continue;
      f->seen[in->id][stays] = walk;
      if (fusion_has_memory(f, in) || in->op == OP_CHECK_IDS)
        visit(f, in, stays, context);
      if (!fusion_has_memory(f, in))
        vec_push(&stack, ((pending_read){in, stays}));
    }
  }
  vec_free(&stack);
}

void fusion_free(fusion *f) {
  vec_free(&f->scans);
}
