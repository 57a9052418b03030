// Requires: a schedule. Guarantees: none. Changes: neighbouring kernels that work row by row on the same
// leading axes (the scores of an attention, their softmax and the product behind it) become one kernel,
// KERNEL_BAND, which takes a few rows at a time through all of them. What only they read is private to those
// rows: scores [B, heads, T, T] never exist as a whole.
#include "passes/fusion.h"
#include "passes/reads.h"
#include <string.h>

enum { MOST_STAGES = 16, MOST_MOVED = 4 };

typedef struct visit {
  node *n;
  bool row; // read at the row that is evaluated
} visit;

typedef struct bands {
  schedule *s;
  arena *mem;
  int *writer;         // by buffer: the kernel that writes it, or -1
  unsigned (*seen)[2]; // by node id and visit.row: the last walk that came by
  unsigned walks;
  VEC(visit) stack;
} bands;

// A band in the making: kernels `first` to `last`, without those that are moved in front of it.
typedef struct band {
  int first, last, axes;
  int members[MOST_STAGES], n_members;
  int64_t lines; // of a first member, a convolution, to one row of the band; else 1
  int blamed;    // a member whose result a later kernel reads at other rows; -1: none
} band;

// ---- the form of a stage

static bool is_one(const dim *d) {
  int64_t v;
  return dim_is_const(d, &v) && v == 1;
}

static bool all_ones(const shape *s, int from, int to) {
  for (int k = from; k < to; k++)
    if (!is_one(s->d[k]))
      return false;
  return true;
}

static bool same_axes(const shape *a, const shape *b, int axes) {
  if (a->rank < axes || b->rank < axes)
    return false;
  for (int k = 0; k < axes; k++)
    if (a->d[k] != b->d[k])
      return false;
  return true;
}

static bool has_other_memory(const bands *b, const node *n) {
  const buffer *own = schedule_buffer(b->s, n);
  return !own || own->place != PLACE_WORKSPACE;
}

// Leading axes whose rows the stage computes one by one; 0: it is no stage of a band.
static int most_axes(const bands *b, const kernel *k) {
  const stage *st = &k->stage;
  if (k->kind != KERNEL_STAGE)
    return 0;
  const node *root = st->roots[0];
  switch (st->kind) {
  case STAGE_MATMUL:
    if (st->matmul->in[1]->shape.rank < 3 || st->a_table || st->a_windows || has_other_memory(b, root))
      return 0;
    return st->matmul->i[0] ? st->matmul->shape.rank - 2 : st->matmul->shape.rank - 1;
  case STAGE_REDUCE: {
    int kept = root->shape.rank, rank = root->in[0]->shape.rank;
    unsigned reduced = (unsigned)root->i[0], trailing = ((1u << rank) - 1) & ~((1u << kept) - 1);
    return reduced == trailing && !all_ones(&root->in[0]->shape, kept, rank) ? kept : 0;
  }
  case STAGE_MAP: {
    int axes = root->shape.rank - 1;
    return axes > 0 && !is_one(root->shape.d[axes]) ? axes : 0;
  }
  case STAGE_SEGMENT:
  case STAGE_SCATTER:
  case STAGE_SPARSE:
    break;
  }
  return 0;
}

static const shape *domain_of(const stage *st) {
  return st->kind == STAGE_MATMUL ? &st->matmul->shape : &st->roots[0]->shape;
}

// ---- what it reads

static bool keeps_leading_axes(const node *view, int axes) {
  if (view->shape.rank < axes || view->in[0]->shape.rank < axes)
    return false;
  for (int k = 0; k < axes; k++)
    if (view->i[k] != k)
      return false;
  return true;
}

static bool operand_at_row(const stage *st, const node *n, int operand, int axes) {
  if (st->kind == STAGE_MATMUL && n == st->matmul)
    return operand == 0 && same_axes(&n->in[0]->shape, &n->shape, axes);
  if (st->kind == STAGE_REDUCE && n == st->roots[0])
    return true;
  switch (n->op) {
  case OP_BROADCAST:
  case OP_TRANSPOSE:
    return keeps_leading_axes(n, axes);
  case OP_RESHAPE:
    return same_axes(&n->in[0]->shape, &n->shape, axes);
  case OP_CHECK_IDS:
    return true;
  default:
    return op_is_elementwise(n->op);
  }
}

static bool is_member(const band *d, int number) {
  for (int k = 0; k < d->n_members; k++)
    if (d->members[k] == number)
      return true;
  return false;
}

static bool is_own_root(const stage *st, const node *n) {
  for (int k = 0; k < st->n_roots; k++)
    if (st->roots[k] == n)
      return true;
  return false;
}

typedef struct reading {
  bool members;  // results of the band
  int elsewhere; // a member whose result is read at other rows; -1: none
} reading;

static void note_read(const bands *b, const band *d, const node *n, bool row, reading *found) {
  const buffer *held = schedule_buffer(b->s, n);
  for (; n != held->value; n = n->in[0]) // an alias
    row = row && (n->op != OP_RESHAPE || same_axes(&n->in[0]->shape, &n->shape, d->axes));
  int writer = b->writer[held->index];
  if (writer < 0 || !is_member(d, writer))
    return;
  found->members = true;
  if (!row)
    found->elsewhere = writer;
}

static void follow(bands *b, node *n, bool row) {
  if (b->seen[n->id][row] == b->walks)
    return;
  b->seen[n->id][row] = b->walks;
  vec_push(&b->stack, ((visit){n, row}));
}

static reading reads_of(bands *b, const band *d, const stage *st) {
  reading found = {.elsewhere = -1};
  b->walks++;
  for (int k = 0; k < st->n_roots; k++)
    follow(b, st->roots[k], true);
  while (b->stack.len) {
    visit v = vec_pop(&b->stack);
    for (int k = 0; k < v.n->n_in; k++) {
      node *in = v.n->in[k];
      bool row = v.row && operand_at_row(st, v.n, k, d->axes);
      if (schedule_buffer(b->s, in) && !is_own_root(st, in))
        note_read(b, d, in, row, &found);
      else
        follow(b, in, row);
    }
  }
  return found;
}

// ---- growing

static void join(band *d, int number) {
  d->members[d->n_members++] = number;
  d->last = number;
}

static band grow(bands *b, int first) {
  const kernel *all = b->s->kernels.data;
  band d = {.first = first, .axes = most_axes(b, &all[first]), .blamed = -1, .lines = 1};
  join(&d, first);
  const shape *rows = d.axes ? domain_of(&all[first].stage) : NULL;
  if (!rows || all_ones(rows, 0, d.axes))
    return d;
  int moved = 0;
  for (int k = first + 1; k < (int)b->s->kernels.len && d.n_members < MOST_STAGES; k++) {
    if (all[k].kind != KERNEL_STAGE)
      break;
    const stage *st = &all[k].stage;
    reading found = reads_of(b, &d, st);
    d.blamed = found.elsewhere;
    if (found.members && d.blamed < 0 && most_axes(b, &all[k]) >= d.axes &&
        same_axes(domain_of(st), rows, d.axes)) {
      join(&d, k);
      continue;
    }
    if (found.members || ++moved > MOST_MOVED)
      break;
  }
  return d;
}

// A first kernel whose result is wanted at other rows by what could follow is better left out.
static band best_from(bands *b, int first) {
  band d = grow(b, first);
  while (d.blamed >= 0) {
    band later = grow(b, d.blamed + 1);
    if (later.last <= d.last || later.n_members < d.n_members)
      break;
    d = later;
  }
  return d;
}

static bool is_private(const bands *b, const band *d, const buffer *held) {
  int writer = b->writer[held->index];
  return held->place == PLACE_WORKSPACE && held->value && writer >= 0 && is_member(d, writer) &&
         held->first == writer && held->last <= d->last;
}

static bool pays(const bands *b, const band *d) {
  bool joins = false, keeps = false;
  for (int k = 0; k < d->n_members; k++) {
    const stage *st = &b->s->kernels.data[d->members[k]].stage;
    joins = joins || st->kind != STAGE_MAP;
    for (int r = 0; r < st->n_roots; r++) {
      const buffer *held = schedule_buffer(b->s, st->roots[r]);
      keeps = keeps || (held && is_private(b, d, held));
    }
  }
  return d->n_members > 1 && joins && keeps;
}

// ---- a convolution and the pooling behind it

// The reads of a convolution's lines r * lines + 0, 1, .. lines - 1 by row r of what a pooling makes.
typedef struct pooling {
  bands *b;
  const buffer *convolved;
  int64_t lines;
  read_walk walk;
  bool read;
} pooling;

static void note_buffer(void *context, node *n) {
  pooling *p = context;
  p->read = p->read || schedule_buffer(p->b->s, n) == p->convolved;
}

// Anywhere in what evaluating n reads.
static bool reads_convolved(pooling *p, node *n) {
  p->read = false;
  note_buffer(p, n);
  if (!schedule_buffer(p->b->s, n))
    walk_reads(&p->walk, n, note_buffer, p);
  return p->read;
}

static bool reads_own_lines(pooling *p, node *n, bool sliced) {
  bands *b = p->b;
  const buffer *held = schedule_buffer(b->s, n);
  if (held)
    return held != p->convolved || (n == held->value && (sliced || p->lines == 1));
  if (b->seen[n->id][sliced] == b->walks)
    return true;
  b->seen[n->id][sliced] = b->walks;
  bool of_lines = n->op == OP_SLICE && n->i[0] == 1;
  bool moves = !op_is_elementwise(n->op) && (n->op != OP_SLICE || n->i[0] == 0 || (of_lines && sliced));
  if (of_lines && (n->i[1] >= p->lines || n->i[2] != p->lines))
    moves = true;
  for (int k = 0; k < n->n_in; k++)
    if (moves ? reads_convolved(p, n->in[k]) : !reads_own_lines(p, n->in[k], sliced || of_lines))
      return false;
  return true;
}

static bool is_product_of_windows(const bands *b, const kernel *k) {
  const stage *st = &k->stage;
  return k->kind == KERNEL_STAGE && st->kind == STAGE_MATMUL && st->a_windows && !st->matmul->i[0] &&
         st->matmul->shape.rank == 2 && st->roots[0]->shape.rank == 4 && !has_other_memory(b, st->roots[0]);
}

// Kernel `first` and the next one.
static bool is_pooled(bands *b, int first, band *d) {
  const kernel *k = &b->s->kernels.data[first];
  int64_t from, to;
  if (first + 1 >= (int)b->s->kernels.len || !is_product_of_windows(b, k) || k[1].kind != KERNEL_STAGE ||
      k[1].stage.kind != STAGE_MAP || k[1].stage.n_roots != 1)
    return false;
  const shape *lines = &k->stage.roots[0]->shape, *rows = &k[1].stage.roots[0]->shape;
  if (rows->rank != 4 || rows->d[0] != lines->d[0] || !dim_is_const(lines->d[1], &from) ||
      !dim_is_const(rows->d[1], &to) || to < 1 || from % to || !dim_is_const(lines->d[2], NULL))
    return false;
  pooling p = {b, schedule_buffer(b->s, k->stage.roots[0]), from / to, read_walk_new(b->s, b->mem), false};
  *d = (band){.first = first, .last = first, .axes = 2, .blamed = -1, .lines = from / to};
  join(d, first);
  join(d, first + 1);
  b->walks++;
  return is_private(b, d, p.convolved) && reads_own_lines(&p, k[1].stage.roots[0], false);
}

// ---- making

static const char *band_name(const bands *b, const char *first) {
  const char *dot = strrchr(first, '.');
  return arena_printf(b->mem, "%.*s.rows", dot ? (int)(dot - first) : (int)strlen(first), first);
}

// Private buffers are numbered within their kernel; their elements are those of one row. Returns the
// (negative) bytes that need not go to memory any more.
static const dim *make_private(bands *b, const band *d) {
  dim_table *t = b->s->program->g->dims;
  const dim *saved = dim_const(t, 0);
  int count = 0;
  for (int k = 0; k < d->n_members; k++) {
    const stage *st = &b->s->kernels.data[d->members[k]].stage;
    for (int r = 0; r < st->n_roots; r++) {
      const buffer *found = schedule_buffer(b->s, st->roots[r]);
      if (!found || !is_private(b, d, found))
        continue;
      buffer *held = &b->s->buffers.data[found->index];
      shape row = {0};
      for (int axis = d->axes; axis < held->value->shape.rank; axis++)
        row.d[row.rank++] = held->value->shape.d[axis];
      saved =
          dim_add(t, saved, dim_mul(t, held->elements, dim_const(t, 8))); // written, and read at least once
      held->elements = shape_elements(t, &row);
      if (st->a_windows)
        held->elements = dim_mul(t, held->elements, dim_const(t, d->lines));
      held->place = PLACE_BAND;
      held->slot = count++;
    }
  }
  return saved;
}

static kernel make_band(bands *b, const band *d) {
  dim_table *t = b->s->program->g->dims;
  const kernel *all = b->s->kernels.data;
  kernel made = {.kind = KERNEL_BAND,
                 .name = band_name(b, all[d->first].name),
                 .weight = -1,
                 .partner = -1,
                 .scratch = -1,
                 .axes = d->axes,
                 .flops = dim_const(t, 0),
                 .bytes = dim_const(t, 0)};
  made.body = ARENA_ARRAY(b->mem, stage, d->n_members);
  for (int k = 0; k < d->n_members; k++) {
    made.body[made.n_body++] = all[d->members[k]].stage;
    made.flops = dim_add(t, made.flops, all[d->members[k]].flops);
    made.bytes = dim_add(t, made.bytes, all[d->members[k]].bytes);
  }
  made.bytes = dim_add(t, made.bytes, make_private(b, d));
  return made;
}

// Workspace slots are those of the buffers that are left.
static void number_slots(schedule *s) {
  s->n_offsets = 0;
  for (size_t k = 0; k < s->buffers.len; k++)
    if (s->buffers.data[k].place == PLACE_WORKSPACE)
      s->buffers.data[k].slot = s->n_offsets++;
}

static void find_writers(bands *b) {
  schedule *s = b->s;
  b->writer = ARENA_ARRAY(b->mem, int, s->buffers.len + 1);
  for (size_t k = 0; k < s->buffers.len; k++)
    b->writer[k] = -1;
  for (size_t k = 0; k < s->kernels.len; k++) {
    const kernel *kn = &s->kernels.data[k];
    for (int r = 0; kn->kind == KERNEL_STAGE && r < kn->stage.n_roots; r++) {
      const buffer *held = schedule_buffer(s, kn->stage.roots[r]);
      if (held)
        b->writer[held->index] = (int)k;
    }
  }
}

// Partners are counted by their places in the list, which are others now.
static void renumber_partners(schedule *s, const int *place) {
  for (size_t k = 0; k < s->kernels.len; k++)
    if (s->kernels.data[k].partner >= 0)
      s->kernels.data[k].partner = place[s->kernels.data[k].partner];
}

typedef struct kernel_list {
  kernel *made;
  int n;
  int *place; // by old number
} kernel_list;

static void keep(kernel_list *l, const schedule *s, int k) {
  l->place[k] = l->n;
  l->made[l->n++] = s->kernels.data[k];
}

static void run(compilation *c) {
  schedule *s = c->schedule;
  bands b = {.s = s, .mem = c->program->g->mem};
  if (!c->fuse)
    return;
  schedule_lifetimes(s);
  find_writers(&b);
  b.seen = (unsigned(*)[2])ARENA_ARRAY(b.mem, unsigned, 2 * s->n_nodes + 2);
  int n = (int)s->kernels.len;
  kernel_list l = {.made = ARENA_ARRAY(b.mem, kernel, n + 1), .place = ARENA_ARRAY(b.mem, int, n + 1)};
  for (int k = 0; k < n; k++) {
    band d;
    bool made = is_pooled(&b, k, &d);
    if (!made) {
      d = best_from(&b, k);
      made = pays(&b, &d);
    }
    for (int j = k; made && j <= d.last; j++)
      if (!is_member(&d, j))
        keep(&l, s, j);
    if (made) {
      l.made[l.n++] = make_band(&b, &d);
      k = d.last;
    } else {
      keep(&l, s, k);
    }
  }
  s->kernels.len = 0;
  for (int k = 0; k < l.n; k++)
    vec_push(&s->kernels, l.made[k]);
  renumber_partners(s, l.place);
  number_slots(s);
  vec_free(&b.stack);
}

const pass pass_bands = {
    .name = "bands",
    .doc = "kernels that follow each other row by row take a few rows at a time through all of them",
    .run = run,
};
