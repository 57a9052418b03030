#include "ir/layer.h"

// The axis counted from the front, or -1 after reporting an error.
static int front_axis(layer_call *call) {
  int rank = call->inputs[0]->shape.rank;
  int64_t axis = layer_arg_int(call->layer, "axis");
  int64_t front = axis < 0 ? axis + rank : axis;
  if (front >= 1 && front < rank)
    return (int)front;
  call->failed = true;
  layer_error(call->layer, "axis", "Concatenate: axis = %lld does not fit tensors of %d axes%s",
              (long long)axis, rank, front == 0 ? "; the batch axis cannot be joined" : "");
  return -1;
}

static bool check_shapes(layer_call *call, int axis) {
  const shape *first = &call->inputs[0]->shape;
  for (int i = 1; i < call->n_inputs; i++) {
    const shape *s = &call->inputs[i]->shape;
    bool fits = s->rank == first->rank;
    for (int k = 0; fits && k < s->rank; k++)
      fits = k == axis || s->d[k] == first->d[k];
    if (fits)
      continue;
    strbuf a = {0}, b = {0};
    shape_print(first, &a);
    shape_print(s, &b);
    diag *d =
        call_error(call, "Concatenate got tensors of shapes %s and %s; all axes but axis %d must be equal",
                   strbuf_text(&a), strbuf_text(&b), axis);
    diag_note(d, call->inputs[0]->at, "the first one was made here");
    diag_note(d, call->inputs[i]->at, "the other one was made here");
    strbuf_free(&a);
    strbuf_free(&b);
    return false;
  }
  return true;
}

// Along time, masks are joined like the steps, an input without one counting as valid. Along another axis a
// mixture of masked and unmasked loses the mask, as in Keras, where every step then counts as valid.
static void set_mask(layer_call *call, tensor *y, int axis) {
  tensor *common = NULL, *masked = NULL;
  int n_masked = 0;
  bool same = true;
  for (int i = 0; i < call->n_inputs; i++) {
    tensor *x = call->inputs[i];
    if (x->mask != MASK_VALID)
      continue;
    n_masked++;
    masked = masked ? masked : x;
    same = same && (!common || common == x->mask_source);
    common = x->mask_source;
  }
  if (n_masked == 0)
    return;
  if (axis == 1) {
    call_output_mask(y, MASK_VALID, y);
  } else if (n_masked == call->n_inputs) {
    call_output_mask(y, MASK_VALID, same ? common : y);
  } else {
    call_output_mask(y, MASK_DESTROYED, NULL);
    call_warn_destroyed(call, masked);
  }
}

static bool build(layer_call *call) {
  tensor_type type = TENSOR_INT;
  for (int i = 0; i < call->n_inputs; i++) {
    if (!call_expect_numbers(call, call->inputs[i]))
      return false;
    type = call->inputs[i]->type == TENSOR_REAL ? TENSOR_REAL : type;
  }
  int axis = front_axis(call);
  if (axis < 0 || !check_shapes(call, axis))
    return false;
  shape s = call->inputs[0]->shape;
  for (int i = 1; i < call->n_inputs; i++)
    s.d[axis] = dim_add(call->model->unit->dims, s.d[axis], call->inputs[i]->shape.d[axis]);
  set_mask(call, call_output(call, s, type), axis);
  return true;
}

typedef struct join {
  int axis_from_end; // 1: the last
  tensor_type type;
} join;

static node *join_rows(lowering *lw, node *const *rows, int n, void *context) {
  graph *g = lw->g;
  const join *j = context;
  node **parts = ARENA_ARRAY(g->mem, node *, n);
  for (int k = 0; k < n; k++)
    parts[k] = j->type == TENSOR_REAL && rows[k]->type == INT ? g_cast(g, rows[k], REAL) : rows[k];
  return g_concat(g, parts, n, parts[0]->shape.rank - j->axis_from_end);
}

static node *step_mask(lowering *lw, const tensor *x) {
  if (x->mask == MASK_VALID)
    return lower_mask(lw, x);
  return g_broadcast_to(lw->g, g_int(lw->g, 1), shape_of(2, x->shape.d[0], x->shape.d[1]));
}

static void lower_along_time(lowering *lw, const application *app, join *j) {
  node **parts = ARENA_ARRAY(lw->g->mem, node *, app->n_inputs),
       **masks = ARENA_ARRAY(lw->g->mem, node *, app->n_inputs);
  const tensor *y = app->outputs[0];
  for (int k = 0; k < app->n_inputs; k++) {
    parts[k] = lower_to_dense(lw, lower_input(lw, app, k), app->inputs[k]);
    if (y->mask == MASK_VALID)
      masks[k] = step_mask(lw, app->inputs[k]);
  }
  if (y->mask == MASK_VALID)
    lower_set_mask(lw, y, g_concat(lw->g, masks, app->n_inputs, 1));
  lower_set_output(lw, app, 0, lowered_dense_value(join_rows(lw, parts, app->n_inputs, j)));
}

static void lower(lowering *lw, const application *app) {
  const tensor *y = app->outputs[0];
  int rank = y->shape.rank, axis = (int)layer_arg_int(app->layer, "axis");
  axis = axis < 0 ? axis + rank : axis;
  join j = {.axis_from_end = rank - axis, .type = y->type};
  if (axis == 1) {
    lower_along_time(lw, app, &j);
    return;
  }
  lowered *in = ARENA_ARRAY(lw->g->mem, lowered, app->n_inputs);
  for (int k = 0; k < app->n_inputs; k++)
    in[k] = lower_input(lw, app, k);
  lower_set_output(lw, app, 0, lower_tokenwise(lw, app, in, app->n_inputs, join_rows, &j));
}

static const arg_spec args[] = {{.name = "axis",
                                 .kinds = ARG_INT,
                                 .default_text = "-1",
                                 .doc = "axis along which the tensors are joined"},
                                {0}};

static const char *const examples[] = {
    "model tiny {\n  input x: float[3]\n  a = x -> Dense(2)\n  b = x -> Dense(3)\n  output y = "
    "Concatenate()(a, b)\n}\n",
    "model tiny {\n  input words: int[time]\n  e = words -> Embedding(7, 3, mask_zero = true)\n"
    "  output y = Concatenate()(e, e -> GRU(2, return_sequences = true)) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def concatenate_layer = {
    .name = "Concatenate",
    .snake = "concatenate",
    .doc = "Joins tensors along an axis, the last one if none is named.",
    .shapes = "(batch, ..., a), (batch, ..., b) -> (batch, ..., total)    the other extents must agree\n"
              "(batch, a, ...), (batch, b, ...) -> (batch, total, ...)    axis = 1",
    .mask_doc = "A step of the result is masked where it is masked in every tensor that has a mask; tensors "
                "without one count as valid. Joined along the time axis, the masks are joined.",
    .group = "merging",
    .args = args,
    .min_inputs = 1,
    .max_inputs = -1,
    .spreads_list = true,
    .masks = MASKS_CUSTOM,
    .traits = LAYER_IN_CELL,
    .build = build,
    .lower = lower,
    .examples = examples,
};
