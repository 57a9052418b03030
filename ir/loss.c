#include "ir/loss.h"
#include "support/intern.h"
#include <string.h>

const loss_def *const loss_table[] = {
#define LOSS(symbol) &symbol,
#include "ir/losses.def"
#undef LOSS
    NULL,
};

enum { LOSS_COUNT = sizeof loss_table / sizeof *loss_table - 1 };

const loss_def *loss_find(const char *name_or_class) {
  for (int i = 0; i < LOSS_COUNT; i++) {
    const loss_def *l = loss_table[i];
    if (names_it(l->name, name_or_class) || names_it(l->alias, name_or_class) ||
        strcmp(l->class_name, name_or_class) == 0)
      return l;
  }
  return NULL;
}

bool loss_is_general(const char *name) {
  return strcmp(name, "crossentropy") == 0 || names_it("ce", name);
}

const char *loss_suggest(const char *name) {
  const char *names[3 * LOSS_COUNT];
  size_t n = 0;
  for (int i = 0; i < LOSS_COUNT; i++) {
    names[n++] = loss_table[i]->name;
    names[n++] = loss_table[i]->class_name;
    if (loss_table[i]->alias)
      names[n++] = loss_table[i]->alias;
  }
  return suggest(name, names, n);
}

// ---- shared by the losses

node *loss_mean_of_features(graph *g, node *x) {
  if (x->shape.rank == 1)
    return x;
  return g_div(g, g_reduce_sum(g, x, 1u << 1), g_extent(g, x->shape.d[1], REAL));
}

node *loss_sum_of_features(graph *g, node *x) {
  return x->shape.rank == 1 ? x : g_reduce_sum(g, x, 1u << 1);
}

node *loss_sum_of_all(graph *g, node *x) {
  return g_reduce_sum(g, x, (1u << x->shape.rank) - 1);
}

node *loss_of_every_row(graph *g, node *whole, node *like) {
  return g_broadcast_to(g, whole, shape_of(1, like->shape.d[0]));
}

node *loss_clip_probability(graph *g, node *p) {
  return g_binary(g, OP_MIN, g_binary(g, OP_MAX, p, g_real(g, LOSS_EPSILON)), g_real(g, 1 - LOSS_EPSILON));
}

node *loss_along_row(graph *g, node *per_row, node *like) {
  int axes[MAX_RANK] = {0, -1};
  return g_broadcast(g, per_row, like->shape, axes);
}

// The shift that keeps exp from overflowing cancels for any value of it; taken through FLOOR it is a constant
// to differentiation too, so that the gradient is softmax(z) and nothing else.
node *loss_log_sum_exp(graph *g, node *logits) {
  node *shift = g_unary(g, OP_FLOOR, g_reduce(g, OP_REDUCE_MAX, logits, 1u << 1));
  node *e = g_unary(g, OP_EXP, g_sub(g, logits, loss_along_row(g, shift, logits)));
  return g_add(g, g_unary(g, OP_LOG, g_reduce_sum(g, e, 1u << 1)), shift);
}

node *loss_log_probability(graph *g, node *p) {
  node *normalised = g_div(g, p, loss_along_row(g, g_reduce_sum(g, p, 1u << 1), p));
  return g_unary(g, OP_LOG, loss_clip_probability(g, normalised));
}

node *loss_cross_entropy(graph *g, node *predicted, node *logits, node *target) {
  if (!logits)
    return g_unary(g, OP_NEG, g_reduce_sum(g, g_mul(g, target, loss_log_probability(g, predicted)), 1u << 1));
  node *deficit = g_sub(g, loss_along_row(g, loss_log_sum_exp(g, logits), logits), logits);
  return g_reduce_sum(g, g_mul(g, target, deficit), 1u << 1);
}
