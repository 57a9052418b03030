#include "ir/reductions.h"
#include <string.h>

static int axis_named(const shape *s, const char *name) {
  for (int k = 1; k < s->rank; k++)
    if (s->d[k]->kind == DIM_SYMBOL && strcmp(s->d[k]->name, name) == 0)
      return k;
  return -1;
}

// The axis counted from the front; -1 if there is none such. The batch is never reduced.
static int reduced_axis(const application *app) {
  const value *v = layer_arg(app->layer, "axis");
  const shape *s = &app->inputs[0]->shape;
  if (v->kind == VALUE_NAME || v->kind == VALUE_STRING)
    return axis_named(s, v->text);
  if (v->kind != VALUE_INT)
    return -1;
  int64_t axis = v->integer < 0 ? v->integer + s->rank : v->integer;
  return axis >= 1 && axis < s->rank ? (int)axis : -1;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  const layer *l = call->layer;
  if (!call_expect_numbers(call, x))
    return false;
  int axis = reduced_axis(call->app);
  if (axis < 0) {
    strbuf s = {0}, found = {0};
    shape_print(&x->shape, &s);
    value_print(layer_arg(l, "axis"), &found);
    diag *d = call_error(call, "%s got a tensor of shape %s; axis = %s is none of its axes behind the batch",
                         l->def->snake, strbuf_text(&s), strbuf_text(&found));
    diag_help(d, "axis is a dimension's name or a number from 1 to %d, or from -1 backwards",
              x->shape.rank - 1);
    strbuf_free(&s);
    strbuf_free(&found);
    return false;
  }
  shape s = x->shape;
  if (layer_arg_bool(l, "keepdims")) {
    s.d[axis] = dim_const(call->model->unit->dims, 1);
  } else {
    s.rank--;
    memmove(&s.d[axis], &s.d[axis + 1], (size_t)(s.rank - axis) * sizeof *s.d);
  }
  tensor *y = call_output(call, s, TENSOR_REAL);
  if (x->mask != MASK_VALID)
    return true;
  if (axis > 1) {
    call_output_mask(y, MASK_VALID, x->mask_source);
    return true;
  }
  call_output_mask(y, MASK_DESTROYED, NULL);
  call_warn_destroyed(call, x);
  return true;
}

typedef struct reduction {
  const char *name;
  int axis_from_end; // 1: the last
  const dim *extent;
} reduction;

static node *reduce(lowering *lw, node *const *rows, int n, void *context) {
  (void)n;
  graph *g = lw->g;
  const reduction *r = context;
  node *x = rows[0]->type == INT ? g_cast(g, rows[0], REAL) : rows[0];
  unsigned axis = 1u << (x->shape.rank - r->axis_from_end);
  if (strcmp(r->name, "max") == 0)
    return g_reduce(g, OP_REDUCE_MAX, x, axis);
  if (strcmp(r->name, "min") == 0)
    return g_unary(g, OP_NEG, g_reduce(g, OP_REDUCE_MAX, g_unary(g, OP_NEG, x), axis));
  node *sum = g_reduce_sum(g, x, axis);
  return strcmp(r->name, "sum") == 0 ? sum : g_div(g, sum, g_extent(g, r->extent, REAL));
}

static node *reduce_kept(lowering *lw, node *const *rows, int n, void *context) {
  const reduction *r = context;
  node *y = reduce(lw, rows, n, context);
  shape s = rows[0]->shape;
  s.d[s.rank - r->axis_from_end] = dim_const(lw->g->dims, 1);
  return g_reshape(lw->g, y, s);
}

static void lower(lowering *lw, const application *app) {
  int axis = reduced_axis(app);
  const shape *s = &app->inputs[0]->shape;
  reduction r = {app->layer->def->snake, s->rank - axis, s->d[axis]};
  tokenwise_fn f = layer_arg_bool(app->layer, "keepdims") ? reduce_kept : reduce;
  lowered x = lower_input(lw, app, 0);
  if (axis > 1) {
    lower_set_output(lw, app, 0, lower_tokenwise(lw, app, &x, 1, f, &r));
    return;
  }
  node *dense = lower_to_dense(lw, x, app->inputs[0]);
  lower_set_output(lw, app, 0, lowered_dense_value(f(lw, &dense, 1, &r)));
}

static const arg_spec args[] = {
    {.name = "axis",
     .kinds = ARG_ANY,
     .default_text = "-1",
     .doc = "a dimension's name or an axis number; the last one by default"},
    {.name = "keepdims", .kinds = ARG_BOOL, .default_text = "false", .doc = "keep the axis, with extent 1"},
    {0}};

#define EXAMPLE(word)                                                                                        \
  "model tiny {\n  input x: float[time, 3]\n  output y = " word "(Dense(2)(x), axis = time)\n}\n"

#define REDUCTION(symbol, type, word, text)                                                                  \
  static const char *const symbol##_examples[] = {EXAMPLE(word), NULL};                                      \
  const layer_def symbol = {                                                                                 \
      .name = type,                                                                                          \
      .snake = word,                                                                                         \
      .doc = text,                                                                                           \
      .group = "function",                                                                                   \
      .args = args,                                                                                          \
      .min_inputs = 1,                                                                                       \
      .max_inputs = 1,                                                                                       \
      .masks = MASKS_CUSTOM,                                                                                 \
      .mask_advice = "GlobalAveragePooling1D skips padding",                                                 \
      .traits = LAYER_IN_CELL,                                                                               \
      .build = build,                                                                                        \
      .lower = lower,                                                                                        \
      .examples = symbol##_examples,                                                                         \
  }

REDUCTION(mean_function, "Mean", "mean", "mean over an axis");
REDUCTION(sum_function, "Sum", "sum", "sum over an axis");
REDUCTION(max_function, "Max", "max", "largest value over an axis");
REDUCTION(min_function, "Min", "min", "smallest value over an axis");
