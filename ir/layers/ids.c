#include "ir/layers/ids.h"

static bool check_type(layer_call *call, const tensor *x) {
  if (x->type == TENSOR_INT)
    return true;
  const char *name = call->layer->def->name;
  if (x->type == TENSOR_TEXT) {
    diag *d = call_error(call, "%s got text; it needs word numbers", name);
    diag_help(d, "put TextVectorization(...) before it");
    return false;
  }
  diag *d = call_error(call, "%s got a float tensor; it needs word numbers (int)", name);
  if (x->source && x->source->n_inputs == 0)
    diag_help(d, "declare the input as `input %s: int[...]`", x->name);
  return false;
}

bool ids_build(layer_call *call, const dim *features) {
  const tensor *x = call->inputs[0];
  if (!check_type(call, x) || !call_expect_rank(call, x, 1, MAX_RANK - 1, "word numbers (batch, time)"))
    return false;
  bool masked = layer_arg_bool(call->layer, "mask_zero");
  if (masked && x->shape.rank != 2 && x->shape.rank != 3) {
    call_shape_error(
        call, x,
        "word numbers (batch, time) or character numbers (batch, time, characters) with mask_zero = true");
    return false;
  }
  shape s = x->shape;
  s.d[s.rank++] = features;
  tensor *y = call_output(call, s, TENSOR_REAL);
  if (masked)
    call_output_mask(y, MASK_VALID, y);
  return true;
}

checked_ids ids_lower(lowering *lw, const application *app, int64_t bound) {
  graph *g = lw->g;
  const tensor *x = app->inputs[0], *y = app->outputs[0];
  lowered in = lower_input(lw, app, 0);
  int input = lower_input_index(lw, x);
  checked_ids r = {.zero = g_broadcast_to(g, g_int(g, 0), shape_of(1, dim_const(g->dims, 1)))};
  if (y->mask == MASK_VALID && x->shape.rank == 2) {
    r.pack = lower_pack(lw, y);
    node *ids = lower_to_pack(lw, in, r.pack, LAYOUT_RM);
    r.ids = g_check_ids(g, ids, g_part(g, r.pack, PACK_ROWS), bound, input);
  } else {
    r.ids = g_check_ids(g, lower_to_dense(lw, in, x), NULL, bound, input);
  }
  return r;
}

void ids_set_output(lowering *lw, const application *app, const checked_ids *ids, node *data,
                    node *fill_row) {
  graph *g = lw->g;
  if (!ids->pack) {
    lower_set_output(lw, app, 0, lowered_dense_value(data));
    return;
  }
  node *fill = g_reshape(g, fill_row, shape_of(1, fill_row->shape.d[1]));
  lower_set_output(lw, app, 0, lowered_row_value(data, LAYOUT_RM, ids->pack, FILL_UNIFORM, fill));
}
