// Requires: a schedule. Guarantees: every buffer's first and last kernel. Scans that run side by side count
// as one moment; what is kept lives through the program; gradients live until the end of the program, since
// the optimizer reads them after it.
#include "passes/fusion.h"
#include "passes/reads.h"

typedef struct lifetimes {
  schedule *s;
  int now;
  read_walk walk;
  int *first_part,
      *next_part; // by node id, by buffer: buffers of the parts of a node with several results, or -1
} lifetimes;

static void touch(lifetimes *l, const node *n) {
  int index = l->s->buffer_of[n->id];
  if (index < 0)
    return;
  buffer *b = &l->s->buffers.data[index];
  if (b->first < 0 || l->now < b->first)
    b->first = l->now;
  if (l->now > b->last)
    b->last = l->now;
}

static void touch_read(void *context, node *n) {
  touch(context, n);
}

static void touch_reads(lifetimes *l, node *n) {
  walk_reads(&l->walk, n, touch_read, l);
}

static void touch_stage(lifetimes *l, const stage *s) {
  for (int k = 0; k < s->n_roots; k++) {
    touch(l, s->roots[k]);
    touch_reads(l, s->roots[k]);
  }
}

static void touch_parts(lifetimes *l, const node *multi) {
  for (int k = l->first_part[multi->id]; k >= 0; k = l->next_part[k])
    touch(l, l->s->buffers.data[k].value);
}

static void find_parts(lifetimes *l, arena *mem) {
  const schedule *s = l->s;
  l->first_part = ARENA_ARRAY(mem, int, s->n_nodes + 1);
  l->next_part = ARENA_ARRAY(mem, int, s->buffers.len + 1);
  for (size_t k = 0; k < s->n_nodes; k++)
    l->first_part[k] = -1;
  for (size_t k = 0; k < s->buffers.len; k++) {
    const node *v = s->buffers.data[k].value;
    if (!v || v->op != OP_PART)
      continue;
    l->next_part[k] = l->first_part[v->in[0]->id];
    l->first_part[v->in[0]->id] = (int)k;
  }
}

static void touch_kernel(lifetimes *l, const kernel *k) {
  if (k->kind == KERNEL_STAGE) {
    touch_stage(l, &k->stage);
    return;
  }
  if (k->kind == KERNEL_TOUCH) {
    touch(l, k->subject);
    return;
  }
  if (k->subject) {
    touch_reads(l, k->subject);
    touch_parts(l, k->subject);
  }
  for (int j = 0; j < k->n_body; j++)
    touch_stage(l, &k->body[j]);
  if (k->kind == KERNEL_SCAN) {
    node *pack = k->subject->in[0];
    touch_parts(l, pack);
  }
  if (k->scratch >= 0) {
    buffer *b = &l->s->buffers.data[k->scratch];
    b->first = b->last = l->now;
  }
}

static void widen_over_partners(schedule *s) {
  for (size_t k = 0; k < s->buffers.len; k++) {
    buffer *b = &s->buffers.data[k];
    int before = b->first >= 0 ? s->kernels.data[b->first].partner : -1;
    int after = b->last >= 0 ? s->kernels.data[b->last].partner : -1;
    if (before >= 0 && before < b->first)
      b->first = before;
    if (after > b->last)
      b->last = after;
  }
}

static void keep_for_later(schedule *s) {
  for (size_t k = 0; k < s->buffers.len; k++)
    if (s->buffers.data[k].kept) {
      s->buffers.data[k].first = 0;
      s->buffers.data[k].last = (int)s->kernels.len;
    }
}

static bool read_after_run(root_role role) {
  return role == ROOT_GRAD || role == ROOT_GRAD_IDS || role == ROOT_GRAD_ROWS || role == ROOT_ASSIGN ||
         role == ROOT_STATE;
}

static void keep_results(const program *p, schedule *s) {
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *r = &p->roots.data[k];
    if (!read_after_run(r->role))
      continue;
    int index = s->buffer_of[r->value->id];
    INVARIANT(index >= 0);
    s->buffers.data[index].last = (int)s->kernels.len;
  }
}

void schedule_lifetimes(schedule *s) {
  const graph *g = s->program->g;
  lifetimes l = {.s = s, .walk = read_walk_new(s, g->mem)};
  find_parts(&l, g->mem);
  for (size_t k = 0; k < s->buffers.len; k++)
    s->buffers.data[k].first = s->buffers.data[k].last = -1;
  for (size_t k = 0; k < s->kernels.len; k++) {
    l.now = (int)k;
    touch_kernel(&l, &s->kernels.data[k]);
  }
  widen_over_partners(s);
  keep_for_later(s);
  keep_results(s->program, s);
}

static void run(compilation *c) {
  schedule_lifetimes(c->schedule);
}

const pass pass_memory = {
    .name = "memory",
    .doc = "lifetimes of buffers, from which sessions lay out their workspace",
    .required = true,
    .run = run,
};
