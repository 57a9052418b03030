#include "ir/layers/normalization.h"

void normalization_weights(layer_call *call, shape s) {
  if (layer_arg_bool(call->layer, "scale"))
    call_weight(call, "gamma", s, layer_arg_initializer(call->layer, "gamma_initializer"));
  if (layer_arg_bool(call->layer, "center"))
    call_weight(call, "beta", s, layer_arg_initializer(call->layer, "beta_initializer"));
}

bool normalization_same_shape(layer_call *call, const shape *s) {
  const layer *l = call->layer;
  if (l->weights.len == 0 || shape_equal(&l->weights.data[0]->shape, s))
    return true;
  strbuf first = {0}, now = {0};
  shape_print(&l->weights.data[0]->shape, &first);
  shape_print(s, &now);
  diag *d = call_error(call, "%s would need weights of shape %s; those of its first use have %s",
                       l->def->name, strbuf_text(&now), strbuf_text(&first));
  diag_note(d, l->applications.data[0]->at, "%s was first applied here", l->name);
  strbuf_free(&first);
  strbuf_free(&now);
  return false;
}

node *normalization_mean(graph *g, node *x, unsigned axes, node *count) {
  if (!count) {
    const dim *n = dim_const(g->dims, 1);
    for (int k = 0; k < x->shape.rank; k++)
      if (axes & 1u << k)
        n = dim_mul(g->dims, n, x->shape.d[k]);
    count = g_extent(g, n, REAL);
  }
  return g_div(g, g_reduce_sum(g, x, axes), count);
}

node *normalization_inverse_root(graph *g, node *v, double epsilon) {
  return g_div(g, g_real(g, 1), g_unary(g, OP_SQRT, g_add(g, v, g_real(g, epsilon))));
}
