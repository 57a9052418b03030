// Schedules as text, and their structural checks.
#include "ir/kernel.h"

void schedule_free(schedule *s) {
  if (!s)
    return;
  vec_free(&s->kernels);
  vec_free(&s->buffers);
}

const buffer *schedule_buffer(const schedule *s, const node *n) {
  if (n->id >= s->n_nodes || s->buffer_of[n->id] < 0)
    return NULL;
  return &s->buffers.data[s->buffer_of[n->id]];
}

static const char *const place_names[] = {"workspace", "input",  "output", "mask", "probe",
                                          "weight",    "result", "rows",   "band"};
static const char *const stage_names[] = {"map", "reduce", "segment", "scatter", "sparse", "matmul"};
static const char *const kernel_names[] = {"stage", "scan", "band", "unique", "pack", "check", "touch"};

// ---- text

static bool is_inline(const schedule *s, const node *n) {
  return !schedule_buffer(s, n) && n->op != OP_SCAN_SEQ && n->op != OP_SCAN_STATE;
}

static void print_reference(const schedule *s, const node *n, strbuf *out) {
  if (n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE)
    strbuf_printf(out, "%s %d", n->op == OP_SCAN_SEQ ? "sequence" : "state", (int)n->i[1]);
  else
    strbuf_printf(out, "b%d", s->buffer_of[n->id]);
}

// Expressions are printed to a bounded depth: a dump is read by people.
static void print_expression(const schedule *s, const node *n, int depth, strbuf *out) {
  if (depth > 0 && !is_inline(s, n)) {
    print_reference(s, n, out);
    return;
  }
  if (n->op == OP_CONST) {
    strbuf_printf(out, "%.9g", n->type == INT ? (double)n->i[0] : n->f);
    return;
  }
  if (n->op == OP_EXTENT) {
    dim_print(n->extra, out);
    return;
  }
  strbuf_puts(out, op_name(n->op));
  if (n->n_in == 0)
    return;
  if (depth > 12) {
    strbuf_puts(out, "(...)");
    return;
  }
  for (int k = 0; k < n->n_in; k++) {
    strbuf_puts(out, k ? ", " : "(");
    print_expression(s, n->in[k], depth + 1, out);
  }
  strbuf_putc(out, ')');
}

static void print_stage(const schedule *s, const stage *st, const char *indent, strbuf *out) {
  strbuf_printf(out, "%s%s ", indent, stage_names[st->kind]);
  shape_print(&st->roots[0]->shape, out);
  strbuf_putc(out, '\n');
  for (int k = 0; k < st->n_roots; k++) {
    const buffer *b = schedule_buffer(s, st->roots[k]);
    strbuf_printf(out, "%s  ", indent);
    if (b)
      strbuf_printf(out, "b%d", b->index);
    else
      strbuf_printf(out, "%%%u", st->roots[k]->id);
    strbuf_puts(out, " = ");
    print_expression(s, st->roots[k], 0, out);
    strbuf_putc(out, '\n');
  }
}

static void print_buffer(const buffer *b, strbuf *out) {
  strbuf_printf(out, "  b%d %s %d: %s[", b->index, place_names[b->place], b->slot,
                b->type == INT ? "int" : "real");
  dim_print(b->elements, out);
  strbuf_puts(out, "]");
  if (b->first >= 0)
    strbuf_printf(out, " live %d..%d%s", b->first, b->last, b->kept ? " kept" : "");
  strbuf_putc(out, '\n');
}

void schedule_print(const schedule *s, strbuf *out) {
  static const char *const kinds[] = {"infer", "evaluate", "grad"};
  strbuf_printf(out, "program %s of %s\nbuffers\n", kinds[s->program->kind], s->program->model->name);
  for (size_t k = 0; k < s->buffers.len; k++)
    print_buffer(&s->buffers.data[k], out);
  strbuf_puts(out, "kernels\n");
  for (size_t k = 0; k < s->kernels.len; k++) {
    const kernel *kn = &s->kernels.data[k];
    strbuf_printf(out, "  %zu %s: %s", k, kn->name, kernel_names[kn->kind]);
    if (kn->partner >= 0)
      strbuf_printf(out, " beside %d", kn->partner);
    if (kn->once)
      strbuf_puts(out, " once");
    if (kn->fresh) {
      strbuf_puts(out, " adds ");
      dim_print(kn->fresh, out);
    }
    strbuf_putc(out, '\n');
    if (kn->kind == KERNEL_STAGE)
      print_stage(s, &kn->stage, "    ", out);
    for (int j = 0; j < kn->n_body; j++)
      print_stage(s, &kn->body[j], "    ", out);
  }
}

// ---- checks

typedef struct checking {
  const schedule *s;
  bool *written; // by buffer
  int *seen;     // by node id: the last walk that came by
  int walks;
  int *first_part, *next_part; // by node id, by buffer: buffers of the parts of a node with several results
  const char *reason;
} checking;

static void fail(checking *c, const char *what, const node *n, const char *where) {
  if (!c->reason)
    c->reason = arena_printf(c->s->program->g->mem, "%s (%%%u %s) in %s", what, n->id, op_name(n->op), where);
}

static bool is_callers(const buffer *b) {
  return b->place == PLACE_INPUT || b->place == PLACE_PARAM;
}

static bool must_be_read_from_memory(const node *n) {
  switch (op_family_of(n->op)) {
  case FAMILY_REDUCE:
  case FAMILY_CONTRACT:
  case FAMILY_MULTI:
    return true;
  default:
    return n->op == OP_PART || n->op == OP_INPUT || n->op == OP_PARAM || n->op == OP_SCATTER;
  }
}

static void check_reads(checking *c, node *root, const stage *own, const char *where) {
  VEC(node *) stack = {0};
  c->walks++;
  vec_push(&stack, root);
  while (stack.len && !c->reason) {
    node *n = vec_pop(&stack);
    for (int k = 0; k < n->n_in; k++) {
      node *in = n->in[k];
      if (c->seen[in->id] == c->walks)
        continue;
      c->seen[in->id] = c->walks;
      const buffer *b = schedule_buffer(c->s, in);
      bool mine = false;
      for (int r = 0; own && r < own->n_roots; r++)
        mine = mine || own->roots[r] == in;
      if (mine || in->op == OP_SCAN_SEQ || in->op == OP_SCAN_STATE)
        continue;
      if (b && !is_callers(b) && !c->written[b->index])
        fail(c, "read before it is written", in, where);
      if (b)
        continue;
      if (in != (own ? own->matmul : NULL) && must_be_read_from_memory(in))
        fail(c, "has no memory but is read", in, where);
      vec_push(&stack, in);
    }
  }
  vec_free(&stack);
}

static void mark_written(checking *c, const node *n) {
  const buffer *b = schedule_buffer(c->s, n);
  if (b)
    c->written[b->index] = true;
}

static void check_stage(checking *c, const stage *st, const char *where) {
  for (int k = 0; k < st->n_roots && !c->reason; k++)
    check_reads(c, st->roots[k], st, where);
  for (int k = 0; k < st->n_roots; k++)
    mark_written(c, st->roots[k]);
}

static void mark_parts(checking *c, const node *multi) {
  for (int k = c->first_part[multi->id]; k; k = c->next_part[k - 1])
    c->written[k - 1] = true;
}

static void find_parts(checking *c) {
  const schedule *s = c->s;
  arena *mem = s->program->g->mem;
  c->first_part = ARENA_ARRAY(mem, int, s->n_nodes + 1); // numbers + 1
  c->next_part = ARENA_ARRAY(mem, int, s->buffers.len + 1);
  for (size_t k = 0; k < s->buffers.len; k++) {
    const node *v = s->buffers.data[k].value;
    if (!v || v->op != OP_PART)
      continue;
    c->next_part[k] = c->first_part[v->in[0]->id];
    c->first_part[v->in[0]->id] = (int)k + 1;
  }
}

static void check_lifetimes(checking *c) {
  for (size_t k = 0; k < c->s->buffers.len && !c->reason; k++) {
    const buffer *b = &c->s->buffers.data[k];
    if (b->value && b->last < b->first)
      fail(c, "dies before it is made", b->value, "the memory plan");
  }
}

const char *schedule_verify(const schedule *s) {
  checking c = {.s = s};
  c.written = ARENA_ARRAY(s->program->g->mem, bool, s->buffers.len + 1);
  c.seen = ARENA_ARRAY(s->program->g->mem, int, s->program->g->n_nodes + 1);
  find_parts(&c);
  for (size_t k = 0; k < s->kernels.len && !c.reason; k++) {
    const kernel *kn = &s->kernels.data[k];
    if (kn->kind == KERNEL_STAGE) {
      check_stage(&c, &kn->stage, kn->name);
      continue;
    }
    for (int j = 0;
         kn->subject && j < kn->subject->n_in && kn->kind != KERNEL_SCAN && kn->kind != KERNEL_TOUCH; j++) {
      const buffer *b = schedule_buffer(s, kn->subject->in[j]);
      if (!b || (!is_callers(b) && !c.written[b->index]))
        fail(&c, "operand is not in memory", kn->subject->in[j], kn->name);
    }
    for (int j = 0; j < kn->n_body; j++)
      check_stage(&c, &kn->body[j], kn->name);
    if (kn->subject)
      mark_parts(&c, kn->subject);
  }
  check_lifetimes(&c);
  for (size_t k = 0; k < s->program->roots.len && !c.reason; k++) {
    const buffer *b = schedule_buffer(s, s->program->roots.data[k].value);
    if (!b || (!is_callers(b) && !c.written[b->index]))
      fail(&c, "root is not stored", s->program->roots.data[k].value, "the program");
  }
  return c.reason;
}
