#include "ir/layers/global_pooling.h"

static const char *const data_formats[] = {"channels_last", NULL};

const arg_spec global_pooling_args[] = {{.name = "data_format",
                                         .kinds = ARG_MODE | ARG_NONE,
                                         .modes = data_formats,
                                         .default_text = "none",
                                         .doc = "features are the last axis"},
                                        {.name = "keepdims",
                                         .kinds = ARG_BOOL,
                                         .default_text = "false",
                                         .doc = "keep the pooled axes, with extent 1"},
                                        {0}};

static bool build(layer_call *call, int rank, const char *needs) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, rank, rank, needs))
    return false;
  shape s = x->shape;
  for (int k = 1; k < rank - 1; k++)
    s.d[k] = dim_const(call->model->unit->dims, 1);
  if (!layer_arg_bool(call->layer, "keepdims"))
    s = shape_of(2, x->shape.d[0], x->shape.d[rank - 1]);
  call_output(call, s, TENSOR_REAL);
  return true;
}

bool global_pooling_build(layer_call *call) {
  return build(call, 3, "(batch, time, features)");
}

bool global_pooling_build_2d(layer_call *call) {
  return build(call, 4, "(batch, height, width, channels)");
}

node *global_pooling_segment(graph *g, op_code op, lowered x, double empty) {
  node *starts = g_part(g, x.pack, PACK_OFFSETS), *example = g_part(g, x.pack, PACK_EXAMPLE);
  if (x.layout == LAYOUT_RM)
    return g_segment(g, op, x.data, starts, example, NULL, empty);
  node *order = g_part(g, x.pack, PACK_RM_TM);
  example = g_gather(g, example, g_part(g, x.pack, PACK_TM_RM), order);
  return g_segment(g, op, x.data, starts, example, order, empty);
}

void global_pooling_set_output(lowering *lw, const application *app, node *pooled) {
  lower_set_output(lw, app, 0, lowered_dense_value(g_reshape(lw->g, pooled, app->outputs[0]->shape)));
}
