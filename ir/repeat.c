// Repetitions: a node once more, kept apart from the first one.
#include "ir/op.h"
#include "ir/scan.h"
#include "support/vec.h"

typedef struct substitution {
  VEC(node *) from, to, values;
} substitution;

static void replace(substitution *r, node *from, node *to) {
  vec_push(&r->from, from);
  vec_push(&r->to, to);
}

// The same recurrence over other operands, with parameters of its own.
static node *repeat_scan(graph *g, const node *original, node *const *new_in) {
  const scan_body *b = scan_body_of(original);
  node *const *seq = new_in + 1, *const *init = seq + b->n_seq, *const *captured = init + b->n_state;
  scan_builder *s = scan_begin(g, new_in[0], b->reverse);
  substitution r = {0};
  for (int k = 0; k < b->n_seq; k++)
    replace(&r, b->seq_param[k], scan_add_sequence(s, seq[k]));
  for (int k = 0; k < b->n_state; k++) {
    replace(&r, b->state_param[k], scan_add_state(s, init[k]));
    vec_push(&r.values, b->next[k]);
  }
  for (int k = 0; k < b->n_captured; k++)
    if (captured[k] != b->captured[k])
      replace(&r, b->captured[k], captured[k]);
  for (int k = 0; k < b->n_out; k++)
    vec_push(&r.values, b->out[k]);
  graph_substitute(g, r.values.data, r.values.len, r.from.data, r.to.data, r.from.len);
  for (int k = 0; k < b->n_state; k++)
    scan_set_next(s, k, r.values.data[k]);
  for (int k = 0; k < b->n_out; k++)
    scan_add_output(s, r.values.data[b->n_state + k]);
  vec_free(&r.from);
  vec_free(&r.to);
  vec_free(&r.values);
  return scan_end(s);
}

static node *repeat_node(graph *g, const node *original, node *const *new_in) {
  node draft = *original;
  draft.in = ARENA_ARRAY(g->mem, node *, original->n_in);
  for (int k = 0; k < original->n_in; k++)
    draft.in[k] = new_in[k];
  return graph_intern(g, &draft);
}

node *graph_repeat(graph *g, const node *original, node *const *new_in, int again) {
  INVARIANT(again > 0 && original->op != OP_PACK && original->op != OP_UNIQUE);
  int n_labels;
  const char *const *labels = graph_labels(g, &n_labels);
  graph_restore_labels(g, original->labels, original->n_labels);
  graph_set_again(g, again);
  node *result =
      original->op == OP_SCAN ? repeat_scan(g, original, new_in) : repeat_node(g, original, new_in);
  graph_set_again(g, 0);
  graph_restore_labels(g, labels, n_labels);
  return result;
}
