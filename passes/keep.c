// Requires: a schedule. Guarantees: in prediction, work that depends on weights alone is done once while they
// stay, and a product with rows of a table once for each row that is ever asked for: what a run computes is
// kept for the runs after it. Changes: marks buffers, kernels that run once or keep what they pack of
// weights, and the kernels of distinct ids
// whose products grow from run to run. The bits stay: a row of a product depends on its own row of the left
// operand alone. The memory of a table's products is bounded (KEPT_BYTES, or what one run needs if that is
// more).
#include "passes/pass.h"
#include "passes/reads.h"

enum { KEPT_BYTES = 32 << 20, REAL_BYTES = 4 };

typedef struct keeping {
  schedule *s;
  dim_table *dims;
  read_walk walk;
  bool *is_root;      // by buffer: memory of a root of the program
  bool *blocked;      // by dimension: somebody walks over it, so that it may not grow
  int64_t *row_reals; // by dimension: numbers that products keep for each of its elements
  bool fits;          // of the walk under way
} keeping;

// ---- kernels of weights alone

static bool is_static(const shape *s) {
  for (int k = 0; k < s->rank; k++)
    if (!dim_is_const(s->d[k], NULL))
      return false;
  return true;
}

static bool stays(const keeping *k, const node *n) {
  const buffer *b = schedule_buffer(k->s, n);
  return n->op == OP_PARAM || (b && (b->place == PLACE_PARAM || b->kept));
}

static void note_weights_alone(void *context, node *n) {
  keeping *k = context;
  if (stays(k, n))
    return;
  bool given = n->op == OP_INPUT || n->op == OP_RANDOM || n->op == OP_PART || n->op == OP_CHECK_IDS ||
               n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE ||
               (n->op == OP_EXTENT && !dim_is_const(n->extra, NULL));
  k->fits = k->fits && !given && !schedule_buffer(k->s, n) && is_static(&n->shape);
}

static bool may_be_kept(const keeping *k, const node *root) {
  const buffer *b = schedule_buffer(k->s, root);
  return b && b->place == PLACE_WORKSPACE && b->value == root && !k->is_root[b->index];
}

static bool reads_weights_alone(keeping *k, const stage *st) {
  k->fits = true;
  for (int r = 0; r < st->n_roots && k->fits; r++) {
    k->fits =
        may_be_kept(k, st->roots[r]) && is_static(&st->roots[r]->shape) && st->roots[r]->op != OP_RANDOM;
    walk_reads(&k->walk, st->roots[r], note_weights_alone, k);
  }
  return k->fits;
}

static void keep(keeping *k, const node *n) {
  k->s->buffers.data[k->s->buffer_of[n->id]].kept = true;
}

// Stages of which some multiply windows, and all of those by weights alone.
static bool packs_weights_alone(const keeping *k, const stage *st, int n) {
  bool any = false;
  for (int j = 0; j < n; j++) {
    if (st[j].kind != STAGE_MATMUL || !st[j].a_windows)
      continue;
    any = true;
    if (!stays(k, st[j].matmul->in[1]))
      return false;
  }
  return any;
}

static void run_once(keeping *k, kernel *kn) {
  bool of_stage = kn->kind == KERNEL_STAGE;
  if (of_stage || kn->kind == KERNEL_BAND)
    kn->keeps_packed = packs_weights_alone(k, of_stage ? &kn->stage : kn->body, of_stage ? 1 : kn->n_body);
  if (!of_stage || !reads_weights_alone(k, &kn->stage))
    return;
  kn->once = true;
  for (int r = 0; r < kn->stage.n_roots; r++)
    keep(k, kn->stage.roots[r]);
}

// ---- products of remembered ids

static void note_row_reads(void *context, node *n) {
  keeping *k = context;
  bool product = n->op == OP_MATMUL && !schedule_buffer(k->s, n);
  k->fits = k->fits && (product || stays(k, n) || (op_is_elementwise(n->op) && !schedule_buffer(k->s, n)) ||
                        n->op == OP_BROADCAST || n->op == OP_RESHAPE || n->op == OP_SLICE ||
                        n->op == OP_CONST || n->op == OP_GATHER || n->op == OP_PART);
}

// The ids whose rows of a table a kernel multiplies by weights; else NULL.
static const node *ids_of_product(keeping *k, const kernel *kn) {
  const stage *st = &kn->stage;
  if (kn->kind != KERNEL_STAGE || st->kind != STAGE_MATMUL || !st->a_table || st->matmul->i[0])
    return NULL;
  const node *index = st->a_index, *root = st->roots[0];
  if (index->op != OP_PART || index->in[0]->op != OP_UNIQUE || index->i[0] != UNIQUE_VALUES ||
      root->shape.rank != 2 || !dim_is_const(root->shape.d[1], NULL) || st->a_table->op != OP_PARAM ||
      !stays(k, st->matmul->in[1]) || !may_be_kept(k, root))
    return NULL;
  k->fits = true;
  walk_reads(&k->walk, st->roots[0], note_row_reads, k);
  return k->fits ? index->in[0] : NULL;
}

static void block(keeping *k, const dim *d) {
  if (d->kind == DIM_SYMBOL) {
    k->blocked[d->symbol] = true;
  } else if (d->kind != DIM_CONST) {
    block(k, d->a);
    block(k, d->b);
  }
}

static void block_extents(void *context, node *n) {
  keeping *k = context;
  if (!schedule_buffer(k->s, n))
    for (int j = 0; j < n->shape.rank; j++)
      block(k, n->shape.d[j]);
}

static void block_stage(keeping *k, const stage *st) {
  for (int r = 0; r < st->n_roots; r++) {
    for (int j = 0; j < st->roots[r]->shape.rank; j++)
      block(k, st->roots[r]->shape.d[j]);
    for (int j = 0; j < st->roots[r]->n_in; j++)
      for (int a = 0; st->kind != STAGE_MAP && a < st->roots[r]->in[j]->shape.rank; a++)
        block(k, st->roots[r]->in[j]->shape.d[a]);
    walk_reads(&k->walk, st->roots[r], block_extents, k);
  }
}

static void note_kernel(keeping *k, const kernel *kn) {
  const node *unique = ids_of_product(k, kn);
  if (unique) {
    int64_t width;
    dim_is_const(kn->stage.roots[0]->shape.d[1], &width);
    k->row_reals[unique_count(unique)->symbol] += width;
    return;
  }
  if (kn->kind == KERNEL_STAGE)
    block_stage(k, &kn->stage);
  else if (kn->subject)
    walk_reads(&k->walk, kn->subject, block_extents, k);
  for (int j = 0; j < kn->n_body; j++)
    block_stage(k, &kn->body[j]);
}

static node *unique_part(const keeping *k, node *unique, int part) {
  return g_part(k->s->program->g, unique, part);
}

static bool may_remember(const keeping *k, node *unique) {
  const dim *count = unique_count(unique);
  node *values = unique_part(k, unique, UNIQUE_VALUES);
  return count->kind == DIM_SYMBOL && !k->blocked[count->symbol] && k->row_reals[count->symbol] > 0 &&
         dim_is_const(unique_bound(unique), NULL) && schedule_buffer(k->s, values) &&
         may_be_kept(k, values) && schedule_buffer(k->s, unique_part(k, unique, UNIQUE_INVERSE)) &&
         !schedule_buffer(k->s, unique_part(k, unique, UNIQUE_ORDER)) &&
         !schedule_buffer(k->s, unique_part(k, unique, UNIQUE_STARTS));
}

static void grow_buffer(keeping *k, int index, const dim *elements) {
  buffer *b = &k->s->buffers.data[index];
  b->kept = true;
  b->elements = elements;
}

static void remember(keeping *k, kernel *kn) {
  dim_table *t = k->dims;
  const dim *bound = unique_bound(kn->subject), *n = kn->subject->in[0]->shape.d[0];
  int64_t most = KEPT_BYTES / (REAL_BYTES * k->row_reals[unique_count(kn->subject)->symbol]);
  kn->capacity = dim_min(t, bound, dim_max(t, n, dim_const(t, most > 0 ? most : 1)));
  kn->fresh = dim_runtime(t, "fresh", dim_min(t, bound, n));
  grow_buffer(k, k->s->buffer_of[unique_part(k, kn->subject, UNIQUE_VALUES)->id], kn->capacity);
  grow_buffer(k, kn->scratch, dim_add(t, bound, dim_const(t, 2)));
}

static void grow_product(keeping *k, kernel *kn, const kernel *const *remembering) {
  const node *unique = ids_of_product(k, kn);
  const kernel *ids = unique ? remembering[unique_count(unique)->symbol] : NULL;
  if (!ids)
    return;
  const node *root = kn->stage.roots[0];
  kn->fresh = ids->fresh;
  kn->flops = dim_substitute(k->dims, kn->flops, &root->shape.d[0], &ids->fresh, 1);
  kn->bytes = dim_substitute(k->dims, kn->bytes, &root->shape.d[0], &ids->fresh, 1);
  grow_buffer(k, k->s->buffer_of[root->id], dim_mul(k->dims, ids->capacity, root->shape.d[1]));
}

static void remember_ids(keeping *k, arena *mem) {
  int n_dims = dim_symbol_count(k->dims);
  k->blocked = ARENA_ARRAY(mem, bool, n_dims + 1);
  k->row_reals = ARENA_ARRAY(mem, int64_t, n_dims + 1);
  const kernel **remembering = ARENA_ARRAY(mem, const kernel *, n_dims + 1);
  for (size_t j = 0; j < k->s->kernels.len; j++)
    note_kernel(k, &k->s->kernels.data[j]);
  for (size_t j = 0; j < k->s->kernels.len; j++) {
    kernel *kn = &k->s->kernels.data[j];
    if (kn->kind != KERNEL_UNIQUE || !may_remember(k, kn->subject))
      continue;
    remember(k, kn);
    remembering[unique_count(kn->subject)->symbol] = kn;
  }
  for (size_t j = 0; j < k->s->kernels.len; j++)
    grow_product(k, &k->s->kernels.data[j], remembering);
}

static void run(compilation *c) {
  if (c->program->kind != PROGRAM_INFER && c->program->kind != PROGRAM_EVALUATE)
    return;
  arena *mem = c->program->g->mem;
  keeping k = {.s = c->schedule, .dims = c->program->g->dims, .walk = read_walk_new(c->schedule, mem)};
  k.is_root = ARENA_ARRAY(mem, bool, c->schedule->buffers.len + 1);
  for (size_t j = 0; j < c->program->roots.len; j++) {
    const buffer *b = schedule_buffer(k.s, c->program->roots.data[j].value);
    if (b)
      k.is_root[b->index] = true;
  }
  for (size_t j = 0; j < k.s->kernels.len; j++)
    run_once(&k, &k.s->kernels.data[j]);
  remember_ids(&k, mem);
}

const pass pass_keep = {
    .name = "keep",
    .doc = "what prediction makes of weights alone is kept from run to run, rows of products included",
    .run = run,
};
