// Work items of the outer graph, ordered by what they read, become kernels; nodes with memory become buffers.
#include "passes/fusion.h"
#include <string.h>

typedef struct edges {
  VEC(int) to;
} edges;

typedef struct assembly {
  const fusion *f;
  work_list *outer;
  work_list **bodies; // by scan index
  schedule *s;
  edges *after;   // by item: items that must come later
  int *waits_for; // by item: how many come before
  int current;    // item whose reads are being noted
  int **touches;  // by weight: touch items, ended by -1; NULL when there are none
} assembly;

// ---- dependencies

static void depend(assembly *a, int on) {
  if (on < 0 || on == a->current)
    return;
  vec_push(&a->after[on].to, a->current);
  a->waits_for[a->current]++;
}

static void depend_on_node(assembly *a, const node *n) {
  if (n->op == OP_PARAM && a->touches[n->i[0]])
    for (const int *t = a->touches[n->i[0]]; *t >= 0; t++)
      depend(a, *t);
  depend(a, work_position(a->outer, n));
}

// An operand read through a pointer: the item that makes it, and the checks on the way.
static void depend_on_operand(assembly *a, node *n) {
  for (;;) {
    depend_on_node(a, n);
    if ((n->op != OP_RESHAPE && n->op != OP_CHECK_IDS) || a->f->materialise[n->id])
      return;
    n = n->in[0];
  }
}

static void note_dependency(const fusion *f, node *read, bool same_index, void *context) {
  (void)f;
  (void)same_index;
  depend_on_operand(context, read);
}

static void depend_on_captured(assembly *a, int scan) {
  const fusion *f = a->f;
  for (size_t k = 0; k < f->n_body[scan]; k++) {
    const node *n = f->body[scan][k];
    for (int j = 0; j < n->n_in; j++)
      if (f->scan[n->in[j]->id] < 0)
        depend_on_operand(a, n->in[j]);
  }
}

static void note_item_dependencies(assembly *a, int item) {
  const work_item *w = &a->outer->items.data[item];
  a->current = item;
  if (w->kind == KERNEL_STAGE) {
    for (int k = 0; k < w->stage.n_roots; k++)
      fusion_reads(a->f, w->stage.roots[k], note_dependency, a);
    return;
  }
  if (w->kind == KERNEL_TOUCH) {
    depend_on_operand(a, w->subject);
    return;
  }
  for (int k = 0; k < w->subject->n_in; k++) {
    node *in = w->subject->in[k];
    if (a->f->scan[in->id] >= 0)
      continue;
    depend_on_operand(a, in);
    if (!fusion_has_memory(a->f, fusion_base(a->f, in))) // evaluated in the loop
      fusion_reads(a->f, in, note_dependency, a);
  }
  if (w->kind == KERNEL_SCAN)
    depend_on_captured(a, a->f->scan_index[w->subject->id]);
}

static void add_touches(assembly *a) {
  const program *p = a->f->program;
  size_t n_weights = p->model->weights.len;
  a->touches = ARENA_ARRAY(a->f->mem, int *, n_weights + 1);
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *r = &p->roots.data[k];
    if (r->role != ROOT_TOUCH)
      continue;
    int *old = a->touches[r->index], count = 0;
    while (old && old[count] >= 0)
      count++;
    int *grown = ARENA_ARRAY(a->f->mem, int, count + 2);
    if (count)
      memcpy(grown, old, (size_t)count * sizeof *grown);
    grown[count] = (int)a->outer->items.len;
    grown[count + 1] = -1;
    a->touches[r->index] = grown;
    vec_push(&a->outer->items, ((work_item){.kind = KERNEL_TOUCH, .subject = r->value}));
  }
}

// ---- names and kernels

static const char *kernel_suffix(const work_item *w) {
  switch (w->kind) {
  case KERNEL_SCAN:
    return scan_body_of(w->subject)->reverse ? "scan.reverse" : "scan";
  case KERNEL_UNIQUE:
    return "unique";
  case KERNEL_PACK:
    return "pack";
  case KERNEL_CHECK:
    return "check";
  case KERNEL_TOUCH:
    return "touch";
  case KERNEL_STAGE:
  case KERNEL_BAND:
    break;
  }
  return w->stage.kind == STAGE_MATMUL ? "matmul" : op_name(w->stage.roots[0]->op);
}

static const char *repetition_mark(const work_item *w) {
  return w->again ? "again." : "";
}

static const char *kernel_name(assembly *a, const work_item *w) {
  const node *n = w->kind == KERNEL_STAGE ? w->stage.roots[0] : w->subject;
  const char *owner = n->n_labels ? n->labels[0] : a->f->program->model->name;
  char *name = arena_printf(a->f->mem, "%s.%s%s", owner, repetition_mark(w), kernel_suffix(w));
  for (char *c = name; *c; c++)
    if (*c == '/')
      *c = '.';
  return name;
}

static bool reads_state_later(const assembly *a, const work_list *body, int after, const node *state) {
  (void)a;
  for (size_t k = (size_t)after + 1; k < body->items.len; k++) {
    const stage *s = &body->items.data[k].stage;
    for (int r = 0; r < s->n_roots; r++) {
      VEC(const node *) stack = {0};
      vec_push(&stack, s->roots[r]);
      bool found = false;
      while (stack.len && !found) {
        const node *n = vec_pop(&stack);
        found = n == state;
        for (int j = 0; !found && j < n->n_in; j++)
          if ((!a->f->materialise[n->in[j]->id] && a->f->scan[n->in[j]->id] >= 0) || n->in[j] == state)
            vec_push(&stack, n->in[j]);
      }
      vec_free(&stack);
      if (found)
        return true;
    }
  }
  return false;
}

typedef struct shifted_read {
  const node *state;
  bool found;
} shifted_read;

static void note_shifted(const fusion *f, node *read, bool same_index, void *context) {
  (void)f;
  shifted_read *s = context;
  if (read == s->state && !same_index)
    s->found = true;
}

static bool may_store_in_place(const assembly *a, const work_list *body, const scan_body *scan, int state) {
  const node *next = scan->next[state];
  int at = work_position(body, next);
  if (at < 0 || fusion_is_leaf(next))
    return false;
  const stage *s = &body->items.data[at].stage;
  if (s->kind != STAGE_MAP)
    return false;
  shifted_read shifted = {scan->state_param[state], false};
  for (int r = 0; r < s->n_roots; r++)
    fusion_reads(a->f, s->roots[r], note_shifted, &shifted);
  return !shifted.found && !reads_state_later(a, body, at, scan->state_param[state]);
}

static void fill_scan_kernel(assembly *a, kernel *k) {
  const fusion *f = a->f;
  int index = f->scan_index[k->subject->id];
  const scan_body *scan = scan_body_of(k->subject);
  const work_list *body = a->bodies[index];
  k->body = ARENA_ARRAY(f->mem, stage, body->items.len);
  for (size_t j = 0; j < body->items.len; j++)
    if (!body->items.data[j].dropped)
      k->body[k->n_body++] = body->items.data[j].stage;
  k->in_place = ARENA_ARRAY(f->mem, bool, scan->n_state + 1);
  for (int j = 0; j < scan->n_state; j++)
    k->in_place[j] = may_store_in_place(a, body, scan, j);
}

static void emit_kernel(assembly *a, int item) {
  const work_item *w = &a->outer->items.data[item];
  kernel k = {.kind = w->kind,
              .name = kernel_name(a, w),
              .stage = w->stage,
              .subject = w->subject,
              .weight = -1,
              .partner = -1,
              .scratch = -1};
  if (w->kind == KERNEL_SCAN)
    fill_scan_kernel(a, &k);
  if (w->kind == KERNEL_TOUCH)
    for (size_t r = 0; k.weight < 0 && r < a->f->program->model->weights.len; r++)
      for (const int *t = a->touches[r]; t && *t >= 0; t++)
        if (*t == item)
          k.weight = (int)r;
  vec_push(&a->s->kernels, k);
}

// Numbers of items that wait for nothing more, smallest first.
typedef struct item_heap {
  VEC(int) items;
} item_heap;

static void heap_push(item_heap *h, int item) {
  size_t at = h->items.len;
  vec_push(&h->items, item);
  for (; at > 0 && h->items.data[(at - 1) / 2] > item; at = (at - 1) / 2)
    h->items.data[at] = h->items.data[(at - 1) / 2];
  h->items.data[at] = item;
}

static int heap_pop(item_heap *h) {
  int first = h->items.data[0], moved = vec_pop(&h->items);
  size_t n = h->items.len, at = 0;
  for (size_t child = 1; child < n; child = 2 * at + 1) {
    if (child + 1 < n && h->items.data[child + 1] < h->items.data[child])
      child++;
    if (h->items.data[child] >= moved)
      break;
    h->items.data[at] = h->items.data[child];
    at = child;
  }
  if (n)
    h->items.data[at] = moved;
  return first;
}

static bool has_fixed_size(const node *n) {
  for (int k = 0; k < n->shape.rank; k++)
    if (n->shape.d[k]->kind != DIM_CONST)
      return false;
  return true;
}

static void note_size(const fusion *f, node *read, bool same_index, void *context) {
  (void)f;
  (void)same_index;
  bool *all_fixed = context;
  *all_fixed = *all_fixed && has_fixed_size(read);
}

// Whether it makes something of fixed size, such as the gradient of a weight, of a batch's data: the sooner
// it runs, the sooner the memory of the data serves others.
static bool sums_up(const assembly *a, const work_item *w) {
  if (w->kind != KERNEL_STAGE || w->dropped)
    return false;
  bool all_fixed = true;
  for (int k = 0; k < w->stage.n_roots; k++) {
    if (!has_fixed_size(w->stage.roots[k]))
      return false;
    fusion_reads(a->f, w->stage.roots[k], note_size, &all_fixed);
  }
  return !all_fixed;
}

typedef struct ready_items {
  item_heap sums, others, scans; // in this order
  item_heap later;               // repetitions whose turn has not come
  // By repetition: the first item that reads it. All items before that one, but repetitions, are taken first.
  const int *turn_of;
  bool *taken;
  int first_left; // item, of no repetition and not taken
  int next_turn;  // the earliest of those in `later`
} ready_items;

static void add_ready(const assembly *a, ready_items *ready, int item) {
  const work_item *w = &a->outer->items.data[item];
  if (a->waits_for[item])
    return;
  int turn = w->again ? ready->turn_of[w->again] : 0;
  if (turn > ready->first_left) {
    heap_push(&ready->later, item);
    ready->next_turn = turn < ready->next_turn ? turn : ready->next_turn;
    return;
  }
  if (w->kind == KERNEL_SCAN)
    heap_push(&ready->scans, item);
  else
    heap_push(sums_up(a, w) ? &ready->sums : &ready->others, item);
}

static void note_taken(const assembly *a, ready_items *ready, int item) {
  int n = (int)a->outer->items.len;
  ready->taken[item] = true;
  while (ready->first_left < n &&
         (ready->taken[ready->first_left] || a->outer->items.data[ready->first_left].again))
    ready->first_left++;
  if (ready->first_left < ready->next_turn)
    return;
  ready->next_turn = n;
  item_heap later = ready->later;
  ready->later = (item_heap){0};
  for (size_t k = 0; k < later.items.len; k++)
    add_ready(a, ready, later.items.data[k]);
  vec_free(&later.items);
}

static void take_item(assembly *a, ready_items *ready, int item) {
  if (!a->outer->items.data[item].dropped)
    emit_kernel(a, item);
  note_taken(a, ready, item);
  for (size_t k = 0; k < a->after[item].to.len; k++) {
    a->waits_for[a->after[item].to.data[k]]--;
    add_ready(a, ready, a->after[item].to.data[k]);
  }
}

// By item: the first item, of those that are no repetitions, that is it or cannot run before it.
static int *first_waiting(const assembly *a) {
  const work_list *list = a->outer;
  int n = (int)list->items.len, *first = ARENA_ARRAY(a->f->mem, int, n + 1);
  for (int k = 0; k < n; k++)
    first[k] = list->items.data[k].again ? n : k;
  for (bool earlier = true; earlier;) {
    earlier = false;
    for (int k = n; k-- > 0;)
      for (size_t j = 0; j < a->after[k].to.len; j++) {
        int by = first[a->after[k].to.data[j]];
        earlier = earlier || by < first[k];
        first[k] = by < first[k] ? by : first[k];
      }
  }
  return first;
}

// By repetition: the item before which all work that is no repetition is done first. None of that work waits
// for the repetition, directly or through another one, so that something can always run.
static const int *turns_of(const assembly *a) {
  const work_list *list = a->outer;
  int n = (int)list->items.len, most = 0;
  for (int k = 0; k < n; k++)
    most = list->items.data[k].again > most ? list->items.data[k].again : most;
  int *turn = ARENA_ARRAY(a->f->mem, int, most + 1);
  for (int k = 1; k <= most; k++)
    turn[k] = n;
  const int *first = most ? first_waiting(a) : NULL;
  for (int k = 0; k < n; k++) {
    int again = list->items.data[k].again;
    if (again && first[k] < turn[again])
      turn[again] = first[k];
  }
  return turn;
}

// Ready items in order of creation, sums first; scans wait until nothing else can run, so that independent
// ones (the two directions of a bidirectional layer) meet and share a parallel region.
static void order_items(assembly *a) {
  size_t n = a->outer->items.len, taken = 0;
  ready_items ready = {
      .turn_of = turns_of(a), .taken = ARENA_ARRAY(a->f->mem, bool, n + 1), .next_turn = (int)n};
  for (size_t k = 0; k < n; k++)
    add_ready(a, &ready, (int)k);
  for (; ready.sums.items.len || ready.others.items.len || ready.scans.items.len; taken++) {
    item_heap *next = ready.sums.items.len ? &ready.sums : &ready.others;
    if (next->items.len) {
      take_item(a, &ready, heap_pop(next));
      continue;
    }
    int first = heap_pop(&ready.scans), second = ready.scans.items.len ? heap_pop(&ready.scans) : -1;
    take_item(a, &ready, first);
    if (second < 0)
      continue;
    take_item(a, &ready, second);
    taken++;
    int last = (int)a->s->kernels.len - 1;
    a->s->kernels.data[last].partner = last - 1;
    a->s->kernels.data[last - 1].partner = last;
  }
  if (taken < n)
    ICE("kernels wait for each other");
  vec_free(&ready.scans.items);
  vec_free(&ready.others.items);
  vec_free(&ready.sums.items);
}

// ---- roots of a stage that only the stage itself reads need no memory: they are values within an element

enum { READ_BY_NONE, READ_BY_SEVERAL = -1 }; // else the number of the item that reads it + 1

typedef struct reader_search {
  int *reader; // by node id
  int item;
} reader_search;

static void note_reader(const fusion *f, node *read, bool same_index, void *context) {
  (void)same_index;
  reader_search *s = context;
  int *reader = &s->reader[fusion_base(f, read)->id];
  *reader = *reader == READ_BY_NONE || *reader == s->item + 1 ? s->item + 1 : READ_BY_SEVERAL;
}

// Which stage reads each node's memory.
static int *readers_of(const fusion *f, const work_list *list) {
  reader_search s = {.reader = xcalloc(f->g->n_nodes + 1, sizeof *s.reader)};
  for (size_t k = 0; k < list->items.len; k++) {
    const work_item *w = &list->items.data[k];
    s.item = (int)k;
    for (int r = 0; !w->dropped && w->kind == KERNEL_STAGE && r < w->stage.n_roots; r++)
      fusion_reads(f, w->stage.roots[r], note_reader, &s);
  }
  return s.reader;
}

static bool wanted_outside(const fusion *f, const node *n) {
  if (f->is_root[n->id] || f->is_body_result[n->id])
    return true;
  for (int k = 0; k < f->n_users[n->id]; k++) {
    const node *u = f->users[n->id][k];
    if (u->op == OP_SCAN || u->op == OP_UNIQUE || u->op == OP_PACK || u->op == OP_MATMUL ||
        u->op == OP_SPREAD || u->op == OP_COLLECT || u->op == OP_CHECK_IDS ||
        (f->scan[u->id] >= 0 && f->scan[n->id] < 0))
      return true;
  }
  return false;
}

static void prune_roots(const fusion *f, work_list *list) {
  bool any = false;
  for (size_t k = 0; k < list->items.len && !any; k++)
    any = list->items.data[k].stage.n_roots > 1;
  int *reader = any ? readers_of(f, list) : NULL;
  for (size_t k = 0; any && k < list->items.len; k++) {
    stage *s = &list->items.data[k].stage;
    if (list->items.data[k].kind != KERNEL_STAGE || s->kind != STAGE_MAP || s->n_roots < 2)
      continue;
    int kept = 0;
    for (int r = 0; r < s->n_roots; r++) {
      node *root = s->roots[r];
      int by = reader[root->id];
      if (wanted_outside(f, root) || (by != READ_BY_NONE && by != (int)k + 1))
        s->roots[kept++] = root;
      else
        f->materialise[root->id] = false;
    }
    s->n_roots = kept;
  }
  free(reader);
}

schedule *schedule_assemble(const fusion *f, bool merge, bool epilogue) {
  assembly a = {.f = f};
  a.outer = work_build(f, -1, merge, epilogue);
  if (merge)
    prune_roots(f, a.outer);
  a.bodies = ARENA_ARRAY(f->mem, work_list *, f->scans.len + 1);
  for (size_t k = 0; k < f->scans.len; k++) {
    a.bodies[k] = work_build(f, (int)k, merge, false);
    if (merge)
      prune_roots(f, a.bodies[k]);
  }
  a.s = ARENA_NEW(f->mem, schedule);
  a.s->program = f->program;
  add_touches(&a);
  size_t n = a.outer->items.len;
  a.after = ARENA_ARRAY(f->mem, edges, n + 1);
  a.waits_for = ARENA_ARRAY(f->mem, int, n + 1);
  for (size_t k = 0; k < n; k++)
    if (!a.outer->items.data[k].dropped)
      note_item_dependencies(&a, (int)k);
  order_items(&a);
  for (size_t k = 0; k < n; k++)
    vec_free(&a.after[k].to);
  buffers_assign(f, a.s);
  work_free(a.outer);
  for (size_t k = 0; k < f->scans.len; k++)
    work_free(a.bodies[k]);
  return a.s;
}
