// From decisions to stages: every node with memory becomes a root of a stage; maps over one shape share a
// stage when nothing in between depends on them.
#include "passes/fusion.h"

// No kernel's code grows with the model.
enum { MOST_MERGED = 300, MOST_ROOTS = 16 };

static int *position_of(const work_list *list, const node *n) {
  const fusion *f = list->f;
  return f->live[n->id] && f->scan[n->id] == list->scan ? &list->position[f->place[n->id]] : NULL;
}

int work_position(const work_list *list, const node *n) {
  const int *at = position_of(list, n);
  return at ? *at : -1;
}

typedef struct placing {
  const fusion *f;
  const work_list *list;
  int last_dependency; // latest item that the node reads
  int blocked;         // latest item that it reads at another index: it cannot be part of that item
} placing;

static void note_read(const fusion *f, node *read, bool same_index, void *context) {
  placing *p = context;
  int position = work_position(p->list, fusion_base(f, read));
  if (read->op == OP_CHECK_IDS && work_position(p->list, read) > position)
    position = work_position(p->list, read);
  if (position > p->last_dependency)
    p->last_dependency = position;
  if (!same_index && position > p->blocked)
    p->blocked = position;
}

static stage_kind stage_kind_of(const node *n) {
  switch (n->op) {
  case OP_REDUCE_SUM:
  case OP_REDUCE_MAX:
    return STAGE_REDUCE;
  case OP_SEGMENT_SUM:
  case OP_SEGMENT_MAX:
    return STAGE_SEGMENT;
  case OP_SCATTER:
    return STAGE_SCATTER;
  case OP_SPREAD:
  case OP_COLLECT:
    return STAGE_SPARSE;
  case OP_MATMUL:
    return STAGE_MATMUL;
  default:
    return STAGE_MAP;
  }
}

static void add_root(const fusion *f, stage *s, node *root) {
  node **roots = ARENA_ARRAY(f->mem, node *, s->n_roots + 1);
  for (int k = 0; k < s->n_roots; k++)
    roots[k] = s->roots[k];
  roots[s->n_roots++] = root;
  s->roots = roots;
}

static int find_mergeable(const work_list *list, const node *n, const placing *p) {
  int cost = p->f->cost[n->id];
  for (int k = (int)list->items.len - 1; k >= 0 && k >= p->last_dependency && k > p->blocked; k--) {
    const work_item *item = &list->items.data[k];
    if (item->kind != KERNEL_STAGE || item->stage.kind != STAGE_MAP)
      continue;
    const node *other = item->stage.roots[0];
    if (n->again && item->again != n->again)
      continue;
    if (shape_equal(&other->shape, &n->shape) && other->type == n->type && item->cost + cost <= MOST_MERGED &&
        item->stage.n_roots < MOST_ROOTS)
      return k;
  }
  return -1;
}

static void set_matmul(const fusion *f, stage *s, node *matmul) {
  s->matmul = matmul;
  node *a = matmul->in[0];
  if (fusion_reads_windows(f, matmul) && !f->materialise[product_windows(matmul)->id])
    s->a_windows = product_windows(matmul);
  if (a->op == OP_GATHER && !fusion_has_memory(f, a)) {
    s->a_table = a->in[0];
    s->a_index = a->in[1];
  }
}

static void place_stage(const fusion *f, work_list *list, node *n, bool merge) {
  placing p = {f, list, -1, -1};
  fusion_reads(f, n, note_read, &p);
  stage_kind kind = stage_kind_of(n);
  int into = kind == STAGE_MAP && merge ? find_mergeable(list, n, &p) : -1;
  if (into >= 0) {
    add_root(f, &list->items.data[into].stage, n);
    list->items.data[into].cost += f->cost[n->id];
    *position_of(list, n) = into;
    return;
  }
  work_item item = {.kind = KERNEL_STAGE, .stage = {.kind = kind}, .cost = f->cost[n->id], .again = n->again};
  add_root(f, &item.stage, n);
  if (kind == STAGE_MATMUL)
    set_matmul(f, &item.stage, n);
  *position_of(list, n) = (int)list->items.len;
  vec_push(&list->items, item);
}

static bool call_kind(const node *n, kernel_kind *kind) {
  switch (n->op) {
  case OP_SCAN:
    *kind = KERNEL_SCAN;
    return true;
  case OP_UNIQUE:
    *kind = KERNEL_UNIQUE;
    return true;
  case OP_PACK:
    *kind = KERNEL_PACK;
    return true;
  case OP_CHECK_IDS:
    *kind = KERNEL_CHECK;
    return true;
  default:
    return false;
  }
}

// ---- epilogues: root = f(product, other reads at the same index), the product read nowhere else. The root
// may split the rows of the product into several axes.

typedef struct epilogue_search {
  const node *product;
  int reads;
  bool fits;
} epilogue_search;

static void note_epilogue_read(const fusion *f, node *read, bool same_index, void *context) {
  (void)f;
  epilogue_search *s = context;
  if (read == s->product) {
    s->reads++;
    s->fits = s->fits && same_index;
  }
}

static bool is_epilogue(const fusion *f, node *root, const node *product) {
  const shape *to = &root->shape, *from = &product->shape;
  epilogue_search s = {product, 0, true};
  if (root->type != product->type || !to->rank || to->d[to->rank - 1] != from->d[from->rank - 1])
    return false; // before all that the root reads is walked through
  fusion_reads_through(f, root, product, note_epilogue_read, &s);
  return s.reads > 0 && s.fits;
}

// The one root whose inline work reads the product; NULL: there are several, or none.
static node *only_reader(const fusion *f, const work_list *list, node *product) {
  VEC(node *) stack = {0};
  node *reader = NULL;
  bool one = true;
  vec_push(&stack, product);
  while (stack.len && one) {
    node *n = vec_pop(&stack);
    for (int k = 0; k < f->n_users[n->id] && one; k++) {
      node *user = f->users[n->id][k];
      if (work_position(list, user) < 0) { // inline, or of another scope
        vec_push(&stack, user);
        continue;
      }
      one = !reader || reader == user;
      reader = user;
    }
  }
  vec_free(&stack);
  return one ? reader : NULL;
}

// Readers other than stages (scans, calls, aliases that others read) show as users that are not inline work.
static bool only_inline_users(const fusion *f, const node *product) {
  for (int k = 0; k < f->n_users[product->id]; k++)
    if (!op_is_elementwise(f->users[product->id][k]->op))
      return false;
  return true;
}

static void fuse_epilogue(const fusion *f, work_list *list, int at) {
  work_item *producer = &list->items.data[at];
  node *product = producer->stage.matmul;
  if (producer->stage.a_windows && product->i[0]) // its chains end in several places
    return;
  if (product->shape.rank != 2 || f->is_root[product->id] || !only_inline_users(f, product))
    return;
  node *root = only_reader(f, list, product);
  work_item *item =
      root && work_position(list, root) > at ? &list->items.data[work_position(list, root)] : NULL;
  if (!item || item->kind != KERNEL_STAGE || item->dropped || item->stage.kind != STAGE_MAP ||
      item->stage.n_roots != 1 || !is_epilogue(f, root, product))
    return;
  stage fused = producer->stage;
  fused.roots = item->stage.roots;
  fused.n_roots = 1;
  if (!item->again)
    item->again = producer->again;
  item->stage = fused; // runs where the epilogue stood, so that everything it reads is there
  f->materialise[product->id] = false;
  producer->dropped = true;
  *position_of(list, product) = -1;
}

work_list *work_build(const fusion *f, int scan, bool merge, bool epilogue) {
  work_list *list = ARENA_NEW(f->mem, work_list);
  size_t n_nodes = scan >= 0 ? f->n_body[scan] : f->n;
  list->f = f;
  list->scan = scan;
  list->position = ARENA_ARRAY(f->mem, int, n_nodes);
  for (size_t k = 0; k < n_nodes; k++)
    list->position[k] = -1;
  for (size_t k = 0; k < n_nodes; k++) {
    node *n = scan >= 0 ? f->body[scan][k] : f->nodes[k];
    kernel_kind kind;
    if (f->scan[n->id] != scan)
      continue;
    if (call_kind(n, &kind)) {
      *position_of(list, n) = (int)list->items.len;
      vec_push(&list->items, ((work_item){.kind = kind, .subject = n, .again = n->again}));
    } else if (n->op == OP_PART) {
      *position_of(list, n) = work_position(list, n->in[0]);
    } else if (f->materialise[n->id] || (scan >= 0 && f->is_body_result[n->id])) {
      place_stage(f, list, n, merge);
    }
  }
  for (size_t k = 0; epilogue && k < list->items.len; k++) {
    const work_item *item = &list->items.data[k];
    if (item->kind == KERNEL_STAGE && item->stage.kind == STAGE_MATMUL && !item->dropped)
      fuse_epilogue(f, list, (int)k);
  }
  return list;
}

void work_free(work_list *list) {
  vec_free(&list->items);
}
