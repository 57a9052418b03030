#include "ir/layers/pointwise.h"

bool pointwise_build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

typedef struct pointwise {
  const application *app;
  pointwise_fn f;
} pointwise;

static node *apply(lowering *lw, node *const *rows, int n, void *context) {
  (void)n;
  const pointwise *p = context;
  return p->f(lw, p->app, rows[0]->type == INT ? g_cast(lw->g, rows[0], REAL) : rows[0]);
}

void pointwise_lower(lowering *lw, const application *app, pointwise_fn f) {
  lowered x = lower_input(lw, app, 0);
  pointwise p = {app, f};
  lower_set_output(lw, app, 0, lower_tokenwise(lw, app, &x, 1, apply, &p));
}

// ---- axes

static unsigned bit_of(const value *axis, int rank) {
  int64_t k = axis->integer < 0 ? axis->integer + rank : axis->integer;
  return k >= 1 && k < rank ? 1u << k : 0;
}

unsigned axes_of(const layer *l, const char *arg, int rank) {
  const value *v = layer_arg(l, arg);
  if (v->kind == VALUE_INT)
    return bit_of(v, rank);
  unsigned axes = 0;
  for (size_t k = 0; k < v->count; k++) {
    unsigned bit = bit_of(v->items[k], rank);
    if (!bit || (axes & bit))
      return 0;
    axes |= bit;
  }
  return axes;
}

unsigned axes_argument(layer_call *call, const char *arg, const tensor *x) {
  unsigned axes = axes_of(call->layer, arg, x->shape.rank);
  if (axes)
    return axes;
  strbuf s = {0}, found = {0};
  shape_print(&x->shape, &s);
  value_print(layer_arg(call->layer, arg), &found);
  diag *d = call_error(call, "%s got a tensor of shape %s; %s = %s does not name axes behind the batch",
                       call->layer->def->name, strbuf_text(&s), arg, strbuf_text(&found));
  diag_help(d, "an axis is a number from 1 to %d, or from -1 backwards", x->shape.rank - 1);
  strbuf_free(&s);
  strbuf_free(&found);
  return 0;
}

shape shape_of_axes(const shape *s, unsigned axes) {
  shape r = {.rank = 0};
  for (int k = 0; k < s->rank; k++)
    if (axes & 1u << k)
      r.d[r.rank++] = s->d[k];
  return r;
}

node *spread_over(graph *g, node *reduced, const shape *like, unsigned axes) {
  int from[MAX_RANK], next = 0;
  for (int k = 0; k < like->rank; k++)
    from[k] = axes & 1u << k ? -1 : next++;
  return g_broadcast(g, reduced, *like, from);
}
