// Keys of kernels: a walk over what a kernel reaches without passing through memory. Nodes are numbered as
// they are first mentioned and described in that order.
#include "codegen/share.h"
#include "codegen/program.h"
#include "codegen/value.h"
#include "support/diag.h"
#include <string.h>

struct key_maker {
  const program_code *pc;
  int *number; // by node id: number in the key being made + 1, or 0
  bool *root;  // by node id: computed by the kernel although it has memory
  VEC(node *) queue;
  VEC(node *) roots;
  const scan_body *bodies[2]; // of a scan kernel and its partner
  kernel_key *key;
};

key_maker *key_maker_new(const program_code *pc) {
  key_maker *m = xcalloc(1, sizeof *m);
  m->pc = pc;
  m->number = xcalloc(pc->s->n_nodes + 1, sizeof *m->number);
  m->root = xcalloc(pc->s->n_nodes + 1, sizeof *m->root);
  return m;
}

void key_maker_free(key_maker *m) {
  vec_free(&m->queue);
  vec_free(&m->roots);
  free(m->number);
  free(m->root);
  free(m);
}

void kernel_key_free(kernel_key *key) {
  strbuf_free(&key->bytes);
  vec_free(&key->externals);
}

// ---- words of a key

static void put(key_maker *m, int64_t v) {
  strbuf_add(&m->key->bytes, (const char *)&v, sizeof v);
}

static void put_external(key_maker *m, external_kind kind, int64_t number) {
  size_t k = 0;
  while (k < m->key->externals.len &&
         (m->key->externals.data[k].kind != kind || m->key->externals.data[k].value != number))
    k++;
  if (k == m->key->externals.len)
    vec_push(&m->key->externals, ((external){kind, number}));
  put(m, kind);
  put(m, (int64_t)k);
}

static void put_dim(key_maker *m, const dim *d) {
  put(m, d->kind);
  if (d->kind == DIM_CONST) {
    put(m, d->value);
  } else if (d->kind == DIM_SYMBOL) {
    put_external(m, EXTERNAL_DIM, d->symbol);
  } else {
    put_dim(m, d->a);
    put_dim(m, d->b);
  }
}

static void put_shape(key_maker *m, const shape *s) {
  put(m, s->rank);
  for (int k = 0; k < s->rank; k++)
    put_dim(m, s->d[k]);
}

static void put_node(key_maker *m, node *n) {
  INVARIANT(n->id < m->pc->s->n_nodes);
  if (!m->number[n->id]) {
    vec_push(&m->queue, n);
    m->number[n->id] = (int)m->queue.len;
  }
  put(m, m->number[n->id]);
}

static void put_nodes(key_maker *m, node *const *list, int n) {
  put(m, n);
  for (int k = 0; k < n; k++)
    put_node(m, list[k]);
}

int64_t external_of_buffer(const buffer *b, external_kind *kind) {
  static const int fields[] = {
      [PLACE_WORKSPACE] = FRAME_offsets, [PLACE_INPUT] = FRAME_inputs, [PLACE_OUTPUT] = FRAME_outputs,
      [PLACE_MASK] = FRAME_masks,        [PLACE_PROBE] = FRAME_probes, [PLACE_PARAM] = FRAME_params};
  *kind = b->place == PLACE_RESULT ? EXTERNAL_RESULT : EXTERNAL_MEMORY;
  if (b->place == PLACE_RESULT)
    return b->slot;
  INVARIANT(b->place != PLACE_ROWS && b->place != PLACE_BAND);
  return (int64_t)fields[b->place] << 32 | b->slot;
}

static void put_buffer(key_maker *m, const buffer *b) {
  put(m, b->type);
  bool local = b->place == PLACE_ROWS || b->place == PLACE_BAND;
  put(m, local);
  if (local) {
    put_node(m, b->value);
    put(m, b->slot);
    return;
  }
  external_kind kind;
  int64_t number = external_of_buffer(b, &kind);
  put_external(m, kind, number);
}

static void put_stored(key_maker *m, const node *n) {
  int count;
  const buffer *const *list = stored_buffers(m->pc, n, &count);
  put(m, count);
  for (int k = 0; k < count; k++)
    put_buffer(m, list[k]);
}

// A part of a node with several results, which may have no memory.
static void put_part(key_maker *m, node *multi, int k) {
  const buffer *b = schedule_buffer(m->pc->s, g_part(m->pc->s->program->g, multi, k));
  put(m, b != NULL);
  if (b)
    put_buffer(m, b);
}

// ---- nodes

static void put_attributes(key_maker *m, const node *n) {
  int64_t attributes[NODE_ATTRS], real;
  memcpy(attributes, n->i, sizeof attributes);
  memcpy(&real, &n->f, sizeof real);
  put(m, n->op);
  if (n->op == OP_RANDOM) {
    put_external(m, EXTERNAL_STREAM, n->i[0]);
    attributes[0] = 0;
  } else if (n->op == OP_CHECK_IDS) { // where it is evaluated it is its operand
    attributes[0] = attributes[1] = 0;
  } else if (n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE) {
    for (int k = 0; k < 2; k++)
      if (m->bodies[k] && m->bodies[k]->id == n->i[0])
        attributes[0] = -1 - k;
  }
  for (int k = 0; k < NODE_ATTRS; k++)
    put(m, attributes[k]);
  put(m, real);
  put(m, n->extra != NULL);
  if (n->op == OP_EXTENT)
    put_dim(m, n->extra);
  else if (n->extra)
    put(m, (int64_t)(intptr_t)n->extra); // equal to itself only
}

static void put_description(key_maker *m, node *n) {
  bool given = n->op == OP_PARAM || n->op == OP_INPUT, root = m->root[n->id];
  bool parameter = n->op == OP_SCAN_SEQ || n->op == OP_SCAN_STATE;
  const buffer *b = schedule_buffer(m->pc->s, n);
  buffer leaf = {
      .place = n->op == OP_PARAM ? PLACE_PARAM : PLACE_INPUT, .slot = (int)n->i[0], .type = n->type};
  put(m, n->type);
  put_shape(m, &n->shape);
  put(m, root);
  put(m, given || b);
  if (given || b)
    put_buffer(m, given ? &leaf : b);
  if (given || (b && !root && !parameter)) { // all that a reader of memory asks about
    put(m, given);
    put(m, value_is_costly(n));
    put(m, index_never_negative(n));
    return;
  }
  put_attributes(m, n);
  put_nodes(m, n->in, n->n_in);
}

// ---- kernels

static void put_stage(key_maker *m, const stage *st) {
  put(m, st->kind);
  put_nodes(m, st->roots, st->n_roots);
  for (int k = 0; k < st->n_roots; k++) {
    node *root = st->roots[k];
    put_stored(m, root);
    m->root[root->id] = true;
    vec_push(&m->roots, root);
  }
  if (st->kind == STAGE_MATMUL)
    put_node(m, st->matmul);
  put(m, st->a_windows != NULL);
  put(m, st->a_table != NULL);
  if (st->a_table) {
    put_node(m, st->a_table);
    put_node(m, st->a_index);
  }
}

static void put_scan(key_maker *m, const kernel *k, int which) {
  const scan_body *body = scan_body_of(k->subject);
  graph *g = m->pc->s->program->g;
  m->bodies[which] = body;
  put_external(m, EXTERNAL_REVERSE, body->reverse);
  put_dim(m, body->active);
  put_dim(m, pack_batch(body->pack));
  put_dim(m, pack_steps(body->pack));
  put_part(m, body->pack, PACK_STEP_OFFSETS);
  put_nodes(m, body->seq, body->n_seq);
  put_nodes(m, body->seq_param, body->n_seq);
  put_nodes(m, body->init, body->n_state);
  put_nodes(m, body->state_param, body->n_state);
  put_nodes(m, body->next, body->n_state);
  put_nodes(m, body->out, body->n_out);
  put(m, k->n_body);
  for (int j = 0; j < k->n_body; j++)
    put_stage(m, &k->body[j]);
  for (int j = 0; j < body->n_state; j++) {
    put(m, k->in_place[j]);
    put_stored(m, scan_final_state(g, k->subject, j));
  }
  for (int j = 0; j < body->n_out; j++) {
    node *part = scan_output(g, k->subject, j);
    put_shape(m, &part->shape);
    put_stored(m, part);
  }
}

static void put_band(key_maker *m, const kernel *k) {
  put(m, k->axes);
  put(m, k->n_body);
  for (int j = 0; j < k->n_body; j++)
    put_stage(m, &k->body[j]);
}

static void put_call(key_maker *m, const kernel *k) {
  node *n = k->subject;
  switch (k->kind) {
  case KERNEL_UNIQUE:
    put_nodes(m, n->in, n->n_in);
    put_dim(m, unique_bound(n));
    put_dim(m, unique_count(n));
    for (int part = UNIQUE_VALUES; part <= UNIQUE_STARTS; part++)
      put_part(m, n, part);
    if (k->fresh)
      put_dim(m, k->capacity);
    break;
  case KERNEL_PACK:
    put_nodes(m, n->in, n->n_in);
    put_dim(m, pack_batch(n));
    put_dim(m, pack_time(n));
    put_dim(m, pack_valid(n));
    put_dim(m, pack_steps(n));
    put(m, pack_is_dense(n));
    for (int part = 0; part < PACK_PARTS; part++)
      put_part(m, n, part);
    break;
  case KERNEL_CHECK:
    put_nodes(m, n->in, n->n_in);
    put_external(m, EXTERNAL_BOUND, n->i[0]);
    put_external(m, EXTERNAL_INPUT, n->i[1]);
    break;
  case KERNEL_TOUCH:
    put_node(m, n);
    put_external(m, EXTERNAL_WEIGHT, k->weight);
    break;
  case KERNEL_STAGE:
  case KERNEL_SCAN:
  case KERNEL_BAND:
    ICE("no call");
  }
  put(m, k->scratch >= 0);
  if (k->scratch >= 0)
    put_buffer(m, &m->pc->s->buffers.data[k->scratch]);
}

static void forget(key_maker *m) {
  for (size_t k = 0; k < m->queue.len; k++)
    m->number[m->queue.data[k]->id] = 0;
  for (size_t k = 0; k < m->roots.len; k++)
    m->root[m->roots.data[k]->id] = false;
  m->queue.len = m->roots.len = 0;
  m->bodies[0] = m->bodies[1] = NULL;
}

static void describe(key_maker *m) {
  for (size_t j = 0; j < m->queue.len; j++)
    put_description(m, m->queue.data[j]);
  forget(m);
}

// Two scans with one key each become one key of a pair. Which externals they have in common is part of it.
static bool make_pair(key_maker *m, const kernel *first, const kernel *second, kernel_key *key) {
  kernel_key own = {0}, other = {0};
  m->key = &own;
  put_scan(m, first, 0);
  describe(m);
  m->key = &other;
  put_scan(m, second, 0);
  describe(m);
  bool equal = own.bytes.len == other.bytes.len && !memcmp(own.bytes.data, other.bytes.data, own.bytes.len);
  if (equal) {
    *key = own;
    key->half = own.externals.len;
    m->key = key;
    put(m, -1); // no other key ends so
    for (size_t k = 0; k < key->half; k++) {
      external e = other.externals.data[k];
      size_t j = 0;
      while (j < key->half &&
             (key->externals.data[j].kind != e.kind || key->externals.data[j].value != e.value))
        j++;
      put(m, (int64_t)j);
      vec_push(&key->externals, e);
    }
  } else {
    kernel_key_free(&own);
  }
  kernel_key_free(&other);
  return equal;
}

void key_make(key_maker *m, int position, kernel_key *key) {
  const kernel *k = &m->pc->s->kernels.data[position];
  const kernel *partner = k->partner >= 0 ? &m->pc->s->kernels.data[k->partner] : NULL;
  if (partner && make_pair(m, k, partner, key))
    return;
  m->key = key;
  put(m, -2 - (int64_t)k->kind); // a pair's begins otherwise
  put(m, k->partner >= 0);
  put(m, k->keeps_packed);
  put(m, k->fresh != NULL);
  if (k->fresh)
    put_dim(m, k->fresh);
  if (k->kind == KERNEL_STAGE)
    put_stage(m, &k->stage);
  else if (k->kind == KERNEL_SCAN)
    put_scan(m, k, 0);
  else if (k->kind == KERNEL_BAND)
    put_band(m, k);
  else
    put_call(m, k);
  if (partner)
    put_scan(m, partner, 1);
  describe(m);
}

int64_t key_external(const kernel_key *key, int half, external_kind kind, int64_t number) {
  size_t first = (size_t)half * key->half, n = key_table_externals(key);
  for (size_t k = 0; k < n; k++)
    if (key->externals.data[first + k].kind == kind && key->externals.data[first + k].value == number)
      return (int64_t)k;
  ICE("a kernel uses an external (%d, %lld) that its key does not hold", (int)kind, (long long)number);
}

size_t key_table_externals(const kernel_key *key) {
  return key->half ? key->half : key->externals.len;
}

// ---- bodies

struct body_store {
  VEC(shared_body *) bodies;
  size_t *slots; // open addressing: index of a body + 1, or 0
  size_t n_slots;
};

body_store *body_store_new(void) {
  body_store *s = xcalloc(1, sizeof *s);
  s->n_slots = 256;
  s->slots = xcalloc(s->n_slots, sizeof *s->slots);
  return s;
}

void body_store_free(body_store *s) {
  if (!s)
    return;
  for (size_t k = 0; k < s->bodies.len; k++) {
    kernel_key_free(&s->bodies.data[k]->key);
    vec_free(&s->bodies.data[k]->scratch);
    free(s->bodies.data[k]);
  }
  vec_free(&s->bodies);
  free(s->slots);
  free(s);
}

static uint64_t hash_of(const strbuf *bytes) {
  uint64_t h = 1469598103934665603u;
  for (size_t k = 0; k < bytes->len; k++)
    h = (h ^ (unsigned char)bytes->data[k]) * 1099511628211u;
  return h ^ h >> 32;
}

static size_t *slot_of(body_store *s, const strbuf *bytes) {
  for (size_t at = hash_of(bytes);; at++) {
    size_t *slot = &s->slots[at & (s->n_slots - 1)];
    const strbuf *there = *slot ? &s->bodies.data[*slot - 1]->key.bytes : NULL;
    if (!there || (there->len == bytes->len && !memcmp(there->data, bytes->data, bytes->len)))
      return slot;
  }
}

static void grow(body_store *s) {
  free(s->slots);
  s->n_slots *= 2;
  s->slots = xcalloc(s->n_slots, sizeof *s->slots);
  for (size_t k = 0; k < s->bodies.len; k++)
    *slot_of(s, &s->bodies.data[k]->key.bytes) = k + 1;
}

shared_body *body_store_get(body_store *s, kernel_key *key) {
  size_t *slot = slot_of(s, &key->bytes);
  if (*slot)
    return s->bodies.data[*slot - 1];
  shared_body *b = xcalloc(1, sizeof *b);
  b->key = *key;
  *key = (kernel_key){0};
  vec_push(&s->bodies, b);
  *slot = s->bodies.len;
  if (2 * s->bodies.len > s->n_slots)
    grow(s);
  return b;
}
